"""One evaluation: queries and galleries, the spaces to compare, and the scores of the ranked queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import adapters, metrics
from lookalike.adapters import Adapter, Criterion, criterion_of
from lookalike.evaluation.contamination import untouched_rows, untouched_splits, with_remark
from lookalike.evaluation.labelled import Labelled, Queries, asking
from lookalike.evaluation.measures import Measure, PerQuery, RankedQueries
from lookalike.evaluation.near_duplicates import NearDuplicate
from lookalike.evaluation.rank import RankedBlock, fused, rank
from lookalike.evaluation.splits import Split, Splits, hash_of
from lookalike.gallery import Gallery
from lookalike.metrics import Bools
from lookalike.progress import tracked
from lookalike.ranking import FUSED_DEPTH
from lookalike.store import BASE
from lookalike.types import EncoderSpec, Vectors
from lookalike.voting import RowNumbers

LISTED_NEIGHBOURS: Final = 5  # records of each query that are remembered
InSpaces: TypeAlias = Callable[[], Iterator[tuple[str, Vectors, Vectors]]]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSpace:
    """The space to evaluate, as a report describes it. adapter, sha256: None in the encoder's own space."""

    name: str
    spec: EncoderSpec
    adapter: Adapter | None = None
    sha256: str | None = None

    @property
    def criterion(self) -> Criterion:
        """What makes two records alike in it."""
        return criterion_of(self.adapter)

    def facts(self) -> dict[str, Any] | None:
        """The adapter's description in a report."""
        if self.adapter is None:
            return None
        return {"kind": self.adapter.kind, "sha256": self.sha256, "training": dict(self.adapter.training)}


