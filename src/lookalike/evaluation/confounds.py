"""Confounds: could a score on a label be a score on where or how the picture was taken?

Four questions about two fields, a label and another recorded field:

- *separability*: how well does the recorded value alone predict the label? (1 + TV) / 2, where TV is the
  total variation distance between the values' shares among the label's records and among the others:
  the best balanced accuracy that any rule on that field reaches. 0.5 = not at all, 1 = perfectly.
- *predictability*: how well do the vectors predict the field? Balanced accuracy of a ridge classifier,
  cross-validated over patient-disjoint folds, against chance.
- *association*: how closely do field and label go together? Cramer's V with bias correction.
- *robustness*: do the nearest neighbours follow the label or the field? Robustness index and its
  margin-aware variants, by the ``croma`` library (PathoROB, arXiv 2507.17845; CRoMa, arXiv 2607.25497).

None of them has its balance point at a fixed value, 0.5 least of all: beside each stands what it is when the field's
values are exchanged between patients. For the robustness indices patients of the same label exchange, so that the
question is what the field adds to the label.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.candidates import open_rows
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.confound_report import Association, AuditSample, FieldAudit, Predictability, Robustness
from lookalike.evaluation.field_indices import (
    balanced,
    cramers_v,
    margins_of,
    neighbours_of,
    robustness_index,
    robustness_margin,
    separability,
    tables,
    teller,
    typical_distance,
)
from lookalike.evaluation.permutations import MOST, Codes, PermutationNull, Shuffles, permutation_null, shuffles
from lookalike.evaluation.recorded_fields import LABEL, RARE, RARE_VALUES, RecordedField, fields_of
from lookalike.gallery import Gallery
from lookalike.metrics import Bools
from lookalike.types import Record, Vectors

_MOST: Final = 4000  # records audited; of more a sample, whole patients at a time
_FEWER: Final = 111  # permutations of indices that raise no warning
_NEIGHBOURS: Final = 5  # of each type, as CRoMa's authors recommend
_DEPTHS: Final = (5, 11, 21)


def croma_library() -> Any:
    """The library of the robustness indices. Raises MissingExtraError."""
    try:
        import croma  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise MissingExtraError("the confound audit", "audit") from None
    return croma


def audit_sample(gallery: Gallery, space: str, label_field: str, seed: int) -> AuditSample:
    """The records that have the label field, whole patients at random where there are too many.

    Raises UsageError: no record has it, or fewer than two of its values are common enough.
    """
    stored, by_key = pooled_vectors(gallery, space=space), gallery.store.records()
    found = [by_key[int(key)] for key in stored.records]
    rows = [i for i, r in enumerate(found) if (r.labels if label_field == LABEL else label_field in r.attributes)]
    if len(rows) > _MOST:
        patients = list(dict.fromkeys(found[i].patient for i in rows))
        order = dict(zip(patients, np.random.default_rng(seed).permutation(len(patients)), strict=True))
        rows = sorted(sorted(rows, key=lambda i: int(order[found[i].patient]))[:_MOST])
    if not rows:
        raise UsageError(f"no record of this gallery bears {label_field!r}; index with --labels TABLE.csv")
    records = [found[i] for i in rows]
    classes, members = _classes(records, label_field)
    if len(classes) < 2:
        raise UsageError(f"fewer than two values of {label_field!r} are borne by {RARE} records: nothing to tell")
    return AuditSample(
        label_field, space, records, gallery.project(stored.vectors[rows], space), tuple(classes), members
    )


def _classes(records: Sequence[Record], name: str) -> tuple[list[str], NDArray[np.bool_]]:
    """The values of the label field that enough records have, and which records have them: (n, classes)."""
    if name == LABEL:
        borne: list[tuple[str, ...]] = [record.labels for record in records]
    else:
        fields = fields_of(records, name)
        borne = [(value,) if value else () for value in fields[0].values] if fields else [()] * len(records)
    every = sorted({value for values in borne for value in values} - {RARE_VALUES})
    members = metrics.membership([[value for value in values if value in every] for values in borne], every)
    enough = [i for i in range(len(every)) if RARE <= members[:, i].sum() <= len(records) - RARE]
    return [every[i] for i in enough], members[:, enough]


def audit_field(each: RecordedField, sample: AuditSample, seed: int) -> FieldAudit:
    """Audit a field over the records that have it."""
    there = np.array([bool(value) for value in each.values])
    names, codes = np.unique(np.array(each.values)[there], return_inverse=True)
    patients = metrics.numbered(np.array([record.patient for record in sample.records])[there])
    members, vectors = sample.members[there], sample.vectors[there]
    field = _Recorded(codes, len(names), patients, shuffles(codes, patients, np.zeros_like(codes), seed))
    alone = members.sum(axis=1) == 1
    separable = _separability(np.array(each.values)[there], sample.classes, members)
    return FieldAudit(
        each.name,
        each.kind,
        each.also,
        each.sizes,
        separable,
        _predictability(vectors, field, seed),
        _robustness(vectors[alone], members[alone].argmax(axis=1), codes[alone], patients[alone], total=len(there)),
        _separability_null(field, members, max(separable.values())) if separable else None,
        _association(field, members),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Recorded:
    """A field over the records that have it: codes (n,) below ``count``, and ways to shuffle them by patient."""

    codes: Codes
    count: int
    patients: Codes
    shuffled: tuple[Shuffles, float]


def _separability(values: NDArray[np.str_], classes: Sequence[str], members: Bools) -> dict[str, float]:
    """The separability of each class that enough records have, and enough lack."""
    return {
        name: round(best_rule(values, column), 6)
        for name, column, enough in zip(classes, members.T, _enough(members), strict=True)
        if enough
    }


def _enough(members: Bools) -> Bools:
    counts: NDArray[np.int64] = members.sum(axis=0)
    return np.logical_and(counts >= RARE, counts <= len(members) - RARE)


def _separability_null(field: _Recorded, members: Bools, best: float) -> PermutationNull:
    """Of the label that is told best."""
    common = members[:, _enough(members)]
    return permutation_null(best, lambda codes: separability(codes, field.count, common).max(axis=1), field.shuffled)


def _association(field: _Recorded, members: Bools) -> Association:
    """Of the field with the labels that a record bears together."""
    which = np.unique(members, axis=0, return_inverse=True)[1].reshape(-1)
    patterns = np.eye(int(which.max()) + 1, dtype=bool)[which]
    strength = float(cramers_v(field.codes[None], field.count, patterns)[0])
    null = permutation_null(strength, lambda codes: cramers_v(codes, field.count, patterns), field.shuffled)
    table = tables(field.codes[None], field.count, patterns)[0]
    told = [column.argmax() for column in table.T if column.sum() >= RARE]
    pure = all((column > 0).sum() == 1 for column in table.T if column.sum() >= RARE)
    return Association(round(strength, 6), null, function_of_label=pure and len(set(told)) > 1)


def best_rule(values: NDArray[np.str_], bearing: NDArray[np.bool_]) -> float:
    """(1 + TV) / 2: the balanced accuracy of the best rule that predicts ``bearing`` from the value alone."""
    names, codes = np.unique(values, return_inverse=True)
    inside, outside = (np.bincount(codes[part], minlength=len(names)) for part in (bearing, ~bearing))
    return float(1 + np.abs(inside / inside.sum() - outside / outside.sum()).sum() / 2) / 2


def _predictability(vectors: Vectors, field: _Recorded, seed: int) -> Predictability | None:
    """None where fewer than two patients have a value, so that it cannot be both learnt and tested."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    codes, count, patients = field.codes, field.count, field.patients
    if count < 2 or min(len(set(patients[codes == code].tolist())) for code in range(count)) < 2:
        return None
    # These linear systems are small: on busy cores, threads that wait for each other take a hundred times longer.
    with threadpool_limits(1):
        told = teller(vectors, patients, count, seed)
        right = told(codes[None])
        accuracy = float(balanced(right, codes[None], count)[0])
        null = permutation_null(accuracy, lambda many: balanced(told(many), many, count), field.shuffled, most=_FEWER)
    bearing = np.eye(count, dtype=bool)[codes]
    low, high = metrics.bootstrap_interval(
        right[0].astype(float), patients, "macro", labels=bearing, samples=1000, seed=seed
    )
    return Predictability(round(accuracy, 6), _rounded(low), _rounded(high), round(1 / count, 6), null)


