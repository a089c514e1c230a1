"""Samples: the checked labelled vectors that every kind of adapter is trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """The labels of each record."""
        return [tuple(self.classes[int(c)] for c in np.flatnonzero(row)) for row in self.targets]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Samples:
        """Some of the records, all of the classes."""
        numbers = np.arange(len(self.vectors))[rows]
        return replace(
            self,
            vectors=self.vectors[rows],
            targets=self.targets[rows],
            groups=numbered(self.groups[rows]),
            slices=tuple(self.slices[i] for i in numbers) if self.slices else (),
        )

    def learnable(self, rows: NDArray[np.bool_]) -> Samples:
        """Some of the records, to train on: with the classes that they bear. Raises UsageError as ``samples``."""
        some = self.take(rows)
        return samples(some.vectors, some.labels, some.groups.astype(str).tolist(), some.slices)


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


def stratified_folds(data: Samples, count: int, seed: int) -> NDArray[np.int64]:
    """A fold number for each row; every patient is in one fold, and the patients of a label (a patient's first) are
    spread over all of them. Fewer folds if there are few patients.
    """
    _, first = np.unique(data.groups, return_index=True)
    order = np.lexsort((np.random.default_rng(seed).random(data.patients), data.targets.argmax(1)[first]))
    dealt = np.empty(data.patients, np.int64)
    dealt[order] = np.arange(data.patients) % min(count, data.patients)
    return dealt[data.groups]


def whole_patients(groups: NDArray[np.int64], most: int, seed: int) -> NDArray[np.bool_]:
    """Which rows to take for about ``most``: those of some patients (numbers) at random; all if there are no more."""
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    taken = np.zeros(len(sizes), np.bool_)
    taken[order] = sizes[order].cumsum() - sizes[order] < most
    return taken[groups]
