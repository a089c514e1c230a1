"""evaluate --protocol: the published ways of scoring a gallery, declared as data.

A protocol says which records take part and as which class, where the queries come from, and what is
measured besides plain precision. Every one excludes the query's own patient before ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.evaluation.leakage import Side, audit_leakage
from lookalike.evaluation.report import Report, Scores, adapter_facts, hash_of, report_of, scores_of
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import BASE
from lookalike.types import EncoderSpec, Record, Vectors
from lookalike.verbs.adapt import Labelled
from lookalike.verbs.evaluate import Split, spaces_of_fold, split_folds

Bools: TypeAlias = NDArray[np.bool_]
PerQuery: TypeAlias = NDArray[np.float64]  # (q, ks), or (q, classes, ks) for a measure of each label alone
VectorsOf: TypeAlias = Callable[[Split], Iterator[tuple[str, Vectors]]]  # of each space, fitted to the split
_CELLS: Final = 1 << 24  # similarities in memory at once: 64 MB of float32

_RADIOGRAPHY: Final = ("CR", "DX", "RG")  # how the detector works does not make another class

PLAIN: Final = "P@k"
CAPPED: Final = "P@k, capped"
NDCG: Final = "nDCG@k of the Jaccard overlap"
EXACT: Final = "P@k, exact match"
EACH: Final = "P@k of each label alone"
AP: Final = "average precision"
CHANCE: Final = "chance"
ABSENT: Final = "a class absent from the gallery"


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Some queries against the whole gallery. asked (q, c), members (n, c): the classes they bear.
    open (q, n): gallery rows that may answer. order (q, depth): the nearest open rows, -1 pads.
    """

    asked: Bools
    members: Bools
    open: Bools
    order: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Protocol:
    """classes_of: the classes a record takes part as, () to leave it out, with the reason. measures: of
    ranked queries, by name; PLAIN comes first in the report, CHANCE is the precision of a random order.
    folds: where the collection has no official split; without them one patient at a time is left out.
    whole: the measures need the order of the whole gallery, not of the deepest k alone.
    """

    name: str
    title: str
    source: str
    ks: tuple[int, ...]
    classes_of: Callable[[Record], tuple[tuple[str, ...], str]]
    measures: Callable[[Ranked, Sequence[int]], dict[str, PerQuery]]
    figures: Mapping[str, str] = field(default_factory=dict)  # measure -> what a figure is called, if not P
    folds: int | None = None
    whole: bool = False


# --- which records take part, and as which class --------------------------------------------------------------


def _single(record: Record) -> tuple[tuple[str, ...], str]:
    if len(record.labels) == 1:
        return record.labels, ""
    return (), "several labels" if record.labels else "no label"


def _modality_anatomy_pathology(record: Record) -> tuple[tuple[str, ...], str]:
    labels, reason = _single(record)
    if not labels:
        return labels, reason
    about = record.attributes
    modality = str(about.get("modality", about.get("Modality", "")))
    anatomy = str(about.get("anatomy", about.get("BodyPartExamined", ""))).capitalize()
    modality = "X-ray" if modality in _RADIOGRAPHY else modality
    return ("/".join(part for part in (modality, anatomy, labels[0]) if part),), ""


def _all_labels(record: Record) -> tuple[tuple[str, ...], str]:
    return record.labels, "" if record.labels else "no label"


# --- what is measured -----------------------------------------------------------------------------------------


def _at(
    score: Callable[[Bools, NDArray[np.int64], int], PerQuery],
    hits: Bools,
    totals: NDArray[np.int64],
    ks: Sequence[int],
) -> PerQuery:
    return np.stack([score(hits, totals, k) for k in ks], axis=1)


def _one_class(ranked: Ranked, ks: Sequence[int]) -> dict[str, PerQuery]:
    """Plain and capped P@k where every record bears one class."""
    asked, members = ranked.asked.argmax(axis=1), ranked.members.argmax(axis=1)
    totals = (ranked.open & (asked[:, None] == members[None, :])).sum(axis=1)
    hits = (members[ranked.order] == asked[:, None]) & (ranked.order >= 0)
    return {
        PLAIN: _at(metrics.precision_at, hits, totals, ks),
        CAPPED: _at(metrics.capped_precision_at, hits, totals, ks),
        CHANCE: metrics.chance(totals, ranked.open.sum(axis=1)),
    }


def _plain_only(ranked: Ranked, ks: Sequence[int]) -> dict[str, PerQuery]:
    measured = _one_class(ranked, ks)
    return {name: measured[name] for name in (PLAIN, CHANCE)}


