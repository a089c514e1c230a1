"""The protocol of the classifiers, and sets of labels: planted truths, and real pictures."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from drawn_shapes import drawn, shown_to, write
from lookalike.errors import UsageError
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.protocols.classifiers import outside
from lookalike.evaluation.trained_classifier import splits_of, training_examples
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify, classify_each
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drawn") / "pictures", 16)


@pytest.fixture(scope="module")
def shapes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with shown_to(tmp_path_factory.mktemp("shapes") / "gallery", pictures) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    pictures = write(tmp_path_factory.mktemp("mixed") / "pictures", 16, several=True)
    with shown_to(pictures.parent / "gallery", pictures) as gallery:
        yield gallery


# --- evaluation ---------------------------------------------------------------------------------------------------


def test_evaluation_adds_up(shapes: Gallery) -> None:
    report = evaluate(shapes, protocol="classifiers", methods=["knn", "centroid", "dbscan"], folds=4, samples=200)
    assert (report.queries, report.patients, report.classes) == (32, 16, ("disc", "stripes"))
    for scores in report.methods.values():
        assert scores.confusion is not None
        cells = np.array(scores.confusion)
        assert cells.sum(axis=1).tolist() == [16, 16]
        assert scores.accuracy == pytest.approx(np.trace(cells) / 32)
        assert scores.macro_accuracy == pytest.approx(np.mean(np.diag(cells) / 16))
        low, high = scores.accuracy_interval
        assert low is not None
        assert high is not None
        assert low <= scores.accuracy <= high
        assert set(scores.per_label) == {"disc", "stripes"}
    assert report.methods["knn"].accuracy > 0.9


def test_evaluation_is_repeatable(shapes: Gallery, pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    """Also in a gallery of its own, indexed in another order and with another salt."""
    other = make_gallery()
    for kind in ("stripes", "disc"):
        index(other, sorted(pictures.glob(f"{kind}*.png"), reverse=True), labels=pictures / "labels.csv")
    options = {"methods": ["k-means"], "folds": 3, "seed": 4, "samples": 50}
    said = [asdict(evaluate(gallery, protocol="classifiers", **options)) for gallery in (shapes, shapes, other)]
    for report in said:
        del report["methods"]["k-means"]["seconds"]
    assert said[0] == said[1] == said[2]
    json.dumps(said[0])


def test_evaluation_never_asks_a_patient_it_has_seen(shapes: Gallery) -> None:
    data = training_examples(labelled(shapes))
    asked: Counter[int] = Counter()
    for split in splits_of(data, 4, 0):
        assert not set(data.patients[split.queries]) & set(data.patients[split.gallery])
        asked.update(split.queries.tolist())
    assert asked == Counter(range(32))


def test_shuffled_labels_are_not_found(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    """Nothing to learn: accuracy about one half, and probabilities that know it."""
    with (pictures / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(3)
    lines = [f"{row['file']},{rng.choice(['a', 'b'])},{row['patient_id']}" for row in rows]
    table = pictures / "shuffled.csv"
    table.write_text("\n".join(["file,label,patient_id", *lines]) + "\n", encoding="utf-8")
    gallery = make_gallery()
    index(gallery, [pictures], labels=table)
    table.unlink()
    scores = evaluate(gallery, protocol="classifiers", methods=["knn", "linear"], folds=4, samples=50).methods
    for said in scores.values():
        assert said.accuracy < 0.75
        assert said.brier < 0.62  # 0.5 is what "one half" scores
    drawn = [
        evaluate(gallery, protocol="classifiers", methods=["linear"], folds=4, seed=seed, samples=2).methods["linear"]
        for seed in range(4)
    ]
    assert sum(said.brier for said in drawn) < sum(said.brier_before for said in drawn)


def test_evaluation_of_an_adapter_and_of_several_labels(mixed: Gallery) -> None:
    adapt(mixed, "shapes", kind="linear")
    report = evaluate(mixed, protocol="classifiers", methods=["adapter", "knn"], folds=3, samples=50)
    for scores in report.methods.values():
        assert scores.confusion is None
        assert scores.macro_auc is not None
        assert scores.macro_auc > 0.9
        assert scores.accuracy > 0.9
        disc = scores.per_label["disc"]
        assert disc.queries == 32
        assert disc.sensitivity is not None
        assert disc.specificity is not None
        assert disc.sensitivity + disc.specificity > 1.5
    assert "adapter" in report.tables("markdown")


def test_evaluation_refuses_bad_arguments(shapes: Gallery) -> None:
    with pytest.raises(UsageError, match="at least one method"):
        evaluate(shapes, protocol="classifiers", methods=[])
    with pytest.raises(UsageError, match="Did you mean 'svm'"):
        evaluate(shapes, protocol="classifiers", methods=["swm"])
    with pytest.raises(UsageError, match="folds must be from 2 to 16"):
        evaluate(shapes, protocol="classifiers", methods=["knn"], folds=17)


# --- real pictures ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def brains(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = shared_data / "brain-mri-tumor"
    with open_gallery(tmp_path_factory.mktemp("brains") / "gallery", create=True) as gallery:
        index(gallery, [folder], labels=folder / "labels.csv", label_columns=["class"])
        yield gallery


@pytest.mark.slow
def test_accuracy_on_brain_mri(brains: Gallery) -> None:
    """The figures of docs/classify.md, five folds."""
    least = {"knn": 0.75, "centroid": 0.65, "linear": 0.83, "svm": 0.85, "mlp": 0.83}
    report = evaluate(brains, protocol="classifiers", methods=list(least))
    assert report.queries == 240
    for method, accuracy in least.items():
        assert report.methods[method].accuracy >= accuracy, method
    # twice what a faultless calibration would show on as many queries
    for method in ("knn", "linear", "svm", "mlp"):
        assert report.methods[method].ece < 2 * report.methods[method].ece_chance
    assert report.methods["svm"].ece < report.methods["svm"].ece_before / 3
    assert all(scores.abstained < 0.05 for method, scores in report.methods.items() if method != "dbscan")


def test_brains_have_nothing_to_say_of_breasts(brains: Gallery, shared_data: Path) -> None:
    for file in sorted((shared_data / "breast-us-busi" / "benign").glob("*.png"))[:5]:
        assert classify(brains, file).abstained


@pytest.mark.parametrize(
    ("many", "queries", "limit", "warned"),
    [(0, 100, 0.01, False), (2, 100, 0.01, False), (6, 100, 0.01, True), (40, 80, 0.4, False), (0, 0, 0.01, False)],
)
def test_many_queries_outside_are_said(many: int, queries: int, limit: float, warned: bool) -> None:
    """One-sided binomial: of 100 at 1 % two are chance (p .26), six are not (p .0005)."""
    said = outside("knn", many / max(queries, 1), queries, limit)
    assert bool(said) is warned
    assert f"{many} of {queries} queries" in said or not warned


def test_a_set_of_labels_says_what_was_seen(shapes: Gallery) -> None:
    result = classify(shapes, drawn("disc", 77), set=0.9)
    found = result.set
    assert found is not None
    assert found.labels == ("disc",)
    assert (found.coverage, found.records, found.patients, found.widened) == (0.9, 32, 16, False)
    assert found.interval[0] <= found.seen <= found.interval[1]
    assert found.seen > 0.8
    assert 1 <= found.size < 2
    assert sum("16 patients are few" in note for note in result.notes) == 1
    plain = classify(shapes, drawn("disc", 77))
    assert plain.set is None
    assert not any("patients are few" in note for note in plain.notes)
    assert classify(shapes, drawn("disc", 77), set=0.5).set.labels == ("disc",)  # type: ignore[union-attr]


def test_nothing_is_ruled_out_for_what_lies_outside(shapes: Gallery) -> None:
    white = np.random.default_rng(0).integers(0, 256, (96, 96), dtype=np.uint8)
    result = classify(shapes, white, set=0.9)
    assert result.abstained
    assert result.set is not None
    assert set(result.set.labels) == {"disc", "stripes"}
    assert result.set.widened


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"set": 0.99}, "99 % needs labelled records of 99 patients, here are 16"),
        ({"set": 0.9, "where": "label=disc"}, "calibrated on other patients' records"),
    ],
)
def test_where_there_is_no_set_it_is_said(shapes: Gallery, options: dict[str, Any], why: str) -> None:
    result = classify(shapes, drawn("disc", 77), **options)
    assert result.set is None
    assert any(note.startswith("No set of labels") and why in note for note in result.notes)


def test_no_set_with_several_labels(mixed: Gallery) -> None:
    result = classify(mixed, drawn("disc", 77), set=0.9)
    assert result.set is None
    assert any("records bear several" in note for note in result.notes)


def test_every_picture_of_a_folder(shapes: Gallery, tmp_path: Path) -> None:
    """Pictures like the gallery's are answered as one by one; a broken file is counted."""
    new = write(tmp_path / "new", 6, seed=500)
    (new / "broken.png").write_bytes(b"no picture")
    found = classify_each(shapes, [new], set=0.9)
    assert found.refused == {"not-an-image": 1}
    assert found.shift is not None
    assert not found.shift.shifted
    assert found.notes[0] == found.shift.sentence
    assert len(found.results) == 12
    for one in found.results:
        alone = classify(shapes, one.query, set=0.9)
        assert [e.probability for e in alone.labels] == pytest.approx([e.probability for e in one.labels], abs=1e-5)
        assert alone.set == one.set
        assert Path(one.query).name.startswith(one.labels[0].label)


