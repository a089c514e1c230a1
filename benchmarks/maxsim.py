"""Re-ranking of volumes by late interaction: 50 candidates of 100 slices for a query of 100 slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.ranking import maxsim_many
from lookalike.types import Vectors

CANDIDATES, SLICES, DIM = 50, 100, 384
ROUNDS = 41
TARGET = 20  # ms


def run(_data: Path | None) -> list[Figure]:
    """Random unit vectors; first compared with the definition in plain loops."""
    random = np.random.default_rng(0)
    query, vectors = _units(random, SLICES), _units(random, CANDIDATES * SLICES)
    starts = np.arange(0, len(vectors), SLICES)
    _assert_right(query[:5], vectors, starts)
    timings = interleave(ROUNDS, rerank=lambda: maxsim_many(query, vectors, starts))
    notes = (
        f"medians of {ROUNDS}; the quickest {min(timings['rerank'].wall) * 1000:.2f} ms, "
        f"processor time {timings['rerank'].cpu_seconds * 1000:.2f} ms",
        busy_note(timings),
    )
    return [Figure("maxsim", timings["rerank"].seconds * 1000, TARGET, unit="ms", at_least=False, notes=notes)]


def _units(random: np.random.Generator, rows: int) -> Vectors:
    vectors = random.standard_normal((rows, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _assert_right(query: Vectors, vectors: Vectors, starts: np.typing.NDArray[np.int64]) -> None:
    found = maxsim_many(query, vectors, starts)
    for number, start in enumerate(starts[:5].tolist()):
        document = vectors[start : start + SLICES]
        plain = sum(max(float(np.dot(q, d)) for d in document) for q in query) / len(query)
        assert abs(plain - found[number]) < 1e-5
