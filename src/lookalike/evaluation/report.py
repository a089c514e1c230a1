"""The report of an evaluation: figures, everything needed to repeat it, and tables."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lookalike import metrics
from lookalike.asking.patients import count_patients
from lookalike.columns import paragraphs
from lookalike.evaluation.confusion import Confusion, nearest_confusion
from lookalike.evaluation.cross_domain import CrossDomain, cross_domain_table
from lookalike.evaluation.experiment import Askers, Experiment, Measured, MeasuredSpace, ranked
from lookalike.evaluation.gallery_sizes import SizeScores, size_table
from lookalike.evaluation.leakage import LeakageAudit, audit_leakage
from lookalike.evaluation.levels import LevelScores, level_table
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure, PerQuery
from lookalike.evaluation.paired import Comparison, comparison_table, described
from lookalike.evaluation.scores import (
    Figures,
    Interval,
    ScoreSummary,
    Scoring,
    chance_of,
    gain_of,
    narrow_note,
    scores_of,
)
from lookalike.evaluation.shift import Shift
from lookalike.evaluation.splits import hash_of
from lookalike.evaluation.subgroups import FieldSubgroups, subgroup_tables
from lookalike.evaluation.tables import Format, Tabled, TableRows, as_json, cell, render
from lookalike.listed import data_frame
from lookalike.store import BASE
from lookalike.text import DISCLAIMER
from lookalike.types import EncoderSpec

if TYPE_CHECKING:
    from pandas import DataFrame

_WORST: Final = 10


@dataclass(frozen=True, slots=True)
class Report(Tabled):
    """micro: mean over queries; macro: mean over classes; per_class: mean over a class's queries (a query with several
    labels counts in each). chance: the expected precision of a random order, micro and macro. patients: of the queries,
    those that are known. unscored: queries without a relevant record among those that may answer; they count nowhere.
    baseline: the base space on the same queries, and gain: adapted minus base, macro, with its interval. worst: the
    queries with the lowest precision at the deepest k.

    With a protocol: its name, its further measures by name, and how many records it left out, by reason.

    Parts that are there if they were asked for: comparison (another space or gallery on the same queries), levels of
    relevance, subgroups by recorded fields, sizes of the gallery, cross_domain (queries from another gallery). shift:
    whether separate queries are unlike the gallery; every table then says so. confusion: which label is taken for which
    if the nearest record answers, with the queries of each cell; None where records bear several labels.

    With ``split_hash``, ``seed``, ``encoder`` and ``adapter`` these say what was done, so that a run can be repeated
    and reports of runs compared: options (but those that name files), data_hash (the records that took part, their
    labels, and which share a patient), version (of this package).
    """

    queries: int
    micro: Figures
    macro: Figures
    per_class: dict[str, Figures]
    chance: Figures
    intervals: ScoreSummary
    space: str
    class_sizes: dict[str, int]
    unscored: int
    patients: int
    split: str
    split_hash: str
    seed: int
    bootstrap_samples: int
    encoder: Mapping[str, Any]
    adapter: Mapping[str, Any] | None
    index: str
    audit: LeakageAudit
    worst: tuple[str, ...]
    notes: tuple[str, ...]
    baseline: ScoreSummary | None = None
    gain: dict[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)
    protocol: str = ""
    measures: dict[str, ScoreSummary] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    comparison: Comparison | None = None
    levels: tuple[LevelScores, ...] = ()
    subgroups: tuple[FieldSubgroups, ...] = ()
    sizes: tuple[SizeScores, ...] = ()
    cross_domain: CrossDomain | None = None
    options: dict[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    version: str = ""
    shift: Shift | None = None
    confusion: Confusion | None = None

    def tables(self, form: Format = "text") -> str:
        """The class table and the overall table, adapted beside baseline where there is both; the parts; then a table
        for each further measure. "json": every field, as ``dataclasses.asdict`` gives them.
        """
        if form == "json":
            return as_json(self)
        tables = [_class_table(self), _overall_table(self), *_part_tables(self)]
        tables += [_measure_table(name, scores) for name, scores in self.measures.items()]
        shifted = "" if self.shift is None or not self.shift.shifted else f" ({self.shift.figures})"
        return "\n".join(render(*_marked(title, rows, shifted, form), form) for title, rows in tables)

    def __str__(self) -> str:
        return self.tables() + "\n" + paragraphs(self.notes)

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.macro.items() if value is not None)
        return f"<Report: {self.queries:,} queries in {self.space}, macro {figures}>"

    def to_pandas(self) -> DataFrame:
        """The measures by class as a pandas.DataFrame, after the means: index ``macro``, ``micro``, then the classes.

        Raises MissingExtraError (no pandas).
        """
        rows = {"macro": self.macro, "micro": self.micro, **self.per_class}
        return data_frame({name: [row.get(name) for row in rows.values()] for name in self.macro}, list(rows))

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return self.tables("html") + notes


def _marked(title: str, rows: TableRows, mark: str, form: Format) -> tuple[str, TableRows]:
    """A table with a mark in its title; where a form has no titles, in its first cell."""
    if form != "csv" or not mark:
        return title + mark, rows
    (corner, *head), *rest = rows
    return title, [[corner + mark, *head], *rest]


def make_report(
    space: MeasuredSpace, experiment: Experiment, measure: Measure, scoring: Scoring, measured: Measured | None = None
) -> Report:
    """Rank and measure an experiment: figures, intervals, and everything needed to repeat them. measured: if it was
    ranked already.
    """
    measured = measured or ranked(experiment, measure, scoring.ks)
    askers, names = measured.askers, measure.names(PLAIN, scoring.ks)
    plain = {name: found[PLAIN] for name, found in measured.per_query.items()}
    scores = {name: scores_of(values, names, askers, scoring) for name, values in plain.items()}
    own, chance = scores[space.name], measured.per_query[space.name][CHANCE]
    sides = ((each.queries, each.among) for each in experiment.rounds)
    audit = audit_leakage(sides, experiment.duplicates, named_alike=experiment.named_alike)
    adapted = space.name != BASE
    return Report(
        queries=len(askers.ids),
        micro=own.micro,
        macro=own.macro,
        per_class=own.per_class,
        chance=chance_of(chance, askers),
        intervals=own,
        space=space.name,
        class_sizes={c: int(n) for c, n in zip(askers.classes, askers.labels.sum(axis=0), strict=True)},
        unscored=int(np.isnan(chance).sum()),
        patients=count_patients(askers.patients.tolist(), askers.ids).patients,
        split=experiment.rule,
        split_hash=experiment.split_hash,
        seed=scoring.seed,
        bootstrap_samples=scoring.samples,
        encoder=described(space),
        adapter=space.facts(),
        index="exact cosine",
        audit=audit,
        worst=_worst(plain[space.name][:, -1], askers.ids),
        notes=_notes(space.spec, experiment, scoring.seed, audit, _few(askers)),
        baseline=scores[BASE] if adapted else None,
        gain=gain_of(plain[space.name] - plain[BASE], names, askers, scoring) if adapted else {},
        measures=_further(measured, space.name, measure, scoring),
        data_hash=_data_hash(experiment),
        confusion=nearest_confusion(experiment, measured, space.name),
        version=version("lookalike"),
    )


def _further(measured: Measured, space: str, measure: Measure, scoring: Scoring) -> dict[str, ScoreSummary]:
    """The measures besides plain precision, of every space."""
    return {
        name if each == space else f"{name} ({each})": scores_of(
            values, measure.names(name, scoring.ks), measured.askers, scoring
        )
        for each, found in measured.per_query.items()
        for name, values in found.items()
        if name not in (PLAIN, CHANCE)
    }


def _data_hash(experiment: Experiment) -> str:
    """Over the records of both sides, by id: their labels, and which share a patient."""
    records = {
        identity: (labels, patient)
        for each in experiment.rounds
        for side in (each.among, each.queries.data)
        for identity, labels, patient in zip(side.ids, side.labels, side.patients, strict=True)
    }
    ids = sorted(records)
    groups = metrics.numbered([records[each][1] for each in ids]).tolist()
    return hash_of(json.dumps([each, records[each][0], group]) for each, group in zip(ids, groups, strict=True))


def _worst(deepest: PerQuery, ids: Sequence[str]) -> tuple[str, ...]:
    order = np.argsort(deepest, kind="stable")  # nan, a query that was not scored, comes last
    return tuple(ids[i] for i in order[: min(_WORST, int(np.isfinite(deepest).sum()))])


def encoder_note(spec: EncoderSpec) -> str:
    """Which encoder made the vectors, and what it was trained on."""
    seen = ", ".join(sorted(spec.trained_on)) or "unknown"
    return (
        f"Encoder {spec.name} (weights {spec.revision[:12]}, preprocessing {spec.preprocessing.hash}): "
        f"{spec.note or 'trained on ' + seen}."
    )


def left_out_notes(left_out: Mapping[str, int]) -> tuple[str, ...]:
    """How many took no part, by reason, as a sentence; none if all did."""
    reasons = ", ".join(f"{count} with {reason}" for reason, count in left_out.items())
    return (f"Left out: {reasons}.",) if reasons else ()


def _notes(spec: EncoderSpec, experiment: Experiment, seed: int, audit: LeakageAudit, few: str) -> tuple[str, ...]:
    unit = "record" if audit.unknown == audit.records else "patient"
    split = f"Split: {experiment.rule}; seed {seed}, split {experiment.split_hash}."
    told = f"{split} Intervals: 95 %, bootstrap by {unit}."
    return tuple(note for note in (encoder_note(spec), told, few, audit.sentence, DISCLAIMER) if note)


def _few(askers: Askers) -> str:
    """That the queries' patients are few, or those of some classes."""
    patients = count_patients(askers.patients.tolist(), askers.ids)
    of_classes = (len(set(askers.patients[bearing].tolist())) for bearing in askers.labels.T)
    return narrow_note(patients.groups, of_classes, patients.unit)


