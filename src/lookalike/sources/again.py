"""The sources of stored records, to be read once more: from where the records say that they come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lookalike.errors import LookalikeError, NotFoundError, UnreadableImageError
from lookalike.readers.grouping import SliceFile
from lookalike.readers.pool import ReaderPool
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.sources.files import FileSource
from lookalike.sources.reading import list_items
from lookalike.sources.s3.address import is_bucket_uri
from lookalike.sources.s3.listed import ListedBuckets
from lookalike.sources.source import Source
from lookalike.sources.stored_items import is_there
from lookalike.sources.volumes import files_behind, volume_items
from lookalike.text import file_name
from lookalike.types import Item, Record

NOT_AGAIN: Final[dict[str, str]] = {
    "gone": "nothing is where the record was read",
    "changed": "what is there has other bytes than the record was made from",
    "outside": "it lies outside of the folders and buckets that you allow this gallery (lookalike gallery adopt G "
    "--root FOLDER, or s3://BUCKET)",
    "elsewhere": "it came from a source that is neither a file of this machine nor in an object store",
}
"""Why a record cannot be read again, beside the reasons of refused files (``errors.REASONS``)."""

_ARRAYS: Final = ".npz"


@dataclass(slots=True)
class Again:
    """items: to be read. reasons: why others cannot be, by the ids of their records. names: of the items that a record
    may be refused under, by its id.
    """

    items: list[tuple[Source, Item]] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)

    def reason(self, record: Record, refused: dict[str, str]) -> str:
        """Why a record was not read again. refused: reason codes by the names of items."""
        if record.id in self.reasons:
            return self.reasons[record.id]
        found = (refused[name] for name in sorted(self.names.get(record.id, ())) if name in refused)
        return next(found, "changed")


class SeriesOfFolder:
    """Selects the files of the first one's series among all of its folder, whose headers are read once; as
    ``files_behind`` wants it. may_open: which of them are read.
    """

    def __init__(self, readers: ReaderPool, may_open: Callable[[Path], bool]) -> None:
        self._readers, self._may_open = readers, may_open
        self._folder: Path | None = None
        self._series: dict[str, tuple[str, ...]] = {}

    def __call__(self, files: Sequence[Path]) -> Sequence[Path]:
        """The files of the first one's series."""
        first, folder = files[0], files[0].parent
        if folder != self._folder:
            self._folder, self._series = folder, self._read(files)
        return [Path(file) for file in self._series.get(str(first), (str(first),))]

    def _read(self, files: Sequence[Path]) -> dict[str, tuple[str, ...]]:
        items = [Item(str(file), (str(file),)) for file in files if self._may_open(file)]
        slices = [event for event in self._readers.read(items, whole=True) if isinstance(event, SliceFile)]
        return {file: item.files for item in volume_items(slices) for file in item.files}


def again(
    records: Iterable[Record],
    place_of: Callable[[str], Path],
    may_open: Callable[[Path], bool],
    of_one_series: Callable[[Sequence[Path]], Sequence[Path]],
    buckets: ListedBuckets,
) -> Again:
    """The items that hold the records' pictures: each file once. place_of: where a source is opened, or NotFoundError
    with a reason; may_open: whether a file beside it is; of_one_series: as in ``files_behind``; buckets: what may be
    read that is no file here. Raises what a bucket does that cannot be listed.
    """
    found, files, arrays = Again(), dict[Path, None](), dict[Path, set[int]]()
    objects: dict[str, tuple[Source, Item]] = {}
    for record in records:
        if is_bucket_uri(record.source):
            _take_object(found, objects, record, buckets)
            continue
        try:
            place = _place(record.source, place_of)
            if place.suffix == _ARRAYS:
                arrays.setdefault(place, set()).add(record.frame)
                continue
            behind = files_behind(place, record.depth, of_one_series)
            own = [place_of(str(file)) for file in behind if may_open(file)]
        except (NotFoundError, UnreadableImageError) as error:
            found.reasons[record.id] = error.reason
        except (OSError, ValueError, LookalikeError):
            found.reasons[record.id] = "gone"
        else:
            files |= dict.fromkeys(own)
            found.names[record.id] = {file_name(place), *map(file_name, own)}
    found.items += [*list_items(map(FileSource, files)).items, *objects.values()]
    for place, frames in arrays.items():
        found.items += _arrays(place, frames)
    return found


def _take_object(found: Again, objects: dict[str, tuple[Source, Item]], record: Record, buckets: ListedBuckets) -> None:
    """Note what of a bucket holds a record's picture, or why it cannot be read."""
    held = buckets.holding(record.source, record.depth)
    if held is None:
        found.reasons[record.id] = "gone" if buckets.may_read(record.source) else "outside"
        return
    objects[held[1].name] = held
    found.names[record.id] = {record.source, held[1].name}


def _place(source: str, place_of: Callable[[str], Path]) -> Path:
    if not os.path.isabs(source):  # noqa: PTH117 - any text
        raise NotFoundError(NOT_AGAIN["elsewhere"], "elsewhere")
    place = place_of(source)
    if not is_there(str(place)):
        raise NotFoundError(NOT_AGAIN["gone"], "gone")
    return place


def _arrays(place: Path, frames: set[int]) -> list[tuple[Source, Item]]:
    """The wanted pictures of a file of arrays; none where it holds other arrays now."""
    try:
        source = open_dataset(f"medmnist={place}")
        return [(source, item) for item in source.items() if item.frame in frames]
    except LookalikeError:
        return []
