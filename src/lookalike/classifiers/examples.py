"""The types of classifiers: examples to train on, settings, and a fitted classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.attention import pooled_volumes
from lookalike.adapters.layers import Layer
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors
from lookalike.voting import Among, RowNumbers, Weighting

Labels: TypeAlias = tuple[tuple[str, ...], ...]

NEIGHBOURS: Final = {"distance": 20, "uniform": 5}  # how many vote by default


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """vectors (n, dim); members (n, c) bool, columns in the order of classes; patients (n,) as numbers. among: for
    query rows, which of the n may answer.

    multi_label: one record may have several labels, each with a probability of its own. slices: of volumes, as in
    ``Labelled``. judges (n,): the records that calibration and thresholds may be learnt from, where these are not all:
    what a tuned encoder has learnt lies closer together than what it has not seen.
    """

    vectors: Vectors
    members: Bools
    patients: NDArray[np.int64]
    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    multi_label: bool
    among: Among
    slices: tuple[Vectors, ...] = ()
    judges: Bools | None = None

    def take(self, rows: NDArray[np.int64] | Bools) -> Examples:
        """Some of the records, all of the classes."""
        whole, numbers = self.among, np.arange(len(self.vectors))[rows]
        return replace(
            self,
            vectors=self.vectors[rows],
            members=self.members[rows],
            patients=self.patients[rows],
            ids=self.ids[rows],
            among=lambda some: whole(numbers[some])[:, numbers],
            slices=tuple(self.slices[i] for i in numbers) if self.slices else (),
            judges=None if self.judges is None else self.judges[rows],
        )

    def sample(self, most: int, seed: int) -> RowNumbers:
        """At most ``most`` row numbers, drawn at random, ascending."""
        drawn = np.random.default_rng(seed).permutation(len(self.vectors))[:most]
        return np.sort(drawn).astype(np.int64)

    def judging(self, most: int, seed: int) -> RowNumbers:
        """At most ``most`` row numbers of records that judge, as ``sample``."""
        if self.judges is None:
            return self.sample(most, seed)
        rows = np.flatnonzero(self.judges)
        return np.asarray(rows[self.take(rows).sample(most, seed)])

    @property
    def labels(self) -> Labels:
        """The labels of each record, as adapters take them."""
        return tuple(tuple(self.classes[int(c)] for c in np.flatnonzero(row)) for row in self.members)


@dataclass(frozen=True, slots=True)
class Settings:
    """k, weighting: of the kNN vote. seed: of everything that is drawn at random."""

    k: int | None = None
    weighting: Weighting = "distance"
    seed: int = 0

    @property
    def neighbours(self) -> int:
        """How many neighbours vote."""
        return self.k or NEIGHBOURS[self.weighting]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """logits: vectors (q, dim) -> (q, c). voters: the gallery rows (q, k) that voted, -1 pads, and the share
    of the vote of each; None for methods in which no single record votes. attention: what weighs the slices of volumes,
    where it is learnt; () where they weigh alike. independent: each label's probability is a sigmoid of its own logit,
    also where one label excludes the others.
    """

    logits: Callable[[Vectors], Floats]
    voters: Callable[[Vectors], tuple[RowNumbers, Floats]] | None = None
    independent: bool = False
    attention: tuple[Layer, ...] = ()

    def pooled(self, vectors: Vectors, slices: Sequence[Vectors]) -> Vectors:
        """The vectors (n, dim) that logits are of: of volumes, whose means are ``vectors``, by the attention."""
        return pooled_volumes(self.attention, slices) if self.attention and len(slices) else vectors

    def of(self, data: Examples) -> Floats:
        """The logits (n, c) of records."""
        return self.logits(self.pooled(data.vectors, data.slices))


def logits_of(p: Floats, *, multi_label: bool) -> Floats:
    """Probabilities -> log-odds of each label, or log-probabilities where one label excludes the others."""
    p = np.asarray(p, np.float64).clip(1e-9, 1 - 1e-9)
    return np.asarray(np.log(p) - np.log1p(-p) if multi_label else np.log(p))
