"""Averages and bootstrap intervals against plain-Python loops, a published table and the normal theory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lookalike import metrics

pytestmark = pytest.mark.filterwarnings("error")  # nan must come out silently, never through a numpy warning
quick = settings(deadline=None, max_examples=100)
NAN = math.nan
CLASSES = ["atelectasis", "device", "effusion", "no finding"]


# --- averages -----------------------------------------------------------------------------------------------


def oracle_mean(values: Sequence[float]) -> float:
    scored = [value for value in values if not math.isnan(value)]
    return math.fsum(scored) / len(scored) if scored else NAN


def oracle_statistic(
    statistic: str, values: Sequence[float], labels: Sequence[set[str]], classes: Sequence[str]
) -> list[float]:
    """micro and macro as a list of one, per_class as a list of one a class."""
    if statistic == "micro":
        return [oracle_mean(values)]
    means = [
        oracle_mean([value for value, names in zip(values, labels, strict=True) if name in names]) for name in classes
    ]
    return means if statistic == "per_class" else [oracle_mean(means)]


class Scores(NamedTuple):
    values: np.ndarray  # (q, m)
    labels: list[set[str]]
    groups: list[str]


def lists_of(size: int, entries: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(entries, min_size=size, max_size=size)


@st.composite
def scores(draw: st.DrawFn) -> Scores:
    queries, width = draw(st.integers(1, 10)), draw(st.integers(1, 3))
    score = st.sampled_from([0.0, 0.2, 1 / 3, 0.5, 1.0, NAN])
    values = draw(lists_of(queries, lists_of(width, score)))
    labels = draw(lists_of(queries, st.sets(st.sampled_from(CLASSES))))
    groups = draw(lists_of(queries, st.sampled_from("abcde")))
    return Scores(np.array(values), labels, groups)


@given(data=scores())
@quick
def test_averages_equal_the_oracle(data: Scores) -> None:
    member = metrics.membership(data.labels, CLASSES)
    columns = data.values.T.tolist()
    for statistic, result in [
        ("micro", metrics.micro(data.values)[None]),
        ("macro", metrics.macro(data.values, member)[None]),
        ("per_class", metrics.per_class(data.values, member)),
    ]:
        expected = np.transpose([oracle_statistic(statistic, one, data.labels, CLASSES) for one in columns])
        assert_allclose(result, expected, rtol=1e-12)
    first = data.values[:, 0]  # (q,) gives what its column of (q, m) gives
    assert_allclose(metrics.micro(first), metrics.micro(data.values)[0])
    assert_allclose(metrics.macro(first, member), metrics.macro(data.values, member)[0])
    assert_allclose(metrics.per_class(first, member), metrics.per_class(data.values, member)[:, 0])


# The published MedImageInsight chest X-ray search: queries of each class, their hits in the top 1, 3 and 5.
QUERIES = {"No Finding": 4, "Devices": 5, "Effusion": 6, "Cardiomegaly": 3, "Atelectasis": 2}
BASELINE = {1: [1, 1, 2, 2, 2], 3: [7, 3, 7, 7, 5], 5: [10, 4, 9, 9, 7]}
ADAPTER = {1: [2, 4, 4, 3, 2], 3: [8, 12, 11, 8, 6], 5: [13, 19, 17, 12, 10]}


@pytest.mark.parametrize(
    ("hits", "k", "macro", "micro"),
    [
        (BASELINE, 1, 0.490, 0.40),
        (BASELINE, 3, 0.557, 0.483),
        (BASELINE, 5, 0.452, 0.39),
        (ADAPTER, 1, 0.793, 0.75),
        (ADAPTER, 3, 0.793, 0.75),
        (ADAPTER, 5, 0.755, 0.71),
    ],
)
def test_the_published_table_comes_out(hits: dict[int, list[int]], k: int, macro: float, micro: float) -> None:
    rows = [np.arange(n * k).reshape(n, k) < hit for n, hit in zip(QUERIES.values(), hits[k], strict=True)]
    labels = metrics.membership([[name] for name, n in QUERIES.items() for _ in range(n)], list(QUERIES))
    precision = metrics.precision_at(np.concatenate(rows), np.full(20, 16), k)
    assert metrics.macro(precision, labels) == pytest.approx(macro, abs=6e-4)
    assert metrics.micro(precision) == pytest.approx(micro, abs=6e-4)


# --- bootstrap ----------------------------------------------------------------------------------------------


def oracle_quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(value for value in values if not math.isnan(value))
    if not ordered:
        return NAN
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def oracle_interval(data: Scores, statistic: str, column: int, weights: np.ndarray) -> list[list[float]]:
    """Resample by writing the drawn patients' queries out, one resample after the other."""
    names = sorted(set(data.groups))
    values = data.values[:, column].tolist()
    drawn = []
    for row in weights.tolist():
        times = dict(zip(names, row, strict=True))
        chosen = [query for query, name in enumerate(data.groups) for _ in range(times[name])]
        drawn.append(
            oracle_statistic(statistic, [values[i] for i in chosen], [data.labels[i] for i in chosen], CLASSES)
        )
    interval = []
    for index, one in enumerate(zip(*drawn, strict=True)):
        bearing = {
            group
            for group, value, labels in zip(data.groups, values, data.labels, strict=True)
            if not math.isnan(value)
            and (statistic == "micro" or (labels if statistic == "macro" else CLASSES[index] in labels))
        }
        ends = [oracle_quantile(one, 0.05), oracle_quantile(one, 0.95)] if len(bearing) > 1 else [NAN, NAN]
        interval.append(ends)
    return interval