def test_under_a_shift_every_answer_warns_and_sets_are_wider(shapes: Gallery, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for i in range(24):
        kind = ("disc", "stripes")[i % 2]
        shown = drawn(kind, 900 + i).astype(float) + np.random.default_rng(i).normal(0, 30, (96, 96))
        PIL.Image.fromarray(shown.clip(0, 255).astype(np.uint8)).save(new / f"{kind}{i}.png")
    found = classify_each(shapes, [new], set=0.8)
    assert found.shift is not None
    assert found.shift.shifted
    for one in found.results:
        assert one.notes[0] == found.shift.sentence
        assert one.set is not None
        assert one.set.widened
        alone = classify(shapes, one.query, set=0.8).set
        assert alone is not None
        assert set(alone.labels) <= set(one.set.labels)


def test_evaluation_of_sets(shapes: Gallery, mixed: Gallery) -> None:
    report = evaluate(shapes, protocol="classifiers", methods=["knn"], folds=4, set=0.8, samples=50)
    scores = report.methods["knn"]  # type: ignore[attr-defined]
    assert scores.set_coverage >= 0.7
    assert scores.set_interval[0] <= scores.set_coverage <= scores.set_interval[1]
    assert 1 <= scores.set_size <= 2
    assert "Sets of labels for a coverage of 0.8" in report.tables()
    with pytest.raises(UsageError, match="above 0 and below 1"):
        evaluate(shapes, protocol="classifiers", set=1.0)
    none = evaluate(mixed, protocol="classifiers", methods=["knn"], folds=2, set=0.8, samples=20)
    assert none.methods["knn"].set_coverage is None  # type: ignore[attr-defined]


def test_separate_queries_that_are_unlike_the_gallery_are_said_with_every_figure(
    shapes: Gallery, pictures: Path, tmp_path: Path
) -> None:
    new = write(tmp_path / "new", 8, seed=700)
    like = evaluate(shapes, queries=[new], query_labels=new / "labels.csv", samples=20)
    assert like.shift is not None
    assert not like.shift.shifted
    assert like.shift.sentence in like.notes
    assert "unlike the gallery" not in like.tables()
    for path in new.glob("*.png"):
        shown = 255 - np.asarray(PIL.Image.open(path))
        PIL.Image.fromarray(np.random.default_rng(1).normal(shown, 60).clip(0, 255).astype(np.uint8)).save(path)
    unlike = evaluate(shapes, queries=[new], query_labels=new / "labels.csv", samples=20)
    assert unlike.shift is not None
    assert unlike.shift.shifted
    for form in ("text", "markdown", "csv", "latex", "json"):
        assert "shift" in unlike.tables(form) if form == "json" else "unlike the gallery" in unlike.tables(form)
    assert asdict(unlike)["shift"]["effect"] == unlike.shift.effect
    assert "shift" not in like.tables("text")
