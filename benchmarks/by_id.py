"""``search --id`` in 100,000 stored vectors beside the plain matrix-vector product that it cannot do without."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recall import nearest
from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord, record_id
from lookalike.types import Vectors
from lookalike.verbs.search import search

RECORDS, DIM = 100_000, 384
STORED = 5000  # records a transaction
ROUNDS = 41
K = 5
SLACK = 0.005  # seconds
TARGET = 1.3


def run(_data: Path | None) -> list[Figure]:
    """Random unit vectors, two records a patient; the gallery is open and its index in memory."""
    with tempfile.TemporaryDirectory() as scratch, open_gallery(Path(scratch) / "g", create=True) as gallery:
        vectors = fill(gallery)
        _assert_right(gallery, vectors)
        rows = np.random.default_rng(1).integers(0, RECORDS, ROUNDS)
        timings = interleave(
            ROUNDS,
            search=_each(rows, lambda row: search(gallery, id=record_id(sha256_of(row), 0), k=K)),
            product=_each(rows, lambda row: vectors @ vectors[row]),
        )
    asked, product = timings["search"].seconds, timings["product"].seconds
    notes = (
        f"search by id {asked * 1000:.2f} ms, matrix-vector product {product * 1000:.2f} ms (medians of {ROUNDS}); "
        f"the ratio is of the time beyond {SLACK * 1000:.0f} ms",
        f"quickest of {ROUNDS}: {min(timings['search'].wall) * 1000:.2f} ms and "
        f"{min(timings['product'].wall) * 1000:.2f} ms",
        busy_note(timings),
    )
    return [Figure("by_id", (asked - SLACK) / product, TARGET, at_least=False, notes=notes)]


def _each(rows: NDArray[np.int64], run: Callable[[int], object]) -> Callable[[], object]:
    left = itertools.cycle(rows.tolist())
    return lambda: run(next(left))


def sha256_of(row: int) -> str:
    return f"{row:064x}"


def fill(gallery: Gallery, records: int = RECORDS) -> Vectors:
    vectors = np.random.default_rng(0).standard_normal((records, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for start in range(0, records, STORED):
        gallery.store.write(Batch(records=list(_records(vectors, range(start, start + STORED)))))
    return vectors


def _records(vectors: Vectors, rows: range) -> Iterator[NewRecord]:
    for row in rows:
        yield NewRecord(
            source=f"{row}.dcm",
            sha256=sha256_of(row),
            frame=0,
            patient=str(row // 2),
            labels=(f"class-{row % 5}",),
            attributes={"Modality": "CR"},
            vectors=vectors[row : row + 1],
            thumbnail=b"",
        )


def _assert_right(gallery: Gallery, vectors: Vectors) -> None:
    assert len(gallery.index()) == gallery.store.count() == RECORDS
    for row in range(0, RECORDS, RECORDS // 10):
        others = np.array([i for i in range(RECORDS) if i // 2 != row // 2])
        wanted = nearest(vectors[others], others, vectors[row], K)
        found = search(gallery, id=record_id(sha256_of(row), 0), k=K)
        assert [hit.source for hit in found.hits] == [f"{key}.dcm" for key in wanted]