def measured_space(gallery: Gallery, name: str) -> MeasuredSpace:
    """A space of a gallery. Raises NotFoundError if there is none of that name, DamagedFileError."""
    return MeasuredSpace(name, gallery.spec, gallery.adapter(name), gallery.space(name).adapter)


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """What a space is compared with on the same records. name: the base's, or unlike any other that is measured.
    vectors (n, dim): base vectors of the same records in the same order, by the rival's own encoder; slices: as of
    ``Labelled``. fused_with: the space whose ranking is fused with its own.
    """

    name: str
    space: MeasuredSpace
    vectors: Vectors
    slices: tuple[Vectors, ...] = ()
    fused_with: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Queries, and the part of the gallery that may answer. spaces: the name, queries (q, dim) and gallery (n, dim) of
    each space to compare, the base first. fused: by name, spaces whose ranking is fused with that of another, earlier
    one.
    """

    queries: Queries
    among: Labelled
    spaces: InSpaces
    fused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """rule: how queries and gallery were split, in words; split_hash: identifies the queries. duplicates: the
    near-duplicates among queries and gallery, None if there were no pictures to compare. named_alike: whether patients
    have the same names on both sides.
    """

    rounds: tuple[Round, ...]
    rule: str
    split_hash: str
    duplicates: tuple[NearDuplicate, ...] | None = ()
    named_alike: bool = True


def held(experiment: Experiment) -> Experiment:
    """The same experiment, whose spaces are made once and kept: for one that is asked several things."""
    return replace(experiment, rounds=tuple(replace(each, spaces=_once(each.spaces)) for each in experiment.rounds))


def _once(spaces: InSpaces) -> InSpaces:
    made = cache(lambda: tuple(spaces()))
    return lambda: iter(made())


def within(
    space: MeasuredSpace,
    data: Labelled,
    splits: Splits,
    seed: int,
    duplicates: tuple[NearDuplicate, ...] | None = (),
    rival: Rival | None = None,
) -> Experiment:
    """Records of the gallery as queries; an adapter of the same kind is trained anew on each split's gallery, a
    rival's too.
    """
    splits = untouched_splits(space.spec.name, data, splits)
    if rival is not None and rival.space.spec.name != space.spec.name:
        splits = untouched_splits(rival.space.spec.name, data, splits)
    rounds = tuple(_round(space, data, split, seed, rival) for split in splits.parts)
    names = (f"{i}:{identity}" for i, each in enumerate(rounds) for identity in each.queries.data.ids)
    return Experiment(rounds, splits.rule, hash_of(names), duplicates)


def _round(space: MeasuredSpace, data: Labelled, split: Split, seed: int, rival: Rival | None) -> Round:
    queries, among = data.take(split.queries), data.take(split.gallery)

    def spaces() -> Iterator[tuple[str, Vectors, Vectors]]:
        yield BASE, queries.vectors, among.vectors
        for name, each, records in _besides_base(space, data, rival):
            moved = _refitted(each, records.take(split.gallery), records, seed)
            yield name, moved[split.queries], moved[split.gallery]

    together = {rival.name: rival.fused_with} if rival is not None and rival.fused_with else {}
    return Round(asking(queries), among, spaces, together)


def _besides_base(
    space: MeasuredSpace, data: Labelled, rival: Rival | None
) -> Iterator[tuple[str, MeasuredSpace, Labelled]]:
    """The names, spaces and records, by their base vectors, that are measured besides the base space."""
    if space.adapter is not None:
        yield space.name, space, data
    if rival is not None and rival.name != BASE:
        yield rival.name, rival.space, replace(data, vectors=rival.vectors, slices=rival.slices)


def _refitted(space: MeasuredSpace, among: Labelled, data: Labelled, seed: int) -> Vectors:
    """Base vectors as they are, or through an adapter that was trained anew on the records that may answer."""
    if space.adapter is None:
        return data.vectors
    return adapters.transform(refitted(space.adapter, among, seed), data.vectors, data.slices)


def refitted(adapter: Adapter, among: Labelled, seed: int) -> Adapter:
    """An adapter of the same kind, trained on other records. Raises UsageError where nothing can be learnt of them."""
    return adapters.fit_adapter(
        adapter.kind,
        among.vectors,
        among.labels,
        among.patients,
        encoder=adapter.encoder,
        seed=seed,
        slices=among.slices,
    )


def of_fitted(name: str, data: Labelled, splits: Splits, fitted: Sequence[Adapter]) -> Experiment:
    """As ``within`` in a space of that name, where the adapter of each split's gallery is there already."""

    def round_of(split: Split, adapter: Adapter) -> Round:
        parts = [(BASE, data.vectors), (name, adapters.transform(adapter, data.vectors, data.slices))]
        found = [(each, vectors[split.queries], vectors[split.gallery]) for each, vectors in parts]
        return Round(asking(data.take(split.queries)), data.take(split.gallery), lambda: iter(found))

    rounds = tuple(round_of(*pair) for pair in zip(splits.parts, fitted, strict=True))
    return Experiment(rounds, splits.rule, hash_of(identity for each in rounds for identity in each.queries.data.ids))


def from_outside(
    space: MeasuredSpace,
    queries: Queries,
    among: Labelled,
    duplicates: tuple[NearDuplicate, ...],
    rival: MeasuredSpace | None = None,
    asked_by: str = "outside queries",
) -> Experiment:
    """Queries from outside against the whole gallery, in an adapted space with the adapter as it was trained. rival:
    another space of the same gallery. asked_by: what the queries are, in words.
    """
    rows, told = untouched_rows(space.spec.name, queries)
    queries = queries if len(rows) == len(queries.patients) else queries.take(rows)

    def spaces() -> Iterator[tuple[str, Vectors, Vectors]]:
        yield BASE, queries.data.vectors, among.vectors
        for each in (space, rival):
            if each is not None and each.adapter is not None:
                sides = queries.data, among
                moved, known = (adapters.transform(each.adapter, side.vectors, side.slices) for side in sides)
                yield each.name, moved, known

    rule = with_remark(f"{asked_by} against the whole gallery", told)
    return Experiment((Round(queries, among, spaces),), rule, hash_of(sorted(queries.data.ids)), duplicates)


