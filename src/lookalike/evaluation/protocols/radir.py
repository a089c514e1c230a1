"""Graded relevance conditioned on one anatomy at a time (after RadIR, arXiv 2503.04653).

What was found in an anatomy stands in an attribute, ``opacity|nodule``; "normal" is a finding like any other. The gain
of an answer is the Jaccard overlap of its findings there and the query's; RadIR's is the likeness of the sentences that
a report has of the anatomy. Records of which nothing is told there neither ask nor answer. nDCG@k of the nearest
vectors, whatever they were near by: a space that was adapted to an anatomy's findings is measured with ``--space``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import metrics
from lookalike.asking.candidates import candidates
from lookalike.asking.patients import PatientCount, check_patients, count_patients
from lookalike.asking.pooling import pooled_vectors
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.contamination import untouched, with_remark
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.protocols.declared import RadIrOptions
from lookalike.evaluation.rank import checked_depths, rank
from lookalike.evaluation.scores import Figures, Interval, Scoring, narrow_note, number_of, scores_of
from lookalike.evaluation.tables import Format, Tabled, as_json, cell, render
from lookalike.gallery import Gallery
from lookalike.metrics import Floats
from lookalike.progress import tracked
from lookalike.text import DISCLAIMER
from lookalike.types import Record, Vectors
from lookalike.voting import RowNumbers

FINDINGS_OF: Final = "findings of "
"""Begins the names of attributes that hold what was found in an anatomy."""
_BY_CHANCE: Final = "chance"


@dataclass(frozen=True, slots=True)
class AnatomyScore:
    """One anatomy: "nDCG@k", and "chance@k" of a random order, means over the queries that some record answers.
    intervals: 95 %, by patient. queries: that have findings there; unscored: those that no record overlaps.
    """

    anatomy: str
    queries: int
    unscored: int
    figures: Figures
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class RadIrReport(Tabled):
    """scores: a row an anatomy. mean: over the anatomies."""

    records: int
    patients: int
    space: str
    scores: tuple[AnatomyScore, ...]
    mean: Figures
    notes: tuple[str, ...]

    def tables(self, form: Format = "text") -> str:
        """One table: rows anatomies, columns nDCG at each k, and by chance. "json": every field."""
        if form == "json":
            return as_json(self)
        names = list(self.mean)
        rows = [["anatomy", "queries", *names]]
        for s in self.scores:
            cells = [cell(s.figures[name], s.intervals.get(name, ())) for name in names]
            rows.append([s.anatomy, str(s.queries - s.unscored), *cells])
        rows.append(["mean", "", *(cell(self.mean[name]) for name in names)])
        return render("nDCG of the overlap of findings, by anatomy", rows, form)

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)


def evaluate_radir(gallery: Gallery, options: RadIrOptions) -> RadIrReport:
    """Score a gallery. Raises UsageError if no record tells what was found where."""
    scoring = Scoring(checked_depths(options.k), options.samples, options.seed)
    records, vectors = _records(gallery, options)
    check_patients([record.patient for record in records])
    told = {name for record in records for name in record.attributes if name.startswith(FINDINGS_OF)}
    judging, remark = untouched(gallery.spec.name, [(record.id, record.patient) for record in records])
    scores = [
        score
        for field in tracked(options.anatomies or sorted(told))
        if (score := _score(records, vectors, judging, field, scoring)) is not None
    ]
    if not scores:
        raise UsageError(
            "no two records tell what was found in one anatomy; index with a label table that has columns such as "
            f"'{FINDINGS_OF}lung', each cell with findings separated by '|'"
        )
    mean = {name: _mean([score.figures[name] for score in scores]) for name in scores[0].figures}
    known = count_patients([record.patient for record in records], [record.id for record in records])
    return RadIrReport(
        len(records), known.patients, options.space, tuple(scores), mean, tuple(_notes(gallery, remark, known))
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return number_of(np.mean(known)) if known else None


def _records(gallery: Gallery, options: RadIrOptions) -> tuple[list[Record], Vectors]:
    """The records that the filter allows, with a vector each in the space."""
    stored, records = pooled_vectors(gallery), gallery.store.records()
    among = candidates(gallery, where=options.where).records(gallery, stored.records)
    rows = np.flatnonzero(np.isin(stored.records, among))
    if not len(rows):
        raise UsageError("no record is left to be compared")
    return [records[int(key)] for key in stored.records[rows]], gallery.project(stored.vectors[rows], options.space)


def _score(
    records: Sequence[Record], vectors: Vectors, judging: metrics.Bools, field: str, scoring: Scoring
) -> AnatomyScore | None:
    """The score of one anatomy; None where fewer than two records tell of it, or none of those that ask."""
    rows = [row for row, record in enumerate(records) if _findings(record, field)]
    asks = np.flatnonzero(judging[rows])
    if len(rows) < 2 or not len(asks):
        return None
    found = [_findings(records[row], field) for row in rows]
    classes = sorted({each for findings in found for each in findings})
    members = metrics.membership(found, classes)
    patients = [records[row].patient for row in rows]
    values = np.concatenate(list(_measured(vectors[rows], members, patients, asks, scoring.ks)))
    names = [f"{what}@{k}" for what in ("nDCG", _BY_CHANCE) for k in scoring.ks]
    askers = Askers(np.ones((len(asks), 1), bool), (field,), np.array(patients)[asks], ())
    summary = scores_of(values, names, askers, scoring)
    shown = {name: bounds for name, bounds in summary.micro_intervals.items() if not name.startswith(_BY_CHANCE)}
    unscored = int(np.isnan(values[:, 0]).sum())
    return AnatomyScore(field.removeprefix(FINDINGS_OF), len(asks), unscored, summary.micro, shown)


def _findings(record: Record, field: str) -> tuple[str, ...]:
    if field == "label":
        return record.labels
    parts = (part.strip() for part in str(record.attributes.get(field, "")).split("|"))
    return tuple(dict.fromkeys(part for part in parts if part))


def _measured(
    vectors: Vectors, members: metrics.Bools, patients: Sequence[str], asks: RowNumbers, ks: Sequence[int]
) -> Iterator[PerQuery]:
    """(q, 2 ks) of each block of queries: nDCG, and what a random order is expected to have; nan without an overlap."""
    for block in rank(vectors[asks], vectors, [(patients[row],) for row in asks], patients, ks[-1]):
        gains = np.where(block.open, metrics.jaccard_gain(members[asks][block.rows], members), -1)
        at_rank = np.where(block.order >= 0, np.take_along_axis(gains, block.order, axis=1), -1)
        ideal = metrics.ideal_gains(gains, ks[-1])
        reached = [metrics.ndcg_at(at_rank, ideal, k) for k in ks]
        yield np.stack([*reached, *(_by_chance(gains, block.open, ideal, k) for k in ks)], axis=1)


def _by_chance(gains: Floats, open_: metrics.Bools, ideal: Floats, k: int) -> Floats:
    """The expected nDCG@k of a random order: the mean gain at every rank that there is."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    count = open_.sum(axis=1)
    mean = np.where(open_, gains, 0).sum(axis=1) / np.maximum(count, 1)
    reached = mean * (discount * (np.arange(k) < count[:, None])).sum(axis=1)
    best = ideal[:, :k] @ discount
    return np.asarray(np.divide(reached, best, out=np.full(len(best), np.nan), where=best > 0))


def _notes(gallery: Gallery, remark: str, known: PatientCount) -> Iterator[str]:
    yield f"Encoder {gallery.spec.name}: {gallery.spec.note}."
    rule = with_remark("Every record asks all others but its own patient's, one anatomy at a time", remark)
    yield f"{rule}. Intervals: 95 %, by patient."
    yield from filter(None, (known.sentence, narrow_note(known.groups, unit=known.unit)))
    yield DISCLAIMER
