"""Learned slice aggregation: the formula, what it finds, what it refuses to find, and where its vectors go."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from filled import fill, unit
from lookalike import adapters
from lookalike.adapters.adapter import base_vectors
from lookalike.adapters.attention import pool_by_attention, slice_shares
from lookalike.adapters.layers import Layer, dense
from lookalike.asking.query import Query
from lookalike.errors import DamagedFileError
from lookalike.gallery import Gallery
from lookalike.types import Vectors

DIM, DEPTH = 384, 40
TELLING = 2  # slices of a volume that tell its label


class Volumes(NamedTuple):
    """slices of each volume; which of them tell the label; labels and patients."""

    slices: list[Vectors]
    telling: list[NDArray[np.bool_]]
    labels: list[tuple[str, ...]]
    patients: list[str]


def volumes(seed: int, count: int, depth: int = DEPTH) -> Volumes:
    """Two slices of each volume look like lesions, of one kind or the other; the rest say nothing, and vary more."""
    rng, fixed = np.random.default_rng(seed), np.random.default_rng(99)
    lesion, kinds, nuisance = fixed.normal(size=DIM), fixed.normal(size=(2, DIM)), fixed.normal(size=(6, DIM))
    found = Volumes([], [], [], [])
    for i in range(count):
        telling = np.zeros(depth, bool)
        telling[rng.choice(depth, TELLING, replace=False)] = True
        slices = 3 * rng.normal(size=(depth, 6)) @ nuisance + 0.5 * rng.normal(size=(depth, DIM))
        slices[telling] = 3 * lesion + kinds[i % 2] + 0.7 * rng.normal(size=(TELLING, DIM))
        found.slices.append(unit(slices + 1))
        found.telling.append(telling)
        found.labels.append((("benign", "malignant")[i % 2],))
        found.patients.append(f"{seed}-{i // 2 * 2 + i % 2}")
    return found


def means(data: Volumes) -> Vectors:
    return unit(np.stack([each.mean(axis=0) for each in data.slices]))


def fitted(data: Volumes, kind: str = "slices", seed: int = 0) -> adapters.Adapter:
    given = means(data), data.labels, data.patients
    return adapters.fit_adapter(kind, *given, encoder={"name": "x"}, seed=seed, slices=data.slices)


@pytest.fixture(scope="module")
def known() -> Volumes:
    return volumes(1, 60)


@pytest.fixture(scope="module")
def adapter(known: Volumes) -> adapters.Adapter:
    return fitted(known)


def test_the_weights_are_those_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    V, U, w = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 4, 1))
    b = rng.normal(size=(3, 1, 8))
    layers = dense(np.concatenate([V, U], axis=2), b), Layer("gate"), dense(w, np.zeros((3, 1, 1)))
    slices = unit(rng.normal(size=(7, 5)))
    expected = np.zeros(7)
    for member in range(3):
        first = np.tanh(slices @ V[member] + b[member, 0, :4])
        second = 1 / (1 + np.exp(-(slices @ U[member] + b[member, 0, 4:])))
        raised = np.exp((first * second) @ w[member, :, 0])
        expected += raised / raised.sum() / 3
    found = slice_shares(layers, slices)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(pool_by_attention(layers, slices), unit((expected @ slices)[None]), atol=1e-6)
    # Other weights are multiplied with them: only where both are is something left.
    alone = np.eye(7)[3]
    np.testing.assert_allclose(pool_by_attention(layers, slices, alone), slices[3:4], atol=1e-6)


def first_right(adapter: adapters.Adapter, known: Volumes, new: Volumes) -> float:
    sides = [adapters.transform(adapter, means(each), each.slices) for each in (known, new)]
    return nearest_right(sides, known, new)


def nearest_right(sides: list[Vectors], known: Volumes, new: Volumes) -> float:
    nearest = (sides[1] @ sides[0].T).argmax(axis=1)
    return float(np.mean([known.labels[j] == new.labels[i] for i, j in enumerate(nearest)]))


def test_it_finds_the_slices_that_tell(known: Volumes, adapter: adapters.Adapter) -> None:
    new = volumes(2, 60)
    assert adapter.training["attention_steps"] > 0
    assert adapter.training["attention_loss"] < adapter.training["mean_loss"]
    shares = [slice_shares(adapter.network.attention, each) for each in new.slices]
    weight = np.mean([share[telling].sum() for share, telling in zip(shares, new.telling, strict=True)])
    assert weight > 5 * TELLING / DEPTH, "five times what they would have in the mean"
    assert first_right(adapter, known, new) > 0.9
    by_attention = nearest_right([base_vectors(adapter, means(each), each.slices) for each in (known, new)], known, new)
    assert by_attention > nearest_right([means(each) for each in (known, new)], known, new) + 0.1


def test_with_permuted_labels_it_finds_nothing(known: Volumes) -> None:
    dealt = np.random.default_rng(5).permutation(len(known.labels))
    permuted = known._replace(labels=[known.labels[i] for i in dealt])
    assert 0.25 < first_right(fitted(permuted), permuted, volumes(2, 60)) < 0.75


def test_the_same_seed_gives_the_same_weights() -> None:
    few = volumes(6, 16, 8)
    first, again = fitted(few), fitted(few)
    assert dict(again.training) == dict(first.training)
    assert np.array_equal(*(adapters.transform(each, means(few), few.slices) for each in (first, again)))


def test_it_is_kept_as_data(adapter: adapters.Adapter, known: Volumes, tmp_path: Path) -> None:
    sha256 = adapters.save_adapter(adapter, tmp_path, "s")
    loaded = adapters.load_adapter(tmp_path, "s", sha256)
    assert np.array_equal(*(adapters.predict(each, means(known), known.slices) for each in (adapter, loaded)))
    assert adapters.save_adapter(loaded, tmp_path, "again") == sha256
    # An adapter without attention is written as before there was one.
    plain = replace(adapter, network=adapter.network._replace(attention=()))
    kept = adapters.save_adapter(plain, tmp_path, "plain")
    assert "attention" not in json.loads((tmp_path / f"plain.{kept[:16]}.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "attention",
    [
        (dense(np.ones((DIM, 2)), np.zeros(2)),),  # two weights for a slice
        (dense(np.ones((DIM - 1, 1)), np.zeros(1)),),  # of other vectors
        (dense(np.full((DIM, 1), np.inf), np.zeros(1)),),
        (Layer("gate"),),
    ],
)
def test_an_attention_that_is_none_is_damage(
    adapter: adapters.Adapter, tmp_path: Path, attention: tuple[Layer, ...]
) -> None:
    wrong = replace(adapter, network=adapter.network._replace(attention=attention))
    sha256 = adapters.save_adapter(wrong, tmp_path, "s")
    with pytest.raises(DamagedFileError, match="holds no adapter"):
        adapters.load_adapter(tmp_path, "s", sha256)


def test_pictures_are_the_default_kind(known: Volumes) -> None:
    """A volume of one slice is a picture: there is nothing to weigh."""
    one = known._replace(slices=[each[:1] for each in known.slices])
    assert fitted(one).network.attention == ()
    assert np.array_equal(*(adapters.transform(fitted(one, kind), means(one)) for kind in ("slices", "mlp")))


def test_a_gallery_ranks_by_it_and_tells_the_weights(
    known: Volumes, adapter: adapters.Adapter, make_gallery: Callable[..., Gallery]
) -> None:
    gallery, new = make_gallery(), volumes(3, 4)
    attributes = [{"slices": float(len(each))} for each in known.slices + new.slices]
    patients, labels = known.patients + new.patients, [*known.labels, *((),) * 4]
    ids = fill(gallery, known.slices + new.slices, patients, labels, attributes)
    before = gallery.store.vectors().vectors.copy()
    trained = replace(adapter, encoder=gallery.spec.identity)
    sha256 = adapters.save_adapter(trained, gallery.folder / "adapters", "lesions")
    gallery.store.put_space("lesions", gallery.store.spaces()["base"].encoder, sha256)
    every = known.slices + new.slices
    moved = adapters.transform(trained, unit(np.stack([each.mean(axis=0) for each in every])), every)
    for place in range(4):
        asked = len(known.slices) + place
        hits = lookalike.search(gallery, id=ids[asked], k=5, space="lesions").hits
        cosines = {ids[i]: float(moved[i] @ moved[asked]) for i in range(len(every)) if i != asked}
        best = sorted(cosines.values(), reverse=True)[:5]
        assert [hit.score for hit in hits] == pytest.approx(best, abs=1e-5)
        assert {hit.id: hit.score for hit in hits} == pytest.approx({hit.id: cosines[hit.id] for hit in hits}, abs=1e-5)
        for hit in hits:
            assert hit.match is not None
            shares = slice_shares(trained.network.attention, every[ids.index(hit.id)])
            heaviest = np.argsort(-shares, kind="stable")[:12]
            assert [each.slice for each in hit.match.weights] == heaviest.tolist()
            assert [each.weight for each in hit.match.weights] == pytest.approx(shares[heaviest].tolist(), abs=1e-6)
    plain = lookalike.search(gallery, id=ids[-1], k=3).hits[0].match
    assert plain is not None
    assert plain.weights == ()
    assert np.array_equal(gallery.store.vectors().vectors, before), "adapters never rewrite vectors"


@pytest.mark.slow
@pytest.mark.slow  # three trainings; that folds train anew is tested with kinds that are quick
def test_evaluation_trains_it_anew_on_each_fold(known: Volumes, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    attributes = [{"slices": float(len(each))} for each in known.slices]
    fill(gallery, known.slices, known.patients, known.labels, attributes)
    assert lookalike.adapt(gallery, "lesions", kind="slices").training["attention_steps"] > 0
    new = volumes(3, 4)
    for slices, (wanted,) in zip(new.slices, new.labels, strict=True):
        query = Query("new", slices, slices, views=tuple(range(DEPTH)), depth=DEPTH)
        told = lookalike.classify(gallery, query, method="adapter", abstain=0)
        assert told.labels[0].label == wanted
    report = lookalike.evaluate(gallery, space="lesions", folds=2, k=(1,), samples=50)
    assert report.baseline is not None
    assert (report.macro["P@1"] or 0) > (report.baseline.macro["P@1"] or 0)
