"""Measures of ranked queries: precision plain, capped, of label sets and of each label alone; nDCG; AP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.metrics import Bools
from lookalike.voting import RowNumbers

PerQuery: TypeAlias = NDArray[np.float64]  # (q, ks), or (q, classes, ks) for a measure of each label alone

PLAIN: Final = "P@k"
CAPPED: Final = "P@k, capped"
CUT: Final = "P@k, cut at the size of the class"
NDCG: Final = "nDCG@k of the Jaccard overlap"
EXACT: Final = "P@k, exact match"
EACH: Final = "P@k of each label alone"
AP: Final = "average precision"
CHANCE: Final = "chance"


@dataclass(frozen=True, slots=True, eq=False)
class RankedQueries:
    """Some queries against the whole gallery. asking (q, c), members (n, c): the classes of queries and gallery rows.
    open (q, n): gallery rows that may answer. order (q, depth): the nearest open rows, -1 pads.
    """

    asking: Bools
    members: Bools
    open: Bools
    order: RowNumbers


@dataclass(frozen=True, slots=True)
class Measure:
    """of: ranked queries and ascending depths -> scores by name. PLAIN comes first in a report, CHANCE is the
    precision of a random order. figures: the name of a measure's figures, if not P. whole: it needs the order of the
    whole gallery, not only of the deepest k.
    """

    of: Callable[[RankedQueries, tuple[int, ...]], dict[str, PerQuery]]
    figures: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False

    def names(self, measure: str, ks: Sequence[int]) -> list[str]:
        """The figures of one measure: "P@1", ..."""
        return ["AP"] if measure == AP else [f"{self.figures.get(measure, 'P')}@{k}" for k in ks]


def _at(
    score: Callable[[Bools, NDArray[np.int64], int], PerQuery],
    hits: Bools,
    totals: NDArray[np.int64],
    ks: Sequence[int],
) -> PerQuery:
    return np.stack([score(hits, totals, k) for k in ks], axis=1)


def shared_label(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    """P@k, where a record that shares a label is relevant."""
    hits, totals = _sharing(ranked)
    return {PLAIN: _at(metrics.precision_at, hits, totals, ks), CHANCE: metrics.chance(totals, ranked.open.sum(axis=1))}


def findings(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    """As ``shared_label``, and AP: the mean of P@r over the ranks r of all relevant records."""
    hits, totals = _sharing(ranked)
    return {**shared_label(ranked, ks), AP: metrics.average_precision(hits, totals)[:, None]}


def _sharing(ranked: RankedQueries) -> tuple[Bools, NDArray[np.int64]]:
    """Which ranks hold a record that shares a label (q, depth), and how many records do (q,)."""
    shared = metrics.any_overlap(ranked.asking, ranked.members) & ranked.open
    return np.take_along_axis(shared, ranked.order, axis=1) & (ranked.order >= 0), shared.sum(axis=1)


def one_class(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    """Plain, capped and cut P@k, where every record has one class."""
    asking, members = ranked.asking.argmax(axis=1), ranked.members.argmax(axis=1)
    totals = (ranked.open & (asking[:, None] == members[None, :])).sum(axis=1)
    hits = (members[ranked.order] == asking[:, None]) & (ranked.order >= 0)
    return {
        PLAIN: _at(metrics.precision_at, hits, totals, ks),
        CAPPED: _at(metrics.capped_precision_at, hits, totals, ks),
        CUT: _at(metrics.cut_precision_at, hits, totals, ks),
        CHANCE: metrics.chance(totals, ranked.open.sum(axis=1)),
    }


def label_sets(ranked: RankedQueries, ks: tuple[int, ...]) -> dict[str, PerQuery]:
    """P@k by any shared label, Jaccard gain, the same label set, and each label alone."""
    gains = np.where(ranked.open, metrics.jaccard_gain(ranked.asking, ranked.members), -1)
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


def _each_label(ranked: RankedQueries, there: Bools, ks: Sequence[int]) -> PerQuery:
    """(q, c, ks): P@k of each label alone; nan where the query does not have it."""
    totals = ranked.open.astype(np.float32) @ ranked.members.astype(np.float32)  # (q, c), exact below 2^24
    result = np.full((*ranked.asking.shape, len(ks)), np.nan)
    for label in range(ranked.asking.shape[1]):
        rows = np.flatnonzero(ranked.asking[:, label])
        hits = ranked.members[ranked.order[rows], label] & there[rows]
        result[rows, label] = _at(metrics.precision_at, hits, totals[rows, label].astype(np.int64), ks)
    return result
