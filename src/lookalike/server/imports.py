"""The folders that an administrator lets be indexed, and the folders in them: by names, never by paths."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lookalike.errors import NotFoundError
from lookalike.roots import lies_within
from lookalike.server.contract.answers import ImportFolders
from lookalike.server.serialise import shown_name
from lookalike.sources.kinds import kind_of_folder, kind_of_hidden
from lookalike.text import quoted

_MOST: Final = 1000  # folders that are told at once


def import_folders(imports: Mapping[str, Path], name: str, subfolders: Sequence[str] = ()) -> list[Path]:
    """The import folder of a name, and those in it that the other names lead through, each a folder of the one before.

    A name is only compared with those of the folders that are there, links left out, so that none leads elsewhere.
    Raises NotFoundError.
    """
    if name not in imports:
        raise NotFoundError(f"no import folder is called {quoted(name)!r}; see imports in /gallery", "no-import")
    way = [imports[name]]
    for each in subfolders:
        inner = _folders_in(way[-1]).get(each)
        if inner is None or not _lies_in(inner, way[0]):
            raise NotFoundError("no folder of that name is there; choose among those that are listed", "no-import")
        way.append(inner)
    return way


def list_import_folders(imports: Mapping[str, Path], name: str, subfolders: Sequence[str] = ()) -> ImportFolders:
    """The names of the folders that may be chosen in an import folder, or in a folder of it. Raises NotFoundError."""
    found = sorted(_folders_in(import_folders(imports, name, subfolders)[-1]))
    return ImportFolders(tuple(found[:_MOST]), max(0, len(found) - _MOST))


def _folders_in(folder: Path) -> dict[str, Path]:
    """The folders that a walk comes through, by the name that is shown; without links, and without those that are shown
    by the same name.
    """
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        raise NotFoundError("this folder cannot be read by the service; ask who administers it", "no-import") from None
    walked = [path for path in found if not (kind_of_folder(path.name) or kind_of_hidden(path.name, is_folder=True))]
    count = Counter(shown_name(path.name) for path in walked)
    return {name: path for path in walked if (name := shown_name(path.name)) and count[name] == 1}


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether it really does: something on the way may have become a link meanwhile."""
    return lies_within(Path(os.path.realpath(path)), [os.path.realpath(folder)])