def _columns(report: Report) -> list[tuple[str, ScoreSummary]]:
    """The spaces to show side by side, the base first."""
    if report.baseline is None:
        return [(report.space, report.intervals)]
    return [(BASE, report.baseline), (report.space, report.intervals)]


def _class_table(report: Report) -> tuple[str, TableRows]:
    columns, names = _columns(report), list(report.micro)
    head = ["class", "queries", *[f"{name} {space}" for space, _ in columns for name in names]]
    rows = [
        [
            label,
            str(size),
            *[
                cell(scores.per_class[label][name], scores.per_class_intervals[label][name])
                for _, scores in columns
                for name in names
            ],
        ]
        for label, size in report.class_sizes.items()
    ]
    return "Precision by class", [head, *rows]


def _overall_table(report: Report) -> tuple[str, TableRows]:
    rows = [["overall", *report.micro]]
    for space, scores in _columns(report):
        for kind, figures, intervals in (
            ("macro", scores.macro, scores.macro_intervals),
            ("micro", scores.micro, scores.micro_intervals),
        ):
            rows.append([f"{space}, {kind}", *[cell(figures[n], intervals[n]) for n in figures]])
    if report.gain:
        rows.append(["gain, macro", *[cell(g[0], g[1:], sign=True) for g in report.gain.values()]])
    for kind in ("macro", "micro"):
        rows.append([f"chance, {kind}", *[cell(report.chance[kind])] * len(report.micro)])
    return "Overall", rows


def _part_tables(report: Report) -> Iterator[tuple[str, TableRows]]:
    if report.comparison is not None:
        yield comparison_table(report.comparison, report.space)
    if report.cross_domain is not None:
        yield cross_domain_table(report.cross_domain, report.intervals, report.chance)
    if report.levels:
        yield level_table(report.levels)
    yield from subgroup_tables(report.subgroups)
    if report.sizes:
        yield size_table(report.sizes)
    if report.confusion is not None:
        yield "Confusion: what the nearest record bears", report.confusion.table()


def _measure_table(name: str, scores: ScoreSummary) -> tuple[str, TableRows]:
    rows = [["", *scores.micro]]
    parts: list[tuple[str, Figures, dict[str, Interval]]] = [
        ("macro", scores.macro, scores.macro_intervals),
        ("micro", scores.micro, scores.micro_intervals),
        *((label, scores.per_class[label], scores.per_class_intervals[label]) for label in scores.per_class),
    ]
    rows += [[label, *[cell(figures[n], intervals[n]) for n in figures]] for label, figures, intervals in parts]
    return name, rows
