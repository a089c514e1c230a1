"""Volumes of many files: which slices belong together, and which files are behind a record.

A reader tells which slices of which series a file holds (``readers.SeriesReader``); ``readers.grouping`` is the rule
that groups files into volumes, ``readers.stacks`` the one for slices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.readers import named_as_volume
from lookalike.readers.grouping import SliceFile, VolumeFiles, volume_files
from lookalike.readers.pairs import files_of
from lookalike.sources.files import walk
from lookalike.types import Item


def volume_items(slices: Sequence[SliceFile]) -> list[Item]:
    """The slices of any number of series as items: one item for every volume, or for all volumes at the same places,
    and one a file where there are too few slices for a volume.
    """
    items: list[Item] = []
    for group in volume_files(slices):
        if group.whole:
            items.append(Item(_series_name(group), tuple(file.file for file in group.files)))
        else:
            items += [Item(file.source, (file.file,)) for file in group.files]
    return items


def slice_copies(slices: Sequence[SliceFile]) -> list[SliceFile]:
    """The files whose slices other files hold too, so that no item is made of them."""
    return [file for group in volume_files(slices) for file in group.copies]


@dataclass(frozen=True, slots=True)
class SeriesInParts:
    """So many series came in several items of a source elsewhere: each item was read by itself."""

    series: int


@dataclass(slots=True)
class PartsOfSeries:
    """Notes which items the slices of each series came in."""

    _first: dict[str, str] = field(default_factory=dict)  # by series, the item
    _parted: set[str] = field(default_factory=set)

    def take(self, event: object, item_of: Mapping[str, str]) -> None:
        """Note an event, if it tells of slices. item_of: the items of files."""
        if isinstance(event, SliceFile) and event.part.named:
            item = item_of[event.file]
            if self._first.setdefault(event.part.series, item) != item:
                self._parted.add(event.part.series)

    @property
    def found(self) -> SeriesInParts | None:
        """What is to be said of them; None if each came in one."""
        return SeriesInParts(len(self._parted)) if self._parted else None


def _series_name(group: VolumeFiles) -> str:
    """The name of a series: its folder, if nothing else lies in it, or else its first file."""
    first, every = group.files[0], (*group.files, *group.copies)
    folder = Path(first.file).parent
    within = [file for file in every if Path(file.file).parent == folder]
    alone = len(group.files) > 1 and all(Path(file.file).parent == folder for file in group.files)
    alone = alone and len(list(folder.iterdir())) == len(within)
    return first.source.rpartition("/")[0] or "/" if alone else first.source


def files_behind(source: Path, depth: int, of_one_series: Callable[[Sequence[Path]], Sequence[Path]]) -> list[Path]:
    """The files that a record of ``depth`` slices was made from, if they still exist: one, or those of a series.

    of_one_series: selects the files of the first one's series; it may raise. Raises OSError, ValueError.
    """
    if source.is_dir():
        return walk([source])
    if not source.is_file():
        return []
    if depth == 1 or named_as_volume(source):
        return list(files_of(source))
    beside = [path for path in walk([source.parent]) if path.parent == source.parent]
    found = set(of_one_series([source, *(path for path in beside if path != source)]))
    return [path for path in beside if path in found] or [source]