@pytest.mark.parametrize("statistic", ["micro", "macro", "per_class"])
@given(data=scores(), seed=st.integers(0, 2**32), samples=st.integers(1, 25))
@quick
def test_interval_equals_a_loop_over_the_same_resamples(
    statistic: metrics.Statistic, data: Scores, seed: int, samples: int
) -> None:
    member = metrics.membership(data.labels, CLASSES)
    groups = len(set(data.groups))
    weights = metrics.resample_weights(np.random.default_rng(seed), groups, samples)
    low_high = metrics.bootstrap_interval(
        data.values, data.groups, statistic, member, samples=samples, seed=seed, level=0.9
    )
    loops = [oracle_interval(data, statistic, column, weights) for column in range(data.values.shape[1])]
    expected = np.array(loops).transpose(2, 1, 0)  # (metric, class, end) -> (end, class, metric)
    assert_allclose(low_high, expected if statistic == "per_class" else expected[:, 0], rtol=1e-9)
    single = metrics.bootstrap_interval(
        data.values[:, 0], data.groups, statistic, member, samples=samples, seed=seed, level=0.9
    )
    assert_allclose(single, low_high[..., 0], rtol=1e-9)


def test_resample_weights_count_the_draws_of_the_generator() -> None:
    weights = metrics.resample_weights(np.random.default_rng(3), 7, 50)
    draws = np.random.default_rng(3).integers(7, size=(50, 7)).tolist()
    assert weights.tolist() == [[Counter(row)[group] for group in range(7)] for row in draws]


def normal_scores(queries: int) -> np.ndarray:
    return np.random.default_rng(11).normal(0.5, 0.1, queries)


def width(low_high: np.ndarray) -> float:
    return float(low_high[1] - low_high[0])


def test_interval_of_normal_scores_is_that_of_the_normal_theory() -> None:
    values = normal_scores(400)
    low, high = metrics.bootstrap_interval(values, np.arange(400), samples=5000)
    half = 1.96 * values.std() / math.sqrt(400)
    assert low < metrics.micro(values) < high
    assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.1 * half)


def test_interval_is_wider_where_the_same_scores_come_from_fewer_patients() -> None:
    values = np.repeat(normal_scores(100), 4)
    apart = width(metrics.bootstrap_interval(values, np.arange(400), samples=5000))
    grouped = width(metrics.bootstrap_interval(values, np.repeat(np.arange(100), 4), samples=5000))
    assert grouped / apart == pytest.approx(2, rel=0.1)  # a quarter of the evidence


def test_interval_covers_the_truth_only_when_patients_are_kept_whole() -> None:
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(40), 5)
    covered = np.zeros(2)
    for _ in range(200):
        values = rng.normal(0, 1, 40)[patient] + rng.normal(0, 0.5, 200)  # true mean 0
        for way, groups in enumerate((patient, np.arange(200))):
            low, high = metrics.bootstrap_interval(values, groups, samples=400)
            covered[way] += low <= 0 <= high
    whole, apart = covered / 200
    assert 0.9 <= whole <= 0.99
    assert apart < 0.75


def test_intervals_of_few_patients_hold_the_truth_less_often() -> None:
    """Of 2,000 samples of 5 and of 50 normal scores; by theory about .83 and .945 of them hold the mean, 0."""
    rng = np.random.default_rng(5)

    def held(patients: int) -> float:
        draws = rng.normal(size=(patients, 2000))
        low, high = metrics.bootstrap_interval(draws, np.arange(patients), samples=500)
        return float(((low <= 0) & (high >= 0)).mean())

    assert held(5) < 0.88
    assert held(50) > 0.92


