"""``sources/`` of a gallery: the files that came through the server. It holds those that some record was made from, and
those of open jobs, and nothing else.

Whatever a record or a job says, nothing outside of the folder is touched: names are followed from the open folder
downwards, one by one and never through a link.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from lookalike.errors import UnreadableImageError
from lookalike.gallery import SOURCES, Gallery
from lookalike.readers.grouping import SliceFile
from lookalike.sources.volumes import files_behind, volume_items
from lookalike.store.edit import sources_with_depth
from lookalike.store.jobs import open_arguments
from lookalike.types import Item, Refusal

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_State: TypeAlias = tuple[tuple[Path, ...], int]
_SERIES: Final[WeakKeyDictionary[Gallery, dict[_State, list[Path]]]] = WeakKeyDictionary()
"""The series that were told apart from what lies beside them: by the files, and when their folder has changed."""


@contextmanager
def bringing(gallery: Gallery) -> Iterator[Path]:
    """Within, files may be brought into ``sources/``, for a job that is queued at the end: no sweep takes them away.

    Raises OSError.
    """
    root = gallery.folder / SOURCES
    root.mkdir(exist_ok=True)
    with _locked(root, fcntl.LOCK_SH):
        yield root


def sweep_sources(gallery: Gallery) -> None:
    """Remove from ``sources/`` what no record was made from and no open job needs."""
    root = gallery.folder / SOURCES
    with suppress(OSError), _locked(root, fcntl.LOCK_EX) as folder:
        files, trees = _of_records(gallery, root), frozenset(_of_jobs(gallery, root))
        _clear(folder, "", trees, lambda _folder, _name, path: not (path in files or _is_in(path, trees)))


def remove_copies(gallery: Gallery, sources: Set[str], digests: Set[str]) -> frozenset[str]:
    """Remove from the folders of open jobs what has the same bytes as the files of some records, so that no job brings
    them back. sources: of the records. digests: SHA-256 of their files. Returns the SHA-256 of all of these files.
    """
    root, found = gallery.folder / SOURCES, set(digests)
    with suppress(OSError), _locked(root, fcntl.LOCK_EX) as folder:
        for file in _of_records(gallery, root, sources):
            with suppress(OSError):
                found.add(digest_of(root / file))
        if trees := frozenset(_of_jobs(gallery, root)):
            _clear(folder, "", trees, lambda at, name, path: _is_in(path, trees) and _digest(at, name) in found)
    return frozenset(found)


def digest_of(file: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of_series(digests: Iterable[str]) -> str:
    """The SHA-256 under which a record of several files is stored, by those of its files (``readers.worker``)."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _of_records(gallery: Gallery, root: Path, sources: Set[str] | None = None) -> set[str]:
    """The files that records were made from, as paths below ``sources/``. sources: only records from these."""
    found: set[str] = set()
    for source, depth in sources_with_depth(gallery.store, f"/{SOURCES}/").items():
        if (sources is None or source in sources) and (place := _below(root, source)) is not None:
            found.update(str(file.relative_to(root)) for file in _files(gallery, root / place, depth))
    return found


def _of_jobs(gallery: Gallery, root: Path) -> Iterator[str]:
    """Where the files of open jobs lie."""
    for arguments in open_arguments(gallery.store):
        for source in [*(arguments.get("sources") or ()), arguments.get("labels") or ""]:
            if (place := _below(root, str(source))) is not None:
                yield place


def _below(root: Path, source: str) -> str | None:
    """The path below ``sources/``, also if the gallery lay elsewhere when it was stored; None for any other path."""
    before, found, after = source.rpartition(f"/{SOURCES}/")
    path = PurePosixPath(after)
    if not found or not before.startswith("/") or ".." in path.parts or not path.parts:
        return None
    return str(path) if before == str(root.parent) or os.path.lexists(root / path) else None


def _files(gallery: Gallery, source: Path, depth: int) -> list[Path]:
    """The files of a record; where its series cannot be told apart from what lies beside it, all of the folder's."""
    if source.is_symlink():
        return []
    try:
        if source.is_dir():
            return [file for file in source.iterdir() if not file.is_dir()]
        return files_behind(source, depth, lambda files: _series(gallery, files))
    except (OSError, ValueError, UnreadableImageError):
        return [file for file in source.parent.iterdir() if not file.is_dir()]


def _series(gallery: Gallery, files: Sequence[Path]) -> list[Path]:
    """The files of the first one's series; itself if it is a volume alone. Raises UnreadableImageError."""
    if len(files) == 1:
        return list(files)
    known = _SERIES.setdefault(gallery, {})
    state = tuple(files), files[0].parent.stat().st_mtime_ns
    if state not in known:
        known[state] = _read_series(gallery, [str(file) for file in files])
    return known[state]


def _read_series(gallery: Gallery, files: Sequence[str]) -> list[Path]:
    events = list(gallery.readers.read([Item(file, (file,)) for file in files], whole=True))
    if any(isinstance(event, Refusal) and event.source == files[0] for event in events):
        raise UnreadableImageError("not-readable")
    slices = [event for event in events if isinstance(event, SliceFile)]
    own = next((item.files for item in volume_items(slices) if files[0] in item.files), (files[0],))
    return [Path(file) for file in own]


def _is_in(path: str, trees: Set[str]) -> bool:
    return not trees.isdisjoint([path, *map(str, PurePosixPath(path).parents)])


def _clear(folder: int, path: str, trees: Set[str], goes: Callable[[int, str, str], bool]) -> None:
    """Remove the files below an open folder that go, and folders that are empty then. path: of the folder, below
    ``sources/``. trees: folders that stay, even empty ones. goes: called with the open folder, a file's name and path.
    """
    for name in os.listdir(folder):
        inner = f"{path}/{name}".lstrip("/")
        with suppress(OSError):
            try:
                opened = os.open(name, _FOLDER, dir_fd=folder)
            except OSError as error:  # a file or a link
                if error.errno in (errno.ENOTDIR, errno.ELOOP) and goes(folder, name, inner):
                    os.unlink(name, dir_fd=folder)
                continue
            try:
                _clear(opened, inner, trees, goes)
            finally:
                os.close(opened)
            if inner not in trees:
                os.rmdir(name, dir_fd=folder)


def _digest(folder: int, name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _locked(root: Path, how: int) -> Iterator[int]:
    """The folder, open and locked. Raises OSError where it is none, or a link."""
    folder = os.open(root, _FOLDER)
    try:
        fcntl.flock(folder, how)
        yield folder
    finally:
        os.close(folder)
