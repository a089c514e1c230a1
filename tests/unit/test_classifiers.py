"""The classifiers on planted vectors: what they find, what they say of queries that are like nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from labelled_vectors import DIM, planted
from lookalike import calibration, classifiers, encoders, voting
from lookalike.classifiers import Examples, Settings, learning
from lookalike.classifiers.prompts import Prompts, label_vectors, text_encoder, zero_shot
from lookalike.errors import UsageError


def test_knn_logits_come_from_its_voters() -> None:
    data, queries = planted(7, 80), planted(8, 12).vectors
    fitted = classifiers.fit_classifier("knn", data, Settings(k=6))
    assert fitted.voters is not None
    rows, weights = fitted.voters(queries)
    np.testing.assert_array_equal(rows, np.argsort(-(queries @ data.vectors.T), axis=1, kind="stable")[:, :6])
    similar = data.vectors @ data.vectors.T - 2 * np.eye(80)
    scale = 0.3 * np.median(1 - similar.max(axis=1))
    overall = (data.members.sum(axis=0) + 0.5) / (80 + 1.5)
    for i, query in enumerate(queries):
        raw = np.exp(data.vectors[rows[i]] @ query / scale)
        np.testing.assert_allclose(weights[i], raw / raw.sum(), rtol=1e-4)
        shares = (6 * (raw / raw.sum()) @ data.members[rows[i]] + overall) / 7
        np.testing.assert_allclose(np.exp(fitted.logits(queries)[i]), shares, rtol=1e-4)


def test_k_depends_on_the_weighting() -> None:
    assert [Settings(weighting="distance").neighbours, Settings(weighting="uniform").neighbours] == [20, 5]
    assert Settings(k=3).neighbours == 3
    fitted = classifiers.fit_classifier("knn", planted(0, 4), Settings(k=50))
    assert fitted.voters is not None
    assert fitted.voters(planted(1, 1).vectors)[0].shape == (1, 4)


@pytest.mark.parametrize("method", ["k-means", "agglomerative", "dbscan"])
def test_a_cluster_says_what_its_members_bear(method: str) -> None:
    count = 20 if method == "dbscan" else 120  # so that each method makes a cluster of five members or fewer
    data, queries = planted(9, count, noise=0.5), planted(10, 30, noise=0.5).vectors
    fitted = classifiers.fit_classifier(method, data, Settings())
    assert fitted.voters is not None
    rows, weights = fitted.voters(queries)
    logits = fitted.logits(queries)
    overall = (data.members.sum(axis=0) + 0.5) / (count + 1.5)
    tried = 0
    for i in np.flatnonzero((rows >= 0).any(axis=1)):
        size = round(1 / weights[i, 0])
        there = rows[i][rows[i] >= 0]
        assert len(there) == min(size, 5)
        if size <= 5:  # the whole cluster is shown
            expected = (data.members[there].sum(axis=0) + overall) / (size + 1)
            np.testing.assert_allclose(np.exp(logits[i]), expected)
            tried += 1
    assert tried > 0


def test_dbscan_has_no_cluster_for_what_is_far_from_all() -> None:
    data = planted(11, 120, noise=0.3)
    fitted = classifiers.fit_classifier("dbscan", data, Settings())
    assert fitted.voters is not None
    far = voting.unit_rows(-data.vectors[:2])
    rows, weights = fitted.voters(np.concatenate([far, data.vectors]))
    assert (rows[:2] == -1).all()
    assert (weights[:2] == 0).all()
    assert (rows[2:, 0] >= 0).mean() > 0.4


def test_heads_do_not_care_how_narrow_the_cone_is() -> None:
    """Another encoder's vectors may all lie close together."""

    def narrowed(data: Examples) -> NDArray[np.float32]:
        return np.asarray(0.02 * data.vectors + np.ones(DIM) / DIM**0.5, np.float32)

    data, asked = planted(12, 150), planted(13, 80)
    close = replace(data, vectors=narrowed(data))
    for method in ("linear", "svm", "mlp"):
        wide = classifiers.fit_classifier(method, data, Settings()).logits(asked.vectors)
        narrow = classifiers.fit_classifier(method, close, Settings()).logits(narrowed(asked))
        np.testing.assert_allclose(narrow, wide, atol=0.05)


def test_very_many_records_are_sampled_for_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_RECORDS", 50)
    data = planted(14, 200)
    assert len(classifiers.limited("svm", data, 0).vectors) == 50
    assert classifiers.limited("knn", data, 0) is data
    assert classifiers.limited("svm", data, 0).ids.tolist() == classifiers.limited("svm", data, 0).ids.tolist()


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'k-means'"):
        classifiers.fit_classifier("kmeans", planted(0, 10), Settings())


# --- zero-shot ----------------------------------------------------------------------------------------------------


def test_prompts_are_written_from_templates() -> None:
    prompts = Prompts(modality="x-ray", body_part="chest", view="anteroposterior")
    assert prompts.texts("Pleural Effusion") == ["x-ray chest anteroposterior Pleural Effusion"]
    assert Prompts().texts("no_finding") == ["no finding"]
    assert Prompts(("a {modality} of {label}", "{label}"), modality="CT").texts("mass") == ["a CT of mass", "mass"]


@pytest.mark.parametrize(
    "template", ["no label", "{label} {age}", "{label", "{}", "{label.upper}", "{label:9}", "{label!r}"]
)
def test_a_template_that_cannot_be_filled_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="a template holds"):
        Prompts((template,))
    with pytest.raises(UsageError, match="at least one template"):
        Prompts(())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> encoders.TextEncoder:
    import tiny_checkpoints

    folder = tmp_path_factory.mktemp("models") / "clip"
    tiny_checkpoints.FAMILIES["clip"](folder)
    return text_encoder(encoders.load(str(folder)))


def test_zero_shot_is_the_softmax_of_scaled_cosines(clip: encoders.TextEncoder) -> None:
    prompts, classes = Prompts(("{label}", "x {label}")), ("a", "b-b", "z")
    queries = voting.unit_rows(np.random.default_rng(0).normal(size=(5, clip.spec.dim)))
    fitted = zero_shot(clip, prompts, classes, multi_label=False)
    p = calibration.uncalibrated(3, multi_label=False).probabilities(fitted.logits(queries))
    means = [clip.encode_texts([name, f"x {name}"]).mean(axis=0) for name in classes]
    texts = np.stack([mean / np.linalg.norm(mean) for mean in means])
    raised = np.exp(clip.logit_scale * (queries @ texts.T).astype(np.float64))
    np.testing.assert_allclose(p, raised / raised.sum(axis=1, keepdims=True), rtol=1e-3)
    assert p.max() > 0.4  # the texts do differ


def test_zero_shot_of_several_labels_asks_each_against_its_negation(clip: encoders.TextEncoder) -> None:
    prompts = Prompts()
    queries = voting.unit_rows(np.random.default_rng(1).normal(size=(4, clip.spec.dim)))
    logits = zero_shot(clip, prompts, ("a", "z"), multi_label=True).logits(queries)
    p = calibration.uncalibrated(2, multi_label=True).probabilities(logits)
    for c, name in enumerate(("a", "z")):
        pair = clip.logit_scale * queries @ label_vectors(clip, prompts, [name, f"no {name}"]).T
        np.testing.assert_allclose(p[:, c], np.exp(pair[:, 0]) / np.exp(pair).sum(axis=1), rtol=1e-3)


def test_an_encoder_without_text_says_which_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'lite0-inner' has no text.*clip-b32.*medimageinsight.*siglip"):
        text_encoder(encoders.load("lite0-inner"))
