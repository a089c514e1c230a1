"""The kNN and linear-probe columns of the encoder table: against plain counts, on planted and on permuted labels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from filled import unit
from lookalike import metrics
from lookalike.evaluation.benchmarks.probes import NEIGHBOURS_TRIED, probe
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.protocols.published import Cases


def made(
    seed: int, *, signal: float = 1.0, twins: bool = False, several: bool = False, splits: tuple[str, ...] = ()
) -> Cases:
    """Records about a direction for each of three labels. twins: the two records of a patient are alike, and their
    label is dealt at random.
    """
    rng = np.random.default_rng(seed)
    count = 120
    patients = np.arange(count) // 2
    labels = rng.integers(0, 3, count // 2)[patients] if twins else rng.integers(0, 3, count)
    vectors = rng.normal(size=(count, 12))
    if twins:
        vectors = rng.normal(size=(count // 2, 12))[patients] + 0.01 * rng.normal(size=(count, 12))
    vectors[:, :3] += 4 * signal * np.eye(3)[labels]
    names = [("abc"[label], *(("d",) if several and i % 4 == 0 else ())) for i, label in enumerate(labels)]
    ids = tuple(f"{i:03}" for i in rng.permutation(count))
    data = Labelled(unit(vectors), tuple(names), tuple(f"p{patient}" for patient in patients), ids)
    return Cases(data, splits or ("",) * count, {})


def test_labels_that_lie_apart_are_told() -> None:
    found = probe("lite0", made(0, signal=3.0), seed=0, samples=50)
    assert found.queries == 120
    assert found.split == "5 patient-disjoint folds, seed 0"
    for name, score in found.by_method.items():
        assert score.micro_f1 == pytest.approx(1.0, abs=0.02), name
        assert len(score.chosen) == (5 if name == "knn" else 0)
    assert set(found.by_method["knn"].chosen) <= set(NEIGHBOURS_TRIED)


@pytest.mark.parametrize("seed", [1, 2])
def test_labels_dealt_by_patient_stay_at_chance(seed: int) -> None:
    """The other record of the patient would tell each label: nobody may learn from it."""
    found = probe("lite0", made(seed, signal=0.0, twins=True), seed=0, samples=50)
    for score in found.by_method.values():
        assert score.low is not None
        assert score.low < 0.45
        assert score.micro_f1 is not None
        assert score.micro_f1 < 0.55


def test_the_official_split_is_what_a_plain_count_gives() -> None:
    splits = tuple(("train", "train", "val", "test")[i % 4] for i in range(120))
    cases = made(3, signal=0.3, splits=splits)
    found = probe("lite0", cases, seed=0, samples=50)
    assert found.split == "official split, test asks train; 30 records of no or another split unused"
    data, part = cases.data, np.array(splits)
    best = max(NEIGHBOURS_TRIED, key=lambda k: (accuracy(data, part == "train", part == "val", k), -k))
    assert found.by_method["knn"].chosen == (best,)
    assert found.by_method["knn"].micro_f1 == pytest.approx(
        accuracy(data, part == "train", part == "test", best), abs=1e-6
    )
    learnt = Counter(label for label, split in zip(data.labels, splits, strict=True) if split == "train")
    most = max(sorted(learnt), key=lambda label: learnt[label])
    asked = [labels for labels, split in zip(data.labels, splits, strict=True) if split == "test"]
    assert found.majority == pytest.approx(asked.count(most) / len(asked), abs=1e-6)


def accuracy(data: Labelled, learnt: NDArray[np.bool_], asked: NDArray[np.bool_], k: int) -> float:
    """Of a vote of the k nearest, weighted as ``classify`` does, of the patients who do not ask."""
    from lookalike import voting

    theirs = {data.patients[i] for i in np.flatnonzero(asked)}
    rows = [i for i in np.flatnonzero(learnt) if data.patients[i] not in theirs]
    near = [
        1 - max(float(data.vectors[i] @ data.vectors[j]) for j in rows if data.patients[i] != data.patients[j])
        for i in rows
    ]
    scale = 0.3 * float(np.median(near))
    overall = {label: (sum(data.labels[i][0] == label for i in rows) + 0.5) / (len(rows) + 1.5) for label in "abc"}
    right = 0
    for i in np.flatnonzero(asked):
        cosines = {j: float(data.vectors[i] @ data.vectors[j]) for j in rows}
        voters = sorted(rows, key=lambda j: (-cosines[j], data.ids[j]))[:k]
        weights = voting.vote_weights(np.array([[cosines[j] for j in voters]]), "distance", scale)[0]
        votes = {
            label: k * sum(w for j, w in zip(voters, weights, strict=True) if data.labels[j][0] == label)
            + overall[label]
            for label in "abc"
        }
        right += max(votes, key=lambda label: votes[label]) == data.labels[i][0]
    return right / int(asked.sum())


def test_several_labels_are_counted_together() -> None:
    found = probe("lite0", made(4, signal=3.0, several=True), seed=0, samples=50)
    for score in found.by_method.values():
        assert score.micro_f1 is not None
        assert score.micro_f1 > 0.8


def test_too_few_labels_are_said() -> None:
    cases = made(5)
    alone = Labelled(cases.data.vectors, (("a",),) * 120, cases.data.patients, cases.data.ids)
    found = probe("lite0", Cases(alone, cases.splits, {}), seed=0, samples=10)
    assert found.by_method == {}
    assert "at least two labels" in found.unscored


def test_the_interval_of_a_ratio() -> None:
    """It is micro-F1 over resamples of patients, as scikit-learn computes it."""
    rng = np.random.default_rng(0)
    told, borne = rng.random((2, 60, 3)) < 0.5
    patients = np.repeat(np.arange(20), 3)
    hits, half = (told & borne).sum(axis=1), (told.sum(axis=1) + borne.sum(axis=1)) / 2
    assert hits.sum() / half.sum() == pytest.approx(f1_score(borne, told, average="micro"))
    low, high = metrics.ratio_interval(hits, half, patients, samples=500, seed=1)
    drawn = metrics.resample_weights(np.random.default_rng(1), 20, 500)
    scores = []
    for weights in drawn:
        rows = np.repeat(np.arange(60), weights[patients])
        scores.append(f1_score(borne[rows], told[rows], average="micro"))
    assert (low, high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))
    assert np.isnan(metrics.ratio_interval([1.0], [1.0], [0])).all()
