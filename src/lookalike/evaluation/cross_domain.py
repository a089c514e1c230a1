"""Cross-domain search: a gallery asked with the records of another one, against what either reaches by itself.

Only labels that both galleries have are compared; records that bear none of these take no part. The scores of the two
galleries depend on their size and on how their labels are dealt, so that chance stands beside each.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from lookalike import adapters, metrics
from lookalike.adapters import Criterion
from lookalike.errors import ManifestMismatchError, UsageError
from lookalike.evaluation.contamination import untouched_rows
from lookalike.evaluation.experiment import Askers, Experiment, Measured, MeasuredSpace, Round, ranked
from lookalike.evaluation.labelled import Labelled, Queries, asking, labelled
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure, PerQuery
from lookalike.evaluation.paired import Difference, differences, shown_p
from lookalike.evaluation.scores import Figures, Mean, ScoreSummary, Scoring, chance_of, mean_rows, number_of, scores_of
from lookalike.evaluation.splits import hash_of
from lookalike.evaluation.tables import TableRows, cell
from lookalike.gallery import Gallery, open_gallery
from lookalike.text import one_line
from lookalike.types import Record, Vectors

ONE_SIDED: Final = "a label that only one of the two galleries has"


@dataclass(frozen=True, slots=True)
class WithinDomain:
    """A gallery asked with its own records, one patient left out at a time. drop: this minus the cross-domain score, by
    figure: above 0, crossing costs. None where it was not computed, for the reason.
    """

    gallery: str
    queries: int
    records: int
    scores: ScoreSummary | None
    chance: Figures
    drop_macro: dict[str, Difference]
    drop_micro: dict[str, Difference]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CrossDomain:
    """queries_from: the gallery whose records asked. labels: that both have; only_queries, only_gallery: those that one
    side has, with how many records bear them. records: that could answer. queries_alone: the asking gallery by itself,
    on the same queries; gallery_alone: the asked one by itself, on other queries.
    """

    queries_from: str
    labels: tuple[str, ...]
    only_queries: dict[str, int]
    only_gallery: dict[str, int]
    records: int
    queries_alone: WithinDomain
    gallery_alone: WithinDomain

    @property
    def sentences(self) -> Iterator[str]:
        """What was left out, and what crossing costs."""
        for side, labels in ((self.queries_from, self.only_queries), ("this gallery", self.only_gallery)):
            if labels:
                named = ", ".join(f"{one_line(label)} ({count})" for label, count in labels.items())
                yield f"Labels that only {side} has, left out: {named}."
        for alone in (self.queries_alone, self.gallery_alone):
            yield _sentence(alone)


def _sentence(alone: WithinDomain) -> str:
    if alone.scores is None:
        return f"{alone.gallery} by itself: not computed, {alone.reason}."
    name, drop = list(alone.drop_macro.items())[-1]
    figure, p = cell(drop.value, (drop.low, drop.high), sign=True), "" if drop.p is None else f", p {shown_p(drop.p)}"
    return f"Drop against {alone.gallery} by itself, macro {name}: {figure}{p}."


@dataclass(frozen=True, slots=True, eq=False)
class Domains:
    """Two galleries on the labels that both have. queries, among: base vectors. asking: the queries as such, whose own
    patients are those of their gallery, and in the other those of the same pictures. records: of the queries, by id.
    """

    name: str
    queries: Labelled
    among: Labelled
    asking: Queries
    records: Mapping[str, Record]
    only_queries: dict[str, int]
    only_gallery: dict[str, int]
    left_out: int


@contextmanager
def opened_beside(gallery: Gallery, folder: str | os.PathLike[str], what: str) -> Iterator[Gallery]:
    """Another gallery, of comparable vectors. what: it is called. Raises GalleryError, ManifestMismatchError,
    UsageError (it is this gallery itself).
    """
    with open_gallery(folder) as other:
        if other.store.id == gallery.store.id:
            raise UsageError(f"{what} is the gallery that is asked itself; leave it out, or name another one")
        changed = [name for name, value in gallery.spec.identity.items() if other.spec.identity.get(name) != value]
        if changed:
            raise ManifestMismatchError(
                f"{one_line(other.folder.name)} was made with the encoder {other.spec.name!r}, this gallery with "
                f"{gallery.spec.name!r} (different: {', '.join(changed)}): their vectors cannot be compared; index "
                "both with one encoder"
            )
        yield other


def domains(other: Gallery, data: Labelled, criterion: Criterion) -> Domains:
    """The two sides. data: the records of the gallery that is asked, by the same criterion. Raises UsageError: no label
    in common.
    """
    theirs, name = labelled(other, criterion), one_line(Path(other.folder).name)
    asks, answers = (Counter(label for labels in side.labels for label in labels) for side in (theirs, data))
    shared = asks.keys() & answers.keys()
    if not shared:
        raise UsageError(
            f"no label is in both galleries: {name} has {_few(asks)}, this gallery {_few(answers)}; label them alike"
        )
    queries, among = _bearing(theirs, shared), _bearing(data, shared)
    owner = dict(zip(data.ids, data.patients, strict=True))
    patients = tuple(
        frozenset({patient, owner.get(identity, patient)})
        for patient, identity in zip(queries.patients, queries.ids, strict=True)
    )
    records = {record.id: record for record in other.store.records().values()}
    keys = [records[identity].key for identity in queries.ids]
    small = other.store.thumbnails(keys)
    return Domains(
        name,
        queries,
        among,
        Queries(queries, patients, tuple(small.get(key, b"") for key in keys)),
        records,
        _only(asks, shared),
        _only(answers, shared),
        len(theirs.ids) - len(queries.ids),
    )


def _few(labels: Counter[str], most: int = 5) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(one_line(label) for label, _ in labels.most_common(most)) + more


def _only(counts: Counter[str], shared: set[str]) -> dict[str, int]:
    return {label: count for label, count in counts.most_common() if label not in shared}


def _bearing(data: Labelled, shared: set[str]) -> Labelled:
    """The records that bear a shared label, with the shared ones only."""
    kept = [tuple(label for label in labels if label in shared) for labels in data.labels]
    rows = np.array([i for i, labels in enumerate(kept) if labels], np.int64)
    return replace(data.take(rows), labels=tuple(kept[i] for i in rows))


def crossed(
    space: MeasuredSpace, sides: Domains, measured: Measured, measure: Measure, scoring: Scoring
) -> CrossDomain:
    """What crossing costs. measured: of the queries against the gallery."""
    alone = _alone(space, sides.asking, measure, scoring)
    cross = measured.per_query[space.name][PLAIN]
    names = [f"P@{k}" for k in scoring.ks]
    own = alone.per_query[space.name][PLAIN]
    paired: dict[Mean, dict[str, Difference]] = {
        mean: differences(own, cross, names, measured.askers, scoring, mean) for mean in ("macro", "micro")
    }
    return CrossDomain(
        sides.name,
        measured.askers.classes,
        sides.only_queries,
        sides.only_gallery,
        len(sides.among.ids),
        _within(sides.name, alone, space.name, len(sides.queries.ids), paired, scoring),
        _of_the_asked(space, sides, measured, measure, scoring),
    )


def _of_the_asked(
    space: MeasuredSpace, sides: Domains, measured: Measured, measure: Measure, scoring: Scoring
) -> WithinDomain:
    """The asked gallery by itself: other queries, so that the drop has an interval and no p."""
    name = "this gallery"
    if space.adapter is not None:
        reason = f"since {space.name} was trained on these very records"
        return WithinDomain(name, 0, len(sides.among.ids), None, {"macro": None, "micro": None}, {}, {}, reason)
    alone = _alone(space, asking(sides.among), measure, scoring)
    cross, own = (each.per_query[space.name][PLAIN] for each in (measured, alone))
    unpaired: dict[Mean, dict[str, Difference]] = {
        mean: _unpaired(own, alone.askers, cross, measured.askers, scoring, mean) for mean in ("macro", "micro")
    }
    return _within(name, alone, space.name, len(sides.among.ids), unpaired, scoring)


def _alone(space: MeasuredSpace, queries: Queries, measure: Measure, scoring: Scoring) -> Measured:
    """A gallery's records asked among themselves, in the space of the gallery that is asked; what its encoder was tuned
    on does not ask, as it does not across galleries.
    """
    data = queries.data
    vectors: Vectors = data.vectors
    if space.adapter is not None:
        vectors = adapters.transform(space.adapter, data.vectors, data.slices)
    rows, told = untouched_rows(space.spec.name, queries)
    each = Round(asking(data.take(rows)), data, lambda: iter([(space.name, vectors[rows], vectors)]))
    return ranked(Experiment((each,), told, hash_of(data.ids)), measure, scoring.ks)


def _within(
    name: str, alone: Measured, space: str, records: int, drop: Mapping[Mean, dict[str, Difference]], scoring: Scoring
) -> WithinDomain:
    found, names = alone.per_query[space], [f"P@{k}" for k in scoring.ks]
    return WithinDomain(
        name,
        len(alone.askers.ids),
        records,
        scores_of(found[PLAIN], names, alone.askers, scoring),
        chance_of(found[CHANCE], alone.askers),
        drop["macro"],
        drop["micro"],
    )


def _unpaired(
    first: PerQuery, one: Askers, second: PerQuery, two: Askers, scoring: Scoring, mean: Mean
) -> dict[str, Difference]:
    """first - second of different queries: each side is resampled by its own patients."""
    means = [
        metrics.micro(values) if mean == "micro" else metrics.macro(values, askers.labels)
        for values, askers in ((first, one), (second, two))
    ]
    draws = [
        metrics.bootstrap_draws(
            values,
            metrics.numbered(askers.patients),
            mean,
            labels=askers.labels,
            samples=scoring.samples,
            seed=scoring.seed + side,
        )
        for side, (values, askers) in enumerate(((first, one), (second, two)))
    ]
    low, high = metrics.difference_interval(draws[0], draws[1]).reshape(2, -1)
    gap = means[0] - means[1]
    return {
        f"P@{k}": Difference(number_of(gap[i]), number_of(low[i]), number_of(high[i])) for i, k in enumerate(scoring.ks)
    }


def cross_domain_table(found: CrossDomain, cross: ScoreSummary, chance: Figures) -> tuple[str, TableRows]:
    """Across, then each gallery by itself with the drop."""
    rows = [["asked by, asks", "queries", "records", *cross.macro, "chance"]]
    alone = found.queries_alone
    rows += mean_rows(f"{found.queries_from} asks this gallery", cross, chance, str(alone.queries), str(found.records))
    for each in (alone, found.gallery_alone):
        if each.scores is None:
            continue
        rows += mean_rows(f"{each.gallery} asks itself", each.scores, each.chance, str(each.queries), str(each.records))
        for mean, drop in (("macro", each.drop_macro), ("micro", each.drop_micro)):
            cells = [cell(gap.value, (gap.low, gap.high), sign=True) for gap in drop.values()]
            rows.append([f"drop against it, {mean}", "", "", *cells, ""])
            if any(gap.p is not None for gap in drop.values()):
                rows.append([f"p, {mean}", "", "", *(shown_p(gap.p) for gap in drop.values()), ""])
    return f"Across galleries: {found.queries_from} asks this gallery", rows
