"""Levels of relevance apart: modality, anatomy, pathology, or whatever else is recorded (Denner et al., 2403.06567).

At a level a record is relevant that bears the same value of the level's field. Records that do not have the field
neither ask nor answer there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Experiment, Round, ranked
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure
from lookalike.evaluation.recorded_fields import LABEL, recorded_values
from lookalike.evaluation.scores import Figures, ScoreSummary, Scoring, chance_of, mean_rows, scores_of
from lookalike.evaluation.tables import TableRows
from lookalike.progress import tracked
from lookalike.types import Record, Vectors

_Values = Mapping[str, tuple[str, ...]]  # by record id


@dataclass(frozen=True, slots=True)
class LevelScores:
    """Scores where the same value of a field is relevant. queries: that bear one; unscored: of these, those whose value
    no record has that may answer. not_recorded: queries without a value. class_sizes: the queries of each value.
    """

    level: str
    queries: int
    unscored: int
    not_recorded: int
    class_sizes: dict[str, int]
    scores: ScoreSummary
    chance: Figures


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What is recorded of the queries and of the gallery's records, by id."""

    asking: Mapping[str, Record]
    among: Mapping[str, Record]


def at_levels(
    experiment: Experiment, space: str, recorded: Recorded, names: Sequence[str], measure: Measure, scoring: Scoring
) -> tuple[LevelScores, ...]:
    """The scores at each level. names: fields, ``label`` for the labels. Raises UsageError for a field that no query
    has, or of which no two queries and records could be compared.
    """
    return tuple(_at_level(experiment, space, recorded, name, measure, scoring) for name in tracked(names))


def _at_level(
    experiment: Experiment, space: str, recorded: Recorded, name: str, measure: Measure, scoring: Scoring
) -> LevelScores:
    asking, among = _values(recorded, name)
    rounds = tuple(filter(None, (_relabelled(each, asking, among) for each in experiment.rounds)))
    if not rounds:
        raise UsageError(f"no query and record that may answer it both have the field {name!r}")
    measured = ranked(replace(experiment, rounds=rounds), measure, scoring.ks)
    askers, found = measured.askers, measured.per_query[space]
    every = sum(len(each.queries.data.ids) for each in experiment.rounds)
    return LevelScores(
        name,
        len(askers.ids),
        int(np.isnan(found[CHANCE]).sum()),
        every - len(askers.ids),
        {value: int(count) for value, count in zip(askers.classes, askers.labels.sum(axis=0), strict=True)},
        scores_of(found[PLAIN], [f"P@{k}" for k in scoring.ks], askers, scoring),
        chance_of(found[CHANCE], askers),
    )


def _values(recorded: Recorded, name: str) -> tuple[_Values, _Values]:
    """The values of the queries, and of those who answer: spelled alike, and numbers cut alike."""
    both = [*recorded.asking.values(), *recorded.among.values()]
    if name == LABEL:
        values = [record.labels for record in both]
    else:
        values = [(value,) if value else () for value in recorded_values(both, name).values]
    split = len(recorded.asking)
    asking, among = values[:split], values[split:]
    return dict(zip(recorded.asking, asking, strict=True)), dict(zip(recorded.among, among, strict=True))


def _relabelled(each: Round, asking: _Values, among: _Values) -> Round | None:
    """A round whose labels are the level's values; None where nobody has any."""
    queries, gallery = each.queries.data, each.among
    asks = np.array([i for i, identity in enumerate(queries.ids) if asking[identity]], np.int64)
    answers = np.array([i for i, identity in enumerate(gallery.ids) if among[identity]], np.int64)
    if not len(asks) or not len(answers):
        return None

    def spaces() -> Iterator[tuple[str, Vectors, Vectors]]:
        for name, first, second in each.spaces():
            yield name, first[asks], second[answers]

    patients = tuple(each.queries.patients[i] for i in asks)
    return Round(
        Queries(_bearing(queries.take(asks), asking), patients), _bearing(gallery.take(answers), among), spaces
    )


def _bearing(data: Labelled, values: _Values) -> Labelled:
    return replace(data, labels=tuple(values[identity] for identity in data.ids))


def level_table(levels: Sequence[LevelScores]) -> tuple[str, TableRows]:
    """A row for each level and mean."""
    rows = [["level", "classes", "queries", *levels[0].scores.macro, "chance"]]
    for each in levels:
        rows += mean_rows(each.level, each.scores, each.chance, str(len(each.class_sizes)), str(each.queries))
    return "Precision by level", rows
