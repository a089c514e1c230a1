"""Ranking volumes by their slices, against plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.ranking import (
    AGGREGATIONS,
    best_pair,
    best_pairs,
    contributing_rows,
    localisation_ratio,
    maxsim,
    maxsim_many,
)

# Scores and weights in 64ths add up exactly in any order, so that ties are ties.
Hits = list[list[tuple[int, float]]]
hits = st.integers(1, 7).flatmap(
    lambda width: st.lists(
        st.lists(
            st.tuples(st.integers(-1, 5), st.integers(-64, 64).map(lambda n: n / 64)), min_size=width, max_size=width
        ),
        min_size=1,
        max_size=5,
    )
)
weighing = st.lists(st.integers(1, 64).map(lambda n: n / 64), min_size=5, max_size=5)


def plain(rows: Hits, weights: list[float], how: str) -> list[tuple[int, float]]:
    total: dict[int, float] = {}
    best: dict[int, float] = {}
    for row, weight in zip(rows, weights, strict=False):
        there = [(owner, score) for owner, score in row if owner >= 0]
        for owner, score in there:
            best[owner] = max(best.get(owner, -math.inf), score)
        nearest = max((score for _, score in there), default=0)
        voted = {owner for owner, score in there if score == nearest}
        for owner in voted:
            total[owner] = total.get(owner, 0.0) + weight / len(voted) * (1 if how == "count" else nearest)
    total = best if how == "max" else {owner: total.get(owner, 0.0) for owner in best}
    return sorted(total.items(), key=lambda pair: (-pair[1], -best[pair[0]], pair[0]))


@pytest.mark.parametrize("how", sorted(AGGREGATIONS))
@given(rows=hits, weights=weighing, padded=st.sampled_from([-math.inf, 1.0]))
def test_slice_hits_become_volumes_as_in_plain_python(
    how: str, rows: Hits, weights: list[float], padded: float
) -> None:
    owners = np.array([[owner for owner, _ in row] for row in rows])
    scores = np.array([[score for _, score in row] for row in rows], np.float32)
    scores[owners < 0] = padded  # as an index pads, or as what may not answer scores
    found, total = AGGREGATIONS[how](owners, scores, np.array(weights[: len(rows)]))
    expected = plain(rows, weights, how)
    assert found.tolist() == [owner for owner, _ in expected]
    assert total.tolist() == pytest.approx([score for _, score in expected])


@pytest.mark.parametrize("how", sorted(AGGREGATIONS))
def test_nothing_but_padding_ranks_nothing(how: str) -> None:
    found, total = AGGREGATIONS[how](np.full((2, 3), -1), np.full((2, 3), -np.inf, np.float32), np.ones(2))
    assert found.shape == total.shape == (0,)


def units(random: np.random.Generator, rows: int, dim: int = 4) -> NDArray[np.float32]:
    vectors = random.normal(size=(rows, dim))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def plain_maxsim(query: NDArray[np.float32], document: NDArray[np.float32], weights: list[float]) -> float:
    return sum(
        weight * max(sum(float(a) * float(b) for a, b in zip(q, d, strict=True)) for d in document)
        for weight, q in zip(weights, query, strict=True)
    )


@given(st.integers(0, 10_000), st.integers(1, 6), st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans())
def test_maxsim_is_its_definition(seed: int, asked: int, sizes: list[int], weighted: bool) -> None:
    random = np.random.default_rng(seed)
    query, documents = units(random, asked), [units(random, size) for size in sizes]
    shares = random.dirichlet(np.ones(asked)) if weighted else None
    weights = [1 / asked] * asked if shares is None else shares.tolist()
    expected = [plain_maxsim(query, document, weights) for document in documents]
    assert [maxsim(query, document, shares) for document in documents] == pytest.approx(expected, abs=1e-6)
    starts = np.cumsum([0, *sizes[:-1]])
    np.testing.assert_allclose(maxsim_many(query, np.concatenate(documents), starts, shares), expected, atol=1e-6)


def test_maxsim_knows_its_ends() -> None:
    query = units(np.random.default_rng(1), 3)
    assert maxsim(query, np.concatenate([query[::-1], -query])) == pytest.approx(1, abs=1e-6)
    assert maxsim(query, query[:0]) == maxsim(query[:0], query) == 0
    assert maxsim_many(query, query[:0], np.empty(0, np.int64)).shape == (0,)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 9))
def test_where_a_hit_matches(seed: int, asked: int, held: int) -> None:
    random = np.random.default_rng(seed)
    query, document = units(random, asked), units(random, held)
    cosines = [[float(q @ d) for d in document] for q in query]
    row, column, score = best_pair(query, document)
    assert score == pytest.approx(max(max(line) for line in cosines), abs=1e-6)
    assert cosines[row][column] == pytest.approx(score, abs=1e-6)
    rows = contributing_rows(query, document).tolist()
    assert rows == sorted({max(range(held), key=line.__getitem__) for line in cosines})


def test_localisation_ratio() -> None:
    contains = np.array([True, False, True, False])
    assert localisation_ratio(np.array([0, 1, 2]), contains) == pytest.approx(2 / 3)
    assert math.isnan(localisation_ratio(np.empty(0, np.int64), contains))


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 9))
def test_the_best_pair_shows_something(seed: int, asked: int, held: int) -> None:
    """With a blank vector, by the definition; and two all but blank slices do not win over two alike that show much."""
    random = np.random.default_rng(seed)
    query, document, (blank,) = units(random, asked), units(random, held), units(random, 1)
    nearest = [max(range(held), key=[float(q @ d) for d in document].__getitem__) for q in query]
    left = [float(q @ document[j] - (q @ blank) * (document[j] @ blank)) for q, j in zip(query, nearest, strict=True)]
    row, column, score = best_pair(query, document, blank)
    assert (left[row], column) == (pytest.approx(max(left), abs=1e-6), nearest[row])
    assert score == pytest.approx(float(query[row] @ document[column]), abs=1e-6)
    away = units(random, 1)[0]
    away -= (away @ blank) * blank
    shows, nothing = 0.3 * blank + 0.9 * away, blank + 0.05 * away
    pair = np.stack([each / np.linalg.norm(each) for each in (nothing, shows)]).astype(np.float32)
    turned = pair + np.float32(0.05) * units(random, 2)
    assert best_pair(pair, turned / np.linalg.norm(turned, axis=1, keepdims=True), blank)[:2] == (1, 1)


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12), st.tuples(st.integers(1, 4), st.integers(1, 3)))
def test_each_of_the_best_pairs_is_the_best_that_lies_apart_from_those_before(
    seed: int, asked: int, held: int, apart: tuple[int, int]
) -> None:
    random = np.random.default_rng(seed)
    query, document = units(random, asked), units(random, held)
    pairs = best_pairs(query, document, count=5, apart=apart)
    assert pairs[0] == best_pair(query, document)
    chosen = [(row, column) for row, column, _ in pairs]

    def is_apart(row: int, column: int, others: list[tuple[int, int]]) -> bool:
        return all(abs(row - r) >= apart[0] and abs(column - c) >= apart[1] for r, c in others)

    for at, (row, column, score) in enumerate(pairs):
        free = [float(query[r] @ document[c]) for r in range(asked) for c in range(held) if is_apart(r, c, chosen[:at])]
        assert is_apart(row, column, chosen[:at])
        assert score == pytest.approx(max(free), abs=1e-6)
    left = [(r, c) for r in range(asked) for c in range(held) if is_apart(r, c, chosen)]
    assert len(pairs) == 5 or not left
