"""Local files and folders as a source, each file an item."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from lookalike.errors import UsageError
from lookalike.sources.labels import LabelTable
from lookalike.sources.source import items_since
from lookalike.text import absolute, file_name
from lookalike.types import Item

_TABLES: Final = (".csv", ".tsv", ".txt", ".json", ".yaml", ".yml", ".toml", ".xml", ".ini", ".npz")
_NOTES: Final = (".md", ".rst", ".html", ".htm", ".log", ".py", ".ipynb", ".pdf")
_BESIDE_IMAGES: Final = frozenset([*_TABLES, *_NOTES])
_SCHEME: Final = "file:"
_NO_FILE: Final = -1


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, or every file under a folder, without hidden ones."""

    path: Path

    @property
    def uri(self) -> str:
        """A file URI (RFC 8089)."""
        return self.path.as_uri()

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item a file, by folder and name. A folder that cannot be listed is an item itself, so that reading it
        reports the error.
        """
        return items_since((_item(path, size) for path, size in _files_under(self.path)), since)

    def fetch(self, item: Item) -> AbstractContextManager[Sequence[Path]]:
        """The file itself, which stays."""
        return nullcontext([Path(file) for file in item.files])

    def labels(self) -> LabelTable | None:
        """None: for files the caller names the table."""
        return None


def open_files(source: str) -> FileSource:
    """Open a path, or a file URI of this machine. Raises UsageError if nothing is there."""
    path = absolute(_path_of(source) if source.startswith(_SCHEME) else source)
    if not os.path.exists(path):  # noqa: PTH110 - False for any impossible name
        raise UsageError(f"no such file or folder: {path}; give files or folders that exist")
    return FileSource(path)


def _path_of(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"a file URI names a file of this machine, got one of {parts.netloc!r}: file:/folder/file")
    return os.fsdecode(unquote_to_bytes(parts.path))


def walk(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Every file under the given files and folders, each once, in the order of ``FileSource.items``.

    Raises UsageError if one of them does not exist.
    """
    found = (path for each in paths for path, _size in _files_under(open_files(str(absolute(each))).path))
    return list(dict.fromkeys(found))


def beside_images(path: Path) -> bool:
    """Whether a file that no reader takes is of a kind that usually lies beside images: a table, a note."""
    return path.suffix.lower() in _BESIDE_IMAGES or path.name in ("LICENSE", "README", "DICOMDIR", "Thumbs.db")


def _item(path: Path, size: int | None) -> Item:
    return Item(file_name(path), (str(path),), size)


def _files_under(root: Path) -> Iterator[tuple[Path, int | None]]:
    """Every file with its size, None if it cannot be examined."""
    if not root.is_dir():
        yield root, _size(root)
        return
    closed: list[OSError] = []
    for base, folders, files in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(base, name)
            if not name.startswith(".") and (size := _size(path)) != _NO_FILE:
                yield path, size
    yield from ((path, None) for path in sorted(Path(error.filename) for error in closed))


def _size(path: Path) -> int | None:
    """Bytes; ``_NO_FILE`` for a folder, pipe or device; None if it cannot be examined: reading it reports why."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE
