"""What every method of classification promises, run over every one that is declared."""

from __future__ import annotations

import numpy as np
import pytest

from labelled_vectors import planted
from lookalike import calibration, classifiers
from lookalike.classifiers import Examples, Fitted, Settings

METHODS = classifiers.methods()


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["one label", "several labels"])
def data(request: pytest.FixtureRequest) -> Examples:
    return planted(20, 60, multi_label=request.param)


@pytest.fixture
def fitted(method: str, data: Examples) -> Fitted:
    return classifiers.fit_classifier(method, data, Settings())


def test_ours_are_all_declared() -> None:
    assert {"knn", "centroid", "k-means", "dbscan", "agglomerative", "linear", "svm", "mlp"} <= set(METHODS)


def test_a_finite_logit_for_each_query_and_class(fitted: Fitted, data: Examples) -> None:
    for count in (1, 7):
        logits = fitted.logits(planted(21, 7).vectors[:count])
        assert logits.shape == (count, 3)
        assert logits.dtype == np.float64
        assert np.isfinite(logits).all()


def test_a_query_alone_is_the_query_among_others(fitted: Fitted) -> None:
    queries = planted(22, 9).vectors
    together = fitted.logits(queries)
    for row in range(9):
        np.testing.assert_allclose(fitted.logits(queries[row : row + 1])[0], together[row], atol=1e-5)


def test_what_is_handed_in_is_left_alone(method: str, data: Examples) -> None:
    before, queries = data.vectors.copy(), planted(23, 5).vectors
    asked = queries.copy()
    classifiers.fit_classifier(method, data, Settings()).logits(queries)
    assert np.array_equal(data.vectors, before)
    assert np.array_equal(queries, asked)


def test_voters_are_rows_that_share_a_vote(fitted: Fitted, data: Examples) -> None:
    if fitted.voters is None:  # no single record votes
        return
    rows, weights = fitted.voters(planted(24, 8).vectors)
    assert rows.shape == weights.shape
    assert rows.min() >= -1
    assert rows.max() < len(data.vectors)
    assert (weights[rows < 0] == 0).all()
    assert (weights.sum(axis=1) <= 1 + 1e-6).all()


def test_two_records_are_enough(method: str) -> None:
    two = planted(25, 60)
    rows = [int(np.flatnonzero(two.members[:, label])[0]) for label in (0, 1)]
    logits = classifiers.fit_classifier(method, two.take(np.array(rows)), Settings()).logits(two.vectors)
    assert logits.shape == (60, 3)
    assert np.isfinite(logits).all()


def test_finds_planted_labels(method: str) -> None:
    fitted = classifiers.fit_classifier(method, planted(0, 150), Settings())
    asked = planted(1, 90)
    answers = fitted.logits(asked.vectors).argmax(axis=1)
    right = float((answers == asked.members.argmax(axis=1)).mean())
    # DBSCAN calls half of the records noise, and noise has no label of its own
    assert right > (0.5 if method == "dbscan" else 0.9)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "dbscan"])
def test_finds_several_planted_labels(method: str) -> None:
    fitted = classifiers.fit_classifier(method, planted(2, 300, multi_label=True), Settings())
    asked = planted(3, 150, multi_label=True)
    logits = fitted.logits(asked.vectors)
    fold = np.zeros(150, np.int64)
    for c in range(3):
        area = calibration.auc(logits[:, c], asked.members[:, c], fold)
        assert area is not None
        assert area > 0.85


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_class_without_records_is_least_likely(method: str, multi_label: bool) -> None:
    """A fold may hold none of a class, or one class alone."""
    data = planted(4, 60, multi_label=multi_label)
    rows = ~data.members[:, 2]
    logits = classifiers.fit_classifier(method, data.take(rows), Settings()).logits(data.vectors)
    assert logits.shape == (60, 3)
    assert np.isfinite(logits).all()
    if method != "centroid" or not multi_label:  # which has no bias: calibration gives it one
        assert (logits[rows].argmax(axis=1) != 2).mean() > 0.95
    alone = data.take(data.members[:, 0] & ~data.members[:, 1:].any(axis=1))
    constant = classifiers.fit_classifier(method, alone, Settings()).logits(data.vectors)
    assert (constant == constant[0]).all()
    assert constant[0].argmax() == 0


def test_the_same_seed_gives_the_same_logits(method: str) -> None:
    first, second = (classifiers.fit_classifier(method, planted(5, 60), Settings(seed=7)) for _ in range(2))
    queries = planted(6, 10).vectors
    np.testing.assert_array_equal(first.logits(queries), second.logits(queries))
