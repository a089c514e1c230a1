"""Searches with filters in 100,000 stored vectors, beside the same without, a matrix-vector product, and LanceDB.

Filters leave a half to a thousandth of the records, by a field that has nothing to do with the vectors and by one that
goes with them. Every answer is compared with brute force before any time is taken.
"""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.by_id import DIM, sha256_of
from benchmarks.recall import nearest
from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord, record_id
from lookalike.store.edit import change_labels
from lookalike.types import Keys, Vectors
from lookalike.verbs.search import search

RECORDS: Final = 100_000
STORED: Final = 5000  # records a transaction
QUERIES, ROUNDS, K = 8, 21, 10
CLUSTERS: Final = 200
SHARES: Final = (500, 100, 10, 1)  # of a thousand
PRODUCT, SLACK, UNFILTERED, CHANGED = 1.3, 0.002, 1.2, 0.3


@dataclass(frozen=True)
class Made:
    """vectors (n, dim), of row i the record ``sha256_of(i)``; by_chance, by_vector (n,): what its fields say."""

    vectors: Vectors
    by_chance: NDArray[np.int64]
    by_vector: NDArray[np.int64]

    def allowed(self, where: str) -> NDArray[np.bool_]:
        """(n,): which rows a filter leaves."""
        rows = np.arange(len(self.vectors))
        said = {"by_chance": self.by_chance, "by_vector": self.by_vector, "age": rows % 90}
        allowed = np.ones(len(rows), np.bool_)
        for part in where.split(" and "):
            name, bound = part.split("<")
            allowed &= said[name] < int(bound)
        return allowed


def run(_data: Path | None) -> list[Figure]:
    """The gallery is open, as a service holds it."""
    return measured(RECORDS)


def measured(records: int) -> list[Figure]:
    """The figures of a gallery of so many records."""
    with tempfile.TemporaryDirectory() as scratch, open_gallery(Path(scratch) / "g", create=True) as gallery:
        made = fill(gallery, records)
        gallery.store.hold()
        rows = np.random.default_rng(1).integers(0, records, QUERIES).tolist()
        peer = lance(Path(scratch), made)
        figures = [_unfiltered(gallery, made, rows)]
        for where in filters():
            figures += _filtered(gallery, made, rows, where, peer)
        return [*figures, _after_a_change(gallery, rows)]


def filters() -> Iterator[str]:
    """The filters that are asked."""
    for field in ("by_chance", "by_vector"):
        yield from (f"{field}<{share}" for share in SHARES)
    yield "by_chance<250 and by_vector<250 and age<30"


def fill(gallery: Gallery, records: int) -> Made:
    """Draw so many records and store them."""
    made = drawn(records)
    store_all(gallery, made)
    return made


