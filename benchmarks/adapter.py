"""Training the default adapter beside the published loop: 15 epochs of single records, AdamW."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.report import Figure
from benchmarks.timing import best_threads, busy_note, interleave
from lookalike import adapters
from lookalike.adapters import Adapter, published
from lookalike.errors import MissingExtraError
from lookalike.types import Vectors

ROUNDS = 3
RECORDS, DIM, CLASSES = 80, 384, 5
TARGET = 5.0


def run(_data: Path | None) -> list[Figure]:
    """80 unit vectors of 384 in five classes, a patient each."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("training an MLP adapter", "mlp") from None
    vectors, labels = _clusters()

    def fit(kind: str) -> Adapter:
        patients = [str(i) for i in range(RECORDS)]
        return adapters.fit_adapter(kind, vectors, labels, patients, encoder={})

    with mock.patch.object(published, "EPOCHS", 1):
        threads = best_threads(lambda: fit("published"))
    for kind in ("mlp", "published"):
        _assert_learnt(fit(kind), vectors, labels)
    timings = interleave(ROUNDS, mlp=lambda: fit("mlp"), published=lambda: fit("published"))
    notes = (
        *(f"{n:9} {t.seconds:6.2f} s, {t.cpu_seconds:5.2f} s of processor time" for n, t in timings.items()),
        f"torch threads for the published loop: {threads}, what it did best with",
        busy_note(timings),
    )
    return [Figure("adapter", timings["published"].seconds / timings["mlp"].seconds, TARGET, notes=notes)]


def _clusters() -> tuple[Vectors, list[tuple[str, ...]]]:
    rng = np.random.default_rng(0)
    classes = np.arange(RECORDS) % CLASSES
    vectors = rng.normal(size=(CLASSES, DIM))[classes] + 2 * rng.normal(size=(RECORDS, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [(f"class-{label}",) for label in classes]


def _assert_learnt(adapter: Adapter, vectors: Vectors, labels: list[tuple[str, ...]]) -> None:
    probabilities = adapters.predict(adapter, vectors)
    assert probabilities.shape == (RECORDS, CLASSES)
    named = [(adapter.classes[i],) for i in probabilities.argmax(1)]
    right = np.mean([a == b for a, b in zip(named, labels, strict=True)])
    assert right >= 0.9, f"{adapter.kind} names {right:.2f} of its training records rightly"