def _robustness(vectors: Vectors, labels: Codes, codes: Codes, patients: Codes, *, total: int) -> Robustness:
    """RI, MaRI and CRoMa over the records that have enough neighbours of both kinds."""
    rows = comparable(labels, codes, patients)
    if len(rows) <= 2 * _NEIGHBOURS:
        reason = "no label was recorded with two values by enough patients: label and field cannot be told apart"
        return Robustness(None, None, None, None, 0.0, reason)
    vectors, labels, codes, patients = vectors[rows], labels[rows], codes[rows], patients[rows]
    near = neighbours_of(vectors, labels, patients)
    margins = margins_of(vectors, labels, codes, patients, _NEIGHBOURS)
    try:
        ri = _robustness_index(vectors, labels, codes, patients)
    except (RuntimeError, ValueError):
        return Robustness(None, None, None, None, 0.0, "the neighbours could not be compared")
    if not np.isfinite(margins).all():  # all vectors are the same
        return Robustness(None, None, None, None, 0.0, "the neighbours could not be compared")
    shuffled = shuffles(codes, patients, labels, seed=0)
    weighted = robustness_index(near, ri.k, typical_distance(near, codes, ri.k))
    nulls = [
        permutation_null(float(index(codes[None])[0]), index, shuffled, most=most, less=True)
        for index, most in (
            (robustness_index(near, ri.k), MOST),
            (weighted, _FEWER),
            (robustness_margin(near, _NEIGHBOURS), _FEWER),
        )
    ]
    return Robustness(
        _rounded(ri.value),
        _rounded(weighted(codes[None])[0]),
        _rounded(np.median(margins)),
        _rounded(margins[margins <= np.percentile(margins, 10)].mean()),
        round(len(rows) / total * float(ri.support), 6),
        "",
        *nulls,
    )


