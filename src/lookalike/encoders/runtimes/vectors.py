"""The input and output of every runtime: prepared pictures and unit vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DamagedFileError
from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Image, Preprocessing, Vectors


def prepared_pictures(images: Sequence[Image], recipe: Preprocessing) -> NDArray[np.uint8]:
    """Images, possibly none -> prepared pictures (n, rows, columns, 3) uint8."""
    if not images:
        return np.empty((0, *recipe.size, 3), np.uint8)
    return np.stack([prepare(image, recipe) for image in images])


def as_vectors(rows: NDArray[np.float32], spec: EncoderSpec) -> Vectors:
    """Unit rows (n, dim) float32. Raises DamagedFileError if the network's output does not match the spec."""
    if rows.ndim != 2 or rows.shape[1] != spec.dim:
        raise DamagedFileError(
            f"the network of {spec.name} gives {' x '.join(map(str, rows.shape[1:]))} numbers a picture, its "
            f"description says {spec.dim}; correct the description or copy the right weights"
        )
    return unit(rows)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (last axis) scaled to unit L2 norm; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: NDArray[np.float32] = vectors / np.maximum(norms, np.float32(1e-12))
    return result
