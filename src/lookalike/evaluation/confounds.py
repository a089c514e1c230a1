"""Confounds: could a score on a label be a score on where or how the picture was taken?

Three questions about two fields, a label and another recorded field:

- *separability*: how well does the recorded value alone predict the label? (1 + TV) / 2, where TV is the
  total variation distance between the values' shares among the label's records and among the others:
  the best balanced accuracy that any rule on that field reaches. 0.5 = not at all, 1 = perfectly.
- *predictability*: how well do the vectors predict the field? Balanced accuracy of a ridge classifier,
  cross-validated over patient-disjoint folds, against chance.
- *robustness*: do the nearest neighbours follow the label or the field? Robustness index and its
  margin-aware variants, by the ``croma`` library (PathoROB, arXiv 2507.17845; CRoMa, arXiv 2607.25497).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.candidates import open_rows
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.confound_report import AuditSample, FieldAudit, Predictability, Robustness
from lookalike.evaluation.recorded_fields import LABEL, RARE, RARE_VALUES, RecordedField, fields_of
from lookalike.gallery import Gallery
from lookalike.types import Record, Vectors

_MOST: Final = 4000  # records audited; of more a sample, whole patients at a time
_FOLDS: Final = 5
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
    stored, by_key = pooled_vectors(gallery), gallery.store.records()
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
    values = np.array(each.values)[there]
    patients = np.array([record.patient for record in sample.records])[there]
    members, vectors = sample.members[there], sample.vectors[there]
    alone = members.sum(axis=1) == 1
    return FieldAudit(
        each.name,
        each.kind,
        each.also,
        each.sizes,
        _separability(values, sample.classes, members),
        _predictability(vectors, values, patients, seed),
        _robustness(vectors[alone], members[alone].argmax(axis=1), values[alone], patients[alone], len(sample.records)),
    )


def _separability(values: NDArray[np.str_], classes: Sequence[str], members: NDArray[np.bool_]) -> dict[str, float]:
    """The separability of each class that enough records have, and enough lack."""
    enough = [RARE <= column.sum() <= len(values) - RARE for column in members.T]
    return {
        name: round(best_rule(values, column), 6)
        for name, column, there in zip(classes, members.T, enough, strict=True)
        if there
    }


def best_rule(values: NDArray[np.str_], bearing: NDArray[np.bool_]) -> float:
    """(1 + TV) / 2: the balanced accuracy of the best rule that predicts ``bearing`` from the value alone."""
    names, codes = np.unique(values, return_inverse=True)
    inside, outside = (np.bincount(codes[part], minlength=len(names)) for part in (bearing, ~bearing))
    return float(1 + np.abs(inside / inside.sum() - outside / outside.sum()).sum() / 2) / 2


def _predictability(
    vectors: Vectors, values: NDArray[np.str_], patients: NDArray[np.generic], seed: int
) -> Predictability | None:
    """None where fewer than two patients have a value, so that it cannot be both learnt and tested."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    names, codes = np.unique(values, return_inverse=True)
    patients = metrics.numbered(patients)
    folds = min(_FOLDS, *(len(set(patients[codes == code])) for code in range(len(names))))
    if len(names) < 2 or folds < 2:
        return None
    right = np.full(len(values), np.nan)
    # These linear systems are small: on busy cores, threads that wait for each other take a hundred times longer.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        for known, held_out in splitter.split(codes, codes, patients):
            model = RidgeClassifier(alpha=0.1, class_weight="balanced")
            if len(set(codes[known])) > 1:
                right[held_out] = model.fit(vectors[known], codes[known]).predict(vectors[held_out]) == codes[held_out]
    bearing = np.eye(len(names), dtype=bool)[codes]
    low, high = metrics.bootstrap_interval(right, patients, "macro", labels=bearing, samples=1000, seed=seed)
    accuracy = round(float(metrics.macro(right, bearing)), 6)
    return Predictability(accuracy, _rounded(low), _rounded(high), round(1 / len(names), 6))


def _robustness(
    vectors: Vectors, labels: NDArray[np.int64], values: NDArray[np.str_], patients: NDArray[np.str_], total: int
) -> Robustness:
    """RI, MaRI and CRoMa over the records that have enough neighbours of both kinds."""
    rows = comparable(labels, values, patients)
    if len(rows) <= 2 * _NEIGHBOURS:
        reason = "no label was recorded with two values by enough patients: label and field cannot be told apart"
        return Robustness(None, None, None, None, 0.0, reason)
    import pandas as pd

    croma = croma_library()
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
        _rounded(ri.value), _rounded(mari.value), _rounded(margin.value), _rounded(margin.ltm_alpha), round(support, 6)
    )


def comparable(labels: NDArray[np.int64], values: NDArray[np.str_], patients: NDArray[np.str_]) -> NDArray[np.int64]:
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
