"""evaluate: precision at k, honestly: patient-disjoint, with intervals, chance and a leakage audit."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import adapters, metrics
from lookalike.errors import UsageError
from lookalike.evaluation.leakage import Side, audit_leakage
from lookalike.evaluation.outside_queries import outside_queries
from lookalike.evaluation.report import Report, hash_of, make_report
from lookalike.gallery import Gallery
from lookalike.sources.labels import LabelTable, read_label_table
from lookalike.store import BASE
from lookalike.types import Vectors
from lookalike.verbs.adapt import Labelled, labelled

DEFAULT_KS: Final = (1, 3, 5, 10)
_MAX_FOLDS: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of the labelled records: which are asked, and which may answer."""

    queries: NDArray[np.int64]
    gallery: NDArray[np.int64]


def evaluate(
    gallery: Gallery,
    *,
    space: str = BASE,
    folds: int | None = None,
    queries: Sequence[str | os.PathLike[str]] = (),
    query_labels: str | os.PathLike[str] | LabelTable | None = None,
    label_columns: Sequence[str] = (),
    patient_column: str = "patient_id",
    k: Sequence[int] = DEFAULT_KS,
    seed: int = 0,
    samples: int = 2000,
) -> Report:
    """Precision at each k, per class, micro and macro, with 95 % intervals resampled by patient.

    Without folds and queries every labelled record asks the others, its own patient left out
    (leave-one-patient-out). folds: patient-disjoint folds; each asks the rest, and an adapted space is
    trained anew on each fold's gallery. queries, query_labels: outside files ask the whole gallery; those
    that cannot be read or bear no label are counted in ``left_out``.

    An adapted space is compared with the base space on the same queries. Raises UsageError: no labels,
    an adapted space without folds or queries (it has seen its own queries), impossible folds.
    """
    ks = _checked_ks(k)
    gallery.space(space)  # a name that is not there is said first
    data = labelled(gallery)
    if queries and folds is not None:
        raise UsageError("give either --folds, where the gallery asks itself, or --queries")
    if queries:
        table = _query_table(query_labels, label_columns, patient_column)
        asked, left_out = outside_queries(gallery, queries, table)
        report = _evaluate_outside(gallery, space, data, asked, ks, seed, samples)
        seen = 0 if space == BASE else int(np.isin(asked.patients, data.patients).sum())
        return replace(report, left_out=left_out, notes=(*report.notes, *_cautions(left_out, seen)))
    if query_labels is not None:
        raise UsageError("--query-labels says what --queries bear; give --queries too")
    if folds is not None:
        splits, rule = list(split_folds(data, folds, seed)), f"{folds} patient-disjoint folds, seed {seed}"
    elif space != BASE:
        raise UsageError(
            f"the space {space!r} was trained on these very records, so asking them proves nothing; "
            "give --folds 5 (it is trained anew on each fold), or --queries with --query-labels"
        )
    else:
        rows = np.arange(len(data.labels))
        splits, rule = [Split(rows, rows)], "leave one patient out"
    return _evaluate_inside(gallery, space, data, splits, rule, ks, seed, samples)


def _checked_ks(k: Sequence[int]) -> tuple[int, ...]:
    ks = tuple(sorted(set(k)))
    if not ks or ks[0] < 1 or ks[-1] > 1000:
        raise UsageError(f"k must be numbers from 1 to 1000, got {list(k)}")
    return ks


