"""``sources/`` of a gallery: the files that came through the server. It holds those that some record was made from, and
those of open jobs, and nothing else.

Whatever a record or a job says, nothing outside of the folder is touched: names are followed from the open folder
downwards, one by one and never through a link.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from lookalike.erasing.folder import clear_folder, digest_in, digest_of, digest_of_series, locked_folder
from lookalike.erasing.series import files_of_series
from lookalike.errors import UnreadableImageError
from lookalike.gallery import SOURCES, Gallery
from lookalike.sources.volumes import files_behind
from lookalike.store.edit import digests_of_sources, sources_with_depth
from lookalike.store.jobs import open_arguments


@contextmanager
def bringing(gallery: Gallery) -> Iterator[Path]:
    """Within, files may be brought into ``sources/``, for a job that is queued at the end: no sweep takes them away.

    Raises OSError.
    """
    root = gallery.folder / SOURCES
    root.mkdir(exist_ok=True)
    with locked_folder(root, fcntl.LOCK_SH):
        yield root


def sweep_sources(gallery: Gallery) -> None:
    """Remove from ``sources/`` what no record was made from and no open job needs. Raises OSError, GalleryError."""
    root = gallery.folder / SOURCES
    if root.is_symlink() or not root.is_dir():
        return
    with locked_folder(root, fcntl.LOCK_EX) as folder:
        files, trees = _of_records(gallery, root), frozenset(_of_jobs(gallery, root))
        clear_folder(folder, "", trees, lambda _folder, _name, path: not (path in files or _is_in(path, trees)))


def remove_copies(gallery: Gallery, sources: Set[str], digests: Set[str]) -> frozenset[str]:
    """Remove from the folders of open jobs what has the same bytes as the files of some records, so that no job brings
    them back. sources: of the records. digests: SHA-256 of their files. Returns the SHA-256 of all of these files.
    """
    root, found = gallery.folder / SOURCES, set(digests)
    with suppress(OSError), locked_folder(root, fcntl.LOCK_EX) as folder:
        for file in _of_records(gallery, root, sources):
            with suppress(OSError):
                found.add(digest_of(root / file))
        if trees := frozenset(_of_jobs(gallery, root)):
            clear_folder(folder, "", trees, lambda at, name, path: _is_in(path, trees) and digest_in(at, name) in found)
    return frozenset(found)


def damaged_copies(gallery: Gallery) -> Iterator[str]:
    """The files in ``sources/``, by their paths below it, that are not as they were when records were made from them,
    or are gone.
    """
    root = gallery.folder / SOURCES
    depths = sources_with_depth(gallery.store, f"/{SOURCES}/")
    for source, digests in sorted(digests_of_sources(gallery.store, f"/{SOURCES}/").items()):
        if (place := _below(root, source)) is not None and not _matches(gallery, root / place, depths[source], digests):
            yield place


def _matches(gallery: Gallery, source: Path, depth: int, digests: Set[str]) -> bool:
    try:
        found = [digest_of(file) for file in _files(gallery, source, depth)]
    except OSError:
        return False
    return bool(found) and not digests.isdisjoint([*found, digest_of_series(found)])


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
        return files_behind(source, depth, lambda files: files_of_series(gallery, files))
    except (OSError, ValueError, UnreadableImageError):
        return [file for file in source.parent.iterdir() if not file.is_dir()]


def _is_in(path: str, trees: Set[str]) -> bool:
    return not trees.isdisjoint([path, *map(str, PurePosixPath(path).parents)])
