"""What is learnt: records of one label lie close, or two views of one record do."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_SCALE: Final = 16.0  # of the cosines in the softmax
_SMOOTHING: Final = 0.05  # of the targets
_TEMPERATURE: Final = 0.1  # of the contrast
_CONTRAST_SHARE: Final = 0.5

_NEVER: Final = -1e9


def labelled_loss(vectors: Tensor, directions: Tensor, targets: Tensor) -> Tensor:
    """Cosine softmax, and half as much supervised contrast (Khosla et al. 2020, arXiv 2004.11362).

    vectors (n, dim), unit rows; directions (c, dim): one a label, trained too; targets (n, c) of 0 and 1. With several
    labels a record's share is divided among them, and two records attract each other by the overlap of their labels.
    """
    shares = targets / targets.sum(1, keepdim=True)
    smooth = shares * (1 - _SMOOTHING) + _SMOOTHING / targets.shape[1]
    logits = _SCALE * vectors @ functional.normalize(directions).T
    return -(smooth * logits.log_softmax(1)).sum(1).mean() + _CONTRAST_SHARE * attraction(vectors, overlap(targets))


def overlap(targets: Tensor) -> Tensor:
    """(n, n): the Jaccard overlap of the labels of two records."""
    shared = targets @ targets.T
    either = targets.sum(1)[:, None] + targets.sum(1)[None] - shared
    return shared / either.clamp_min(1)


def attraction(vectors: Tensor, weights: Tensor, left_out: Tensor | None = None) -> Tensor:
    """The mean cross-entropy of each record's softmax over the others, with those it belongs to as targets.

    weights (n, n): how much two belong together. left_out (n, n): pairs that neither attract nor repel each other.
    Records that belong to none are left out.
    """
    own = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    closed = own if left_out is None else own | left_out
    logits = (vectors @ vectors.T / _TEMPERATURE).masked_fill(closed, _NEVER)
    weights = weights.masked_fill(closed, 0.0)
    total = weights.sum(1)
    loss = -(weights * logits.log_softmax(1)).sum(1) / total.clamp_min(1e-9)
    return loss[total > 0].mean() if bool((total > 0).any()) else vectors.sum() * 0


def two_view_loss(vectors: Tensor, records: Tensor, groups: Tensor) -> Tensor:
    """Two views of a record attract each other; those of other patients' records repel (Chen et al. 2020, 2002.05709).

    vectors (n, dim); records, groups (n,): numbers of records and patients. Other records of a patient do neither.
    """
    same = records[:, None] == records[None]
    return attraction(vectors, same.float(), (groups[:, None] == groups[None]) & ~same)
