"""Conformal sets against a plain loop, and their coverage on exchangeable data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lookalike import conformal
from lookalike.conformal import HeldOut

COVERAGES = (0.8, 0.9)


def drawn(seed: int, patients: int, classes: int = 3, *, most: int = 3, confidence: float = 1.5) -> HeldOut:
    """Patients with one to ``most`` records, all alike but for noise: probabilities that are right on average only."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, patients)
    owner = np.repeat(np.arange(patients), sizes)
    truth = rng.integers(0, classes, patients)[owner]
    own = rng.normal(size=patients)[owner, None]  # what the records of a patient share
    logits = confidence * (np.arange(classes) == truth[:, None]) + own * rng.normal(size=(len(owner), classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return HeldOut(p, truth, owner, owner % 5)


def one_a_patient(held: HeldOut, seed: int) -> HeldOut:
    """A record of each patient, at random."""
    order = np.random.default_rng(seed).permutation(len(held.p))
    return held.take(order[np.unique(held.patients[order], return_index=True)[1]])


@pytest.mark.parametrize("coverage", COVERAGES)
@pytest.mark.parametrize("most", [1, 4])
def test_new_patients_are_covered(coverage: float, most: int) -> None:
    """Calibration and query patients are exchangeable: over many draws the sets hold the label as often as asked."""
    found = []
    for seed in range(120):
        everyone = drawn(seed, 90, most=most)
        known, new = everyone.take(everyone.patients < 60), one_a_patient(everyone.take(everyone.patients >= 60), seed)
        values = conformal.p_values(new.p, known, conditional=False)
        rows = np.arange(len(new.p))
        found.append((values[rows, new.truth] > 1 - coverage + 1e-9).mean())
        assert conformal.sets_of(new.p, values, coverage)[rows, new.truth].mean() >= found[-1]
    # 3,600 queries in 120 draws: the standard error is below .01. Sets hold the best label besides, and can only gain.
    assert coverage - 0.02 < np.mean(found) < coverage + 0.03


def test_each_label_is_covered_by_its_own_records() -> None:
    """Where one label is hard and the others are easy, records of all labels together cover it less than asked."""
    together, apart = [], []
    for seed in range(40):
        everyone = drawn(seed, 400, classes=2, most=1, confidence=2.0)
        hard = everyone.truth == 0
        p = np.where(hard[:, None], everyone.p[:, ::-1] ** 0.5, everyone.p)
        p /= p.sum(axis=1, keepdims=True)
        everyone = HeldOut(p, everyone.truth, everyone.patients, everyone.folds)
        known, new = everyone.take(everyone.patients < 300), everyone.take(everyone.patients >= 300)
        for conditional, found in ((False, together), (True, apart)):
            values = conformal.p_values(new.p, known, conditional=conditional)
            found.append((values[new.truth == 0, 0] > 0.1).mean())
    assert np.mean(together) < 0.88
    assert np.mean(apart) > 0.885


def plain_p_value(p: float, held: HeldOut, label: int, *, conditional: bool) -> float:
    rows = [i for i in range(len(held.p)) if not conditional or held.truth[i] == label]
    of = {patient: sum(held.patients[i] == patient for i in rows) for patient in {held.patients[i] for i in rows}}
    above = sum(1 / of[held.patients[i]] for i in rows if 1 - held.p[i, held.truth[i]] >= 1 - p - 1e-9)
    return (above + 1) / (len(of) + 1)


@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_p_values_are_those_of_a_plain_loop(seed: int, patients: int, conditional: bool) -> None:
    held, asked = drawn(seed, patients), drawn(seed + 1, 3).p
    found = conformal.p_values(asked, held, conditional=conditional)
    expected = [
        [plain_p_value(p, held, label, conditional=conditional) for label, p in enumerate(row)] for row in asked
    ]
    np.testing.assert_allclose(found, expected)


@given(arrays(np.float64, (6, 3), elements=st.floats(0.01, 1)), st.floats(0.05, 0.95), st.floats(0.0, 0.9))
def test_a_greater_coverage_never_makes_a_set_smaller(p: np.ndarray, coverage: float, more: float) -> None:
    p = p / p.sum(axis=1, keepdims=True)
    values = conformal.p_values(p, drawn(0, 30), conditional=False)
    larger = coverage + more * (1 - coverage)
    assert (conformal.sets_of(p, values, coverage) <= conformal.sets_of(p, values, larger)).all()
    assert conformal.sets_of(p, values, coverage)[np.arange(6), p.argmax(axis=1)].all()


def test_too_few_patients_rule_nothing_out() -> None:
    assert [conformal.fewest_patients(coverage) for coverage in (0.5, 0.8, 0.9, 0.95)] == [1, 4, 9, 19]
    for coverage in COVERAGES:
        fewest = conformal.fewest_patients(coverage)
        values = conformal.p_values(np.array([[0.999, 0.001, 0.0]]), drawn(1, fewest - 1), conditional=False)
        assert conformal.sets_of(np.array([[0.999, 0.001, 0.0]]), values, coverage).all()
        values = conformal.p_values(np.array([[0.999, 0.001, 0.0]]), drawn(1, fewest), conditional=False)
        assert not conformal.sets_of(np.array([[0.999, 0.001, 0.0]]), values, coverage).all()


def test_a_label_is_judged_by_its_own_records_if_it_has_patients_enough() -> None:
    held = drawn(3, 120, classes=3, most=1)
    assert conformal.by_label(held, 0.9)
    assert not conformal.by_label(held.take(held.truth != 1), 0.9)


def test_likelier_records_count_more() -> None:
    """Weights that leave one half of the records are that half; the query counts by its own."""
    held, asked = drawn(5, 40, most=1), drawn(6, 4, most=1).p
    half = held.patients < 20
    ratio = 2.0 * half, np.full(len(asked), 2.0)
    weighted = conformal.p_values(asked, held, conditional=False, likelihood=ratio)
    np.testing.assert_allclose(weighted, conformal.p_values(asked, held.take(half), conditional=False))


def test_what_was_seen_is_seen_by_other_folds() -> None:
    held = drawn(7, 60)
    seen = conformal.sets_seen(held, 0.9)
    for fold in range(5):
        rows = held.folds == fold
        values = conformal.p_values(held.p[rows], held.take(~rows), conditional=conformal.by_label(held, 0.9))
        assert np.array_equal(seen[rows], conformal.sets_of(held.p[rows], values, 0.9))
