"""Outside files as queries, of an evaluation with their labels: a vector for each picture, one for each volume."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import patients_of_file
from lookalike.errors import UsageError
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.slices import pool
from lookalike.sources.item_labels import ItemLabels
from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.sources.reading import VolumesFound, list_items, read_items
from lookalike.sources.source import source_of
from lookalike.store import record_id
from lookalike.types import Refusal, Vectors

_BATCH: Final = 64  # pictures and slices encoded together
_NO_PIXELS: Final = np.empty((0, 0, 3), np.uint8)


@dataclass
class _Query:
    """One query: its first frame without pixels, its row, the vectors of its slices, and the thumbnail of the middle
    one.
    """

    frame: Frame
    row: LabelRow | None
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    thumbnail: bytes = b""

    def add(self, frame: Frame, vector: NDArray[np.float32]) -> None:
        """Add a picture, or the next slice of a volume."""
        self.vectors.append(vector)
        if not self.thumbnail or frame.view <= frame.depth // 2:
            self.thumbnail = frame.thumbnail

    @property
    def vector(self) -> Vectors:
        """(1, dim): a picture's own vector, or the mean of a volume's slices."""
        vectors = np.stack(self.vectors)
        return vectors if len(vectors) == 1 else pool(vectors, np.full(len(vectors), 1 / len(vectors)))


def outside_queries(
    gallery: Gallery, sources: Sequence[str | os.PathLike[str]], table: LabelTable | None = None
) -> tuple[Queries, dict[str, int]]:
    """Files, folders and series as queries, and how many were left out, by reason. table: of their labels; only those
    that bear one are queries then.

    Raises UsageError if nothing is left.
    """
    left_out: Counter[str] = Counter()
    found: dict[tuple[str, int], _Query] = {}
    broken: set[str] = set()
    frames = _labelled_frames(gallery, sources, table, left_out, broken)
    while some := list(islice(frames, _BATCH if gallery.spec.ndim == 2 else 1)):
        vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame, _ in some]))
        for (frame, row), vector in zip(some, vectors, strict=True):
            query = found.setdefault((frame.source, frame.frame), _Query(replace(frame, input=_NO_PIXELS), row))
            query.add(frame, vector)
    # A broken volume is no query; of other files the good frames are.
    queries = [query for query in found.values() if query.frame.depth == 1 or query.frame.source not in broken]
    if not queries:
        raise UsageError(
            "there is no picture or volume that can be read"
            if table is None
            else "no readable query bears a label of the table; check its file column"
        )
    ids = tuple(record_id(query.frame.sha256, query.frame.frame) for query in queries)
    patients, groups = zip(*(_patients(gallery, query) for query in queries), strict=True)
    vectors = np.concatenate([query.vector for query in queries])
    labels = tuple(() if query.row is None else query.row.labels for query in queries)
    thumbnails, names = (query.thumbnail for query in queries), (_name(query.frame) for query in queries)
    volumes = any(len(query.vectors) > 1 for query in queries)
    slices = tuple(np.stack(query.vectors) for query in queries) if volumes else ()
    data = Labelled(vectors, labels, groups, ids, slices)
    return Queries(data, patients, tuple(thumbnails), tuple(names)), dict(left_out)


def _name(frame: Frame) -> str:
    return f"{frame.source}#{frame.frame}" if frame.frame else frame.source


def _patients(gallery: Gallery, query: _Query) -> tuple[frozenset[str], str]:
    """All patient groups of a query, and the one that it counts for in the bootstrap: that of the table, else of the
    file, else of the gallery if it holds the file; else a group of its own.
    """
    frame = query.frame
    named = ("" if query.row is None else query.row.patient, frame.patient)
    patients, known = patients_of_file(gallery, frame.sha256, frame.frame, named)
    if group := gallery.store.patient_group(next(filter(None, named), "")):
        return patients, group
    return patients, record_id(frame.sha256, frame.frame) if known is None else known.patient


def _labelled_frames(
    gallery: Gallery,
    sources: Sequence[str | os.PathLike[str]],
    table: LabelTable | None,
    left_out: Counter[str],
    broken: set[str],
) -> Iterator[tuple[Frame, LabelRow | None]]:
    listing, unlabelled = list_items(map(source_of, sources)), set[tuple[str, int]]()
    labels = None if table is None else ItemLabels(table, listing)
    for event in read_items(gallery.readers, listing.items):
        if isinstance(event, Frame):
            row = None if labels is None else labels.row(event)
            if labels is None or (row is not None and row.labels):
                yield event, row
            elif (event.source, event.frame) not in unlabelled:
                unlabelled.add((event.source, event.frame))
                left_out["no label"] += 1
        elif isinstance(event, VolumesFound) and labels is not None:
            labels.note_volumes(event.items)
        elif isinstance(event, Refusal):
            left_out[event.reason] += 1
            broken.add(event.source)
