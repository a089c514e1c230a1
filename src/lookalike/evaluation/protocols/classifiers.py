"""The protocol ``classifiers``: compare classification methods on the same patient-disjoint folds."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike import calibration, classifiers, metrics, voting
from lookalike.asking.background import ABSTAIN
from lookalike.asking.patients import count_patients
from lookalike.classifiers import Examples, Settings
from lookalike.classifiers.prompts import TEMPLATES, Prompts, text_encoder, zero_shot
from lookalike.errors import UsageError
from lookalike.evaluation.classifier_report import ClassifierReport, LabelScores, MethodScores
from lookalike.evaluation.confusion import AnsweredQuery, NearRecord, near_records, some_of_each_cell
from lookalike.evaluation.contamination import untouched_splits
from lookalike.evaluation.experiment import LISTED_NEIGHBOURS, measured_space
from lookalike.evaluation.label_sets import checked_coverage, conformal_sets, why_no_set
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.protocols.declared import ClassifierOptions
from lookalike.evaluation.scores import Interval, narrow_note
from lookalike.evaluation.separation import silhouettes
from lookalike.evaluation.splits import Split, Splits, fold_kind, hash_of
from lookalike.evaluation.trained_classifier import (
    ADAPTER,
    ZERO_SHOT,
    Fit,
    Trained,
    fitting,
    in_order_of,
    splits_of,
    train_calibrated,
    training_examples,
    untrained,
    with_judges,
)
from lookalike.gallery import Gallery
from lookalike.job_steps import log_step
from lookalike.metrics import Bools, Floats
from lookalike.progress import tracked
from lookalike.store import BASE
from lookalike.text import DISCLAIMER

_FOLDS: Final = 5
_BY_CHANCE: Final = 0.01


def evaluate_classifiers(gallery: Gallery, options: ClassifierOptions) -> ClassifierReport:
    """Score the methods of ``classify``; an adapter (space) is trained anew on each fold.

    Raises UsageError: an unknown method, no labels, impossible folds.
    """
    checked_coverage(options.set)
    criterion = measured_space(gallery, options.space).criterion  # an unknown name is reported first
    settings = Settings(options.neighbours, options.weighting, options.seed)
    found, folds = labelled(gallery, criterion), options.folds or _FOLDS
    data, known = training_examples(found, options.multi_label), count_patients(found.patients, found.ids)
    records, whole = in_order_of(data, found), tuple(splits_of(data, folds, options.seed))
    rule = f"{folds} {fold_kind(found)}, seed {options.seed}"
    asked = untouched_splits(gallery.spec.name, records, Splits(whole, rule))
    data, splits = with_judges(data, gallery.spec.name, records), asked.parts
    fits = {name: _fit(gallery, name, settings, options) for name in _methods(options)}
    queries = [data.ids[row] for split in splits for row in split.queries]
    methods = {name: _score(name, fit, data, splits, settings, options) for name, fit in tracked([*fits.items()])}
    methods = methods if data.multi_label else _with_neighbours(methods, data, splits)
    limit = ABSTAIN if options.abstain is None else options.abstain
    parted = _silhouette(data, [str(patient) for patient in data.patients], splits)
    return ClassifierReport(
        methods=methods,
        classes=data.classes,
        multi_label=data.multi_label,
        queries=len(queries),
        patients=known.patients,
        folds=folds,
        seed=options.seed,
        split_hash=hash_of(queries),
        encoder={**gallery.spec.identity, "trained_on": sorted(gallery.spec.trained_on)},
        notes=tuple(
            note
            for note in (
                f"{len(queries)} queries in {asked.rule}; calibration and thresholds from inner folds. Intervals: "
                f"95 %, bootstrap by {known.unit}.",
                known.sentence,
                narrow_note(known.groups, unit=known.unit),
                *(outside(name, scores.abstained, len(queries), limit) for name, scores in methods.items()),
                DISCLAIMER,
            )
            if note
        ),
        silhouette=parted,
        set=options.set,
        space=options.space,
    )


def _with_neighbours(
    methods: dict[str, MethodScores], data: Examples, splits: Sequence[Split]
) -> dict[str, MethodScores]:
    """The scores, whose queries have the nearest records of their folds' galleries."""
    labels = [(data.classes[column],) for column in data.members.argmax(axis=1)]
    near: dict[str, tuple[NearRecord, ...]] = {}
    for split in splits:
        order, _ = voting.nearest_rows(data.vectors[split.queries], data.vectors[split.gallery], LISTED_NEIGHBOURS)
        rows = np.where(order < 0, -1, split.gallery[order])
        found = near_records(data.ids.tolist(), labels, rows)
        near |= zip(data.ids[split.queries].tolist(), found, strict=True)
    return {
        name: replace(each, answered=tuple(replace(one, neighbours=near[one.id]) for one in each.answered))
        for name, each in methods.items()
    }


