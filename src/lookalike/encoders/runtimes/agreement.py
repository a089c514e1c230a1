"""How far the vectors of two versions of an encoder agree, on the same pictures."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.types import EncoderSpec, Vectors

OVERLAP_AT: Final = (1, 5, 10)
LEAST_PICTURES: Final = 20
LEAST_OVERLAP: Final = 0.98  # of the ten nearest, that a lower precision should keep
LEAST_COSINE: Final = 0.9999  # above it two versions are the same encoder

_DRAWS: Final = 1000
_TIMED_PICTURES: Final = 8
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Quality:
    """How similar the vectors of two versions of an encoder are, on the same pictures.

    cosine: mean and minimum over the pictures. overlap: for k = 1, 5, 10 the share of a picture's k nearest
    pictures that both agree on. interval: of the overlap at the largest k, 95 %, by drawing the pictures anew.
    """

    pictures: int
    mean_cosine: float
    least_cosine: float
    overlap: dict[str, float]
    interval: tuple[float, float] | None = None


def compare(exact: Vectors, other: Vectors) -> Quality:
    """Compare two sets of unit vectors (n, dim) of the same pictures."""
    cosines = np.sum(exact * other, axis=1)
    shares = {k: _shares(exact, other, k) for k in OVERLAP_AT if k < len(exact)}
    overlap = {f"@{k}": round(float(shared.mean()), 4) for k, shared in shares.items()}
    interval = _interval(shares[max(shares)]) if shares else None
    return Quality(len(exact), round(float(cosines.mean()), 6), round(float(cosines.min()), 6), overlap, interval)


def _shares(exact: Vectors, other: Vectors, k: int) -> NDArray[np.float64]:
    """For each picture, which share of its k nearest both name."""
    nearest = []
    for vectors in (exact, other):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        nearest.append(np.argpartition(-scores, k - 1, axis=1)[:, :k])
    return np.array([len(set(a) & set(b)) / k for a, b in zip(*nearest, strict=True)])


def _interval(shares: NDArray[np.float64]) -> tuple[float, float]:
    drawn = np.random.default_rng(0).integers(0, len(shares), (_DRAWS, len(shares)))
    low, high = np.quantile(shares[drawn].mean(axis=1), [0.025, 0.975])
    return round(float(low), 4), round(float(high), 4)


def in_turns(
    encoders: Sequence[Callable[[NDArray[np.uint8]], Vectors]], inputs: NDArray[np.uint8], rounds: int = _ROUNDS
) -> list[float]:
    """Milliseconds a picture of each: the median over rounds in which they take turns."""
    batch = inputs[:_TIMED_PICTURES]
    times: list[list[float]] = [[] for _ in encoders]
    for _ in range(rounds):
        for encode, taken in zip(encoders, times, strict=True):
            began = time.perf_counter()
            vectors = encode(batch)
            taken.append((time.perf_counter() - began) * 1000 / len(batch))
            assert len(vectors) == len(batch)
    return [round(statistics.median(taken), 2) for taken in times]


def noise(spec: EncoderSpec, count: int = 8) -> NDArray[Any]:
    """Coarse random pictures, or volumes, prepared for an encoder: enough to check that a graph computes what a network
    does."""
    recipe, rng = spec.preprocessing, np.random.default_rng(0)
    if recipe.volume is not None:
        coarse = rng.integers(0, 65536, (1, 8, 8, 8)).astype(np.uint16)
        return _tiled(coarse, (recipe.volume.depth, *recipe.size))
    return _tiled(rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8), recipe.size)


def _tiled(coarse: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    for axis, length in enumerate(shape, 1):
        coarse = coarse.repeat(-(-length // 8), axis).take(range(length), axis)
    return coarse
