"""The report of the confound audit: a row a field, and warnings in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lookalike.asking.patients import count_patients
from lookalike.columns import paragraphs
from lookalike.evaluation.permutations import PermutationNull, holm
from lookalike.evaluation.recorded_fields import FIELD_KINDS, RecordedField
from lookalike.evaluation.scores import narrow_note
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.metrics import Bools
from lookalike.types import Record, Vectors

SEPARABLE: Final = 0.95  # from this value on a label counts as separable by a field
ASSOCIATED: Final = 0.5  # from this Cramer's V on a field counts as associated with the label
_DROP: Final = 0.05  # below the middle of its null a robustness index counts
_LEVEL: Final = 0.005  # chance of any false warning in an audit: many indices of many fields are looked at
_SAME: Final = "a function of the label: the two cannot be told apart"
_TAKEN: Final = {
    "where": "where it was taken",
    "how": "how it was taken",
    "written": "how its data were written down",
    "who": "who was imaged",
}


@dataclass(frozen=True, slots=True, eq=False)
class AuditSample:
    """The records of the audit. vectors (n, dim); members (n, classes): which values of the label field each record
    has, of those that enough records have.
    """

    label_field: str
    space: str
    records: Sequence[Record]
    vectors: Vectors
    classes: tuple[str, ...]
    members: Bools


@dataclass(frozen=True, slots=True)
class Predictability:
    """Balanced accuracy of predicting a field's value from the vectors, its 95 % interval, and chance (1 / values).
    null: with the values exchanged between patients.
    """

    accuracy: float
    low: float | None
    high: float | None
    chance: float
    null: PermutationNull


@dataclass(frozen=True, slots=True)
class Robustness:
    """ri, mari: 0 to 1, croma: -1 to 1, higher where neighbours follow the label; tail: croma's mean over the worst
    tenth. support: the share of records with neighbours of both kinds; where no label was recorded with two values
    there is nothing to compare, and reason says so. Nulls: with the values exchanged between patients of the same
    label; their p is that of so low an index.
    """

    ri: float | None
    mari: float | None
    croma: float | None
    tail: float | None
    support: float
    reason: str = ""
    ri_null: PermutationNull | None = None
    mari_null: PermutationNull | None = None
    croma_null: PermutationNull | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """How closely field and label go together. cramers_v: with bias correction, 0 = independent, 1 = one tells the
    other. function_of_label: all records of a label have one value, and not all labels the same.
    """

    cramers_v: float
    null: PermutationNull
    function_of_label: bool


@dataclass(frozen=True, slots=True)
class FieldAudit:
    """One field against the labels. separability: of each label by the field's value alone; separability_null: of the
    label that is told best.
    """

    field: str
    kind: str
    also: tuple[str, ...]
    values: dict[str, int]
    separability: dict[str, float]
    predictability: Predictability | None
    robustness: Robustness
    separability_null: PermutationNull | None
    association: Association


@dataclass(frozen=True, slots=True)
class ConfoundAudit(Tabled):
    """fields: the most separating first. skipped: fields that could not be audited, with the reason.
    warnings: plain sentences, the gravest first; a single reassuring one if there is nothing to warn of; at last how
    many records' patients are not known, and whether patients are few. patients: of those that are.
    """

    label_field: str
    records: int
    patients: int
    space: str
    fields: tuple[FieldAudit, ...]
    warnings: tuple[str, ...]
    skipped: dict[str, str] = field(default_factory=dict)

    def tables(self, form: Format = "text") -> str:
        """A row a field. "json": every field of the result."""
        if form == "json":
            return as_json(self)
        title = f"{self.label_field} against what is recorded: {self.records} records, {self.patients} patients"
        return render(title, [_HEAD, *(_row(each) for each in self.fields)], form)

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.warnings)


_HEAD: Final = (
    *("field", "about", "values", "separates best", "(shuffled)", "Cramer's V (shuffled)"),
    *("told by vectors (shuffled)", "chance", "RI (shuffled)", "MaRI (shuffled)", "CRoMa (shuffled)", "support"),
)


def _row(audit: FieldAudit) -> list[str]:
    label, best = _best(audit)
    predicted, robust = audit.predictability, audit.robustness
    told = cell(predicted.accuracy, (predicted.low, predicted.high)) if predicted else "-"
    return [
        audit.field,
        audit.kind,
        str(len(audit.values)),
        label,
        _beside(cell(best), audit.separability_null),
        _beside(cell(audit.association.cramers_v), audit.association.null),
        _beside(told, predicted.null if predicted else None),
        cell(predicted.chance) if predicted else "-",
        _beside(cell(robust.ri), robust.ri_null),
        _beside(cell(robust.mari), robust.mari_null),
        _beside(cell(robust.croma, sign=True), robust.croma_null),
        f"{robust.support:.0%}",
    ]


def _beside(figure: str, null: PermutationNull | None) -> str:
    """A figure and the range of its null."""
    return f"{figure} ({null.low:.2f} .. {null.high:.2f})" if null else figure


def _best(audit: FieldAudit) -> tuple[str, float]:
    return max(audit.separability.items(), key=lambda pair: pair[1], default=("-", 0.5))


def confound_audit(
    sample: AuditSample, pairs: Sequence[tuple[RecordedField, FieldAudit]], skipped: Mapping[str, str]
) -> ConfoundAudit:
    """The findings on every field, the most separating first, with their warnings."""
    ordered = sorted(pairs, key=lambda pair: (-_best(pair[1])[1], FIELD_KINDS.index(pair[1].kind)))
    known = count_patients([record.patient for record in sample.records], [record.id for record in sample.records])
    return ConfoundAudit(
        sample.label_field,
        known.records,
        known.patients,
        sample.space,
        tuple(audit for _, audit in ordered),
        (*_warnings(sample, ordered), *filter(None, (known.sentence, narrow_note(known.groups, unit=known.unit)))),
        dict(skipped),
    )


def _warnings(sample: AuditSample, pairs: Sequence[tuple[RecordedField, FieldAudit]]) -> Iterator[str]:
    certain = _certain([audit for _, audit in pairs])
    telling = {label: [pair for pair in pairs if _tells(pair[1], label, certain)] for label in sample.classes}
    found = [
        _separable(name, telling[name], sample.members[:, i]) for i, name in enumerate(sample.classes) if telling[name]
    ]
    named = {audit.field for fields in telling.values() for _, audit in fields}
    others = [audit for _, audit in pairs if audit.field not in named and _goes_with_label(audit, certain)]
    found += [f"{sample.label_field} goes with {audit.field}: {_strength(audit)}." for audit in others]
    found += [_followed(audit, sample.label_field) for _, audit in pairs if _is_followed(audit, certain)]
    yield from found
    if not found:
        yield f"No recorded field separates a value of {sample.label_field}. What nobody recorded cannot be audited."


def _certain(audits: Sequence[FieldAudit]) -> Set[tuple[str, str]]:
    """Fields and indices that lie beyond their null, with a chance of ``_LEVEL`` that any of them does by accident."""
    nulls = {
        (audit.field, name): null
        for audit in audits
        for name, null in (
            ("separability", audit.separability_null),
            ("association", audit.association.null),
            ("robustness", audit.robustness.ri_null),
        )
        if null is not None
    }
    adjusted = holm(np.array([null.p for null in nulls.values()]))
    return {each for each, p in zip(nulls, adjusted, strict=True) if p <= _LEVEL}


def _tells(audit: FieldAudit, label: str, certain: Set[tuple[str, str]]) -> bool:
    known = audit.association.function_of_label or (audit.field, "separability") in certain
    return known and audit.separability.get(label, 0) >= SEPARABLE


def _goes_with_label(audit: FieldAudit, certain: Set[tuple[str, str]]) -> bool:
    strong = audit.association.cramers_v >= ASSOCIATED and (audit.field, "association") in certain
    return strong or audit.association.function_of_label


def _is_followed(audit: FieldAudit, certain: Set[tuple[str, str]]) -> bool:
    ri, null = audit.robustness.ri, audit.robustness.ri_null
    beyond = (audit.field, "robustness") in certain
    return beyond and ri is not None and null is not None and ri < (null.low + null.high) / 2 - _DROP


def _followed(audit: FieldAudit, label_field: str) -> str:
    robust, null = audit.robustness, audit.robustness.ri_null
    assert robust.ri is not None
    assert null is not None
    says = f"rather than {label_field}" if robust.ri < 0.5 else f"too, not only {label_field}"
    return (
        f"Neighbours follow {audit.field} {says}: robustness index {robust.ri:.2f}, where values exchanged between "
        f"patients give {null.low:.2f} to {null.high:.2f} ({_p(null)}; over {robust.support:.0%} of the records)."
    )


def _strength(audit: FieldAudit) -> str:
    """The association, beside what it is by accident."""
    tie, null = audit.association, audit.association.null
    says = f"Cramer's V {tie.cramers_v:.2f}, where values exchanged between patients give up to {null.high:.2f}"
    return f"{says} ({_p(null)})" + (f". {audit.field} is {_SAME}" if tie.function_of_label else "")


def _p(null: PermutationNull) -> str:
    return "p < 0.001" if null.p < 0.001 else f"p = {null.p:.3f}"


def _separable(label: str, telling: Sequence[tuple[RecordedField, FieldAudit]], bearing: Bools) -> str:
    """The warning that fields separate a label: on what evidence, and whether the vectors encode them."""
    ranked = sorted(telling, key=lambda pair: (FIELD_KINDS.index(pair[1].kind), -pair[1].separability[label]))
    (recorded, first), *others = ranked
    taken = _TAKEN.get(first.kind, f"the recorded field {first.field}")
    parts = [f"{label} is separable by {taken}: {_evidence(recorded, bearing)}.", f"{_strength(first)}."]
    also = [*first.also, *(name for _, audit in others for name in (audit.field, *audit.also))]
    if also:
        parts.append(f"It is told as well by {', '.join(also)}.")
    if first.predictability is not None:
        predicted = first.predictability
        parts.append(
            f"The vectors tell {first.field} with a balanced accuracy of {predicted.accuracy:.2f} (chance "
            f"{predicted.chance:.2f}): a score on {label} may be a score on that."
        )
    return " ".join(parts)


def _evidence(each: RecordedField, bearing: Bools) -> str:
    values, known = np.array(each.values), np.array([bool(value) for value in each.values])
    inside, outside = values[bearing & known], values[~bearing & known]
    typical = [value for value in each.sizes if (inside == value).mean() > (outside == value).mean()]
    return (
        f"{each.name} is {' or '.join(typical)} in {np.isin(inside, typical).sum()} of its {len(inside)} records "
        f"and in {np.isin(outside, typical).sum()} of the {len(outside)} others"
    )
