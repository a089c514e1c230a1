"""The kinds lda, svm and auto: against what they are defined as, and what they must not do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelled_vectors import planted
from lookalike import adapters, calibration, metrics
from lookalike.adapters import auto, lda, svm
from lookalike.adapters.layers import apply
from lookalike.adapters.out_of_fold import calibrated_head
from lookalike.adapters.samples import Samples, samples, stratified_folds, whole_patients
from lookalike.evaluation.head_scores import head_scores
from lookalike.evaluation.inner_folds import inner_folds
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.splits import split_folds


def labelled_of(seed: int, n: int, *, multi_label: bool = False, noise: float = 0.9, patients: int = 0) -> Labelled:
    data = planted(seed, n, multi_label=multi_label, noise=noise)
    owners = tuple(f"p{i % (patients or n)}" for i in range(n))
    return Labelled(data.vectors, data.labels, owners, tuple(data.ids))


def samples_of(seed: int, n: int, *, multi_label: bool = False, noise: float = 0.9) -> Samples:
    data = labelled_of(seed, n, multi_label=multi_label, noise=noise)
    return samples(data.vectors, data.labels, data.patients)


# lda


def test_the_discriminants_are_log_posteriors_of_gaussians() -> None:
    """Each row's logits, up to a constant, are log prior + log density, written out row by row."""
    data = samples_of(0, 60)
    x = data.vectors - data.vectors.mean(0, dtype=np.float64)
    weight, bias = lda._one_label(x, data.targets)
    means = np.stack([x[data.targets[:, c] > 0].mean(0) for c in range(3)])
    residuals = np.stack([row - means[c] for row, c in zip(x, data.targets.argmax(1), strict=True)])
    from sklearn.covariance import ledoit_wolf

    precision = np.linalg.inv(ledoit_wolf(residuals, assume_centered=True)[0])
    expected = [
        [np.log(data.targets[:, c].mean()) - 0.5 * (row - means[c]) @ precision @ (row - means[c]) for c in range(3)]
        for row in x
    ]
    ours = x @ weight + bias
    np.testing.assert_allclose(ours - ours[:, :1], np.array(expected) - np.array(expected)[:, :1], rtol=1e-3, atol=1e-3)


# svm


def test_the_features_stand_for_the_gaussian_kernel() -> None:
    data = samples_of(0, 80)
    mean = data.vectors.mean(0, dtype=np.float64)
    scale = float(np.sqrt(((data.vectors - mean) ** 2).sum(1).mean()))
    features = apply(svm._gaussian_features(mean, scale, seed=1), data.vectors[None])[0]
    apart = ((data.vectors[:, None] - data.vectors[None]) ** 2).sum(-1) / scale**2
    error = features @ features.T - np.exp(-svm.GAMMA * apart)
    assert np.abs(error).mean() < 0.03
    assert np.abs(error).max() < 0.15


def test_no_vector_of_a_record_stands_in_the_adapter() -> None:
    """A support vector would be a copy of a record that outlives it."""
    data = samples_of(0, 40)
    network, _ = svm.train_svm(data, 0)
    layers = [layer.weight[0] for layer in (*network.body, *network.head) if layer.weight is not None]
    columns = np.concatenate([layer.T for layer in layers if len(layer) == data.vectors.shape[1]])
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)
    assert np.abs(columns @ data.vectors.T).max() < 0.95


# Calibration on patients left out


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("kind", ["lda", "svm"])
def test_labels_without_meaning_give_the_labels_shares(kind: str, multi_label: bool) -> None:
    data = labelled_of(0, 90, multi_label=multi_label)
    rng = np.random.default_rng(1)
    labels = [data.labels[i] for i in rng.permutation(90)]
    adapter = adapters.fit_adapter(kind, data.vectors, labels, data.patients, encoder={})
    shares = metrics.membership(labels, adapter.classes).mean(0)
    assert np.abs(adapters.predict(adapter, data.vectors) - shares).mean() < 0.1


def test_a_head_with_one_patient_stays_as_it_was_trained() -> None:
    data = samples(np.eye(4, dtype=np.float32), [("a",), ("b",)] * 2, ["one"] * 4)
    fitted = np.ones((4, 2)), np.zeros(2)
    assert calibrated_head(lambda _x, _y: fitted, data.vectors, data, 0) == fitted


# Folds


