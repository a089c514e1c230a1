"""audit confounds: could a score on a label be a score on where or how the picture was taken?

Three questions of two fields, a label and something recorded beside it:

- *separability*: how well does the recorded value alone tell the label? (1 + TV) / 2, where TV is the
  total variation distance between the values' shares among the label's records and among the others:
  the best balanced accuracy that any rule on that field reaches. 0.5 = not at all, 1 = perfectly.
- *predictability*: how well do the vectors tell the field? Balanced accuracy of a ridge classifier,
  cross-validated over patient-disjoint folds, against chance.
- *robustness*: do the nearest neighbours follow the label or the field? Robustness index and its
  margin-aware kin, by the ``croma`` library (PathoROB, arXiv 2507.17845; CRoMa, arXiv 2607.25497).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.recorded_fields import (
    KINDS,
    LABEL,
    RARE,
    RARE_VALUES,
    RecordedField,
    fields_of,
    recorded_fields,
)
from lookalike.evaluation.tables import Format, cell, render
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import BASE
from lookalike.types import Record, Vectors

SEPARABLE: Final = 0.95  # from here on a label is said to be separable by a field
_MOST: Final = 4000  # records looked at; more are sampled, whole patients at a time
_FOLDS: Final = 5
_NEIGHBOURS: Final = 5  # of each type, as CRoMa's authors recommend
_DEPTHS: Final = (5, 11, 21)
_TAKEN: Final = {
    "where": "where it was taken",
    "how": "how it was taken",
    "written": "how its data were written down",
    "who": "who was imaged",
}


@dataclass(frozen=True, slots=True)
class Predictability:
    """Balanced accuracy with which vectors tell a field's value, its 95 % interval, and chance (1 / values)."""

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
    warnings: plain sentences, the gravest first; one that says that all is well if there is nothing to say.
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
            return json.dumps(asdict(self), indent=2, ensure_ascii=False)
        title = f"{self.label_field} against what is recorded: {self.records} records, {self.patients} patients"
        return render(title, [_HEAD, *(_row(each) for each in self.fields)], form)

    def __str__(self) -> str:
        return self.tables() + "\n" + "\n".join(self.warnings)


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
    told, robust = audit.predictability, audit.robustness
    return [
        audit.field,
        audit.kind,
        str(len(audit.values)),
        label,
        cell(best),
        cell(told.accuracy, (told.low, told.high)) if told else "-",
        cell(told.chance) if told else "-",
        cell(robust.ri),
        cell(robust.mari),
        cell(robust.croma, sign=True),
        f"{robust.support:.0%}",
    ]


def _best(audit: FieldAudit) -> tuple[str, float]:
    return max(audit.separability.items(), key=lambda pair: pair[1], default=("-", 0.5))


def audit_confounds(
    gallery: Gallery, label_field: str = LABEL, other_field: str | None = None, *, space: str = BASE, seed: int = 0
) -> ConfoundAudit:
    """Audit a field against the labels; every recorded field if ``other_field`` is None.

    label_field: "label", or an attribute that is to be told apart. Raises MissingExtraError without the
    ``croma`` library, UsageError: unknown fields, fewer than two labels, nothing recorded beside them.
    """
    _croma()
    names = gallery.store.field_names()
    for name in (label_field, other_field):
        if name is not None and name not in (*names, LABEL):
            raise UsageError(f"no field is called {name!r}.{suggestion(name, [*names, LABEL])}")
    records, vectors = _sample(gallery, space, label_field, seed)
    classes, members = _classes(records, label_field)
    if len(classes) < 2:
        raise UsageError(f"fewer than two values of {label_field!r} are borne by {RARE} records: nothing to tell")
    fields, skipped = recorded_fields(records, [name for name in names if name != label_field])
    if other_field is not None:
        fields, skipped = fields_of(records, other_field), {}
        if not fields:
            raise UsageError(f"{other_field!r} has one value only, or nearly one a record; it cannot be audited")
    audits = [_audit(each, records, vectors, classes, members, seed) for each in fields]
    order = sorted(range(len(audits)), key=lambda i: (-_best(audits[i])[1], KINDS.index(audits[i].kind)))
    return ConfoundAudit(
        label_field,
        len(records),
        len({record.patient for record in records}),
        space,
        tuple(audits[i] for i in order),
        tuple(_warnings([fields[i] for i in order], [audits[i] for i in order], classes, members, label_field)),
        skipped,
    )


def _croma() -> Any:
    try:
        import croma  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise MissingExtraError("the confound audit", "audit") from None
    return croma


