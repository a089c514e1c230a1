"""Local files and folders as a source, each file an item; links are followed, and no folder is walked twice."""

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
from lookalike.sources.kinds import kind_of_folder, kind_of_hidden
from lookalike.sources.labels import LabelTable
from lookalike.sources.source import items_since
from lookalike.text import absolute, file_name
from lookalike.types import Item

REPEATED: Final = "repeated link"
"""The kind of a link that leads to what is read by another way."""

_SCHEME: Final = "file:"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, or every file under a folder; links to files and folders are followed."""

    path: Path

    @property
    def uri(self) -> str:
        """A file URI (RFC 8089)."""
        return self.path.as_uri()

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item a file, by folder and name. A folder that cannot be listed is an item itself, so that reading it
        reports the error. What is hidden, and links to what is read anyway or to a folder above, are set ``apart``.
        """
        return items_since(_items_under(self.path), since)

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
    items = (item for each in paths for item in open_files(str(absolute(each))).items() if not item.apart)
    return list(dict.fromkeys(Path(item.files[0]) for item in items))


def _items_under(root: Path) -> Iterator[Item]:
    if root.is_dir():
        yield from _Walk(root).items()
    else:
        yield _item(root, _size(root))


def _item(path: Path, size: int | None, apart: str = "") -> Item:
    return Item(file_name(path), (str(path),), size, apart=apart)


class _Walk:
    """One walk through a folder: which folders, and which files behind links, it has come through so far."""

    def __init__(self, root: Path) -> None:
        self._root, self._real = root, Path(os.path.realpath(root))
        self._seen = {_identity(root)}
        self._closed: list[Path] = []

    def items(self) -> Iterator[Item]:
        """Of each folder the files by name, then its folders by name; at the end the folders that cannot be listed."""
        folders = [self._root]
        while folders:
            inner: list[Path] = []
            for entry in self._entries(folders.pop()):
                path = Path(entry.path)
                if (kind := self._set_apart(entry, path)) is not None:
                    yield _item(path, None, kind)
                elif _is_folder(entry):
                    inner.append(path)
                else:
                    yield _item(path, _size(path))
            folders += reversed(inner)
        yield from (_item(path, None) for path in sorted(self._closed))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as found:
                return sorted(found, key=lambda entry: entry.name)
        except OSError:
            self._closed.append(folder)
            return []

    def _set_apart(self, entry: os.DirEntry[str], path: Path) -> str | None:
        """The kind of what is not read; None for a file or folder that is."""
        is_folder = _is_folder(entry)
        if kind := (kind_of_folder(entry.name) if is_folder else "") or kind_of_hidden(entry.name, is_folder):
            return kind
        if (is_folder or entry.is_symlink()) and self._is_repeated(entry, path):
            return REPEATED
        if is_folder and entry.is_symlink() and self._real.is_relative_to(os.path.realpath(path)):
            return "upward link"
        return None if is_folder or _size(path) != _NO_FILE else "device or pipe"

    def _is_repeated(self, entry: os.DirEntry[str], path: Path) -> bool:
        """Whether a folder, or the target of a link, is read by another way: it lies below the root, where the walk
        comes through by itself, or the walk has come through already. A link to nothing is not.
        """
        identity = _identity(path)
        if identity is None:
            return False
        if identity in self._seen or (entry.is_symlink() and self._lies_inside(path)):
            return True
        self._seen.add(identity)
        return False

    def _lies_inside(self, link: Path) -> bool:
        real = Path(os.path.realpath(link))
        if not real.is_relative_to(self._real):
            return False
        *folders, name = real.relative_to(self._real).parts or ("",)
        hidden = any(kind_of_folder(each) or kind_of_hidden(each, True) for each in folders)
        return not (hidden or kind_of_hidden(name, real.is_dir()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in circles
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


_NO_FILE: Final = -1


def _size(path: Path) -> int | None:
    """Bytes; ``_NO_FILE`` for a folder, pipe or device; None if it cannot be examined: reading it reports why."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE
