"""Galleries whose evaluation is computed by hand or counted plainly: angles in a plane, and vectors at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filled import fill
from lookalike.gallery import Gallery

MakeGallery = Callable[..., Gallery]
ANGLES = (0, 10, 22, 36, 52, 70)
LABELS = ("A", "A", "B", "B", "A", "B")
SEX = ("F", "M", "F", "M", "F", "M")


def at(gallery: Gallery, degrees: Sequence[float]) -> NDArray[np.float64]:
    """Unit vectors in a plane: the nearest is the one at the nearest angle."""
    vectors = np.zeros((len(degrees), gallery.spec.dim))
    vectors[:, 0], vectors[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vectors


def tree(gallery: Gallery, degrees: Sequence[float] = ANGLES) -> list[str]:
    about = [{"sex": sex, "site": "north"} for sex in SEX]
    return fill(gallery, [*at(gallery, degrees)], [f"p{i}" for i in range(6)], [(label,) for label in LABELS], about)


def cases(
    seed: int, count: int = 60
) -> tuple[NDArray[np.float64], list[str], list[tuple[str, ...]], list[dict[str, Any]]]:
    """Vectors, patients, labels and attributes at random; some records lack an attribute."""
    rng = np.random.default_rng(seed)
    labels = [tuple(sorted({"abc"[int(rng.integers(3))], "abc"[int(rng.integers(3))]})) for _ in range(count)]
    about: list[dict[str, Any]] = []
    for _ in range(count):
        each: dict[str, Any] = {
            "age": float(rng.integers(20, 90)),
            "site": "xyz"[int(rng.choice(3, p=[0.6, 0.35, 0.05]))],
        }
        if rng.random() < 0.1:
            del each["age"]
        about.append(each)
    return rng.normal(size=(count, 8)), [f"p{int(rng.integers(22))}" for _ in range(count)], labels, about


def filled(gallery: Gallery, seed: int, weight: float = 1.0) -> list[str]:
    vectors, patients, labels, about = cases(seed)
    wide = np.zeros((len(vectors), gallery.spec.dim))
    wide[:, :8] = vectors * weight
    return fill(gallery, [*wide], patients, labels, about)
