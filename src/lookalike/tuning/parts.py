"""The part of a gallery that a tuning leaves untouched, chosen by patient before anything else, and the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.splits import Split, split_folds

TuningMethod: TypeAlias = Literal["labels", "views"]
MOST_TUNED: Final = 20_000
"""Of a larger gallery so many take part, whole patients at random."""

_FOLDS: Final = 4
"""The untouched part is one of so many patient-disjoint folds of the labelled records."""
_FEWEST: Final = 8

_SIDE: Final = re.compile(
    r"(?<![a-z])(left|right|links?|rechts?|gauche|droite?|izquierd[ao]|derech[ao]|l|r)(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """data: the records that take part. untouched: the row numbers of the labelled records that nothing is learnt from,
    of patients who are not among those of ``trained``, what is learnt from.
    """

    data: Labelled
    untouched: NDArray[np.int64]
    trained: NDArray[np.int64]

    def only(self, there: NDArray[np.bool_]) -> Parts:
        """The parts without some of the records."""
        number = np.cumsum(there) - 1
        kept = (number[rows[there[rows]]] for rows in (self.untouched, self.trained))
        return Parts(self.data.take(np.flatnonzero(there)), *kept)

    @property
    def labels(self) -> frozenset[str]:
        """Every label that some record bears."""
        return frozenset(label for labels in self.data.labels for label in labels)

    def patients_and_ids(self, rows: NDArray[np.int64]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The patients' groups and the ids of some of the records."""
        some = self.data.take(rows)
        return some.patients, some.ids

    def judged(self) -> tuple[NDArray[np.int64], Split]:
        """The labelled records, and which of these ask and which were learnt from."""
        rows = np.flatnonzero([bool(labels) for labels in self.data.labels])
        asked, learnt = (np.flatnonzero(np.isin(rows, part)) for part in (self.untouched, self.trained))
        return rows, Split(asked, learnt)


def choose_parts(data: Labelled, method: TuningMethod, seed: int) -> Parts:
    """Choose the untouched part among the labelled records, and what is learnt from among all others.

    method "labels" learns from labelled records, "views" from all. Raises UsageError where they are too few.
    """
    bearing = np.flatnonzero([bool(labels) for labels in data.labels])
    if not len(bearing):
        raise UsageError(
            "no record bears a label, and only labels can tell whether a tuned network is better; label some, on which "
            "it is judged: lookalike records label, or index with --labels TABLE.csv"
        )
    marked = data.take(bearing)
    folds = min(_FOLDS, len(set(marked.patients)), max(Counter(labels[0] for labels in marked.labels).values()))
    if len(bearing) < _FEWEST or folds < 2:
        raise UsageError(
            f"a part of the labelled records is left untouched to judge by, and {len(bearing)} of "
            f"{len(set(marked.patients))} patients are too few to divide; label more: lookalike records label"
        )
    split = next(split_folds(marked, folds, seed))
    if len(told := {label for i in split.gallery for label in marked.labels[i]}) < 2:
        raise UsageError(
            f"a tuned network is judged by how well it tells labels apart; beside the untouched part there is "
            f"{', '.join(map(repr, told)) or 'none'} alone, label more: lookalike records label"
        )
    asked = {marked.patients[i] for i in split.queries}
    free = np.flatnonzero([patient not in asked for patient in data.patients])
    trained = np.intersect1d(free, bearing) if method == "labels" else free
    return Parts(data, bearing[split.queries], trained)


def may_mirror(labels: Iterable[str]) -> bool:
    """Whether a mirrored picture keeps its label: no label speaks of a side."""
    return not any(_SIDE.search(label.replace("_", " ")) for label in labels)
