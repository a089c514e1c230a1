"""The tests of an evaluation's differences and subgroups: their size and their power."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.paired import differences, patient_shares, sign_flip_p
from lookalike.evaluation.recorded_fields import RecordedValues
from lookalike.evaluation.scores import Scoring
from lookalike.evaluation.subgroups import FieldSubgroups, spread, subgroups_by


@given(st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=0, max_size=7))
def test_signs_are_flipped_in_every_way(shares: list[list[int]]) -> None:
    gaps = np.array(shares, float).reshape(-1, 2)
    ways = list(itertools.product((-1, 1), repeat=len(gaps)))
    for column, p in zip(gaps.T, sign_flip_p(gaps, 0), strict=True):
        extreme = [abs(sum(s * g for s, g in zip(way, column, strict=True))) >= abs(sum(column)) for way in ways]
        assert p == pytest.approx(np.mean(extreme))


@given(st.integers(0, 1000), st.sampled_from(["micro", "macro"]))
@settings(max_examples=40)
def test_what_patients_add_is_the_difference(seed: int, which: Any) -> None:
    gap, askers = random_gaps(seed)
    gap[np.random.default_rng(seed).random(len(gap)) < 0.2] = np.nan
    wanted = metrics.micro(gap) if which == "micro" else metrics.macro(gap, askers.labels)
    assert patient_shares(gap, askers, which).sum(axis=0) == pytest.approx(np.nan_to_num(wanted))
    found = differences(gap, np.zeros_like(gap), ["x", "y"], askers, Scoring((1, 2), 20, 0), which)
    assert [each.value for each in found.values()] == pytest.approx(wanted, abs=1e-6, nan_ok=True)


def random_gaps(seed: int, queries: int = 60, shift: float = 0.0) -> tuple[NDArray[np.float64], Askers]:
    """Differences of two spaces that are equally good (or not: shift), alike within a patient."""
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 20, queries)
    own = rng.normal(size=(20, 2))[patients]
    gap = own + 0.5 * rng.normal(size=(queries, 2)) + shift
    labels = np.eye(3, dtype=bool)[rng.integers(0, 3, queries)]
    names = np.array([f"p{patient}" for patient in patients])
    return gap, Askers(labels, ("a", "b", "c"), names, tuple(map(str, range(queries))))


def test_p_of_two_equal_spaces_is_uniform() -> None:
    """Of 400: at most as many below .05 as chance gives in 999 of 1000 cases (binomial), and about half below .5."""
    found = []
    for seed in range(400):
        gap, askers = random_gaps(seed)
        for mean_of in ("micro", "macro"):
            found.append(sign_flip_p(patient_shares(gap[:, :1], askers, mean_of), seed)[0])  # type: ignore[arg-type]
    p = np.array(found).reshape(-1, 2)
    assert ((p <= 0.05).sum(axis=0) <= 35).all()
    assert (np.abs((p <= 0.5).mean(axis=0) - 0.5) < 0.08).all()


def test_a_better_space_is_found() -> None:
    gap, askers = random_gaps(1, shift=1.0)
    assert (sign_flip_p(patient_shares(gap, askers, "macro"), 0) < 0.01).all()


def subgroups_at_random(seed: int, worse: float = 0.0, *, own_labels: bool = False) -> FieldSubgroups:
    """Scores that are alike within a patient; a field of three values that has nothing to do with them, or one of whose
    values is worse. own_labels: the worse value bears a label of its own, and it is the label that is worse.
    """
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 30, 90)
    values = np.array(["x", "y", "z"])[rng.integers(0, 3, 30)][patients]
    scores = np.clip(0.6 + 0.2 * rng.normal(size=30)[patients] + 0.1 * rng.normal(size=90), 0, 1)
    scores -= worse * (values == "z")
    kinds = np.where(values == "z", 1, 0) if own_labels else rng.integers(0, 2, 30)[patients]
    names = np.array([f"p{patient}" for patient in patients])
    askers = Askers(np.eye(2, dtype=bool)[kinds], ("a", "b"), names, tuple(map(str, range(90))))
    field = RecordedValues("site", tuple(values.tolist()), ("x", "y", "z"))
    return subgroups_by([field], askers, scores[:, None], np.full(90, 0.3), Scoring((5,), 1, seed))[0]


def test_permuted_groups_cry_wolf_in_one_of_twenty_cases_at_most() -> None:
    """Of 120 fields that mean nothing: at most 14 below .05 (binomial, 998 of 1000 cases)."""
    tests = [subgroups_at_random(seed).test for seed in range(120)]
    assert all(test is not None for test in tests)
    assert sum(test.p < 0.05 for test in tests if test is not None) <= 14
    assert sum(test.p_same_labels < 0.05 for test in tests if test is not None) <= 14


def test_a_worse_subgroup_is_found_and_named() -> None:
    found = subgroups_at_random(0, worse=0.4)
    assert found.test is not None
    assert found.test.p < 0.01
    assert found.test.p_same_labels < 0.05
    assert "more than chance, lowest for z; so it is among patients of the same labels" in found.sentence
    by_label = subgroups_at_random(0, worse=0.4, own_labels=True)
    assert by_label.test is not None
    assert by_label.test.p < 0.01
    assert by_label.test.p_same_labels > 0.05
    assert "which may explain it" in by_label.sentence


def test_many_fields_are_corrected_for() -> None:
    rng = np.random.default_rng(2)
    names = np.array([f"p{i}" for i in range(60)])
    askers = Askers(np.ones((60, 1), bool), ("a",), names, tuple(names.tolist()))
    values = [np.array(["x", "y"])[rng.integers(0, 2, 60)] for _ in range(6)]
    scores = 0.5 + 0.05 * rng.normal(size=60) - 0.3 * (values[0] == "y")
    fields = [RecordedValues(f"f{i}", tuple(each.tolist()), ("x", "y")) for i, each in enumerate(values)]
    found = subgroups_by(fields, askers, scores[:, None], np.full(60, 0.3), Scoring((1,), 1, 0))
    tests = [each.test for each in found if each.test is not None]
    assert len(tests) == 6
    assert all(test.p_adjusted >= test.p for test in tests)
    assert tests[0].p_adjusted == pytest.approx(6 * tests[0].p)
    assert tests[0].p_adjusted < 0.05


@given(st.integers(0, 50))
@settings(max_examples=20)
def test_the_spread_is_that_of_the_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, scores = rng.integers(0, 3, 30), rng.random(30)
    means = np.array([scores[codes == c].mean() if (codes == c).any() else 0 for c in codes])
    assert spread(codes[None], scores, 3)[0] == pytest.approx(means.std())