def drawn(records: int, seed: int = 0) -> Made:
    """Clustered unit vectors, two records a patient. by_vector: the rank of a record along one direction. seed: of all
    but the centres.
    """
    random = np.random.default_rng(0)
    centres = random.standard_normal((CLUSTERS, DIM), np.float32)
    random = np.random.default_rng(seed) if seed else random
    around = random.integers(0, CLUSTERS, records)
    vectors = random.standard_normal((records, DIM), np.float32)
    for start in range(0, records, STORED):
        vectors[start : start + STORED] += centres[around[start : start + STORED]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    along = np.argsort(np.argsort(vectors[:, 0]))
    return Made(vectors, random.permutation(records) * 1000 // records, along * 1000 // records)


def store_all(gallery: Gallery, made: Made) -> None:
    """Store all of it."""
    records = len(made.vectors)
    for start in range(0, records, STORED):
        gallery.store.write(Batch(records=[record_of(made, row) for row in range(start, min(records, start + STORED))]))


def record_of(made: Made, row: int) -> NewRecord:
    """The record of a row."""
    fields: dict[str, str | float] = {"Modality": ("CT", "MR", "CR", "US")[row % 4], "site": f"site {row % 40}"}
    ranks = {"by_chance": made.by_chance, "by_vector": made.by_vector}
    fields |= {"age": float(row % 90), **{name: float(rank[row]) for name, rank in ranks.items()}}
    vectors = made.vectors[row : row + 1]
    return NewRecord(f"{row}.dcm", sha256_of(row), 0, str(row // 2), (f"class-{row % 5}",), fields, vectors, b"")


def _asking(gallery: Gallery, rows: list[int], where: str | None) -> Callable[[], object]:
    left = itertools.cycle(rows)
    return lambda: search(gallery, id=record_id(sha256_of(next(left)), 0), k=K, where=where)


def _unfiltered(gallery: Gallery, made: Made, rows: list[int]) -> Figure:
    _assert_right(gallery, made, rows, None)
    left = itertools.cycle(rows)
    timings = interleave(
        ROUNDS, search=_asking(gallery, rows, None), product=lambda: made.vectors @ made.vectors[next(left)]
    )
    asked, product = timings["search"].seconds, timings["product"].seconds
    notes = (f"search {asked * 1000:.2f} ms, product {product * 1000:.2f} ms (medians)", busy_note(timings))
    return Figure("unfiltered, beyond 2 ms", (asked - SLACK) / product, PRODUCT, at_least=False, notes=notes)


def _filtered(gallery: Gallery, made: Made, rows: list[int], where: str, peer: Peer | None) -> list[Figure]:
    share = made.allowed(where).mean()
    began = time.perf_counter()
    _asking(gallery, rows, where)()
    first = time.perf_counter() - began
    _assert_right(gallery, made, rows, where)
    subjects = {"all": _asking(gallery, rows, None), "filtered": _asking(gallery, rows, where)}
    if peer is not None:
        left = itertools.cycle(rows)
        subjects["lancedb"] = lambda: peer(made.vectors[next(left)], where)
    timings = interleave(ROUNDS, **subjects)
    all_, filtered = timings["all"].seconds, timings["filtered"].seconds
    notes = [f"leaves {share:.2%}; {filtered * 1000:.2f} ms, without {all_ * 1000:.2f} ms; the first {first:.3f} s"]
    notes.append(busy_note(timings))
    figures = [Figure(f"{where}: of unfiltered", filtered / all_, UNFILTERED, at_least=False, notes=tuple(notes))]
    if peer is not None:
        beside = timings["lancedb"].seconds
        told = f"LanceDB {beside * 1000:.2f} ms, recall@{K} {peer_recall(peer, made, rows, where):.3f}"
        figures.append(Figure(f"{where}: of LanceDB's time", filtered / beside, 1.0, at_least=False, notes=(told,)))
    return figures


def _after_a_change(gallery: Gallery, rows: list[int]) -> Figure:
    """One record's labels change, and the next filtered search has to know."""
    ask, seconds = _asking(gallery, rows, "by_chance<100 and label=class-1"), []
    ask()
    for number in range(QUERIES):
        change_labels(gallery.store, [record_id(sha256_of(number), 0)], add=[f"new-{number}"])
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    return Figure("first after a change", median(seconds), CHANGED, "s", at_least=False)


def _assert_right(gallery: Gallery, made: Made, rows: list[int], where: str | None) -> None:
    for row in rows:
        found = [hit.id for hit in search(gallery, id=record_id(sha256_of(row), 0), k=K, where=where).hits]
        assert found == [record_id(sha256_of(each), 0) for each in wanted(made, row, where)], (where, row)


def wanted(made: Made, row: int, where: str | None) -> list[int]:
    """The rows that a query by a row must find, best first: none of its own patient."""
    allowed = np.arange(len(made.vectors)) // 2 != row // 2
    if where is not None:
        allowed &= made.allowed(where)
    rows: Keys = np.flatnonzero(allowed)
    return nearest(made.vectors[rows], rows, made.vectors[row], K)


Peer = Callable[[Vectors, str], list[int]]


def lance(folder: Path, made: Made) -> Peer | None:
    """LanceDB over the same vectors (its HNSW index, ranked again) and fields (an index each); None where it is not
    installed.
    """
    if importlib.util.find_spec("lancedb") is None:
        return None
    import lancedb
    import pyarrow as pa

    vectors = pa.FixedSizeListArray.from_arrays(made.vectors.reshape(-1), DIM)
    rows = np.arange(len(made.vectors))
    columns = {"vector": vectors, "row": rows, "by_chance": made.by_chance, "by_vector": made.by_vector}
    table = lancedb.connect(folder / "lance").create_table("t", pa.table({**columns, "age": rows % 90}))
    table.create_index(metric="dot", index_type="IVF_HNSW_SQ")
    for name in ("by_chance", "by_vector", "age"):
        table.create_scalar_index(name)

    def ask(query: Vectors, where: str) -> list[int]:
        found = (
            table.search(query)
            .distance_type("dot")
            .refine_factor(10)
            .where(where, prefilter=True)
            .limit(K + 2)
            .to_arrow()
        )
        return [int(row) for row in found["row"].to_pylist()]

    return ask


def peer_recall(peer: Peer, made: Made, rows: list[int], where: str) -> float:
    """Share of the hits that the peer finds too: it is asked for two more, since it knows no patients."""
    return float(np.mean([np.isin(wanted(made, row, where), peer(made.vectors[row], where)).mean() for row in rows]))