def split_folds(data: Labelled, folds: int, seed: int) -> Iterator[Split]:
    """Patient-disjoint folds with about the same mix of classes in each (a record's first label)."""
    from sklearn.model_selection import StratifiedGroupKFold

    patients = len(set(data.patients))
    if not 2 <= folds <= min(_MAX_FOLDS, patients):
        raise UsageError(f"folds must be from 2 to {min(_MAX_FOLDS, patients)} ({patients} patients), got {folds}")
    first = [labels[0] for labels in data.labels]
    if folds > (most := max(Counter(first).values())):
        raise UsageError(f"folds must be at most {most}, the records of the largest class, got {folds}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer records than folds
        parts = list(splitter.split(first, first, metrics.numbered(data.patients)))
    for rest, fold in parts:
        if len(fold):
            yield Split(np.asarray(fold), np.asarray(rest))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What ranking gave, a row a query: relevance (q, deepest k) with -1 padding, totals and open (q,)."""

    relevance: NDArray[np.int8]
    totals: NDArray[np.int64]
    open: NDArray[np.int64]


def rank(
    queries: Vectors,
    asked: NDArray[np.bool_],
    query_patients: NDArray[np.str_],
    gallery: Vectors,
    members: NDArray[np.bool_],
    gallery_patients: NDArray[np.str_],
    depth: int,
) -> Outcome:
    """Exact ranking by cosine, the query's own patient left out; relevant = any shared label.

    asked (q, c), members (n, c): which classes queries and gallery rows bear. Equal scores are ranked in
    gallery order.
    """
    relevance = np.full((len(queries), depth), -1, np.int8)
    totals, open_rows = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.int64)
    # Numbers are compared many times faster than names.
    codes = np.unique(np.concatenate([query_patients, gallery_patients]), return_inverse=True)[1]
    askers, owners = codes[: len(queries)], codes[len(queries) :]
    for i in range(0, len(queries), 512):
        rows = slice(i, i + 512)
        similar = queries[rows] @ gallery.T
        own = askers[rows, None] == owners[None, :]
        similar[own] = -np.inf
        shared = metrics.any_overlap(asked[rows], members) & ~own
        order = np.argsort(-similar, axis=1, kind="stable")[:, :depth]
        ranked = np.take_along_axis(shared, order, axis=1).astype(np.int8)
        ranked[np.take_along_axis(own, order, axis=1)] = -1
        relevance[rows, : order.shape[1]] = ranked
        totals[rows], open_rows[rows] = shared.sum(axis=1), (~own).sum(axis=1)
    return Outcome(relevance, totals, open_rows)


def _concatenate(outcomes: Sequence[Outcome]) -> Outcome:
    return Outcome(*(np.concatenate([getattr(o, name) for o in outcomes]) for name in Outcome.__slots__))


def _evaluate_inside(
    gallery: Gallery,
    space: str,
    data: Labelled,
    splits: Sequence[Split],
    rule: str,
    ks: tuple[int, ...],
    seed: int,
    samples: int,
) -> Report:
    classes = sorted({label for labels in data.labels for label in labels})
    members = metrics.membership(data.labels, classes)
    patients = np.array(data.patients)
    adapter = gallery.adapter(space)
    rows = np.concatenate([split.queries for split in splits])
    outcomes: dict[str, list[Outcome]] = {}
    for split in splits:
        for name, vectors in spaces_of_fold(gallery, space, adapter, data, split, seed):
            outcomes.setdefault(name, []).append(
                rank(
                    vectors[split.queries],
                    members[split.queries],
                    patients[split.queries],
                    vectors[split.gallery],
                    members[split.gallery],
                    patients[split.gallery],
                    ks[-1],
                )
            )
    audit = audit_leakage((_side(data, split.queries), _side(data, split.gallery)) for split in splits)
    scored = {name: _concatenate(parts) for name, parts in outcomes.items()}
    return make_report(
        gallery,
        space,
        scored,
        members[rows],
        classes,
        patients[rows],
        ks,
        seed,
        samples,
        rule=rule,
        split_hash=hash_of([f"{i}:{data.ids[row]}" for i, s in enumerate(splits) for row in s.queries]),
        audit=audit,
        query_ids=[data.ids[row] for row in rows],
        adapter=adapter,
    )


def spaces_of_fold(
    gallery: Gallery, space: str, adapter: adapters.Adapter | None, data: Labelled, split: Split, seed: int
) -> Iterator[tuple[str, Vectors]]:
    """The base vectors, and those of an adapter of the same kind trained on the fold's gallery alone."""
    yield BASE, data.vectors
    if adapter is not None:
        refitted = adapters.fit(
            adapter.kind,
            data.vectors[split.gallery],
            [data.labels[i] for i in split.gallery],
            [data.patients[i] for i in split.gallery],
            encoder=gallery.spec.identity,
            seed=seed,
        )
        yield space, adapters.transform(refitted, data.vectors)


def _query_table(
    query_labels: str | os.PathLike[str] | LabelTable | None, label_columns: Sequence[str], patient_column: str
) -> LabelTable:
    if query_labels is None:
        raise UsageError("give --query-labels TABLE.csv, which says what the queries bear")
    if isinstance(query_labels, LabelTable):
        return query_labels
    return read_label_table(Path(query_labels), label_columns, patient_column)


def _cautions(left_out: Mapping[str, int], seen: int) -> Iterator[str]:
    """seen: queries of patients that the adapter was trained on."""
    if left_out:
        yield "Left out: " + ", ".join(f"{count} with {reason}" for reason, count in left_out.items()) + "."
    if seen:
        yield (
            f"The adapter was trained on the patients of {seen} queries: its score is flattered. "
            "Ask with other patients, or with --folds."
        )


def _evaluate_outside(
    gallery: Gallery, space: str, data: Labelled, asked: Labelled, ks: tuple[int, ...], seed: int, samples: int
) -> Report:
    classes = sorted({label for labels in (*data.labels, *asked.labels) for label in labels})
    members, wanted = (metrics.membership(part.labels, classes) for part in (data, asked))
    patients, query_patients = np.array(data.patients), np.array(asked.patients)
    scored = {}
    for name in dict.fromkeys((BASE, space)):
        scored[name] = rank(
            gallery.project(asked.vectors, name),
            wanted,
            query_patients,
            gallery.project(data.vectors, name),
            members,
            patients,
            ks[-1],
        )
    audit = audit_leakage([(_side(asked), _side(data))])
    return make_report(
        gallery,
        space,
        scored,
        wanted,
        classes,
        query_patients,
        ks,
        seed,
        samples,
        rule="outside queries against the whole gallery",
        split_hash=hash_of(sorted(asked.ids)),
        audit=audit,
        query_ids=asked.ids,
        adapter=gallery.adapter(space),
    )


def _side(data: Labelled, rows: NDArray[np.int64] | slice = slice(None)) -> Side:
    return Side(data.vectors[rows], np.array(data.patients)[rows], np.array(data.ids)[rows])