def _label_sets(ranked: Ranked, ks: Sequence[int]) -> dict[str, PerQuery]:
    """Any shared label, Jaccard gain, the same set, and each label alone."""
    gains = np.where(ranked.open, metrics.jaccard_gain(ranked.asked, ranked.members), -1)
    there = ranked.order >= 0
    at_rank = np.where(there, np.take_along_axis(gains, ranked.order, axis=1), -1)
    totals, ideal = (gains > 0).sum(axis=1), metrics.ideal_gains(gains, ks[-1])
    return {
        PLAIN: _at(metrics.precision_at, at_rank > 0, totals, ks),
        NDCG: np.stack([metrics.ndcg_at(at_rank, ideal, k) for k in ks], axis=1),
        EXACT: _at(metrics.precision_at, at_rank == 1, (gains == 1).sum(axis=1), ks),
        EACH: _each_label(ranked, there, ks),
        CHANCE: metrics.chance(totals, ranked.open.sum(axis=1)),
    }


def _findings(ranked: Ranked, ks: Sequence[int]) -> dict[str, PerQuery]:
    """P@k and AP where a record that shares a finding is relevant. AP: the mean of P@r over the ranks r of all
    relevant records."""
    shared = metrics.any_overlap(ranked.asked, ranked.members) & ranked.open
    hits = np.take_along_axis(shared, ranked.order, axis=1) & (ranked.order >= 0)
    totals = shared.sum(axis=1)
    return {
        PLAIN: _at(metrics.precision_at, hits, totals, ks),
        AP: metrics.average_precision(hits, totals)[:, None],
        CHANCE: metrics.chance(totals, ranked.open.sum(axis=1)),
    }


def _each_label(ranked: Ranked, there: Bools, ks: Sequence[int]) -> PerQuery:
    """(q, c, ks): P@k of the label alone; nan where the query does not bear it."""
    totals = ranked.open.astype(np.float32) @ ranked.members.astype(np.float32)  # (q, c), exact below 2^24
    result = np.full((*ranked.asked.shape, len(ks)), np.nan)
    for label in range(ranked.asked.shape[1]):
        rows = np.flatnonzero(ranked.asked[:, label])
        hits = ranked.members[ranked.order[rows], label] & there[rows]
        result[rows, label] = _at(metrics.precision_at, hits, totals[rows, label].astype(np.int64), ks)
    return result


PROTOCOLS: Final[dict[str, Protocol]] = {
    each.name: each
    for each in (
        Protocol(
            "denner",
            "Single-label retrieval by modality/anatomy/pathology, plain and capped P@N",
            "Denner et al., arXiv 2403.06567",
            (1, 3, 5, 10, 20, 50, 100),
            _modality_anatomy_pathology,
            _one_class,
        ),
        Protocol(
            "medimageinsight",
            "Precision by class and its macro mean, baseline beside adapter",
            "Santamaria-Pang et al., 2-D image search with MedImageInsight",
            (1, 3, 5),
            _single,
            _plain_only,
            folds=5,
        ),
        Protocol(
            "multilabel",
            "Any shared label, Jaccard nDCG, exact match and each label alone",
            "Jarvelin and Kekalainen, ACM TOIS 20(4), 2002, for nDCG",
            (1, 3, 5, 10),
            _all_labels,
            _label_sets,
            {NDCG: "nDCG"},
        ),
        Protocol(
            "3d-mir",
            "Volumes with the same finding, by one pooled vector each",
            "Ben Abacha et al., 3D-MIR, arXiv 2311.13752",
            (3, 5, 10),
            _all_labels,
            _findings,
            whole=True,
        ),
    )
}


