"""Calibration, thresholds and their measures, against general optimisers, loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.metrics import brier_score_loss, roc_auc_score

from lookalike import calibration
from lookalike.calibration import Thresholds


def exclusive(seed: int, n: int, c: int, strength: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of which the true label's is a little higher, and one-hot members."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, c, n)
    logits = 3 * rng.normal(size=(n, c))
    logits[np.arange(n), labels] += strength
    return logits, labels[:, None] == np.arange(c)


@pytest.mark.parametrize(("n", "c"), [(40, 2), (240, 4), (900, 12)])
def test_temperature_and_bias_reach_the_minimum(n: int, c: int) -> None:
    logits, members = exclusive(n, n, c)
    shares = (members.sum(axis=0) + 0.5) / (n + 0.5 * c)
    target = (n * members + shares) / (n + 1)

    def loss(w: np.ndarray) -> float:
        z = w[0] * logits + w[1:]
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return float(-(target * log_p).sum() + 5 * (w[1:] ** 2).sum())

    slope, bias = calibration.temperature_and_bias(logits, members)
    best = minimize(loss, np.zeros(c + 1), options={"gtol": 1e-9})
    assert loss(np.r_[slope, bias]) <= best.fun + 1e-6
    np.testing.assert_allclose([slope, *bias], best.x, atol=1e-4)


def test_platt_reaches_the_minimum() -> None:
    rng = np.random.default_rng(0)
    member = rng.random(150) < 0.2
    logits = 40 + 7 * rng.normal(size=150) + 6 * member
    target = np.where(member, (member.sum() + 1) / (member.sum() + 2), 1 / ((~member).sum() + 2))

    def loss(w: np.ndarray) -> float:
        z = w[0] * (logits - 40) + w[1]
        return float((np.logaddexp(0, z) - target * z).sum())

    slope, bias = calibration.platt(logits, member)
    best = minimize(loss, np.zeros(2), options={"gtol": 1e-9})
    assert slope == pytest.approx(best.x[0], abs=1e-4)
    assert bias == pytest.approx(best.x[1] - 40 * best.x[0], abs=1e-3)


def test_few_separable_rows_give_no_certainty() -> None:
    members = np.repeat(np.eye(2, dtype=bool), 3, axis=0)
    logits = np.where(members, 9.0, -9.0)
    p = calibration.calibrate(logits, members, multi_label=False).probabilities(logits)
    assert 0.85 < p.max() < 0.95
    several = calibration.calibrate(logits, members, multi_label=True).probabilities(logits)
    assert several.max() == pytest.approx(4 / 5, abs=1e-3)  # Platt's target for three rows


@pytest.mark.parametrize("multi_label", [False, True])
def test_logits_that_mislead_are_ignored(multi_label: bool) -> None:
    logits, members = exclusive(1, 300, 3, strength=-3.0)
    calibrated = calibration.calibrate(logits, members, multi_label=multi_label)
    assert calibrated.slope.tolist() == [0.0] * 3
    p = calibrated.probabilities(logits)
    np.testing.assert_allclose(p, np.broadcast_to(members.mean(axis=0), p.shape), atol=0.02)


@pytest.mark.parametrize("multi_label", [False, True])
def test_calibration_finds_the_true_probabilities(multi_label: bool) -> None:
    """Labels drawn with known probabilities; a method that is four times too sure of itself, and biased."""
    rng = np.random.default_rng(2)
    honest = rng.normal(size=(6000, 3))
    truth = calibration.sigmoid(honest) if multi_label else calibration.softmax(honest)
    members = rng.random(truth.shape) < truth
    if not multi_label:
        members = (rng.random((6000, 1)) < truth.cumsum(axis=1)).argmax(axis=1)[:, None] == np.arange(3)
    shown = 4 * honest + np.array([2.0, 0.0, -2.0])
    calibrated = calibration.calibrate(shown, members, multi_label=multi_label)
    np.testing.assert_allclose(calibrated.probabilities(shown), truth, atol=0.05)
    plain = calibration.uncalibrated(3, multi_label=multi_label).probabilities(shown)
    assert calibration.brier(calibrated.probabilities(shown), members) < calibration.brier(plain, members) - 0.05


def test_probabilities_sum_to_one_unless_there_are_several() -> None:
    logits, members = exclusive(3, 80, 4)
    assert calibration.calibrate(logits, members, multi_label=False).probabilities(logits).sum(axis=1) == (
        pytest.approx(np.ones(80))
    )
    huge = calibration.uncalibrated(4, multi_label=True).probabilities(1e6 * logits)
    assert np.isfinite(huge).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 80), st.floats(0.5, 1.0))
def test_thresholds_are_the_best_of_all(seed: int, n: int, sensitivity: float) -> None:
    rng = np.random.default_rng(seed)
    member = np.arange(n) % 2 == 0
    p = np.round(rng.random(n) * 0.6 + 0.4 * member * rng.random(n), 2)  # rounded: many are equal
    cuts = calibration.thresholds(p, member, sensitivity)
    found = {t: (p[member] >= t).mean() for t in np.unique(p)}
    youden = {t: found[t] - (p[~member] >= t).mean() for t in found}
    if max(youden.values()) <= 0:
        assert cuts is None
        return
    assert cuts is not None
    assert youden[cuts.youden] == pytest.approx(max(youden.values()))
    assert cuts.sensitive == max(t for t in found if found[t] >= sensitivity)


def test_thresholds_need_ten_of_each() -> None:
    p = np.linspace(0, 1, 30)
    assert calibration.thresholds(p, p > 0.7) is None  # nine bear the label
    assert calibration.thresholds(p, p > 0.65) is not None
    assert calibration.thresholds(p, p > 0.3) is None  # nine do not
    assert calibration.thresholds(np.full(40, 0.2), np.arange(40) < 20) is None  # nothing tells them apart


@pytest.mark.parametrize(("youden", "sensitive"), [(0.6, 0.2), (0.2, 0.6)])
def test_findings(youden: float, sensitive: float) -> None:
    cuts = Thresholds(youden, sensitive)
    said = [cuts.finding(p) for p in (0.0, 0.19, 0.2, 0.59, 0.6, 1.0)]
    assert said == ["negative", "negative", "possible", "possible", "positive", "positive"]


def test_ece_equals_a_loop() -> None:
    rng = np.random.default_rng(4)
    confidence = np.r_[rng.random(200), 0.0, 1.0, 0.5]
    right = rng.random(203) < 0.6
    total = 0.0
    for b in range(10):
        inside = [i for i, p in enumerate(confidence) if min(int(p * 10), 9) == b]
        if inside:
            gap = abs(np.mean(right[inside]) - np.mean(confidence[inside]))
            total += gap * len(inside) / 203
    assert calibration.expected_calibration_error(confidence, right) == pytest.approx(total)


def test_the_floor_is_what_a_faultless_calibration_shows() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.3, 1, 400)
    shown = [calibration.expected_calibration_error(confidence, rng.random(400) < confidence) for _ in range(300)]
    assert calibration.calibration_floor(confidence) == pytest.approx(np.mean(shown), rel=0.1)
    assert calibration.calibration_floor(np.ones(50)) == 0


def test_brier_equals_scikit_learn() -> None:
    rng = np.random.default_rng(6)
    p, member = rng.random(50), rng.random(50) < 0.5
    both = np.stack([p, 1 - p], axis=1), np.stack([member, ~member], axis=1)
    assert calibration.brier(*both) == pytest.approx(2 * brier_score_loss(member, p))


def test_auc_compares_within_a_fold_only() -> None:
    rng = np.random.default_rng(7)
    scores, member, folds = rng.integers(0, 9, 60) / 9, rng.random(60) < 0.4, rng.integers(0, 3, 60)
    one = calibration.auc(scores, member, np.zeros(60, np.int64))
    assert one == pytest.approx(roc_auc_score(member, scores))
    pairs = [
        (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
        for i in np.flatnonzero(member)
        for j in np.flatnonzero(~member)
        if folds[i] == folds[j]
    ]
    assert calibration.auc(scores, member, folds) == pytest.approx(np.mean(pairs))
    assert calibration.auc(scores, member, member.astype(np.int64)) is None  # no fold holds a pair
