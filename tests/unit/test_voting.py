"""Votes, centroids and the background, against loops that do the same one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from lookalike import voting
from lookalike.types import Vectors


def unit(rng: np.random.Generator, n: int, dim: int = 6) -> Vectors:
    vectors = rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 15), st.integers(1, 20), st.booleans())
def test_nearest_equals_sorting_every_pair(seed: int, q: int, n: int, k: int, excluded: bool) -> None:
    """Whole numbers, so that cosines tie and are exact."""
    rng = np.random.default_rng(seed)
    queries, gallery = (rng.integers(-2, 3, (rows, 3)).astype(np.float32) for rows in (q, n))
    askers, owners = rng.integers(0, 3, q), rng.integers(0, 3, n)
    allowed = (askers[:, None] != owners).__getitem__ if excluded else None
    rows, cosines = voting.nearest_rows(queries, gallery, k, allowed=allowed)
    assert rows.shape == cosines.shape == (q, k)
    for i in range(q):
        open_rows = [j for j in range(n) if not (excluded and owners[j] == askers[i])]
        ranked = sorted(open_rows, key=lambda j: (-float(queries[i] @ gallery[j]), j))[:k]
        assert rows[i].tolist() == ranked + [-1] * (k - len(ranked))
        assert cosines[i, : len(ranked)].tolist() == [float(queries[i] @ gallery[j]) for j in ranked]
        assert np.isneginf(cosines[i, len(ranked) :]).all()


def test_blocks_of_queries_make_no_difference() -> None:
    rng = np.random.default_rng(0)
    queries, gallery = unit(rng, 1100), unit(rng, 40)
    rows, _ = voting.nearest_rows(queries, gallery, 7)
    np.testing.assert_array_equal(rows, np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :7])


@pytest.mark.parametrize("k", [1, 4, 9])
def test_uniform_vote_equals_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    gallery, queries, answers = unit(rng, 60), unit(rng, 25), rng.integers(0, 3, 60)
    model = KNeighborsClassifier(k, metric="cosine").fit(gallery, answers)
    rows, cosines = voting.nearest_rows(queries, gallery, k)
    shares = voting.vote(rows, voting.vote_weights(cosines, "uniform", 1.0), answers[:, None] == np.arange(3))
    np.testing.assert_allclose(shares, model.predict_proba(queries), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 8), st.floats(0.01, 2))
def test_distance_vote_equals_a_loop(seed: int, q: int, k: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    cosines = -np.sort(-rng.uniform(-1, 1, (q, k)), axis=1)
    rows = rng.integers(0, 10, (q, k))
    for i, there in enumerate(rng.integers(0, k + 1, q)):
        rows[i, there:], cosines[i, there:] = -1, -np.inf
    members = rng.random((10, 4)) < 0.5
    weights = voting.vote_weights(cosines, "distance", scale)
    shares = voting.vote(rows, weights, members)
    for i in range(q):
        there = [j for j in range(k) if rows[i, j] >= 0]
        raw = {j: np.exp((cosines[i, j] - cosines[i, 0]) / scale) for j in there}
        got = [sum(raw[j] for j in there if members[rows[i, j], c]) for c in range(4)]
        expected = np.array(got) / (sum(raw.values()) or 1)
        np.testing.assert_allclose(shares[i], expected, atol=1e-12)
        assert weights[i].sum() == pytest.approx(1 if there else 0)


def test_votes_are_smoothed_by_one_neighbour() -> None:
    shares, overall = np.array([[1.0, 0.0]]), np.array([0.25, 0.75])
    exclusive = voting.vote_logits(shares, 4.0, overall, multi_label=False)
    np.testing.assert_allclose(np.exp(exclusive), [[(4 + 0.25) / 5, 0.75 / 5]])
    several = voting.vote_logits(shares, 4.0, overall, multi_label=True)
    np.testing.assert_allclose(1 / (1 + np.exp(-several)), [[(4 + 0.25) / 5, 0.75 / 5]])


def test_label_shares_are_never_certain() -> None:
    members = np.array([[True, False], [True, False]])
    assert voting.label_shares(members, multi_label=False).tolist() == [2.5 / 3, 0.5 / 3]
    assert voting.label_shares(members, multi_label=True).tolist() == [2.5 / 3, 0.5 / 3]
    assert voting.label_shares(members[:, :1], multi_label=True).tolist() == [2.5 / 3]


def test_centroids_equal_means_of_the_members() -> None:
    rng = np.random.default_rng(3)
    vectors, queries, members = unit(rng, 30), unit(rng, 8), rng.random((30, 3)) < 0.4

    def cosine(query: Vectors, rows: np.ndarray) -> float:
        mean = vectors[rows].mean(axis=0)
        return float(query @ mean / np.linalg.norm(mean))

    exclusive = voting.centroid_logits(queries, vectors, members, multi_label=False)
    several = voting.centroid_logits(queries, vectors, members, multi_label=True)
    for i, query in enumerate(queries):
        near = [cosine(query, members[:, c]) for c in range(3)]
        rest = [cosine(query, ~members[:, c]) for c in range(3)]
        np.testing.assert_allclose(exclusive[i], near, atol=1e-6)
        np.testing.assert_allclose(several[i], np.subtract(near, rest), atol=1e-6)


def test_a_label_without_records_has_no_centroid() -> None:
    vectors = unit(np.random.default_rng(0), 4)
    members = np.array([[True, False]] * 4)
    assert voting.centroids(vectors, members)[1].tolist() == [0.0] * 6
    assert np.isfinite(voting.centroid_logits(vectors, vectors, members, multi_label=True)).all()


def test_closeness_leaves_out_who_may_not_answer() -> None:
    rng = np.random.default_rng(5)
    vectors, patients = unit(rng, 20), rng.integers(0, 6, 20)
    sample = np.array([0, 3, 19])
    expected = []
    for i in sample:
        others = [float(vectors[i] @ vectors[j]) for j in range(20) if patients[j] != patients[i]]
        expected.append(np.mean(sorted(others, reverse=True)[:4]))

    def among(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return patients[rows, None] != patients

    np.testing.assert_allclose(voting.closeness_within(vectors, 4, sample, among), expected, atol=1e-6)
    nearest = [max(float(vectors[i] @ vectors[j]) for j in range(20) if patients[j] != patients[i]) for i in sample]
    assert voting.neighbour_distance(vectors, sample, among) == pytest.approx(1 - np.median(nearest), abs=1e-6)


def test_one_patient_alone_has_no_neighbours() -> None:
    vectors = unit(np.random.default_rng(0), 3)

    def nobody(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.zeros((len(rows), 3), np.bool_)

    assert voting.closeness_within(vectors, 5, np.arange(3), nobody).tolist() == []
    assert voting.neighbour_distance(vectors, np.arange(3), nobody) == 1.0


def test_outlier_score_is_the_share_that_lies_nearer() -> None:
    among = np.array([0.1, 0.4, 0.4, 0.9])
    scores = voting.outlier_score(np.array([0.0, 0.4, 0.5, 1.0, -np.inf]), among)
    assert scores.tolist() == [1.0, 0.25, 0.25, 0.0, 1.0]


def test_closeness_of_nothing_is_infinitely_far() -> None:
    cosines = np.array([[0.5, 0.1], [0.5, -np.inf], [-np.inf, -np.inf]])
    assert voting.mean_cosine(cosines).tolist() == [0.3, 0.5, -np.inf]


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.floats(0, 1))
def test_the_range_of_a_vote_comes_from_how_many_equal_votes_it_is(weights: list[float], share: float) -> None:
    votes = float(voting.effective_votes(np.array([weights]))[0])
    assert votes == pytest.approx(sum(weights) ** 2 / sum(weight**2 for weight in weights))
    assert 1 <= votes + 1e-9 <= len(weights) + 2e-9
    low, high = voting.share_interval(share, votes)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    for bound in (low, high):  # where the share is 1.96 standard errors of the bound away (Wilson)
        if 0 < bound < 1:
            assert (share - bound) ** 2 == pytest.approx(1.959964**2 * bound * (1 - bound) / votes, abs=1e-6)
    assert voting.share_interval(share, 0) == (0, 1)
