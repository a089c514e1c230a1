"""Adapters whose numbers can be computed by hand: the kinds linear, lda, svm, mlp and auto."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lookalike import adapters
from lookalike.adapters import Adapter, auto, mlp
from lookalike.adapters.adapter import AdapterNetwork
from lookalike.adapters.layers import Layer, dense
from lookalike.adapters.samples import Samples

ONE_PATIENT = "one"  # nobody can be left out, so that nothing is calibrated


def fitted(kind: str, vectors: Sequence[Sequence[float]], labels: str) -> Adapter:
    x = np.array(vectors, np.float32)
    return adapters.fit_adapter(kind, x, [(label,) for label in labels], [ONE_PATIENT] * len(x), encoder={})


def chance_of_a(adapter: Adapter, *vectors: Sequence[float]) -> list[float]:
    return [float(p) for p in adapters.predict(adapter, np.array(vectors, np.float32))[:, 0]]


def test_linear_between_two_records() -> None:
    """At -1 and 1 the logit's weight w minimises w^2 / 2 + .1 * 2 log(1 + exp(-w)): w = .2 / (1 + exp(w)) = .0953."""
    adapter = fitted("linear", [[1], [-1]], "ab")
    assert chance_of_a(adapter, [1], [-1], [0]) == pytest.approx([0.5238, 0.4762, 0.5], abs=2e-4)


def test_lda_of_two_round_clouds() -> None:
    """Every record lies .2 beside the mean of its class on one of two axes, so the covariance is .02 on each, shrunk or
    not. b is twice as common. The log-odds of a are (x - y) / .02 - log 2.
    """
    beside = [(0.2, 0), (-0.2, 0), (0, 0.2), (0, -0.2)]
    a, b = [(1 + x, y) for x, y in beside], [(x, 1 + y) for x, y in beside]
    adapter = fitted("lda", [*a, *b, *b], "aaaa" + 8 * "b")
    odds = np.exp([0, 1, -1]) / 2
    found = chance_of_a(adapter, [0.5, 0.5], [0.51, 0.49], [0.49, 0.51])
    assert found == pytest.approx([1 / 3, 0.5761, 0.1553], abs=2e-4)
    assert found == pytest.approx(odds / (1 + odds), abs=2e-4)


def test_svm_between_two_records() -> None:
    """At -1 and 1 both are support vectors, with margins of -1 and 1 whatever the kernel; a's margin is the negative of
    b's, so that p = 1 / (1 + exp(-2)). Between them the margin is (2t + exp(-(1 - t)^2 / 2) - exp(-(1 + t)^2 / 2)) /
    (3 - exp(-2)): .5438 at one half.
    """
    adapter = fitted("svm", [[1, 0, 0, 0], [-1, 0, 0, 0]], "ab")
    assert chance_of_a(adapter, [1, 0, 0, 0], [-1, 0, 0, 0]) == pytest.approx([0.8808, 0.1192], abs=2e-3)
    assert chance_of_a(adapter, [0.5, 0, 0, 0], [0, 0, 0, 0]) == pytest.approx([0.7479, 0.5], abs=0.02)


def test_mlp_of_two_members() -> None:
    """One member has the hidden unit relu(2x - 1) with the weights 1 and -1 for a and b, the other relu(-x) with 0 and
    2; x / 2 is added to both members' logits of a. At 1 their odds of a are exp(1.5 + 1) and exp(.5), at -1 exp(-.5)
    and exp(-.5 - 2), and p is the mean of both: .7733 and .2267. With half of the base vector beside sqrt(p) the cosine
    of the two is (2 sqrt(.7733 * .2267) - .25) / 1.25.
    """
    body = dense(np.array([[[2.0]], [[-1.0]]]), np.array([[[-1.0]], [[0.0]]])), Layer("relu")
    head = dense(np.array([[[1.0, -1.0]], [[0.0, 2.0]]]), np.zeros((2, 1, 2)))
    direct = dense(np.array([[0.5, 0.0]]), np.zeros(2))
    network = AdapterNetwork(body, (head,), (direct,), "probabilities", 0.5)
    adapter = Adapter("mlp", ("a", "b"), False, {}, {}, network)
    assert chance_of_a(adapter, [1], [-1]) == pytest.approx([0.77330, 0.22670], abs=1e-5)
    first, second = adapters.transform(adapter, np.array([[1], [-1]], np.float32))
    assert float(first @ second) == pytest.approx(0.46991, abs=1e-5)


def test_the_first_step_of_mlp() -> None:
    """One record (2, -3) of label a, without noise: the gradients of the output's bias and of the direct layer, which
    start at 0, are p - (1, 0) and x times that. The first step of Adam is the rate against the gradient's sign, and the
    rate starts at a tenth: .02 / 10 for the bias, .002 / 10 for the direct layer.
    """
    x = np.array([[2, -3]], np.float32)
    data = Samples(x, np.array([[1, 0]], np.float32), ("a", "b"), False, np.zeros(1, np.int64), "")
    ((number, (_, _, _, head_bias, direct)),) = mlp._steps(x, data, None, 0.0, 1, seed=0)
    assert number == 1
    assert head_bias == pytest.approx(np.tile([0.002, -0.002], (mlp.MEMBERS, 1, 1)), abs=1e-8)
    assert direct == pytest.approx(np.tile([[2e-4, -2e-4], [-2e-4, 2e-4]], (mlp.MEMBERS, 1, 1)), abs=1e-9)


def test_what_mlp_sees_of_four_records() -> None:
    """Around the mean (1, 2) the components deviate by 1 and 2, all by sqrt(2.5); a tenth of that is added to each."""
    mean, rotation = mlp._standardise(np.array([[0, 0], [2, 0], [0, 4], [2, 4]], np.float32))
    assert mean == pytest.approx([1, 2])
    assert rotation == pytest.approx(np.diag([1 / 1.1581139, 1 / 2.1581139]), abs=1e-6)


def test_the_kinds_of_auto_by_hand() -> None:
    """svm is the best by .1. lda is better than it for half of the queries and worse for the others, by .2 and .4: one
    standard error is .15, and lda is simpler. linear is worse for each.
    """
    values = {
        "linear": np.full(4, 0.4),
        "lda": np.array([1.0, 1.0, 0.6, 0.6]),
        "svm": np.array([0.8, 0.8, 1.0, 1.0]),
        "mlp": np.array([0.8, 0.8, 1.0, 0.8]),
    }
    targets = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    asked = Samples(np.zeros((4, 2), np.float32), targets, ("a", "b"), False, np.arange(4), "")
    scores = auto._scores(values, asked, 0)
    assert {kind: score.precision for kind, score in scores.items()} == {
        "linear": 0.4,
        "lda": 0.8,
        "svm": 0.9,
        "mlp": 0.85,
    }
    assert {kind: score.behind[0] for kind, score in scores.items()} == {
        "linear": -0.5,
        "lda": -0.1,
        "svm": 0,
        "mlp": -0.05,
    }
    assert auto.chosen_of(scores) == "lda"


def test_where_every_kind_is_right_the_simplest_is_taken() -> None:
    """Two points, far apart, twelve records of as many patients at each."""
    x = np.array([[1, 0], [0, 1]] * 12, np.float32)
    adapter = adapters.fit_adapter("auto", x, [("a",), ("b",)] * 12, [str(i) for i in range(24)], encoder={})
    assert adapter.training["chosen"] == "linear"
    assert {kind: score["precision"] for kind, score in adapter.training["tried"].items()} == dict.fromkeys(
        auto.BY_SIMPLICITY, 1.0
    )