def _silhouette(data: Examples, patients: Sequence[str], splits: Sequence[Split]) -> float | None:
    """The mean over the labels of the queries' mean silhouettes; None where nothing can be told."""
    if data.multi_label:
        return None
    rows = np.sort(np.concatenate([split.queries for split in splits]))
    return _number(metrics.macro(silhouettes(data.vectors, data.members, patients)[rows], data.members[rows]))


def outside(method: str, abstained: float, queries: int, limit: float) -> str:
    """A warning where a method abstains on more queries than chance explains (one-sided binomial test, .01), or ""."""
    from scipy.stats import binomtest

    many = round(abstained * queries)
    if not queries or binomtest(many, queries, limit, alternative="greater").pvalue >= _BY_CHANCE:
        return ""
    return (
        f"{method}: {many} of {queries} queries ({100 * abstained:.0f} %) lie outside of what it knows, where "
        f"{100 * limit:g} % would: its labels are hardly for pictures like these."
    )


def _methods(options: ClassifierOptions) -> tuple[str, ...]:
    if options.methods is None:
        return ("knn",) if options.space == BASE else (ADAPTER,)
    if not options.methods:
        raise UsageError("name at least one method")
    return tuple(dict.fromkeys(options.methods))


def _fit(gallery: Gallery, method: str, settings: Settings, options: ClassifierOptions) -> Fit:
    if method != ZERO_SHOT:
        return fitting(gallery, method, None if options.space == BASE else options.space, settings)
    encoder = text_encoder(gallery.encoder)
    prompts = Prompts(options.templates or TEMPLATES, options.modality, options.body_part, options.view)
    return lambda data: zero_shot(encoder, prompts, data.classes, multi_label=data.multi_label)


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    """The predictions for one fold's queries: p and plain (q, c) with and without calibration; positive, suspected (q,
    c): by the two thresholds, nan where there is none; far (q,); inside (q, c): which labels the set of each holds, nan
    where there is no set.
    """

    p: Floats
    plain: Floats
    positive: Floats
    suspected: Floats
    far: Bools
    inside: Floats


def _predict(trained: Trained, queries: Examples, abstain: float, coverage: float | None) -> _Predicted:
    asked = trained.fitted.pooled(queries.vectors, queries.slices)
    logits = trained.fitted.logits(asked)
    apart = queries.multi_label or trained.fitted.independent
    plain = calibration.uncalibrated(logits.shape[1], multi_label=apart).probabilities(logits)
    p = trained.calibration.probabilities(logits)
    limit = np.quantile(trained.background, abstain) if len(trained.background) and abstain else -np.inf
    far = trained.closeness(queries.vectors) < limit
    if trained.fitted.voters is not None and abstain:
        far |= (trained.fitted.voters(queries.vectors)[0] < 0).all(axis=1)
    cuts = [(cut.youden, cut.sensitive) if cut else (np.nan, np.nan) for cut in trained.thresholds]
    youden, sensitive = np.array(cuts).T
    inside = np.full(p.shape, np.nan)
    if coverage is not None and not why_no_set(trained, coverage):
        inside = conformal_sets(trained, asked, coverage).astype(np.float64)
    return _Predicted(p, plain, _found(p, youden), _found(p, sensitive), far, inside)


def _found(p: Floats, cut: Floats) -> Floats:
    return np.where(np.isnan(cut), np.nan, p >= cut)


def _score(
    method: str, fit: Fit, data: Examples, splits: Sequence[Split], settings: Settings, options: ClassifierOptions
) -> MethodScores:
    log_step(f"method {method}", queries=sum(len(split.queries) for split in splits))
    started = time.monotonic()
    parts, abstain = [], ABSTAIN if options.abstain is None else options.abstain
    learn = _as_it_is if method == ZERO_SHOT else train_calibrated
    for split in tracked(splits):
        known = classifiers.limited(method, data.take(split.gallery), settings.seed)
        parts.append(_predict(learn(fit, known, settings.seed), data.take(split.queries), abstain, options.set))
    predicted = _Predicted(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Predicted.__slots__))
    order = np.concatenate([split.queries for split in splits])
    fold = np.repeat(np.arange(len(splits)), [len(split.queries) for split in splits])
    return _scores(predicted, data.take(order), fold, time.monotonic() - started, options)


