"""What an encoder's vectors tell a classifier: micro-F1 of a vote of the nearest and of a linear probe.

The columns that stand beside precision at k in the source papers' tables (Denner et al., arXiv 2403.06567). Queries are
those of the collection's official split, else each of five patient-disjoint folds. How many neighbours vote is chosen
on other records: the official validation part, else a patient-disjoint fifth of those that are learnt from. Records of
a query's own patient are never learnt from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import classifiers, metrics
from lookalike.asking.candidates import of_known_patients
from lookalike.classifiers import Examples, Settings
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched_splits
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.protocols.published import Cases
from lookalike.evaluation.scores import number_of
from lookalike.evaluation.splits import Splits, in_folds, official_split, split_folds
from lookalike.evaluation.trained_classifier import training_examples
from lookalike.metrics import Bools, Floats

NEIGHBOURS_TRIED: Final = (1, 3, 5, 10, 20, 50)
_FOLDS: Final = 5
_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ProbeScore:
    """micro_f1: twice the right labels / (those told + those borne), over all queries; of one label each it is the
    share that is right. low, high: its 95 % interval, by patient. chosen: how many neighbours voted in each fold.
    """

    micro_f1: float | None
    low: float | None
    high: float | None
    chosen: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Probes:
    """by method: "knn", "linear". majority: the F1 of always telling the most frequent label. unscored: why there is
    none, "" where there is.
    """

    by_method: dict[str, ProbeScore]
    majority: float | None
    queries: int
    split: str
    unscored: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Rows of the examples. tried, judged: where the number of neighbours is chosen; learnt, asked: what is scored."""

    tried: _Rows
    judged: _Rows
    learnt: _Rows
    asked: _Rows


@dataclass(frozen=True, slots=True, eq=False)
class _Right:
    """Of each query (q,): the labels that were told rightly, and half of those told and borne."""

    hits: Floats
    half: Floats

    @property
    def f1(self) -> float:
        """Over all queries; 0 where nothing was told and nothing borne."""
        return float(self.hits.sum() / max(float(self.half.sum()), 1e-9))


def probe(encoder: str, cases: Cases, seed: int, samples: int) -> Probes:
    """Score the cases' base vectors, which an encoder has made. samples: of the bootstrap."""
    order = np.argsort(np.array(cases.data.ids), kind="stable")  # as examples are
    data, splits = cases.data.take(order), np.array(cases.splits)[order]
    try:
        examples = training_examples(data)
        rule, parts = _parts(encoder, data, splits.tolist(), cases.rule, seed)
    except UsageError as error:
        return Probes({}, None, 0, "", str(error))
    asked = np.concatenate([part.asked for part in parts])
    chosen = tuple(_neighbours(examples, part, seed) for part in parts)
    voting = [("knn", Settings(k, seed=seed)) for k in chosen]
    by_method = {
        "knn": _score(examples, parts, voting, samples, chosen),
        "linear": _score(examples, parts, [("linear", Settings(seed=seed))] * len(parts), samples),
    }
    return Probes(by_method, _majority(examples, parts), len(asked), rule)


def _parts(encoder: str, data: Labelled, splits: list[str], rule: str, seed: int) -> tuple[str, list[_Part]]:
    """Raises UsageError: too few patients or records of a label."""
    found = untouched_splits(encoder, data, official_split(splits, rule) or in_folds(data, _folds(data), seed))
    judged = np.flatnonzero([each == "val" for each in splits]) if {"val", "test"} <= set(splits) else None
    return found.rule, list(_each(data, found, judged, seed))


def _each(data: Labelled, found: Splits, judged: _Rows | None, seed: int) -> Iterator[_Part]:
    for split in found.parts:
        learnt = _of_others(data, split.gallery, split.queries)
        if judged is None:
            rest = data.take(learnt)
            inner = next(split_folds(rest, _folds(rest), seed))
            yield _Part(learnt[inner.gallery], learnt[inner.queries], learnt, split.queries)
        else:
            yield _Part(_of_others(data, learnt, judged), judged, learnt, split.queries)


def _folds(data: Labelled) -> int:
    return min(_FOLDS, len(set(data.patients)), max(Counter(labels[0] for labels in data.labels).values()))


def _of_others(data: Labelled, rows: _Rows, asking: _Rows) -> _Rows:
    """The rows that are of none of the patients who ask."""
    theirs = of_known_patients([(data.patients[i],) for i in rows], [data.patients[i] for i in asking])
    return rows[~theirs]


def _neighbours(examples: Examples, part: _Part, seed: int) -> int:
    """The number with the highest F1 on the validation part; of equal ones the smallest."""
    borne = examples.members[part.judged]
    scores = [
        _right(_told("knn", examples, part.tried, part.judged, Settings(k, seed=seed)), borne).f1
        for k in NEIGHBOURS_TRIED
    ]
    return NEIGHBOURS_TRIED[int(np.argmax(scores))]


def _told(method: str, examples: Examples, learnt: _Rows, asked: _Rows, settings: Settings) -> Bools:
    """(q, c): the most probable label of each query; with several labels a record, those more probable than not."""
    known = classifiers.limited(method, examples.take(learnt), settings.seed)
    logits = classifiers.fit_classifier(method, known, settings).logits(examples.vectors[asked])
    if examples.multi_label:
        return np.asarray(logits > 0)
    return np.asarray(np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, None])


def _right(told: Bools, borne: Bools) -> _Right:
    hits = (told & borne).sum(axis=1).astype(float)
    return _Right(hits, (told.sum(axis=1) + borne.sum(axis=1)) / 2)


def _score(
    examples: Examples,
    parts: list[_Part],
    methods: list[tuple[str, Settings]],
    samples: int,
    chosen: tuple[int, ...] = (),
) -> ProbeScore:
    told = [_told(name, examples, p.learnt, p.asked, how) for p, (name, how) in zip(parts, methods, strict=True)]
    asked = np.concatenate([part.asked for part in parts])
    right = _right(np.concatenate(told), examples.members[asked])
    seed = methods[0][1].seed
    low, high = metrics.ratio_interval(right.hits, right.half, examples.patients[asked], samples=samples, seed=seed)
    return ProbeScore(number_of(right.f1), number_of(low), number_of(high), chosen)


def _majority(examples: Examples, parts: list[_Part]) -> float | None:
    """Always the label that most of those learnt from bear."""
    told, places = [], np.arange(len(examples.classes))
    for part in parts:
        most = examples.members[part.learnt].sum(axis=0).argmax()
        told.append(np.tile(places == most, (len(part.asked), 1)))
    borne = examples.members[np.concatenate([part.asked for part in parts])]
    return number_of(_right(np.concatenate(told), borne).f1)