# --- running one ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The records that take part, with their classes as labels. splits: "train", "val", "test" or "" of
    each; left_out: how many records do not take part, by reason. rule: where a split that is not the
    owners' comes from.
    """

    data: Labelled
    splits: tuple[str, ...]
    left_out: Mapping[str, int]
    rule: str = ""


def evaluate_protocol(
    gallery: Gallery,
    name: str,
    *,
    space: str = BASE,
    k: Sequence[int] = (),
    folds: int | None = None,
    seed: int = 0,
    samples: int = 2000,
) -> Report:
    """Score a gallery as a published protocol does. k: other depths than the protocol's, 1 to 1000.

    Queries and gallery: with ``folds`` patient-disjoint folds; else the collection's official split
    (attribute ``split``: test, or val where there is no test, asks train); else the protocol's own folds;
    else each record asks all but its own patient's. An adapter is trained anew on each gallery part.

    Raises UsageError: an unknown protocol, no record that takes part, an adapted space without a split.
    """
    protocol = _protocol(name)
    ks = tuple(sorted(set(k))) or protocol.ks
    if ks[0] < 1 or ks[-1] > 1000:
        raise UsageError(f"k must be numbers from 1 to 1000, got {list(ks)}")
    cases = cases_of(gallery, protocol)
    splits, rule = _splits(cases, folds, protocol.folds, seed)
    adapter = gallery.adapter(space)
    if adapter is not None and splits[0].queries is splits[0].gallery:
        raise UsageError(f"the space {space!r} was trained on these very records; give --folds 5")

    def vectors_of(split: Split) -> Iterator[tuple[str, Vectors]]:
        return spaces_of_fold(gallery, space, adapter, cases.data, split, seed)

    facts = adapter_facts(gallery, space, adapter)
    return _report(gallery.spec, protocol, cases, splits, rule, vectors_of, space, ks, seed, samples, facts)


def evaluate_cases(
    spec: EncoderSpec, name: str, cases: Cases, *, k: Sequence[int] = (), seed: int = 0, samples: int = 2000
) -> Report:
    """The same for records that come from several galleries of one encoder, in its own space."""
    protocol = _protocol(name)
    splits, rule = _splits(cases, None, protocol.folds, seed)
    return _report(
        spec,
        protocol,
        cases,
        splits,
        rule,
        lambda _split: iter([(BASE, cases.data.vectors)]),
        BASE,
        tuple(sorted(set(k))) or protocol.ks,
        seed,
        samples,
        None,
    )


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise UsageError(f"no protocol is called {name!r}.{suggestion(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def cases_of(gallery: Gallery, protocol: Protocol) -> Cases:
    """The records of a gallery that take part. Raises UsageError if none does."""
    stored, records = pooled_vectors(gallery), gallery.store.records()
    kept: list[tuple[int, Record, tuple[str, ...]]] = []
    left_out: dict[str, int] = {}
    for row, key in enumerate(stored.records):
        record = records[int(key)]
        classes, reason = protocol.classes_of(record)
        if classes:
            kept.append((row, record, classes))
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    if not kept:
        why = ", ".join(f"{count} with {reason}" for reason, count in left_out.items()) or "it is empty"
        raise UsageError(f"no record of this gallery takes part in the protocol {protocol.name!r}: {why}")
    data = Labelled(
        stored.vectors[[row for row, _, _ in kept]],
        tuple(classes for _, _, classes in kept),
        tuple(record.patient for _, record, _ in kept),
        tuple(record.id for _, record, _ in kept),
    )
    return Cases(data, tuple(str(record.attributes.get("split", "")) for _, record, _ in kept), left_out)


def _splits(cases: Cases, folds: int | None, usual: int | None, seed: int) -> tuple[list[Split], str]:
    names = np.array(cases.splits)
    train, test, val = (np.flatnonzero(names == name) for name in ("train", "test", "val"))
    if folds is None and len(train) and (len(test) or len(val)):
        asked, word = (test, "test") if len(test) else (val, "val")
        rest = len(names) - len(train) - len(asked)
        unused = f"; {rest} records of no or another split unused" if rest else ""
        return [Split(asked, train)], (cases.rule or f"official split, {word} asks train") + unused
    count = folds or usual
    if count is not None:
        return list(split_folds(cases.data, count, seed)), f"{count} patient-disjoint folds, seed {seed}"
    rows = np.arange(len(names))
    return [Split(rows, rows)], "leave one patient out"


def _report(
    spec: EncoderSpec,
    protocol: Protocol,
    cases: Cases,
    splits: Sequence[Split],
    rule: str,
    vectors_of: VectorsOf,
    space: str,
    ks: tuple[int, ...],
    seed: int,
    samples: int,
    adapter: Mapping[str, object] | None,
) -> Report:
    data = cases.data
    classes = sorted({label for labels in data.labels for label in labels})
    members, patients = metrics.membership(data.labels, classes), np.array(data.patients)
    rows = np.concatenate([split.queries for split in splits])
    present = np.flatnonzero(members[rows].any(axis=0))
    scored = _scored(protocol, members, patients, splits, vectors_of, ks)
    report = report_of(
        spec,
        space,
        {name: found[PLAIN] for name, found in scored.items()},
        scored[space][CHANCE],
        members[rows],
        classes,
        patients[rows],
        [f"P@{k}" for k in ks],
        seed,
        samples,
        rule=rule,
        split_hash=hash_of(f"{i}:{data.ids[row]}" for i, split in enumerate(splits) for row in split.queries),
        audit=audit_leakage((_side(data, split.queries), _side(data, split.gallery)) for split in splits),
        query_ids=[data.ids[row] for row in rows],
        adapter=adapter,
    )
    measures = {
        measure if name == space else f"{measure} ({name})": _summary(
            values,
            members[rows],
            present,
            [classes[i] for i in present],
            patients[rows],
            ["AP"] if measure == AP else [f"{protocol.figures.get(measure, 'P')}@{k}" for k in ks],
            seed,
            samples,
        )
        for name, found in scored.items()
        for measure, values in found.items()
        if measure not in (PLAIN, CHANCE)
    }
    left_out = {**cases.left_out, **({ABSENT: report.unscored} if report.unscored else {})}
    notes = (*_about(protocol, left_out), *report.notes)
    return replace(report, protocol=protocol.name, measures=measures, left_out=left_out, notes=notes)


def _scored(
    protocol: Protocol,
    members: Bools,
    patients: NDArray[np.str_],
    splits: Sequence[Split],
    vectors_of: VectorsOf,
    ks: Sequence[int],
) -> dict[str, dict[str, PerQuery]]:
    """Every measure of every query, by space; the splits one after the other."""
    parts: dict[str, dict[str, list[PerQuery]]] = {}
    for split in splits:
        for name, vectors in vectors_of(split):
            depth = max(len(split.gallery), ks[-1]) if protocol.whole else ks[-1]
            for ranked in rank_all(vectors, members, patients, split, depth):
                for measure, scores in protocol.measures(ranked, ks).items():
                    parts.setdefault(name, {}).setdefault(measure, []).append(scores)
    return {name: {m: np.concatenate(p) for m, p in found.items()} for name, found in parts.items()}


def rank_all(
    vectors: Vectors, members: Bools, patients: NDArray[np.str_], split: Split, depth: int
) -> Iterator[Ranked]:
    """Exact ranking by cosine, some queries at a time, the query's own patient left out.

    Equal scores are ranked in gallery order.
    """
    codes = np.unique(patients, return_inverse=True)[1]
    among, owners = vectors[split.gallery], codes[split.gallery]
    at_once = max(1, _CELLS // max(1, len(among)))
    for start in range(0, len(split.queries), at_once):
        rows = split.queries[start : start + at_once]
        similar = vectors[rows] @ among.T
        free = codes[rows, None] != owners[None, :]
        similar[~free] = -np.inf
        order = np.stack([_nearest(row, depth) for row in similar])
        yield Ranked(members[rows], members[split.gallery], free, order)


def _nearest(similar: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
    """The ``depth`` greatest of one row, best first, ties in order; -1 pads and stands for -inf."""
    reached = min(depth, len(similar))
    least = np.partition(similar, len(similar) - reached)[len(similar) - reached]
    near = np.flatnonzero((similar >= least) & np.isfinite(similar))
    near = near[np.argsort(-similar[near], kind="stable")][:depth]
    padded = np.full(depth, -1, np.int64)
    padded[: len(near)] = near
    return padded


def _summary(
    values: PerQuery,
    asked: Bools,
    present: NDArray[np.int64],
    classes: Sequence[str],
    patients: NDArray[np.str_],
    names: Sequence[str],
    seed: int,
    samples: int,
) -> Scores:
    """Means and intervals of one measure. Of each label alone, a pair of query and label counts as a query."""
    labels = asked[:, present]
    if values.ndim == 3:
        count = len(present)
        values = values[:, present].reshape(-1, values.shape[2])
        patients, labels = np.repeat(patients, count), np.tile(np.eye(count, dtype=bool), (len(labels), 1))
        borne = ~np.isnan(values).all(axis=1)
        values, patients, labels = values[borne], patients[borne], labels[borne]
    return scores_of(values, labels, classes, patients, names, seed, samples)


def _about(protocol: Protocol, left_out: Mapping[str, int]) -> Iterator[str]:
    yield f"Protocol {protocol.name}: {protocol.title} ({protocol.source})."
    if left_out:
        yield "Left out: " + ", ".join(f"{count} with {reason}" for reason, count in left_out.items()) + "."


def _side(data: Labelled, rows: NDArray[np.int64]) -> Side:
    return Side(data.vectors[rows], np.array(data.patients)[rows], np.array(data.ids)[rows])
