"""Which files of a folder are one series, told by reading them once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from lookalike.errors import UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers.grouping import SliceFile
from lookalike.sources.volumes import volume_items
from lookalike.types import Item, Refusal

_State: TypeAlias = tuple[tuple[Path, ...], int]
_SERIES: Final[WeakKeyDictionary[Gallery, dict[_State, list[Path]]]] = WeakKeyDictionary()
"""The series that were told apart from what lies beside them: by the files, and when their folder has changed."""


def files_of_series(gallery: Gallery, files: Sequence[Path]) -> list[Path]:
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
