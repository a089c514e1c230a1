"""Does an adapter help? The base space against it, on patient-disjoint folds of the records that it is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from lookalike import metrics
from lookalike.adapters import Adapter, is_accepted
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched_splits
from lookalike.evaluation.experiment import of_fitted, ranked, refitted
from lookalike.evaluation.head_scores import HeadScore, head_scores
from lookalike.evaluation.labelled import Labelled, some_patients
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure, shared_label
from lookalike.evaluation.paired import differences, shown_p
from lookalike.evaluation.scores import Scoring, narrow_note
from lookalike.evaluation.splits import in_folds
from lookalike.store import BASE

_FOLDS: Final = 3
_DEPTH: Final = 5
_FIGURE: Final = f"P@{_DEPTH}"
_MOST: Final = 600  # records compared, whole patients: about as much time again as one training
_SAMPLES: Final = 500


@dataclass(frozen=True, slots=True)
class InnerFolds:
    """Macro P@5 of the base space and of an adapter of the same kind, trained anew on each fold's other records; gain:
    their difference with its 95 % interval, by patient; p: how often chance gives as much (``evaluation.paired``).
    chance: of a random order. head: how well the adapters name the labels of the records that they have not seen.
    patients: whose queries these are (one whose patient is not known counts as one).
    """

    folds: int
    records: int
    base: float
    adapter: float
    gain: tuple[float, float, float]
    p: float
    chance: float
    head: Mapping[str, HeadScore]
    patients: int

    @property
    def worse(self) -> bool:
        """Whether the adapter does worse than the base space, or no better than a random order."""
        return self.gain[0] < 0 or self.adapter <= self.chance

    @property
    def accepted(self) -> bool:
        """Whether the adapter is surely better than the base space, and better than a random order."""
        return is_accepted({"inner_folds": asdict(self)})

    def sentence(self, name: str) -> str:
        """What was found, for the space of that name."""
        few = narrow_note(self.patients)
        found = (
            f"On {self.folds} inner folds of {self.records} records its macro {_FIGURE} is {self.adapter:.3f}, base "
            f"{self.base:.3f}: {self.gain[0]:+.3f} [{self.gain[1]:.2f}, {self.gain[2]:.2f}], p {shown_p(self.p)}."
        ) + (f" {few}" if few else "")
        if self.accepted:
            return found
        if not self.worse:
            why = "p is above .05" if self.gain[1] > 0 else "The interval holds zero"
            return f"{found} {why}, so the space {name!r} is not accepted as default: search in base, or label more."
        than = "worse than base" if self.gain[0] < 0 else f"no better than chance ({self.chance:.3f})"
        return f"{found} The space {name!r} does {than} there: search in base."


def inner_folds(name: str, adapter: Adapter, data: Labelled, seed: int) -> InnerFolds | None:
    """Compare the space of an adapter with the base on folds of its own training records; None where they are too few
    for two folds, or no query has another record of its label.
    """
    sample = some_patients(data, _MOST, seed)
    largest = max(Counter(labels[0] for labels in sample.labels).values())
    folds = min(_FOLDS, len(set(sample.patients)), largest)
    if folds < 2 or not _learnable(sample):
        return None
    splits = untouched_splits(adapter.encoder["name"], sample, in_folds(sample, folds, seed))
    try:
        fitted = [refitted(adapter, sample.take(split.gallery), seed) for split in splits.parts]
        experiment = of_fitted(name, sample, splits, fitted)
        measured = ranked(experiment, Measure(shared_label), (_DEPTH,))
    except UsageError:  # a fold's other records bear too few labels
        return None
    base, own = (measured.per_query[each][PLAIN] for each in (BASE, name))
    labels = measured.askers.labels
    scoring = Scoring((_DEPTH,), _SAMPLES, seed)
    gain = differences(own, base, [_FIGURE], measured.askers, scoring, "macro")[_FIGURE]
    if gain.value is None or gain.low is None or gain.high is None or gain.p is None:
        return None
    before, after = (float(metrics.macro(values, labels)[0]) for values in (base, own))
    chance = float(metrics.macro(measured.per_query[BASE][CHANCE], labels))
    head = head_scores(sample, splits.parts, fitted, seed)
    return InnerFolds(
        folds,
        len(sample.ids),
        before,
        after,
        (gain.value, gain.low, gain.high),
        gain.p,
        chance,
        head,
        len(set(measured.askers.patients.tolist())),
    )


def _learnable(data: Labelled) -> bool:
    """Whether every fold's other records bear two labels at least: those of the rarer label are of two patients."""
    patients: dict[str, set[str]] = {}
    for labels, patient in zip(data.labels, data.patients, strict=True):
        for label in labels:
            patients.setdefault(label, set()).add(patient)
    return sum(len(of) >= _FOLDS for of in patients.values()) >= 2
