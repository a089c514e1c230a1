"""The report of the confound audit: a row a field, and warnings in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lookalike.columns import paragraphs
from lookalike.evaluation.recorded_fields import FIELD_KINDS, RecordedField
from lookalike.evaluation.tables import Format, as_json, cell, render
from lookalike.metrics import Bools
from lookalike.types import Record, Vectors

SEPARABLE: Final = 0.95  # from this value on a label counts as separable by a field
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
    """Balanced accuracy of predicting a field's value from the vectors, its 95 % interval, and chance (1 / values)."""

    accuracy: float
    low: float | None
    high: float | None
    chance: float


@dataclass(frozen=True, slots=True)
class Robustness:
    """ri, mari: 0 to 1, above .5 the neighbours follow the label. croma: -1 to 1, above 0 likewise; tail: its
    mean over the worst tenth. support: the share of records with neighbours of both kinds; where no label
    was recorded with two values there is nothing to compare, and reason says so.
    """

    ri: float | None
    mari: float | None
    croma: float | None
    tail: float | None
    support: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FieldAudit:
    """One field against the labels. separability: of each label by the field's value alone."""

    field: str
    kind: str
    also: tuple[str, ...]
    values: dict[str, int]
    separability: dict[str, float]
    predictability: Predictability | None
    robustness: Robustness


@dataclass(frozen=True, slots=True)
class ConfoundAudit:
    """fields: the most separating first. skipped: fields that could not be audited, with the reason.
    warnings: plain sentences, the gravest first; a single reassuring one if there is nothing to warn of.
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
    "field",
    "about",
    "values",
    "separates best",
    "",
    "told by vectors",
    "chance",
    "RI",
    "MaRI",
    "CRoMa",
    "support",
)


def _row(audit: FieldAudit) -> list[str]:
    label, best = _best(audit)
    predicted, robust = audit.predictability, audit.robustness
    return [
        audit.field,
        audit.kind,
        str(len(audit.values)),
        label,
        cell(best),
        cell(predicted.accuracy, (predicted.low, predicted.high)) if predicted else "-",
        cell(predicted.chance) if predicted else "-",
        cell(robust.ri),
        cell(robust.mari),
        cell(robust.croma, sign=True),
        f"{robust.support:.0%}",
    ]


def _best(audit: FieldAudit) -> tuple[str, float]:
    return max(audit.separability.items(), key=lambda pair: pair[1], default=("-", 0.5))


def confound_audit(
    sample: AuditSample, pairs: Sequence[tuple[RecordedField, FieldAudit]], skipped: Mapping[str, str]
) -> ConfoundAudit:
    """The findings on every field, the most separating first, with their warnings."""
    ordered = sorted(pairs, key=lambda pair: (-_best(pair[1])[1], FIELD_KINDS.index(pair[1].kind)))
    return ConfoundAudit(
        sample.label_field,
        len(sample.records),
        len({record.patient for record in sample.records}),
        sample.space,
        tuple(audit for _, audit in ordered),
        tuple(_warnings(sample, ordered)),
        dict(skipped),
    )


def _warnings(sample: AuditSample, pairs: Sequence[tuple[RecordedField, FieldAudit]]) -> Iterator[str]:
    telling = {label: [pair for pair in pairs if _tells(pair[1], label)] for label in sample.classes}
    found = [
        _separable(name, telling[name], sample.members[:, i]) for i, name in enumerate(sample.classes) if telling[name]
    ]
    found += [
        f"Neighbours follow {audit.field} rather than {sample.label_field}: robustness index "
        f"{audit.robustness.ri:.2f}, where 0.50 is balance (over {audit.robustness.support:.0%} of the records)."
        for _, audit in pairs
        if audit.robustness.ri is not None and audit.robustness.ri < 0.5
    ]
    yield from found
    if not found:
        yield f"No recorded field separates a value of {sample.label_field}. What nobody recorded cannot be audited."


def _tells(audit: FieldAudit, label: str) -> bool:
    return audit.separability.get(label, 0) >= SEPARABLE


def _separable(label: str, telling: Sequence[tuple[RecordedField, FieldAudit]], bearing: Bools) -> str:
    """The warning that fields separate a label: on what evidence, and whether the vectors encode them."""
    ranked = sorted(telling, key=lambda pair: (FIELD_KINDS.index(pair[1].kind), -pair[1].separability[label]))
    (recorded, first), *others = ranked
    taken = _TAKEN.get(first.kind, f"the recorded field {first.field}")
    parts = [f"{label} is separable by {taken}: {_evidence(recorded, bearing)}."]
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
