"""Which files a gallery opens: those that it keeps itself, and those in the folders that its user allowed it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lookalike.errors import NotFoundError
from lookalike.locks import LOCKS
from lookalike.ownership import add_buckets, add_roots, ownership_of
from lookalike.store.database import FILE
from lookalike.store.place import STORE_FILE
from lookalike.text import one_line

SOURCES: Final = "sources"
INBOX: Final = "inbox"
"""What was received and waits to be indexed (``receiving.folder``), in a gallery's folder."""
EXPORTS: Final = "exports"
"""Cohorts that were exported over HTTP and wait to be fetched, in a gallery's folder."""
OWN: Final = ("indexes", "adapters", "maps", INBOX, EXPORTS, STORE_FILE, *LOCKS)
"""What else lies in a gallery's folder and is its own, besides the files of its database."""
OUTSIDE: Final = "outside"
"""The reason why a file that a gallery names is not opened."""
_OF_A_PACS: Final = ("inbox:", "pacs:")  # as the sources name what they bring
_OF_A_BUCKET: Final = "s3://"


class GalleryPlaces:
    """folder: of a gallery. gallery: its id, by which its user's configuration says what it may open."""

    def __init__(self, folder: Path, gallery: str) -> None:
        self._folder, self._gallery = folder, gallery

    @property
    def _kept(self) -> Path:
        return Path(os.path.realpath(self._folder)) / SOURCES

    def may_open(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path that the gallery names may be opened, shown, served or checked for."""
        return self._allowed(path) is not None

    def place_of(self, path: str | os.PathLike[str]) -> Path:
        """The real path of a file or folder that the gallery names, to be opened instead of it: links are followed now
        and not again. Raises NotFoundError unless it is among the files that the gallery keeps itself, or in a folder
        that its user allowed (``ownership.add_roots``), whatever else may be there.
        """
        if (found := self._allowed(path)) is None:
            if os.fspath(path).startswith(_OF_A_PACS):
                raise NotFoundError("what was pulled or received is in its PACS and no file here", "elsewhere")
            if os.fspath(path).startswith(_OF_A_BUCKET):
                raise NotFoundError("what came from an object store is there and no file here", "elsewhere")
            raise NotFoundError(
                f"{one_line(os.fspath(path))} is outside of the folders that you allow this gallery; if you trust "
                "where it comes from: lookalike gallery adopt G --root FOLDER",
                OUTSIDE,
            )
        return found

    def is_there(self, source: str) -> bool:
        """Whether something that the gallery may open is at a record's place; true for what is no path."""
        from lookalike.sources.stored_items import is_there

        if not os.path.isabs(source):  # noqa: PTH117 - any text
            return True
        place = self._allowed(source)
        return place is not None and is_there(str(place))

    def kept_file(self, path: str | os.PathLike[str]) -> Path | None:
        """The real path of a file that the gallery keeps itself, in ``sources/``; None for any other."""
        real = _real(path)
        kept = self._kept
        return real if real is not None and real != kept and real.is_relative_to(kept) else None

    def _allowed(self, path: str | os.PathLike[str]) -> Path | None:
        if (kept := self.kept_file(path)) is not None:
            return kept
        real = _real(path)
        if real is None or self.owns(real) or not ownership_of(self._gallery).allows(real):
            return None
        return real

    def allow(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Let files and folders be opened that the gallery names, from now on. Raises GalleryError."""
        kept = self._kept
        add_roots(self._gallery, [path for path in paths if not Path(os.path.realpath(path)).is_relative_to(kept)])

    @property
    def buckets(self) -> tuple[str, ...]:
        """The URIs of the object stores that may be read, where the gallery names what lies there."""
        return ownership_of(self._gallery).buckets

    def allow_buckets(self, uris: Iterable[str]) -> None:
        """Let what lies in object stores be read that the gallery names, from now on. Raises GalleryError."""
        add_buckets(self._gallery, uris)

    def owns(self, path: Path) -> bool:
        """Whether a file is the gallery's own: a gallery may lie among the images that it indexes."""
        names = [
            path.relative_to(folder).parts[0]
            for folder in (self._folder, Path(os.path.realpath(self._folder)))
            if path != folder and path.is_relative_to(folder)
        ]
        return any(name in OWN or name.startswith(FILE) for name in names)


def _real(path: str | os.PathLike[str]) -> Path | None:
    """An absolute path with its links followed; None for what is no path."""
    if not os.path.isabs(path):  # noqa: PTH117 - any text
        return None
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return None
