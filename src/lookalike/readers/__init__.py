"""From a path to Images: which files there are, and which reader takes each.

Readers are plug-ins (entry point group ``lookalike.readers``). They run only inside the killable
processes of ``pool``: native decoders crash on hostile files.
"""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from lookalike.errors import UnreadableImageError, UsageError
from lookalike.plugins import load_plugins
from lookalike.text import absolute
from lookalike.types import Image

_BESIDE_IMAGES: Final = frozenset(
    [
        ".csv",
        ".tsv",
        ".txt",
        ".md",
        ".rst",
        ".json",
        ".yaml",
        ".yml",
        ".toml",
        ".xml",
        ".html",
        ".htm",
        ".log",
        ".ini",
        ".py",
        ".ipynb",
        ".pdf",
        ".npz",
    ]
)
VOLUME_SUFFIXES: Final = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".mgz", ".mnc", ".par", ".rec")


class Reader(Protocol):
    """Turns a source into Images."""

    def matches(self, source: str) -> bool:
        """Look at the bytes or the name; never decode pixels."""
        ...

    def read(self, source: str) -> Iterator[Image]:
        """One Image a frame. Raises UnreadableImageError with a reason code."""
        ...


@cache
def _readers() -> tuple[Reader, ...]:
    return tuple(plugin() for _, plugin in sorted(load_plugins("lookalike.readers").items()))


def read(source: str) -> Iterator[Image]:
    """The Images of one file, by the first reader that knows it; an enhanced multi-frame file may be one volume.

    Raises UnreadableImageError.

    Call it only in a process that may be killed; ``pool.ReaderPool`` does.
    """
    path = Path(source)
    try:
        if path.stat().st_size == 0:
            raise UnreadableImageError("empty-file")
        reader = next((r for r in _readers() if r.matches(source)), None)
    except OSError:
        raise UnreadableImageError("not-readable") from None
    if reader is None:
        volume = path.name.lower().endswith(VOLUME_SUFFIXES)
        raise UnreadableImageError("needs-volumes" if volume else "not-an-image")
    enhanced = _enhanced(source) if stacks() and is_dicom(source) else None
    if enhanced is None:
        yield from reader.read(source)
    else:
        yield enhanced


@cache
def stacks() -> bool:
    """Whether slices can be made into volumes here; where not, each is a picture of its own."""
    return importlib.util.find_spec("highdicom") is not None


def _enhanced(source: str) -> Image | None:
    """The volume that the frames of an enhanced multi-frame DICOM file make; None for any other file."""
    from lookalike.readers.multiframe import frames_of, read_multiframe

    frames = frames_of(source)
    return None if frames is None else read_multiframe(source, frames)


def is_dicom(source: str) -> bool:
    """Whether the DICOM reader knows the file."""
    from lookalike.readers.dicom import DicomReader

    return DicomReader().matches(source)


def beside_images(path: Path) -> bool:
    """Whether a file that no reader knows is one that usually lies beside images: a table, a note."""
    return path.suffix.lower() in _BESIDE_IMAGES or path.name in ("LICENSE", "README", "DICOMDIR", "Thumbs.db")


def walk(sources: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Every file under the given files and folders, each once, in a fixed order; hidden ones left out.

    A folder that cannot be listed stands for itself, so that reading it says so. Raises UsageError if a
    source does not exist.
    """
    found: dict[Path, None] = {}
    for source in sources:
        path = absolute(source)
        if not os.path.exists(path):  # noqa: PTH110 - False for any impossible name
            raise UsageError(f"no such file or folder: {path}; give files or folders that exist")
        for file in _files_under(path) if path.is_dir() else [path]:
            found[file] = None
    return list(found)


def _files_under(folder: Path) -> Iterator[Path]:
    closed: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(root, name)
            if not name.startswith(".") and _is_file(path):
                yield path
    yield from sorted(Path(error.filename) for error in closed)


def _is_file(path: Path) -> bool:
    """No folder, pipe or device; what cannot be looked at counts, so that reading it says so."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