def _sample(gallery: Gallery, space: str, label_field: str, seed: int) -> tuple[list[Record], Vectors]:
    """The records that bear the label field, whole patients at random where there are too many."""
    stored, by_key = pooled_vectors(gallery), gallery.store.records()
    found = [by_key[int(key)] for key in stored.records]
    rows = [i for i, r in enumerate(found) if (r.labels if label_field == LABEL else label_field in r.attributes)]
    if len(rows) > _MOST:
        patients = list(dict.fromkeys(found[i].patient for i in rows))
        order = dict(zip(patients, np.random.default_rng(seed).permutation(len(patients)), strict=True))
        rows = sorted(sorted(rows, key=lambda i: int(order[found[i].patient]))[:_MOST])
    if not rows:
        raise UsageError(f"no record of this gallery bears {label_field!r}; index with --labels TABLE.csv")
    return [found[i] for i in rows], gallery.project(stored.vectors[rows], space)


def _classes(records: Sequence[Record], name: str) -> tuple[list[str], NDArray[np.bool_]]:
    """The values to tell apart that enough records bear, and who bears them: (n, classes)."""
    if name == LABEL:
        borne: list[tuple[str, ...]] = [record.labels for record in records]
    else:
        fields = fields_of(records, name)
        borne = [(value,) if value else () for value in fields[0].values] if fields else [()] * len(records)
    every = sorted({value for values in borne for value in values} - {RARE_VALUES})
    members = metrics.membership([[value for value in values if value in every] for values in borne], every)
    enough = [i for i in range(len(every)) if RARE <= members[:, i].sum() <= len(records) - RARE]
    return [every[i] for i in enough], members[:, enough]


def _audit(
    each: RecordedField,
    records: Sequence[Record],
    vectors: Vectors,
    classes: Sequence[str],
    members: NDArray[np.bool_],
    seed: int,
) -> FieldAudit:
    """Over the records that the field is recorded of."""
    there = np.array([bool(value) for value in each.values])
    values = np.array(each.values)[there]
    patients = np.array([record.patient for record in records])[there]
    alone = members[there].sum(axis=1) == 1
    single, vectors = members[there][alone].argmax(axis=1), vectors[there]
    return FieldAudit(
        each.name,
        each.kind,
        each.also,
        each.sizes,
        _separability(values, classes, members[there]),
        _predictability(vectors, values, patients, seed),
        _robustness(vectors[alone], single, values[alone], patients[alone], len(records)),
    )


def _separability(values: NDArray[np.str_], classes: Sequence[str], members: NDArray[np.bool_]) -> dict[str, float]:
    """Of each class that enough records bear, and do not bear."""
    enough = [RARE <= column.sum() <= len(values) - RARE for column in members.T]
    return {
        name: round(best_rule(values, column), 6)
        for name, column, there in zip(classes, members.T, enough, strict=True)
        if there
    }


def best_rule(values: NDArray[np.str_], bearing: NDArray[np.bool_]) -> float:
    """(1 + TV) / 2: the balanced accuracy of the best rule that tells ``bearing`` by the value alone."""
    names, codes = np.unique(values, return_inverse=True)
    inside, outside = (np.bincount(codes[part], minlength=len(names)) for part in (bearing, ~bearing))
    return float(1 + np.abs(inside / inside.sum() - outside / outside.sum()).sum() / 2) / 2