def _robustness_index(vectors: Vectors, labels: Codes, codes: Codes, patients: Codes) -> Any:
    """The library's result, at the depth that it chooses. Raises RuntimeError, ValueError."""
    import pandas as pd

    names = [str(row) for row in range(len(labels))]
    manifest = pd.DataFrame(
        {
            "sample_id": names,
            "image_path": names,
            "label": labels.astype(str),
            "group_id": patients.astype(str),
            "field": codes.astype(str),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return croma_library().RI.compute(
            vectors.astype(np.float64),
            manifest,
            confounder_column="field",
            k_candidates=[k for k in _DEPTHS if k < len(labels)],
        )


def comparable(labels: Codes, values: NDArray[np.generic], patients: NDArray[np.generic]) -> Codes:
    """Rows for which other patients' comparable rows include enough of the same label at another value, and enough of
    another label at the same value.
    """
    names = [str(patient) for patient in patients]
    rows, opened, asking = np.arange(len(labels)), open_rows(names), [(name,) for name in names]
    while True:
        same_label = labels[rows, None] == labels[None, rows]
        same_value = values[rows, None] == values[None, rows]
        other = opened([asking[row] for row in rows])[:, rows]
        follows_label = (same_label & ~same_value & other).sum(axis=1)
        follows_value = (~same_label & same_value & other).sum(axis=1)
        enough = (follows_label >= _NEIGHBOURS) & (follows_value >= _NEIGHBOURS)
        if enough.all():
            return rows
        rows = rows[enough]


def _rounded(value: Any) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
