"""Outside files as labelled queries of an evaluation: a vector for each picture, one for each volume."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.readers.pool import Frame
from lookalike.slices import pool
from lookalike.sources.files import beside_images
from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.sources.reading import ItemLabels, list_items, read_items
from lookalike.sources.source import source_of
from lookalike.store import record_id
from lookalike.types import Refusal, Vectors
from lookalike.verbs.adapt import Labelled

_BATCH: Final = 64  # pictures and slices encoded together
_NO_PIXELS: Final = np.empty((0, 0, 3), np.uint8)


@dataclass
class _Asked:
    """One query: its first frame without pixels, its row, and the vectors of its slices."""

    frame: Frame
    row: LabelRow
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def vector(self) -> Vectors:
        """(1, dim): a picture's own, the mean of a volume's slices."""
        vectors = np.stack(self.vectors)
        return vectors if len(vectors) == 1 else pool(vectors, np.full(len(vectors), 1 / len(vectors)))


def outside_queries(
    gallery: Gallery, sources: Sequence[str | os.PathLike[str]], table: LabelTable
) -> tuple[Labelled, dict[str, int]]:
    """Files, folders and series as labelled queries, and how many were left out, by reason.

    Raises UsageError if none bears a label.
    """
    left_out: Counter[str] = Counter()
    asked: dict[tuple[str, int], _Asked] = {}
    broken: set[str] = set()
    frames = _labelled_frames(gallery, sources, table, left_out, broken)
    while some := list(islice(frames, _BATCH if gallery.spec.ndim == 2 else 1)):
        vectors = gallery.encoder.encode_inputs(np.stack([frame.input for frame, _ in some]))
        for (frame, row), vector in zip(some, vectors, strict=True):
            query = asked.setdefault((frame.source, frame.frame), _Asked(replace(frame, input=_NO_PIXELS), row))
            query.vectors.append(vector)
    # A volume that breaks is no query; of other files the good frames are.
    queries = [one for one in asked.values() if one.frame.depth == 1 or one.frame.source not in broken]
    if not queries:
        raise UsageError("no readable query bears a label of the table; check its file column")
    ids = tuple(record_id(query.frame.sha256, query.frame.frame) for query in queries)
    patients = tuple(
        _group(gallery, query.row.patient or query.frame.patient, identity)
        for query, identity in zip(queries, ids, strict=True)
    )
    vectors = np.concatenate([query.vector for query in queries])
    return Labelled(vectors, tuple(query.row.labels for query in queries), patients, ids), dict(left_out)


def _labelled_frames(
    gallery: Gallery,
    sources: Sequence[str | os.PathLike[str]],
    table: LabelTable,
    left_out: Counter[str],
    broken: set[str],
) -> Iterator[tuple[Frame, LabelRow]]:
    listing, unlabelled = list_items(map(source_of, sources)), set[tuple[str, int]]()
    labels = ItemLabels(table, listing)
    for event in read_items(gallery.readers, listing.items):
        if isinstance(event, Frame):
            row = labels.row(event)
            if row is not None and row.labels:
                yield event, row
            elif (event.source, event.frame) not in unlabelled:
                unlabelled.add((event.source, event.frame))
                left_out["no label"] += 1
        elif isinstance(event, Refusal) and not beside_images(Path(event.source)):
            left_out[event.reason] += 1
            broken.add(event.source)


def _group(gallery: Gallery, patient: str, identity: str) -> str:
    """The patient group of a query. The very file may be in the gallery, whose table knew its patient."""
    if patient:
        return gallery.store.patient_group(patient)
    known = gallery.store.find(identity)
    return identity if known is None else known.patient
