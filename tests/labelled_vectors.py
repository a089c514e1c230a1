"""Labelled vectors that a classifier can tell apart."""

from __future__ import annotations

import numpy as np

from lookalike import voting
from lookalike.classifiers import Examples

DIM = 24


def planted(seed: int, n: int, *, multi_label: bool = False, noise: float = 0.9) -> Examples:
    """Three directions; a record lies near the one of its label, or near the sum of those of its labels."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(3, DIM))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    if multi_label:
        members = rng.random((n, 3)) < 0.45
        members[~members.any(axis=1), 0] = True
    else:
        members = rng.integers(0, 3, n)[:, None] == np.arange(3)
    vectors = members @ directions + noise * rng.normal(size=(n, DIM)) / DIM**0.5
    return Examples(
        voting.unit_rows(vectors),
        members,
        np.arange(n),
        np.array([f"r{i}" for i in range(n)]),
        ("a", "b", "c"),
        multi_label,
        lambda rows: rows[:, None] != np.arange(n),
    )
