"""Memory, latency and recall of each index kind, over sizes and dimensions.

Each kind is built, saved, and served as in use: a process of its own loads the file and answers one query after
the other. How many vectors the index holds and what share of the true neighbours it finds are checked first;
without both no speed is reported.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.errors import LookalikeError
from lookalike.evaluation.tables import Format, Tabled, render
from lookalike.indexes import Index
from lookalike.indexes.files import load_index, save_index
from lookalike.plugins import load_plugin
from lookalike.scratch import Scratch
from lookalike.types import Keys, Vectors

FLOOR: Final = 0.95  # recall below which no speed is reported
REFERENCE: Final = "flat"
_SPREAD: Final = 0.8  # of a cluster's vectors around its centre, a unit vector
_HEAD: Final = [
    "kind",
    "vectors",
    "dim",
    "build s",
    "file MB",
    "memory MB",
    "of flat",
    "recall",
    "p50 ms",
    "p99 ms",
    "faster",
]
INDEXES: Final = "lookalike.indexes"


@dataclass(frozen=True, slots=True)
class Point:
    """Recall and latency at one search effort (1 = the default)."""

    effort: float
    recall: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One kind on one collection. memory_mb: resident, of the serving process beyond what it needs without an
    index; None where the system does not report it. times_faster: than ``flat``, by p50; None below ``FLOOR``.
    """

    kind: str
    size: int
    dim: int
    build_seconds: float
    file_mb: float
    memory_mb: float | None
    memory_of_flat: float | None
    recall: float
    p50_ms: float | None
    p99_ms: float | None
    times_faster: float | None
    curve: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class IndexBenchmark(Tabled):
    """k: depth of the recall. queries: how many were run, one after the other. cores: that it may use."""

    k: int
    queries: int
    seed: int
    cores: int
    rows: tuple[IndexRow, ...]

    def tables(self, form: Format = "text") -> str:
        """One table of everything except the curves."""
        title = (
            f"Index kinds: recall@{self.k} over {self.queries} queries, asked one after the other; "
            f"{self.cores} cores, clustered vectors, seed {self.seed}"
        )
        return render(title, [_HEAD, *(_cells(row) for row in self.rows)], form)


def _cells(row: IndexRow) -> list[str]:
    share, faster = row.memory_of_flat, row.times_faster
    return [
        row.kind,
        f"{row.size}",
        f"{row.dim}",
        f"{row.build_seconds:.1f}",
        f"{row.file_mb:.1f}",
        "-" if row.memory_mb is None else f"{row.memory_mb:.1f}",
        "-" if share is None else f"{share:.1%}",
        f"{row.recall:.4f}",
        *("-" if ms is None else f"{ms:.3f}" for ms in (row.p50_ms, row.p99_ms)),
        "-" if faster is None else f"{faster:.1f}x",
    ]


def clustered(count: int, dim: int, seed: int = 0, draw: int = 0, *, clusters_of: int = 0) -> Vectors:
    """Unit vectors (count, dim) around random centres, as many as the square root of the collection's size.

    Two draws with one seed share their centres: draw a collection, then queries with ``clusters_of`` its size.
    """
    clusters = max(1, round((clusters_of or count) ** 0.5))
    centres = np.random.default_rng((seed, 0)).standard_normal((clusters, dim), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rng = np.random.default_rng((seed, 1, draw))
    vectors = rng.standard_normal((count, dim), np.float32)
    vectors *= _SPREAD / dim**0.5
    vectors += centres[rng.integers(clusters, size=count)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def measure_index(index: Index, vectors: Vectors, queries: Vectors, truth: Keys, efforts: Sequence[float]) -> IndexRow:
    """Build an index here, and measure it in a serving process of its own."""
    started = time.perf_counter()
    index.upsert(np.arange(len(vectors)), vectors)
    build_seconds = time.perf_counter() - started
    kind = index.kind
    with Scratch("index") as scratch:
        folder = scratch.folder
        save_index(index, folder, kind, {})
        file_mb = (folder / f"{kind}.index").stat().st_size / 1e6
        del index
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            held, memory_mb, curve = process.submit(_serve, folder, kind, queries, truth, efforts).result()
    if held != len(vectors):
        raise LookalikeError(f"{kind} holds {held} of {len(vectors)} vectors: none of its figures can be believed")
    usual = next(point for point in curve if point.effort == 1)
    return IndexRow(
        kind,
        len(vectors),
        vectors.shape[1],
        build_seconds,
        file_mb,
        memory_mb,
        None,
        usual.recall,
        usual.p50_ms,
        usual.p99_ms,
        None,
        tuple(curve),
    )


def beside_flat(row: IndexRow, flat: IndexRow) -> IndexRow:
    """A row with its speed relative to ``flat``, if its recall is high enough."""
    if row.memory_mb is not None and flat.memory_mb:
        row = replace(row, memory_of_flat=row.memory_mb / flat.memory_mb)
    if row.recall < FLOOR or row.p50_ms is None or flat.p50_ms is None:
        return replace(row, p50_ms=None, p99_ms=None, times_faster=None)
    return replace(row, times_faster=flat.p50_ms / row.p50_ms)


def _serve(
    folder: Path, kind: str, queries: Vectors, truth: Keys, efforts: Sequence[float]
) -> tuple[int, float | None, list[Point]]:
    """In its own process: the number of vectors, resident MB after answering every query, and the curve."""
    small: Any = load_plugin(INDEXES, kind)(queries.shape[1])
    small.upsert(np.arange(2), queries[:2])
    small.search(queries[:1], 1)  # loads the native libraries, which are not the index's memory
    before = _resident_mb()
    index: Any = load_index(folder, kind, {})
    if index is None:
        raise LookalikeError(f"the saved {kind} index cannot be loaded")
    curve = [_point(index, queries, truth, 1.0)]
    after = _resident_mb()
    if hasattr(index, "effort"):
        curve = [_point(index, queries, truth, effort) if effort != 1 else curve[0] for effort in efforts]
    return len(index), None if before is None or after is None else after - before, curve


def _point(index: Any, queries: Vectors, truth: Keys, effort: float) -> Point:
    """Run every query once to warm up and check the answers, then once with the clock."""
    if hasattr(index, "effort"):
        index.effort = effort
    k = truth.shape[1]
    found = [index.search(query[None], k)[0][0] for query in queries]
    wanted = int((truth >= 0).sum())
    hits = sum(np.isin(row[row >= 0], keys).sum() for row, keys in zip(truth, found, strict=True))
    seconds = []
    for query in queries:
        started = time.perf_counter()
        index.search(query[None], k)
        seconds.append(time.perf_counter() - started)
    p50, p99 = np.quantile(seconds, (0.5, 0.99)) * 1000
    return Point(effort, float(hits / wanted), float(p50), float(p99))


def _resident_mb() -> float | None:
    """This process's resident memory, mapped files included; None where the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
