"""The null distributions of the confound audit: against enumeration, loops and the library of the indices."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.confounds import best_rule
from lookalike.evaluation.field_indices import (
    balanced,
    cramers_v,
    margins_of,
    neighbours_of,
    robustness_index,
    robustness_margin,
    separability,
    teller,
    typical_distance,
)
from lookalike.evaluation.permutations import holm, permutation_null, shuffles, tail

numbers = st.integers(0, 3)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_patients_stay_whole_and_within_their_stratum(patients: list[tuple[int, int]]) -> None:
    """patients: the value and the stratum of each; patient i has 1 + i % 3 records."""
    owners = np.array([i for i in range(len(patients)) for _ in range(1 + i % 3)])
    values, strata = (np.array([each[column] for each in patients])[owners] for column in (0, 1))
    for row in shuffles(values, owners, strata, seed=0)[0](5):
        assert all(len(set(row[owners == owner])) == 1 for owner in owners)
        first = np.searchsorted(owners, np.arange(len(patients)))
        for stratum in set(strata.tolist()):
            of_stratum = first[strata[first] == stratum]
            assert sorted(row[of_stratum]) == sorted(values[of_stratum])


def test_every_arrangement_is_as_likely_and_their_number_is_known() -> None:
    values, strata = np.array([0, 0, 1, 2, 1, 1]), np.array([0, 0, 0, 0, 1, 1])
    shuffled, logarithm = shuffles(values, np.arange(6), strata, seed=1)
    possible = {tuple(values[list(order)]) for order in itertools.permutations(range(4))}
    counts = Counter(tuple(row[:4]) for row in shuffled(6000).tolist())
    assert set(counts) == possible
    assert math.exp(logarithm) == pytest.approx(len(possible))
    assert max(abs(count / 6000 - 1 / len(possible)) for count in counts.values()) < 0.02


def test_a_patient_of_several_values_gives_all_of_them() -> None:
    owners, values = np.repeat(np.arange(4), 4), np.array([0, 1, 2, 3] + [5] * 4 + [6, 7, 6, 7] + [8] * 4)
    patterns = {tuple(sorted(values[owners == owner])) for owner in range(4)}
    for row in shuffles(values, owners, np.zeros(16, int), seed=0)[0](20):
        assert {tuple(sorted(row[owners == owner])) for owner in range(4)} == patterns


def test_p_is_even_where_nothing_is_to_find_and_small_where_something_is() -> None:
    rng = np.random.default_rng(0)
    owners, side = np.repeat(np.arange(30), 3), np.repeat(rng.normal(size=30), 3)
    found = []
    for seed in range(120):
        codes = np.repeat(np.random.default_rng(seed).integers(0, 2, 30), 3)
        gap = lambda many: (many * side).sum(axis=1) / many.sum(axis=1)  # noqa: E731
        null = permutation_null(float(gap(codes[None])[0]), gap, shuffles(codes, owners, np.zeros(90, int), seed))
        found.append(null.p)
    shares = [np.mean(np.array(found) <= level) for level in (0.05, 0.25, 0.5, 0.75)]
    assert np.abs(np.array(shares) - [0.05, 0.25, 0.5, 0.75]).max() < 0.12
    codes = (side > np.median(side)).astype(int)
    assert permutation_null(float(gap(codes[None])[0]), gap, shuffles(codes, owners, np.zeros(90, int), 0)).p < 1e-4


def test_p_is_never_smaller_than_one_in_all_arrangements() -> None:
    codes = np.array([0, 0, 1, 1])
    total = lambda many: many[:, :2].sum(axis=1) * -1.0  # noqa: E731
    null = permutation_null(0.0, total, shuffles(codes, np.arange(4), np.zeros(4, int), 0))
    assert null.p == pytest.approx(1 / 6, abs=0.06)


@given(st.floats(-3, 8), st.integers(0, 1000), st.sampled_from([-1, 1]))
def test_the_tail_is_scipys(observed: float, seed: int, side: int) -> None:
    from scipy.stats import pearson3, skew

    values = side * np.random.default_rng(seed).gamma(2.0, size=200)
    expected = pearson3.sf((observed - values.mean()) / values.std(), skew(values))
    assert tail(observed, values) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_holm() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([])).tolist() == []


@given(st.lists(st.tuples(numbers, numbers), min_size=6, max_size=40))
def test_tables_give_separability_and_cramers_v(pairs: list[tuple[int, int]]) -> None:
    values, labels = (np.array(each) for each in zip(*pairs, strict=True))
    if len(set(labels)) < 2:
        return
    members = np.stack([labels == label for label in sorted(set(labels))], axis=1)
    expected = [best_rule(values.astype(str), column) for column in members.T]
    assert separability(values[None], 4, members)[0] == pytest.approx(expected)
    v = cramers_v(np.stack([values, labels]), 4, members)
    assert 0 <= v[0] <= 1
    if len(set(values)) > 1:
        from scipy.stats import chi2_contingency

        table = np.array([[(labels[values == one] == other).sum() for other in set(labels)] for one in set(values)])
        phi, n, (r, c) = chi2_contingency(table, correction=False).statistic / len(labels), len(labels), table.shape
        excess = max(0, phi - (r - 1) * (c - 1) / (n - 1))
        room = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
        assert v[0] == pytest.approx(min(1, math.sqrt(excess / room)) if room > 1e-9 else 0, abs=1e-6)
    assert v[1] == pytest.approx(1)


def test_balanced_accuracy_is_scikit_learns() -> None:
    from sklearn.metrics import balanced_accuracy_score

    rng = np.random.default_rng(0)
    codes, told = rng.integers(0, 3, (4, 50)), rng.integers(0, 3, (4, 50))
    expected = [balanced_accuracy_score(one, other) for one, other in zip(codes, told, strict=True)]
    assert balanced(told == codes, codes, 3) == pytest.approx(expected)


def test_values_are_told_from_the_vectors_of_other_patients() -> None:
    """Rare values have as good a chance; shuffled at once or one by one, the same is told."""
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.choice(3, 60, p=[0.7, 0.2, 0.1]), 3)
    owners, vectors = np.repeat(np.arange(60), 3), rng.normal(size=(180, 8))
    vectors[np.arange(180), codes] += 4
    told = teller(vectors.astype(np.float32), owners, 3, seed=0)
    assert balanced(told(codes[None]), codes[None], 3)[0] > 0.9
    many = np.stack([rng.permutation(codes) for _ in range(5)])
    assert (told(many) == np.concatenate([told(one[None]) for one in many])).all()
    by_chance = balanced(told(many), many, 3)
    assert np.abs(by_chance - 1 / 3).max() < 0.2


def test_the_robustness_indices_are_the_librarys_on_any_values() -> None:
    croma = pytest.importorskip("croma", reason="the confound audit needs: pip install 'lookalike[audit]'")
    import pandas as pd

    rng = np.random.default_rng(0)
    labels, owners = np.arange(120) % 3, np.arange(120) // 2
    vectors = rng.normal(size=(120, 12)).astype(np.float32)
    vectors[np.arange(120), labels] += 2
    near = neighbours_of(vectors, labels, owners)
    names = [str(i) for i in range(120)]
    for seed in range(3):
        codes = np.random.default_rng(seed).integers(0, 2 + seed % 2, 120)
        manifest = pd.DataFrame({"sample_id": names, "image_path": names, "label": labels, "group_id": owners})
        manifest = manifest.astype(str).assign(center=codes.astype(str))
        about = {"features": vectors.astype(float), "manifest": manifest, "confounder_column": "center"}
        ri = croma.RI.compute(**about, k_candidates=[5, 11, 21])
        mari = croma.MaRI.compute(**about, k_candidates=[5, 11, 21])
        margin = croma.CRoMa.compute(**about, m=5)
        assert robustness_index(near, ri.k)(codes[None])[0] == pytest.approx(ri.value, abs=1e-6)
        assert robustness_index(near, ri.k, mari.tau)(codes[None])[0] == pytest.approx(mari.value, abs=1e-6)
        assert typical_distance(near, codes, ri.k) == pytest.approx(mari.tau, abs=1e-6)
        margins = margins_of(vectors, labels, codes, owners, 5)
        assert margins == pytest.approx(margin.sample_values, abs=1e-6)
        assert robustness_margin(near, 5)(codes[None])[0] == pytest.approx(margin.value, abs=1e-6)
