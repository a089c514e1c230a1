"""Reciprocal rank fusion against the formula written out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.ranking import reciprocal_rank_fusion

rankings = st.lists(st.lists(st.integers(0, 12), unique=True, max_size=10), max_size=5)


@given(rankings, st.integers(0, 100))
def test_scores_are_the_formula(given_rankings: list[list[int]], k: int) -> None:
    fused = reciprocal_rank_fusion(given_rankings, k=k)
    assert {item for item, _ in fused} == {item for ranking in given_rankings for item in ranking}
    for item, score in fused:
        exact = sum(Fraction(1, k + ranking.index(item) + 1) for ranking in given_rankings if item in ranking)
        assert score == pytest.approx(float(exact))
    scores = [score for _, score in fused]
    assert scores == sorted(scores, reverse=True)


@given(st.lists(st.integers(), unique=True))
def test_one_ranking_keeps_its_order(ranking: list[int]) -> None:
    assert [item for item, _ in reciprocal_rank_fusion([ranking])] == ranking


@given(rankings)
def test_the_order_of_the_rankings_does_not_change_the_scores(given_rankings: list[list[int]]) -> None:
    forth, back = (dict(reciprocal_rank_fusion(r)) for r in (given_rankings, given_rankings[::-1]))
    assert forth == pytest.approx(back)


def test_the_example_of_two_engines() -> None:
    fused = reciprocal_rank_fusion([["a", "b", "c"], ["c", "a", "d"]])
    assert [item for item, _ in fused] == ["a", "c", "b", "d"]
    assert fused[0][1] == pytest.approx(1 / 61 + 1 / 62)


def test_weights_limit_ties_and_repeats() -> None:
    assert reciprocal_rank_fusion([["a"], ["b"]], weights=[1, 2])[0][0] == "b"
    assert reciprocal_rank_fusion([["a"], ["b"]], weights=[1, 0])[1] == ("b", 0.0)
    assert reciprocal_rank_fusion([["b"], ["a"]], limit=1) == [("b", pytest.approx(1 / 61))]
    assert dict(reciprocal_rank_fusion([["a", "a", "b"]]))["b"] == pytest.approx(1 / 62)
    assert reciprocal_rank_fusion([]) == []


@pytest.mark.parametrize("options", [{"weights": [1]}, {"weights": [1, -1]}, {"k": -1}])
def test_wrong_arguments_are_named(options: dict) -> None:
    with pytest.raises(UsageError, match="fusion"):
        reciprocal_rank_fusion([["a"], ["b"]], **options)
