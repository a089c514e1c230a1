"""Samples: the checked labelled vectors that every kind of adapter is trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.layers import Arrays
from lookalike.errors import UsageError
from lookalike.metrics import numbered
from lookalike.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """vectors (n, dim) float32; targets (n, classes) float32 of 0 and 1; groups (n,): patients as numbers. slices:
    those (n_i, dim) of each record, whose mean its vector is; none if no record is a volume.
    """

    vectors: Vectors
    targets: Arrays
    classes: tuple[str, ...]
    multi_label: bool
    groups: NDArray[np.int64]
    fingerprint: str
    slices: tuple[Vectors, ...] = ()

    @property
    def patients(self) -> int:
        """The number of patients."""
        return int(self.groups.max()) + 1


def samples(
    vectors: Vectors, labels: Sequence[tuple[str, ...]], groups: Sequence[str], slices: Sequence[Vectors] = ()
) -> Samples:
    """Check and encode the training data of an adapter. Raises UsageError if nothing can be learnt."""
    if not len(vectors) == len(labels) == len(groups):
        raise UsageError(
            f"each vector needs its labels and its patient; got {len(vectors)} vectors, {len(labels)} labels "
            f"and {len(groups)} patients"
        )
    if len(slices) not in (0, len(vectors)):
        raise UsageError(f"each of {len(vectors)} records needs its slices; got those of {len(slices)}")
    if not all(labels):
        raise UsageError("a record without a label cannot train an adapter; leave such records out")
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise UsageError("an adapter is trained on finite vectors of shape (n, dim)")
    classes = tuple(sorted({label for row in labels for label in row}))
    if len(classes) < 2:
        raise UsageError(
            f"an adapter learns to tell labels apart and needs at least two; got {len(classes)}. "
            "Index records with other labels first (index --labels TABLE.csv)"
        )
    targets = np.array([[name in row for name in classes] for row in map(set, labels)], np.float32)
    if (targets == targets[0]).all():
        raise UsageError(
            "every record bears the same labels, so there is nothing to tell apart; "
            "index records with other labels first (index --labels TABLE.csv)"
        )
    return Samples(
        vectors=np.ascontiguousarray(vectors, np.float32),
        targets=targets,
        classes=classes,
        multi_label=bool((targets.sum(1) > 1).any()),
        groups=(patients := numbered(groups)),
        fingerprint=_fingerprint(vectors, labels, patients),
        slices=tuple(slices),
    )


def _fingerprint(vectors: Vectors, labels: Sequence[tuple[str, ...]], groups: NDArray[np.int64]) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(vectors, np.float32).tobytes())
    digest.update(json.dumps([[sorted(row) for row in labels], groups.tolist()]).encode())
    return digest.hexdigest()


def patient_folds(groups: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """A fold number for each row; every patient is in one fold, at random; fewer folds if there are few patients."""
    patients = int(groups.max()) + 1
    dealt = np.random.default_rng(seed).permutation(patients) % min(count, patients)
    return np.asarray(dealt[groups], np.int64)
