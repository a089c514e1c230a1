"""Precision at k against the size of the gallery: sub-galleries drawn by patient (Denner et al., arXiv 2403.06567).

Every query is asked to each sub-gallery. Its score at a size is the mean over the draws that hold a relevant record of
another patient; a query that no draw could answer is counted, and left out of that size's means. A draw's
sub-galleries are nested: the patients of a smaller one are all in the larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.errors import UsageError
from lookalike.evaluation.experiment import Experiment, Round, ranked
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.measures import CHANCE, PLAIN, Measure, PerQuery
from lookalike.evaluation.scores import Figures, ScoreSummary, Scoring, chance_of, mean_rows, number_of, scores_of
from lookalike.evaluation.tables import TableRows
from lookalike.progress import tracked
from lookalike.types import Vectors

_MOST: Final = 50  # sizes, and draws of each: every query is ranked for each draw of each size


@dataclass(frozen=True, slots=True)
class SizeScores:
    """size: as asked for. records: how many a sub-gallery holds, the mean over draws (and folds): whole patients are
    drawn. scores: their intervals are over the queries' patients. draws: of each macro figure the lowest and the
    highest of a draw.
    """

    size: int
    records: float
    scores: ScoreSummary
    chance: Figures
    unscored: int
    draws: dict[str, tuple[float | None, float | None]]


def checked_sizes(sizes: Sequence[int], draws: int, experiment: Experiment) -> tuple[int, ...]:
    """Sizes ascending, each once. Raises UsageError for impossible ones."""
    most = min(len(each.among.ids) for each in experiment.rounds)
    wanted = tuple(sorted(set(sizes)))
    if wanted[0] < 2 or wanted[-1] > most:
        raise UsageError(f"sizes must be from 2 to {most}, the records that may answer, got {list(sizes)}")
    if len(wanted) > _MOST or not 1 <= draws <= _MOST:
        raise UsageError(f"sizes and draws are {_MOST} each at most, got {len(wanted)} and {draws}")
    return wanted


def over_sizes(
    experiment: Experiment, space: str, measure: Measure, scoring: Scoring, sizes: Sequence[int], draws: int
) -> tuple[SizeScores, ...]:
    """The scores at each size. sizes: from ``checked_sizes``."""
    return tuple(_at_size(experiment, space, measure, scoring, size, draws) for size in tracked(sizes))


def _at_size(
    experiment: Experiment, space: str, measure: Measure, scoring: Scoring, size: int, draws: int
) -> SizeScores:
    names, plain, chance, records = [f"P@{k}" for k in scoring.ks], [], [], []
    for draw in range(draws):
        smaller = [_smaller(each, size, [scoring.seed, draw, i]) for i, each in enumerate(experiment.rounds)]
        part = Experiment(tuple(smaller), experiment.rule, experiment.split_hash)
        measured = ranked(part, measure, scoring.ks)
        plain.append(measured.per_query[space][PLAIN])
        chance.append(measured.per_query[space][CHANCE])
        records += [len(each.among.ids) for each in smaller]
    askers = measured.askers
    scores, level = _over_draws(plain), _over_draws(chance)
    of_draws = np.array([metrics.macro(each, askers.labels) for each in plain])
    return SizeScores(
        size,
        round(float(np.mean(records)), 1),
        scores_of(scores, names, askers, scoring),
        chance_of(level, askers),
        int(np.isnan(level).sum()),
        {name: _range(of_draws[:, i]) for i, name in enumerate(names)},
    )


def _smaller(each: Round, size: int, seed: Sequence[int]) -> Round:
    """The same queries, asked to a sub-gallery."""
    rows = drawn_rows(each.among, size, seed)

    def spaces() -> Iterator[tuple[str, Vectors, Vectors]]:
        for name, queries, gallery in each.spaces():
            yield name, queries, gallery[rows]

    return Round(each.queries, each.among.take(rows), spaces)


def drawn_rows(among: Labelled, size: int, seed: Sequence[int]) -> NDArray[np.int64]:
    """The rows, ascending, of whole patients in a random order, as many as come nearest to the size."""
    codes = metrics.numbered(among.patients)
    counts = np.bincount(codes)
    order = np.random.default_rng(seed).permutation(len(counts))
    total = counts[order].cumsum()
    kept = order[: int(np.abs(total - size).argmin()) + 1]
    rows: NDArray[np.int64] = np.flatnonzero(np.isin(codes, kept))
    return rows


def _over_draws(values: Sequence[PerQuery]) -> PerQuery:
    """The mean over the draws that could score a query."""
    stacked = np.stack(values)
    return np.asarray(metrics.micro(stacked.reshape(len(stacked), -1))).reshape(stacked.shape[1:])


def _range(values: PerQuery) -> tuple[float | None, float | None]:
    known = values[~np.isnan(values)]
    return (number_of(known.min()), number_of(known.max())) if len(known) else (None, None)


def size_table(sizes: Sequence[SizeScores]) -> tuple[str, TableRows]:
    """A row for each size and mean."""
    rows = [["size", "records", "unscored", *sizes[0].scores.macro, "chance"]]
    for each in sizes:
        rows += mean_rows(str(each.size), each.scores, each.chance, f"{each.records:g}", str(each.unscored))
    return "Precision over the size of the gallery", rows
