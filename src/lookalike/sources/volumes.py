"""Volumes of many files: which slices belong together, and which files are behind a record.

A reader tells which series a file is a slice of and its place there (``readers.SeriesReader``); the rule that groups
slices into volumes is here (``volume_items``), and ``readers.series`` stacks them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lookalike.readers import named_as_volume
from lookalike.readers.pool import SliceFile
from lookalike.readers.series import LEAST_SLICES
from lookalike.sources.files import walk
from lookalike.types import Item


def volume_items(slices: Sequence[SliceFile]) -> list[Item]:
    """The slices of any number of series as items: one item with several files for every volume, and one a slice
    where there are too few for a volume.
    """
    series: dict[str, list[SliceFile]] = {}
    for slice_ in slices:
        series.setdefault(slice_.series, []).append(slice_)
    items: list[Item] = []
    for part in (part for whole in series.values() for part in _by_copy(whole)):
        # One slice stored in several encodings is no volume, however many files there are.
        if len({slice_.place for slice_ in part}) < LEAST_SLICES:
            items += [Item(slice_.source, (slice_.file,)) for slice_ in part]
        else:
            items.append(Item(_series_name(part), tuple(slice_.file for slice_ in part)))
    return items


def _by_copy(slices: Sequence[SliceFile]) -> Iterator[list[SliceFile]]:
    """Split a series that was copied. Slices in several folders are one volume, unless two folders hold the same slice:
    then they are copies, and each folder is read by itself. Identical content becomes one record.
    """
    folders: dict[Path, list[SliceFile]] = {}
    for slice_ in slices:
        folders.setdefault(Path(slice_.file).parent, []).append(slice_)
    places = [place for some in folders.values() for place in {slice_.place for slice_ in some}]
    if len(places) == len(set(places)):
        yield list(slices)
    else:
        yield from folders.values()


def _series_name(slices: Sequence[SliceFile]) -> str:
    """The name of a series: its folder, if nothing else lies in it, or else its first file."""
    folder = Path(slices[0].file).parent
    alone = {Path(slice_.file).parent for slice_ in slices} == {folder} and len(list(folder.iterdir())) == len(slices)
    return slices[0].source.rpartition("/")[0] or "/" if alone else slices[0].source


def files_behind(source: Path, depth: int, of_one_series: Callable[[Sequence[Path]], Sequence[Path]]) -> list[Path]:
    """The files that a record of ``depth`` slices was made from, if they still exist: one, or those of a series.

    of_one_series: selects the files of the first one's series; it may raise. Raises OSError, ValueError.
    """
    if source.is_dir():
        return walk([source])
    if not source.is_file():
        return []
    if depth == 1 or named_as_volume(source):
        return [source]
    beside = [path for path in walk([source.parent]) if path.parent == source.parent]
    found = set(of_one_series([source, *(path for path in beside if path != source)]))
    return [path for path in beside if path in found] or [source]