@dataclass(frozen=True, slots=True, eq=False)
class Askers:
    """The queries that were scored. labels (q, c): the classes of each. patients (q,): the units of the bootstrap."""

    labels: Bools
    classes: tuple[str, ...]
    patients: NDArray[np.str_]
    ids: tuple[str, ...]

    def take(self, rows: NDArray[np.int64]) -> Askers:
        """Some of the queries, with the classes that these have."""
        labels = self.labels[rows]
        present = np.flatnonzero(labels.any(axis=0))
        ids = tuple(self.ids[i] for i in rows)
        return Askers(labels[:, present], tuple(self.classes[i] for i in present), self.patients[rows], ids)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """per_query: of each space, the base first, the scores of every measure; nan where a query could not be scored.
    nearest: of each space (q, few) the nearest records, numbered over the galleries of all rounds; -1 pads.
    """

    per_query: Mapping[str, Mapping[str, PerQuery]]
    askers: Askers
    nearest: Mapping[str, RowNumbers]


def ranked(experiment: Experiment, measure: Measure, ks: tuple[int, ...]) -> Measured:
    """Rank and measure every query, the rounds one after the other. ks: ascending depths."""
    rounds = experiment.rounds
    sides = [side for each in rounds for side in (each.queries.data, each.among)]
    classes = tuple(sorted({label for side in sides for labels in side.labels for label in labels}))
    parts: dict[str, dict[str, list[PerQuery]]] = {}
    nearest: dict[str, list[RowNumbers]] = {}
    before = 0
    for each in tracked(rounds):
        for space, scores, order in _measured(each, classes, measure, ks):
            nearest.setdefault(space, []).append(np.where(order < 0, -1, order + before))
            for name, values in scores.items():
                parts.setdefault(space, {}).setdefault(name, []).append(values)
        before += len(each.among.ids)
    labels = np.concatenate([metrics.membership(each.queries.data.labels, classes) for each in rounds])
    present = np.flatnonzero(labels.any(axis=0))
    per_query = {
        space: {name: _of_classes(np.concatenate(values), present) for name, values in found.items()}
        for space, found in parts.items()
    }
    patients = np.array([patient for each in rounds for patient in each.queries.data.patients])
    ids = tuple(identity for each in rounds for identity in each.queries.data.ids)
    askers = Askers(labels[:, present], tuple(classes[i] for i in present), patients, ids)
    return Measured(per_query, askers, {space: np.concatenate(found) for space, found in nearest.items()})


def _of_classes(values: PerQuery, present: NDArray[np.int64]) -> PerQuery:
    """The scores of a measure of each label alone, for the labels that some query has."""
    return values[:, present] if values.ndim == 3 else values


def _measured(
    each: Round, classes: tuple[str, ...], measure: Measure, ks: tuple[int, ...]
) -> Iterator[tuple[str, dict[str, PerQuery], RowNumbers]]:
    """The scores by space and the nearest rows, a block of queries at a time."""
    asking, members = (metrics.membership(side.labels, classes) for side in (each.queries.data, each.among))
    depth = max(len(each.among.ids), ks[-1]) if measure.whole else ks[-1]
    sides: dict[str, tuple[Vectors, Vectors]] = {}
    for space, queries, gallery in each.spaces():
        sides[space] = queries, gallery
        for block in _blocks(each, sides, space, depth):
            scores = measure.of(RankedQueries(asking[block.rows], members, block.open, block.order), ks)
            yield space, scores, _few(block.order)


def _few(order: RowNumbers) -> RowNumbers:
    """The first columns of an order; -1 where it has fewer."""
    found = np.full((len(order), LISTED_NEIGHBOURS), -1, np.int64)
    found[:, : order.shape[1]] = order[:, :LISTED_NEIGHBOURS]
    return found


def _blocks(each: Round, sides: Mapping[str, tuple[Vectors, Vectors]], space: str, depth: int) -> Iterator[RankedBlock]:
    """The ranking of a space, fused with another one's where that is asked for."""

    def of(name: str, deep: int) -> Iterator[RankedBlock]:
        return rank(*sides[name], each.queries.patients, each.among.patients, deep)

    if (other := each.fused.get(space)) is None:
        return of(space, depth)
    deep = max(depth, FUSED_DEPTH)
    return (fused(pair, depth) for pair in zip(of(other, deep), of(space, deep), strict=True))