@given(
    owners=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    labels=st.lists(st.integers(0, 3), min_size=60, max_size=60),
    count=st.integers(2, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_keep_patients_whole_and_spread_labels(
    owners: list[int], labels: list[int], count: int, seed: int
) -> None:
    groups = metrics.numbered(owners)
    targets = np.eye(4, dtype=np.float32)[labels[: len(owners)]]
    data = Samples(np.zeros((len(owners), 2), np.float32), targets, tuple("abcd"), False, groups, "")
    folds = stratified_folds(data, count, seed)
    fold_of = dict(zip(groups.tolist(), folds.tolist(), strict=True))
    assert [fold_of[g] for g in groups.tolist()] == folds.tolist()
    sizes = np.bincount(list(fold_of.values()))
    assert len(sizes) == min(count, len(fold_of))
    assert sizes.max() - sizes.min() <= 1
    first = {group: labels[owners.index(owner)] for owner, group in zip(owners, groups.tolist(), strict=True)}
    for label in range(4):
        dealt = np.bincount([fold_of[g] for g in fold_of if first[g] == label], minlength=len(sizes))
        assert dealt.max() - dealt.min() <= 1


@given(owners=st.lists(st.integers(0, 9), min_size=1, max_size=40), most=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_sample_takes_whole_patients(owners: list[int], most: int, seed: int) -> None:
    groups = metrics.numbered(owners)
    taken = whole_patients(groups, most, seed)
    largest = np.bincount(groups).max()
    assert min(most, len(owners)) <= taken.sum() < most + largest
    assert not {*groups[taken].tolist()} & {*groups[~taken].tolist()}


# auto


@given(data=st.data(), count=st.integers(2, 30))
def test_the_simplest_kind_within_one_error_is_chosen(data: st.DataObject, count: int) -> None:
    """A kind that every query likes as much as the best, or better, is never passed over for a later one."""
    drawn = st.lists(st.integers(0, 5), min_size=count, max_size=count)
    values = {kind: np.array(data.draw(drawn)) / 5 for kind in auto.BY_SIMPLICITY}
    targets = np.eye(2, dtype=np.float32)[np.arange(count) % 2]
    asked = Samples(np.zeros((count, 2), np.float32), targets, ("a", "b"), False, np.arange(count), "")
    scores = auto._scores(values, asked, 0)
    macro = {kind: np.mean([each[::2].mean(), each[1::2].mean()]) for kind, each in values.items()}
    best = max(macro, key=lambda kind: macro[kind])
    assert scores[best].behind == (0, 0, 0)
    for kind, score in scores.items():
        assert score.precision == pytest.approx(macro[kind], abs=1e-6)
        assert score.behind[0] == pytest.approx(macro[kind] - macro[best], abs=2e-6)
        assert score.behind[1] - 0.02 <= score.behind[0] <= score.behind[2] + 0.02
    chosen = auto.chosen_of(scores)
    assert chosen == next(kind for kind in auto.BY_SIMPLICITY if scores[kind].behind[2] >= 0)


def test_auto_is_the_kind_that_it_chooses() -> None:
    data = labelled_of(3, 60, patients=30)
    chosen = adapters.fit_adapter("auto", data.vectors, data.labels, data.patients, encoder={}, seed=5)
    alone = adapters.fit_adapter(
        chosen.training["chosen"], data.vectors, data.labels, data.patients, encoder={}, seed=5
    )
    np.testing.assert_array_equal(adapters.predict(chosen, data.vectors), adapters.predict(alone, data.vectors))
    assert [*chosen.training["tried"]] == [*auto.BY_SIMPLICITY]
    assert chosen.training["missing"] == []


# How well a head names labels


def test_the_scores_of_a_head_are_scikit_learn_s() -> None:
    from sklearn import metrics as oracle

    data = labelled_of(4, 80, noise=1.5)
    parts = list(split_folds(data, 2, 0))
    fitted = []
    for part in parts:
        known = data.take(part.gallery)
        fitted.append(adapters.fit_adapter("linear", known.vectors, known.labels, known.patients, encoder={}))
    found = head_scores(data, parts, fitted, 0)
    rows = np.concatenate([part.queries for part in parts])
    p = np.concatenate([adapters.predict(a, data.vectors[part.queries]) for a, part in zip(fitted, parts, strict=True)])
    truth, named = np.array(["abc".index(data.labels[i][0]) for i in rows]), p.argmax(1)
    precision, recall, f1, _ = oracle.precision_recall_fscore_support(truth, named, average="macro")
    value = {name: score.value for name, score in found.items()}
    assert [value[name] for name in ("precision", "recall", "f1")] == pytest.approx([precision, recall, f1], abs=1e-6)
    assert value["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(truth, named), abs=1e-6)
    assert value["brier"] == pytest.approx(((p - np.eye(3)[truth]) ** 2).sum(1).mean(), abs=1e-6)
    by_fold = [oracle.roc_auc_score(truth[rows_], p[rows_], multi_class="ovr") for rows_ in _halves(parts)]
    assert value["auc"] == pytest.approx(np.mean(by_fold), abs=0.02)
    assert value["ece"] == pytest.approx(calibration.expected_calibration_error(p.max(1), named == truth), abs=1e-6)
    for name, score in found.items():
        low, high = score.interval
        assert low is not None
        assert high is not None
        assert low <= high
        if name != "ece":  # resampling adds to it
            assert low <= value[name] <= high


def _halves(parts: list) -> list[NDArray[np.int64]]:
    first = len(parts[0].queries)
    return [np.arange(first), np.arange(first, first + len(parts[1].queries))]


# Labels permuted


SLOWER = ("linear", "svm", "mlp", "auto")


def accepted(kind: str, data: Labelled, seed: int) -> tuple[bool, float]:
    """Whether a space of permuted labels would be accepted, and its P@5 less the base's."""
    order = np.random.default_rng([seed, 7]).permutation(len(data.ids))
    permuted = Labelled(data.vectors, tuple(data.labels[i] for i in order), data.patients, data.ids)
    adapter = adapters.fit_adapter(
        kind, permuted.vectors, permuted.labels, permuted.patients, encoder={"name": "lite0"}, seed=seed
    )
    found = inner_folds("s", adapter, permuted, seed)
    assert found is not None
    return found.accepted, found.adapter - found.chance


@pytest.mark.parametrize("kind", ["lda", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOWER)])
def test_labels_permuted_are_at_chance_and_not_accepted(kind: str) -> None:
    data = labelled_of(0, 90)
    found = [accepted(kind, data, seed) for seed in range(20)]
    assert sum(yes for yes, _ in found) <= 1
    assert abs(np.mean([away for _, away in found])) < 0.03
