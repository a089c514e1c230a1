"""The prepared pictures of records, read once from the gallery's sources into a scratch file while they serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.query import Query, query_frames
from lookalike.encoders import Encoder
from lookalike.errors import NotFoundError, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.progress import tracked
from lookalike.readers.events import Frame
from lookalike.store import record_id
from lookalike.types import Record, Vectors
from lookalike.voting import unit_rows

SLICES_A_VOLUME: Final = 8
"""Slices of a volume that are trained on, evenly spaced."""

_ENCODED: Final = 256  # pictures at once


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPictures:
    """inputs: (n, rows, columns, 3) uint8, in a file. owners (n,): the number of the record of each."""

    inputs: NDArray[np.uint8]
    owners: NDArray[np.int64]
    records: int

    @property
    def there(self) -> NDArray[np.bool_]:
        """(records,): which have a picture."""
        return np.isin(np.arange(self.records), self.owners)

    def renumbered(self) -> PreparedPictures:
        """The same, with the records that have a picture numbered."""
        numbers = (np.cumsum(self.there) - 1)[self.owners]
        return PreparedPictures(self.inputs, numbers, int(self.there.sum()))

    def of(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the pictures of some records."""
        return np.flatnonzero(np.isin(self.owners, records))


def read_pictures(gallery: Gallery, ids: Sequence[str], folder: Path) -> PreparedPictures:
    """Read records as the gallery's encoder sees them; those whose files are gone have no picture. folder: for the
    scratch file, of 150 kB a picture of 224 x 224. Raises UsageError if none can be read.
    """
    records = [gallery.store.record(identity) for identity in ids]
    rows, columns = gallery.spec.preprocessing.size
    most = sum(min(record.depth, SLICES_A_VOLUME) for record in records)
    kept = np.memmap(folder / "pictures", np.uint8, "w+", shape=(max(most, 1), rows, columns, 3))
    owners: list[int] = []
    for number, picture in chain(_pictures(gallery, records), _slices(gallery, records)):
        kept[len(owners)] = picture
        owners.append(number)
    if not owners:
        raise UsageError(
            "no record's file can be read any more, and a network is tuned on pixels; bring the files back to where "
            "they were indexed from, or tell where they lie now: lookalike gallery relocate"
        )
    return PreparedPictures(kept[: len(owners)], np.array(owners, np.int64), len(records))


_Numbered: TypeAlias = tuple[int, NDArray[np.uint8]]


def _pictures(gallery: Gallery, records: Sequence[Record]) -> Iterator[_Numbered]:
    """The pictures among the records, with their numbers: many files in one pass."""
    numbers = {record.id: i for i, record in enumerate(records) if record.depth == 1}
    places = {
        record.source: None for record in records if record.id in numbers and gallery.places.may_open(record.source)
    }
    for event in gallery.readers.read(gallery.places.place_of(source) for source in tracked([*places])):
        if isinstance(event, Frame):
            number = numbers.pop(record_id(event.sha256, event.frame), None)  # of several copies the first one counts
            if number is not None:
                yield number, event.input


def _slices(gallery: Gallery, records: Sequence[Record]) -> Iterator[_Numbered]:
    """Slices of the volumes among the records, with their numbers."""
    for number, record in tracked([(i, record) for i, record in enumerate(records) if record.depth > 1]):
        try:
            frames = query_frames(gallery, Query(record.id, record=record))
        except (NotFoundError, UnreadableImageError, UsageError):  # gone, changed, or of a source that is elsewhere
            continue
        chosen = np.linspace(0, len(frames) - 1, min(len(frames), SLICES_A_VOLUME)).round().astype(int)
        yield from ((number, frames[i].input) for i in chosen)


def encoded_records(encoder: Encoder, pictures: PreparedPictures) -> Vectors:
    """(records, dim): the vector of each record, of a volume the mean of its slices; zeros where it has no picture."""
    total = np.zeros((pictures.records, encoder.spec.dim), np.float32)
    for start in tracked(range(0, len(pictures.owners), _ENCODED)):
        rows = slice(start, start + _ENCODED)
        np.add.at(total, pictures.owners[rows], encoder.encode_inputs(np.asarray(pictures.inputs[rows])))
    return unit_rows(total)
