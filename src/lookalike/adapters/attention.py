"""Attention over the slices of a volume: how much each of them counts in the volume's one vector.

Gated attention pooling (Ilse, Tomczak and Welling, Attention-based deep multiple instance learning, ICML 2018): the
weights are the softmax over the slices h of w . (tanh(V h) * sigmoid(U h)), and the volume's vector is the weighted
mean of its slices' base vectors. Nothing is rewritten: the weights are found from stored vectors whenever a volume is
pooled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.layers import Layer, apply
from lookalike.calibration import softmax
from lookalike.slices import pool
from lookalike.types import Vectors


def slice_shares(attention: Sequence[Layer], slices: Vectors) -> NDArray[np.float64]:
    """The weights (n,) of a volume's slices (n, dim), which sum to 1: the mean over the members of the network."""
    logits = apply(attention, np.ascontiguousarray(slices, np.float32)[None])[..., 0]
    return np.asarray(softmax(logits.astype(np.float64)).mean(axis=0))


def pool_by_attention(
    attention: Sequence[Layer], slices: Vectors, weights: NDArray[np.float64] | None = None
) -> Vectors:
    """Slices (n, dim) of one volume -> its unit vector (1, dim). weights (n,): others, which the attention's are
    multiplied with.
    """
    shares = slice_shares(attention, slices)
    if weights is not None:
        shares = shares * weights
        shares = shares / shares.sum() if shares.sum() > 0 else weights
    return pool(slices, shares)


def pooled_volumes(attention: Sequence[Layer], volumes: Sequence[Vectors]) -> Vectors:
    """The slices of each volume, or the one vector of a picture, (n_i, dim) -> a unit vector of each, (v, dim)."""
    return np.concatenate([each if len(each) == 1 else pool_by_attention(attention, each) for each in volumes])