@pytest.mark.parametrize(
    ("low", "p", "sure"),
    [
        (0.01, 0.05, True),
        (0.01, 0.051, False),
        (0.0, 0.001, False),
        (-0.1, 0.001, False),
        (None, 0.001, False),
        (0.01, None, False),
    ],
)
def test_a_gain_is_sure_where_interval_and_p_say_so(low: float | None, p: float | None, sure: bool) -> None:
    assert metrics.sure_gain(low, p) is sure


def test_interval_depends_on_the_seed_and_on_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values, patient, member = rng.random((60, 2)), rng.integers(20, size=60), rng.random((60, 3)) < 0.5

    def interval(groups: np.ndarray, order: np.ndarray | slice = slice(None), seed: int = 0) -> np.ndarray:
        return metrics.bootstrap_interval(values[order], groups[order], "macro", member[order], samples=301, seed=seed)

    first = interval(patient)
    assert_array_equal(first, interval(patient))
    assert (first != interval(patient, seed=1)).all()
    assert_allclose(first, interval(patient, order=rng.permutation(60)), rtol=1e-12)
    assert_array_equal(first, interval(np.array([f"P{number:02d}" for number in patient])))
    monkeypatch.setattr(metrics, "_DRAWS_AT_ONCE", 20 * 7)  # 43 chunks instead of one
    assert_allclose(first, interval(patient), rtol=1e-12)


def test_a_higher_level_is_wider() -> None:
    values, patient = normal_scores(50), np.arange(50)
    levels = (0.5, 0.8, 0.95, 0.99)
    widths = [width(metrics.bootstrap_interval(values, patient, level=level)) for level in levels]
    assert widths == sorted(set(widths))


def test_one_patient_has_no_interval() -> None:
    assert np.isnan(metrics.bootstrap_interval(np.array([0.2, 0.8]), ["a", "a"])).all()
    member = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool)  # class 1: two queries of one patient
    low, high = metrics.bootstrap_interval(np.array([0, 1, 0, 1.0]), [0, 1, 2, 2], "per_class", member)
    assert_array_equal(np.isnan(low), [False, True])
    assert_array_equal(np.isnan(high), [False, True])


def test_a_class_that_no_resample_draws_has_no_interval() -> None:
    undrawn = np.flatnonzero(metrics.resample_weights(np.random.default_rng(0), 50, 1)[0] == 0)[:2]
    member = np.stack([np.isin(np.arange(50), undrawn), np.ones(50)], axis=1)
    interval = metrics.bootstrap_interval(np.ones(50), np.arange(50), "per_class", member, samples=1, seed=0)
    assert_array_equal(interval, [[NAN, 1], [NAN, 1]])


def test_no_queries_give_nan_of_the_right_shape() -> None:
    member = np.zeros((0, 3), dtype=bool)
    assert np.isnan(metrics.micro(np.zeros(0)))
    assert metrics.per_class(np.zeros((0, 2)), member).shape == (3, 2)
    assert metrics.bootstrap_interval(np.zeros((0, 2)), np.zeros(0), "per_class", member).shape == (2, 3, 2)
    assert metrics.bootstrap_interval(np.zeros(0), np.zeros(0)).shape == (2,)


def test_a_wrong_call_is_refused() -> None:
    three = np.ones(3)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("classes", lambda: metrics.macro(three, np.ones((2, 2), dtype=bool))),
        ("classes", lambda: metrics.macro(three, np.ones(3, dtype=bool))),
        ("groups", lambda: metrics.bootstrap_interval(three, np.arange(2))),
        ("needs labels", lambda: metrics.bootstrap_interval(three, np.arange(3), "macro")),
        ("samples", lambda: metrics.bootstrap_interval(three, np.arange(3), samples=0)),
        ("level", lambda: metrics.bootstrap_interval(three, np.arange(3), level=95)),
    ]
    for message, call in refused:
        with pytest.raises(ValueError, match=message):
            call()


@given(st.lists(st.integers(0, 9), max_size=40), st.permutations(range(10)))
def test_groups_are_numbered_as_they_appear_whatever_their_names(groups: list[int], names: list[int]) -> None:
    numbers = metrics.numbered(groups)
    np.testing.assert_array_equal(metrics.numbered([f"p{names[group]}" for group in groups]), numbers)
    np.testing.assert_array_equal(numbers, [list(dict.fromkeys(groups)).index(group) for group in groups])