def _predictability(
    vectors: Vectors, values: NDArray[np.str_], patients: NDArray[np.generic], seed: int
) -> Predictability | None:
    """None where a value is borne by fewer than two patients, so that it cannot be learnt and asked."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    names, codes = np.unique(values, return_inverse=True)
    patients = metrics.numbered(patients)
    folds = min(_FOLDS, *(len(set(patients[codes == code])) for code in range(len(names))))
    if len(names) < 2 or folds < 2:
        return None
    right = np.full(len(values), np.nan)
    # These systems are small: on busy cores threads that wait for each other take a hundred times longer.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        for known, asked in splitter.split(codes, codes, patients):
            model = RidgeClassifier(alpha=0.1, class_weight="balanced")
            if len(set(codes[known])) > 1:
                right[asked] = model.fit(vectors[known], codes[known]).predict(vectors[asked]) == codes[asked]
    bearing = np.eye(len(names), dtype=bool)[codes]
    low, high = metrics.bootstrap_interval(right, patients, "macro", labels=bearing, samples=1000, seed=seed)
    accuracy = round(float(metrics.macro(right, bearing)), 6)
    return Predictability(accuracy, _number(low), _number(high), round(1 / len(names), 6))


def _robustness(
    vectors: Vectors, labels: NDArray[np.int64], values: NDArray[np.str_], patients: NDArray[np.str_], total: int
) -> Robustness:
    """RI, MaRI and CRoMa over the records that have enough neighbours of both kinds to tell."""
    rows = comparable(labels, values, patients)
    if len(rows) <= 2 * _NEIGHBOURS:
        reason = "no label was recorded with two values by enough patients: label and field cannot be told apart"
        return Robustness(None, None, None, None, 0.0, reason)
    import pandas as pd

    croma = _croma()
    names = [str(row) for row in rows]
    manifest = pd.DataFrame(
        {
            "sample_id": names,
            "image_path": names,
            "label": labels[rows].astype(str),
            "group_id": patients[rows],
            "field": values[rows],
        }
    )
    features = vectors[rows].astype(np.float64)
    shared: dict[str, Any] = {"features": features, "manifest": manifest, "confounder_column": "field"}
    depths = [k for k in _DEPTHS if k < len(rows)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ri = croma.RI.compute(**shared, k_candidates=depths)
            mari = croma.MaRI.compute(**shared, k_candidates=depths)
            margin = croma.CRoMa.compute(**shared, m=_NEIGHBOURS)
        except (RuntimeError, ValueError):
            return Robustness(None, None, None, None, 0.0, "the neighbours could not be compared")
    support = len(rows) / total * float(ri.support)
    return Robustness(
        _number(ri.value), _number(mari.value), _number(margin.value), _number(margin.ltm_alpha), round(support, 6)
    )


def comparable(labels: NDArray[np.int64], values: NDArray[np.str_], patients: NDArray[np.str_]) -> NDArray[np.int64]:
    """Rows that find enough of their label at another value, and enough of another label at their value,
    among other patients' rows of the same kind.
    """
    rows = np.arange(len(labels))
    while True:
        same_label = labels[rows, None] == labels[None, rows]
        same_value = values[rows, None] == values[None, rows]
        other = patients[rows, None] != patients[None, rows]
        follows_label = (same_label & ~same_value & other).sum(axis=1)
        follows_value = (~same_label & same_value & other).sum(axis=1)
        enough = (follows_label >= _NEIGHBOURS) & (follows_value >= _NEIGHBOURS)
        if enough.all():
            return rows
        rows = rows[enough]


def _number(value: Any) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


# --- sentences ------------------------------------------------------------------------------------------------


def _warnings(
    fields: Sequence[RecordedField],
    audits: Sequence[FieldAudit],
    classes: Sequence[str],
    members: NDArray[np.bool_],
    label_field: str,
) -> Iterator[str]:
    pairs = list(zip(fields, audits, strict=True))
    telling = {label: [pair for pair in pairs if _tells(pair[1], label)] for label in classes}
    found = [_separable(name, telling[name], members[:, i]) for i, name in enumerate(classes) if telling[name]]
    found += [
        f"Neighbours follow {audit.field} rather than {label_field}: robustness index {audit.robustness.ri:.2f}, "
        f"where 0.50 is balance (over {audit.robustness.support:.0%} of the records)."
        for audit in audits
        if audit.robustness.ri is not None and audit.robustness.ri < 0.5
    ]
    yield from found
    if not found:
        yield f"No recorded field separates a value of {label_field}. What nobody recorded cannot be audited."


def _tells(audit: FieldAudit, label: str) -> bool:
    return audit.separability.get(label, 0) >= SEPARABLE


def _separable(label: str, telling: Sequence[tuple[RecordedField, FieldAudit]], bearing: NDArray[np.bool_]) -> str:
    """By what a label is told apart, on what evidence, and whether the vectors know it."""
    ranked = sorted(telling, key=lambda pair: (KINDS.index(pair[1].kind), -pair[1].separability[label]))
    (recorded, first), *others = ranked
    taken = _TAKEN.get(first.kind, f"the recorded field {first.field}")
    parts = [f"{label} is separable by {taken}: {_evidence(recorded, bearing)}."]
    also = [*first.also, *(name for _, audit in others for name in (audit.field, *audit.also))]
    if also:
        parts.append(f"It is told as well by {', '.join(also)}.")
    if first.predictability is not None:
        told = first.predictability
        parts.append(
            f"The vectors tell {first.field} with a balanced accuracy of {told.accuracy:.2f} (chance "
            f"{told.chance:.2f}): a score on {label} may be a score on that."
        )
    return " ".join(parts)


def _evidence(each: RecordedField, bearing: NDArray[np.bool_]) -> str:
    values, known = np.array(each.values), np.array([bool(value) for value in each.values])
    inside, outside = values[bearing & known], values[~bearing & known]
    typical = [value for value in each.sizes if (inside == value).mean() > (outside == value).mean()]
    return (
        f"{each.name} is {' or '.join(typical)} in {np.isin(inside, typical).sum()} of its {len(inside)} records "
        f"and in {np.isin(outside, typical).sum()} of the {len(outside)} others"
    )