def _as_it_is(fit: Fit, data: Examples, seed: int) -> Trained:
    return untrained(fit(data), data, seed)


def _scores(
    predicted: _Predicted, data: Examples, fold: NDArray[np.int64], seconds: float, options: ClassifierOptions
) -> MethodScores:
    answer = predicted.p.argmax(axis=1)
    right = data.members[np.arange(len(answer)), answer].astype(np.float64)
    covered = (predicted.inside * data.members).sum(axis=1)  # nan where there is no set

    def interval(statistic: metrics.Statistic, values: Floats = right) -> Interval:
        bounds = metrics.bootstrap_interval(
            values,
            metrics.numbered(data.patients),
            statistic,
            labels=data.members,
            samples=options.samples,
            seed=options.seed,
        )
        return _number(bounds[0]), _number(bounds[1])

    per_label = {name: _label_scores(predicted, data.members[:, c], c, fold) for c, name in enumerate(data.classes)}
    f1 = [scores.f1 for scores in per_label.values() if scores.f1 is not None]
    areas = [scores.auc for scores in per_label.values() if scores.auc is not None]
    confidence, hit = calibration.confidences(predicted.p, data.members, multi_label=data.multi_label)
    before = calibration.confidences(predicted.plain, data.members, multi_label=data.multi_label)
    return MethodScores(
        accuracy=float(right.mean()),
        accuracy_interval=interval("micro"),
        macro_accuracy=float(metrics.macro(right, data.members)),
        macro_interval=interval("macro"),
        macro_auc=float(np.mean(areas)) if areas else None,
        ece=calibration.expected_calibration_error(confidence, hit),
        ece_before=calibration.expected_calibration_error(*before),
        ece_chance=calibration.calibration_floor(confidence, seed=options.seed),
        brier=calibration.brier(predicted.p, data.members),
        brier_before=calibration.brier(predicted.plain, data.members),
        abstained=float(predicted.far.mean()),
        accuracy_answered=float(right[~predicted.far].mean()) if not predicted.far.all() else None,
        per_label=per_label,
        confusion=None if data.multi_label else _matrix(data.members.argmax(axis=1), answer, len(data.classes)),
        seconds=seconds,
        macro_f1=float(np.mean(f1)) if f1 else None,
        adjusted_rand=None if data.multi_label else _adjusted_rand(data.members.argmax(axis=1), answer),
        set_coverage=_share(covered),
        set_interval=interval("micro", covered),
        set_size=_share(predicted.inside.sum(axis=1)),
        answered=() if data.multi_label else _answered(data, answer),
    )


def _answered(data: Examples, answer: NDArray[np.int64]) -> tuple[AnsweredQuery, ...]:
    true = data.members.argmax(axis=1)
    rows = zip(data.ids.tolist(), true.tolist(), answer.tolist(), strict=True)
    return some_of_each_cell([AnsweredQuery(id, data.classes[one], data.classes[other], ()) for id, one, other in rows])


def _adjusted_rand(true: NDArray[np.int64], answer: NDArray[np.int64]) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(true, answer))


def _label_scores(predicted: _Predicted, member: Bools, column: int, fold: NDArray[np.int64]) -> LabelScores:
    positive, suspected = predicted.positive[:, column], predicted.suspected[:, column]
    answered = predicted.p.argmax(axis=1) == column
    right, either = int((member & answered).sum()), int(member.sum() + answered.sum())
    return LabelScores(
        queries=int(member.sum()),
        auc=calibration.auc(predicted.p[:, column], member, fold),
        sensitivity=_share(positive[member]),
        specificity=_share(1 - positive[~member]),
        sensitivity_at_90=_share(suspected[member]),
        specificity_at_90=_share(1 - suspected[~member]),
        precision=right / int(answered.sum()) if answered.any() else None,
        recall=right / int(member.sum()) if member.any() else None,
        f1=2 * right / either if member.any() else None,
    )


def _share(found: Floats) -> float | None:
    """The mean over queries for which there was a threshold."""
    return None if np.isnan(found).all() else float(np.nanmean(found))


def _matrix(true: NDArray[np.int64], answer: NDArray[np.int64], count: int) -> tuple[tuple[int, ...], ...]:
    cells = np.bincount(true * count + answer, minlength=count * count).reshape(count, count)
    return tuple(tuple(int(n) for n in row) for row in cells)


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)
