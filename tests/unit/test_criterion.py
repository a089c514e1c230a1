"""Spaces trained on a chosen criterion: what they learn, what they say of themselves, what judges them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import lookalike
from filled import fill
from lookalike import cli
from lookalike.adapters import Criterion, criterion_of, fit_adapter, is_accepted, load_adapter, save_adapter
from lookalike.asking.candidates import trained_on
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.types import Record
from lookalike.verbs.gallery import SpaceInfo, list_spaces
from lookalike.verbs.records import remove

RECORDS, DIM = 60, 384


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery]) -> Gallery:
    """Two directions that mean something, the label and the view, beside a large one that means nothing."""
    rng = np.random.default_rng(3)
    finding, view = (np.where(rng.random(RECORDS) < 0.5, 1.0, -1.0) for _ in range(2))
    vectors = 0.1 * rng.normal(size=(RECORDS, DIM))
    vectors[:, 0], vectors[:, 1], vectors[:, 2] = 3 * rng.normal(size=RECORDS), finding, view
    labels = [("effusion",) if value > 0 else ("none",) for value in finding]
    views = ["LATERAL" if i >= RECORDS - 6 else "PA" if value > 0 else "AP" for i, value in enumerate(view)]
    made = make_gallery()
    fill(made, list(vectors), [f"p{i // 2}" for i in range(RECORDS)], labels, [{"view": name} for name in views])
    return made


def test_a_space_follows_the_field_it_was_trained_on(gallery: Gallery) -> None:
    """Each of two spaces brings together what its own criterion calls alike, and is judged by it."""
    lookalike.adapt(gallery, "finding", kind="linear")
    result = lookalike.adapt(gallery, "view", kind="linear", field="view", labels=["PA", "AP"])
    assert (result.field, result.labels, result.classes, result.records) == ("view", ("PA", "AP"), ("AP", "PA"), 54)
    assert result.accepted
    reports = [lookalike.evaluate(gallery, space=name, folds=3, k=[5], samples=50) for name in ("finding", "view")]
    assert [[*report.class_sizes] for report in reports] == [["effusion", "none"], ["AP", "PA"]]
    assert all(report.macro["P@5"] > report.baseline.macro["P@5"] + 0.05 for report in reports)
    scores = lookalike.evaluate(gallery, protocol="classifiers", space="view", folds=3, samples=50)
    assert scores.classes == ("AP", "PA")
    assert scores.methods["adapter"].macro_accuracy > 0.7
    answer = lookalike.classify(
        gallery, id=next(iter(gallery.store.records().values())).id, method="adapter", space="view"
    )
    assert {each.label for each in answer.labels} == {"AP", "PA"}


def test_a_space_remembers_its_criterion(gallery: Gallery) -> None:
    lookalike.adapt(gallery, "view", kind="linear", field="view", labels=["PA", "AP"])
    gallery.close()
    with open_gallery(gallery.folder) as again:
        assert list_spaces(again) == (
            SpaceInfo("base", "base", True),
            SpaceInfo("view", "adapter", True, "view", ("PA", "AP"), accepted=True),
        )
        lateral = [record for record in again.store.records().values() if record.attributes["view"] == "LATERAL"]
        of = {record.patient for record in again.store.records().values()} - {record.patient for record in lateral}
        assert not trained_on(again, "view", {lateral[0].patient})
        assert trained_on(again, "view", {min(of)})
        for file in (again.folder / "adapters").iterdir():
            file.write_bytes(b"no adapter")
    with open_gallery(gallery.folder) as damaged:
        space = list_spaces(damaged)[1]
        assert (space.field, space.accepted) == ("", False)
        assert "is damaged" in space.note


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"field": "veiw"}, "Did you mean 'view'"),
        ({"field": "patient"}, "no record has a field 'patient'"),
        ({"field": "view", "labels": ["PA", "LATERALL"]}, "Did you mean 'LATERAL'"),
        ({"labels": ["effusion"]}, "needs at least two; got 1"),
    ],
)
def test_a_criterion_that_nothing_follows_is_refused(gallery: Gallery, given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        lookalike.adapt(gallery, "s", kind="linear", **given)
    assert [*gallery.store.spaces()] == ["base"]


def test_a_protocol_with_classes_of_its_own_refuses_other_criteria(gallery: Gallery) -> None:
    lookalike.adapt(gallery, "view", kind="linear", field="view", labels=["PA", "AP"])
    with pytest.raises(UsageError, match="was trained on view: PA, AP"):
        lookalike.evaluate(gallery, protocol="medimageinsight", space="view", folds=3)


def test_a_value_that_nobody_bears_any_more_leaves_the_adapter(gallery: Gallery) -> None:
    lookalike.adapt(gallery, "view", kind="linear", field="view", labels=["PA", "LATERAL"])
    remove(
        gallery, [record.id for record in gallery.store.records().values() if record.attributes["view"] == "LATERAL"]
    )
    adapter = gallery.adapter("view")
    assert adapter is not None
    assert adapter.classes == ("removed label 1", "PA")
    assert criterion_of(adapter) == Criterion("view", ("PA", "removed label 1"))
    assert not [path for path in gallery.folder.rglob("*") if path.is_file() and b"LATERAL" in path.read_bytes()]


def test_values_are_given_with_commas_between_them(gallery: Gallery) -> None:
    words = ["adapt", "-g", str(gallery.folder), "--name", "s", "--kind", "linear", "--labels"]
    done = CliRunner().invoke(cli.main, [*words, ' effusion, "a, b"'])
    assert done.exit_code == 1
    assert "'a, b'" in done.output


def test_adapters_of_earlier_versions_follow_the_label(tmp_path: Any) -> None:
    vectors = np.eye(4, dtype=np.float32)
    adapter = fit_adapter("linear", vectors, [("a",), ("b",)] * 2, list("pqrs"), encoder={})
    assert "criterion" not in adapter.training
    loaded = load_adapter(tmp_path, "s", save_adapter(adapter, tmp_path, "s"))
    assert criterion_of(loaded) == criterion_of(None) == Criterion()
    earlier = {"gain": [0.1, 0.02, 0.2], "adapter": 0.6, "chance": 0.4, "worse": False}
    assert not is_accepted({})
    assert not is_accepted({"inner_folds": None})
    assert is_accepted({"inner_folds": earlier})
    assert not is_accepted({"inner_folds": earlier | {"gain": [0.1, 0.0, 0.2]}})
    assert not is_accepted({"inner_folds": earlier | {"chance": 0.7}})
    assert is_accepted({"inner_folds": earlier | {"p": 0.05}})
    assert not is_accepted({"inner_folds": earlier | {"p": 0.06}})


@pytest.mark.parametrize("criterion", [[], {"labels": 3}, 7])
def test_notes_of_another_form_are_damage(tmp_path: Any, criterion: Any) -> None:
    adapter = fit_adapter("linear", np.eye(4, dtype=np.float32), [("a",), ("b",)] * 2, list("pqrs"), encoder={})
    odd = dataclasses.replace(adapter, training={**adapter.training, "criterion": criterion})
    with pytest.raises(lookalike.errors.DamagedFileError):
        load_adapter(tmp_path, "s", save_adapter(odd, tmp_path, "s"))


_WORDS = st.text("ab ", min_size=1, max_size=2)


@given(
    labels=st.lists(_WORDS, max_size=4, unique=True),
    attributes=st.dictionaries(_WORDS, _WORDS | st.integers(-3, 3).map(float), max_size=3),
    field=st.just("label") | _WORDS,
    chosen=st.lists(_WORDS, max_size=3, unique=True),
)
def test_what_a_criterion_says_of_a_record(
    labels: list[str], attributes: dict[str, str | float], field: str, chosen: list[str]
) -> None:
    record = Record(1, "r", "r.png", 0, tuple(labels), "p", attributes)
    every, some = Criterion(field).of(record), Criterion(field, tuple(chosen)).of(record)
    told = labels if field == "label" else [str(attributes.get(field, "")).removesuffix(".0").strip()]
    assert every == tuple(value for value in told if value)
    assert some == (tuple(value for value in every if value in chosen) if chosen else every)
