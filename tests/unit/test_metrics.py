"""Scores and relevance against plain-Python oracles written from the formulas, and against trec_eval."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lookalike import metrics

pytestmark = pytest.mark.filterwarnings("error")  # nan must come out silently, never through a numpy warning
quick = settings(deadline=None, max_examples=100)
NAN = math.nan


# --- rankings: every query has its own open gallery, so rows are ragged and padded --------------------------


class Case(NamedTuple):
    rankings: list[list[int]]  # gain of every item of the open gallery, in rank order; above 0 = relevant
    depth: int

    @property
    def cut(self) -> list[list[int]]:
        return [ranking[: self.depth] for ranking in self.rankings]

    @property
    def relevance(self) -> np.ndarray:
        return np.array([row + [-1] * (self.depth - len(row)) for row in self.cut])

    @property
    def totals(self) -> np.ndarray:
        return np.array([sum(gain > 0 for gain in ranking) for ranking in self.rankings])


@st.composite
def cases(draw: st.DrawFn, *, whole: bool = False) -> Case:
    rankings = draw(st.lists(st.lists(st.integers(0, 3), max_size=10), min_size=1, max_size=6))
    longest = max(1, *map(len, rankings))
    depths = st.integers(1, longest + 2)
    return Case(rankings, longest if whole else draw(depths))


# --- the oracle: one ranking, one number --------------------------------------------------------------------


def oracle_precision(found: list[int], total: int, k: int) -> float:
    return sum(gain > 0 for gain in found[:k]) / k


def oracle_capped_precision(found: list[int], total: int, k: int) -> float:
    return sum(gain > 0 for gain in found[:k]) / min(k, total)


def oracle_recall(found: list[int], total: int, k: int) -> float:
    return sum(gain > 0 for gain in found[:k]) / total


def oracle_hit_rate(found: list[int], total: int, k: int) -> float:
    return float(any(gain > 0 for gain in found[:k]))


def oracle_average_precision(found: list[int], total: int) -> float:
    ranks = [rank for rank, gain in enumerate(found, start=1) if gain > 0]
    return sum(nth / rank for nth, rank in enumerate(ranks, start=1)) / total


def oracle_reciprocal_rank(found: list[int], total: int) -> float:
    return next((1 / rank for rank, gain in enumerate(found, start=1) if gain > 0), 0.0)


def oracle_r_precision(found: list[int], total: int) -> float:
    return sum(gain > 0 for gain in found[:total]) / total


def oracle_dcg(gains: Sequence[float], k: int) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:k], start=1))


AT_K: dict[str, tuple[Callable[..., Any], Callable[..., float], Any]] = {
    "P": (metrics.precision_at, oracle_precision, ir_measures.P),
    "capped P": (metrics.capped_precision_at, oracle_capped_precision, None),  # not in ir_measures
    "recall": (metrics.recall_at, oracle_recall, ir_measures.R),
    "hit rate": (metrics.hit_rate_at, oracle_hit_rate, ir_measures.Success),
}
WHOLE: dict[str, tuple[Callable[..., Any], Callable[..., float], Any]] = {
    "AP": (metrics.average_precision, oracle_average_precision, ir_measures.AP),
    "RR": (metrics.reciprocal_rank, oracle_reciprocal_rank, ir_measures.RR),
    "R-precision": (metrics.r_precision, oracle_r_precision, ir_measures.Rprec),
}


def from_oracle(case: Case, oracle: Callable[..., float], *k: int) -> list[float]:
    rows = zip(case.cut, case.totals.tolist(), strict=True)
    return [oracle(found, total, *k) if total else NAN for found, total in rows]


def from_trec(case: Case, measure: Any) -> list[float]:
    """Documents are named by their rank in the whole ranking; queries that nothing can answer are nan."""
    qrels = {
        str(query): {str(rank): gain for rank, gain in enumerate(ranking)}
        for query, ranking in enumerate(case.rankings)
        if any(ranking)
    }
    run = {query: {str(rank): -float(rank) for rank in range(len(case.cut[int(query)]))} for query in qrels}
    score = {row.query_id: row.value for row in ir_measures.iter_calc([measure], qrels, run)} if qrels else {}
    assert score.keys() == qrels.keys()
    return [score.get(str(query), NAN) for query in range(len(case.rankings))]


@pytest.mark.parametrize("name", AT_K)
@given(case=cases())
@quick
def test_scores_at_k_equal_the_oracle_and_trec_eval(name: str, case: Case) -> None:
    metric, oracle, trec = AT_K[name]
    for k in range(1, case.depth + 1):
        score = metric(case.relevance, case.totals, k)
        assert_allclose(score, from_oracle(case, oracle, k), rtol=1e-12)
        if trec is not None:
            assert_allclose(score, from_trec(case, trec @ k), rtol=1e-6)


@pytest.mark.parametrize("name", WHOLE)
@given(data=st.data())
@quick
def test_scores_of_a_ranking_equal_the_oracle_and_trec_eval(name: str, data: st.DataObject) -> None:
    metric, oracle, trec = WHOLE[name]
    case = data.draw(cases(whole=name == "R-precision"))
    score = metric(case.relevance, case.totals)
    assert_allclose(score, from_oracle(case, oracle), rtol=1e-12)
    assert_allclose(score, from_trec(case, trec), rtol=1e-6)


@given(case=cases())
@quick
def test_ndcg_equals_the_oracle_and_trec_eval(case: Case) -> None:
    longest = max(map(len, case.rankings))
    gallery = [ranking + [-1] * (longest - len(ranking)) for ranking in case.rankings]
    best = [sorted(ranking, reverse=True) for ranking in case.rankings]
    for k in range(1, case.depth + 1):
        ideal = metrics.ideal_gains(np.reshape(gallery, (len(gallery), longest)), k)
        assert_array_equal(ideal, [(row + [0] * k)[:k] for row in best])
        score = metrics.ndcg_at(case.relevance, ideal, k)
        expected = [
            oracle_dcg(found, k) / oracle_dcg(top, k) if any(top) else NAN
            for found, top in zip(case.cut, best, strict=True)
        ]
        assert_allclose(score, expected, rtol=1e-12)
        assert_allclose(score, from_trec(case, ir_measures.nDCG @ k), rtol=1e-6)


@given(case=cases(whole=True), extra=st.integers(1, 3))
@quick
def test_padding_and_dtype_of_relevance_change_nothing(case: Case, extra: int) -> None:
    padded = np.pad(case.relevance, ((0, 0), (0, extra)), constant_values=-1)
    for metric, k in [(row[0], (1,)) for row in AT_K.values()] + [(row[0], ()) for row in WHOLE.values()]:
        score = metric(case.relevance, case.totals, *k)
        for same in (padded, padded > 0, padded.clip(min=0).astype(np.float32)):
            assert_allclose(metric(same, case.totals, *k), score, rtol=1e-12)


def test_binary_relevance_has_the_documented_ideal() -> None:
    relevance, totals = np.array([[1, 0, 1], [0, 0, 1]]), np.array([2, 4])
    score = metrics.ndcg_at(relevance, np.arange(3) < totals[:, None], 3)
    assert_allclose(score, [1.5 / (1 + 1 / math.log2(3)), 0.5 / (1.5 + 1 / math.log2(3))])


def test_capped_precision_reaches_one_where_plain_precision_cannot() -> None:
    relevance, totals = np.array([[1, 1, 0, 0]]), np.array([2])
    assert metrics.precision_at(relevance, totals, 4) == 0.5
    assert metrics.capped_precision_at(relevance, totals, 4) == 1


def test_a_wrong_call_is_refused() -> None:
    row, one = np.array([[1, 0]]), np.array([1])
    refused: list[tuple[str, Callable[[], object]]] = [
        ("pad with -1", lambda: metrics.precision_at(row, one, 3)),
        ("pad with -1", lambda: metrics.precision_at(row, one, 0)),
        ("pad with -1", lambda: metrics.precision_at(row[0], one, 1)),
        ("pad with -1", lambda: metrics.average_precision(np.zeros((1, 0)), one)),
        ("nan", lambda: metrics.recall_at(np.array([[NAN, 1]]), one, 1)),
        ("nan", lambda: metrics.ndcg_at(np.array([[NAN, 1]]), row, 1)),
        ("one number a query", lambda: metrics.precision_at(row, np.array([1, 1]), 1)),
        ("more hits than totals", lambda: metrics.recall_at(row, np.array([0]), 1)),
        ("search deeper", lambda: metrics.r_precision(row, np.array([3]))),
        ("greatest gains", lambda: metrics.ndcg_at(row, np.array([[0, 1]]), 2)),
        ("greatest gains", lambda: metrics.ndcg_at(row, np.array([[1, 0], [1, 0]]), 2)),
        ("exceed", lambda: metrics.chance(np.array([3]), np.array([2]))),
    ]
    for message, call in refused:
        with pytest.raises(ValueError, match=message):
            call()


# --- chance -------------------------------------------------------------------------------------------------


@given(gallery=st.lists(st.booleans(), min_size=1, max_size=5), data=st.data())
@quick
def test_chance_is_the_mean_precision_over_all_orders(gallery: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(gallery)))
    orders = np.array(list(itertools.permutations(gallery)))
    totals = np.full(len(orders), sum(gallery))
    level = metrics.chance(totals, np.full(len(orders), len(gallery)))
    expected = metrics.micro(metrics.precision_at(orders, totals, k))
    assert_allclose(level, np.full(len(orders), expected), rtol=1e-12)


# --- label sets ---------------------------------------------------------------------------------------------

CLASSES = ["atelectasis", "device", "effusion", "no finding"]
label_sets = st.lists(st.sets(st.sampled_from(CLASSES)), max_size=6)


@given(queries=label_sets, gallery=label_sets)
@quick
def test_relevance_of_label_sets_equals_set_arithmetic(queries: list[set[str]], gallery: list[set[str]]) -> None:
    rows, columns = metrics.membership(queries, CLASSES), metrics.membership(gallery, CLASSES)
    shape = (len(queries), len(gallery))
    pairs = list(itertools.product(queries, gallery))
    jaccard = [len(a & b) / len(a | b) if a | b else 0 for a, b in pairs]
    assert_array_equal(metrics.jaccard_gain(rows, columns), np.reshape(jaccard, shape))
    assert_array_equal(metrics.any_overlap(rows, columns), np.reshape([bool(a & b) for a, b in pairs], shape))
    exact = [a == b and bool(a) for a, b in pairs]
    assert_array_equal(metrics.exact_match(rows, columns), np.reshape(exact, shape))
    device = [("device" in a) and ("device" in b) for a, b in pairs]
    assert_array_equal(metrics.any_overlap(rows[:, 1:2], columns[:, 1:2]), np.reshape(device, shape))


def test_membership_refuses_a_label_that_is_no_class() -> None:
    with pytest.raises(KeyError, match="fracture"):
        metrics.membership([{"device"}, {"fracture"}], CLASSES)
