"""classify, and the protocol that scores its methods, on galleries of drawn pictures, and on real ones."""

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
from numpy.typing import NDArray

import lookalike
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.labelled import labelled
from lookalike.evaluation.protocols.classifiers import outside
from lookalike.evaluation.trained_classifier import classify_methods, splits_of, training_examples
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Relabel
from lookalike.store.batch import Batch
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify, classify_each
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index

SUPERVISED = [name for name in classify_methods() if name not in ("adapter", "zero-shot", "mlp")]


def drawn(kind: str, seed: int) -> NDArray[np.uint8]:
    """A disc, or stripes, or both: somewhere, of some size, under noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96]
    plane = np.full((96, 96), 60.0)
    if kind in ("stripes", "both"):
        plane += 60 * np.sin((x + rng.uniform(-0.4, 0.4) * y) * rng.uniform(0.5, 0.7) + rng.uniform(0, 6))
    if kind in ("disc", "both"):
        row, column = rng.uniform(36, 60, 2)
        plane[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(18, 26) ** 2] = 200
    return (plane + rng.normal(0, 8, plane.shape)).clip(0, 255).astype(np.uint8)


def write(folder: Path, count: int, *, several: bool = False, seed: int = 0) -> Path:
    """``count`` pictures a kind, two of each patient, with a table."""
    folder.mkdir()
    rows = ["file,label,patient_id"]
    for kind in ("disc", "stripes", "both") if several else ("disc", "stripes"):
        for i in range(count):
            name = f"{kind}{i:02}.png"
            PIL.Image.fromarray(drawn(kind, seed + 1000 * len(kind) + i)).save(folder / name)
            rows.append(f"{name},{'disc|stripes' if kind == 'both' else kind},{kind}-{i // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drawn") / "pictures", 16)


@pytest.fixture(scope="module")
def shapes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with open_gallery(tmp_path_factory.mktemp("shapes") / "gallery", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
        yield gallery


@pytest.mark.parametrize("method", SUPERVISED)
@pytest.mark.parametrize("kind", ["disc", "stripes"])
def test_a_new_picture_is_labelled(shapes: Gallery, method: str, kind: str) -> None:
    result = classify(shapes, drawn(kind, 77), method=method, abstain=0)
    assert result.labels[0].label == kind
    assert result.labels[0].finding == "positive"
    assert result.labels[1].finding == "negative"
    assert sum(label.probability for label in result.labels) == pytest.approx(1)
    assert 0.8 < result.labels[0].probability < 1
    assert (result.method, result.calibrated) == (method, "temperature and bias")
    for evidence in result.evidence:
        record = shapes.store.record(evidence.id)
        assert (evidence.labels, evidence.source) == (record.labels, record.source)
    bearing = [kind in evidence.labels for evidence in result.evidence]
    # A cluster shows its own members, and dbscan nobody where there is no cluster; the others show the nearest.
    assert len(bearing) >= {"dbscan": 0, "k-means": 1, "agglomerative": 1}.get(method, 3)
    assert all(bearing) if method in ("k-means", "agglomerative", "dbscan") else sum(bearing) > len(bearing) / 2


def test_knn_shows_everyone_who_voted(shapes: Gallery) -> None:
    result = classify(shapes, drawn("disc", 5), k=7)
    data = labelled(shapes)
    vector = shapes.encoder.encode_inputs(_prepared(shapes, drawn("disc", 5)))[0]
    cosines = data.vectors @ vector
    nearest = np.argsort(-cosines, kind="stable")[:7]
    assert [evidence.id for evidence in result.evidence] == [data.ids[i] for i in nearest]
    assert [evidence.score for evidence in result.evidence] == pytest.approx(cosines[nearest], abs=1e-5)
    weights = [evidence.weight for evidence in result.evidence]
    assert None not in weights
    assert sum(w for w in weights if w is not None) == pytest.approx(1)
    assert weights == sorted(weights, key=lambda w: -(w or 0))
    uniform = classify(shapes, drawn("disc", 5), weighting="uniform")
    assert [evidence.weight for evidence in uniform.evidence] == pytest.approx([0.2] * 5)


def _prepared(gallery: Gallery, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from lookalike.pixels import from_array, prepare

    return prepare(from_array(plane), gallery.spec.preprocessing)[None]


def test_what_did_not_vote_has_no_weight(shapes: Gallery) -> None:
    result = classify(shapes, drawn("disc", 5), method="svm")
    assert [evidence.weight for evidence in result.evidence] == [None] * 5


def test_the_result_is_json(shapes: Gallery) -> None:
    said = json.loads(json.dumps(asdict(classify(shapes, drawn("disc", 5)))))
    assert {"method", "labels", "abstained", "evidence"} <= said.keys()
    assert said["labels"][0].keys() >= {"label", "probability"}
    assert said["evidence"][0].keys() >= {"id", "score", "labels", "weight"}
    assert "Research software, not a medical device." in said["notes"]


@pytest.mark.parametrize("method", ["knn", "centroid", "linear"])
def test_the_own_patient_never_counts(shapes: Gallery, pictures: Path, method: str) -> None:
    """The file itself and the patient's other picture are in the gallery; the table alone knew the patient."""
    by_file = classify(shapes, pictures / "disc00.png", method=method, k=40)
    own = {r.id for r in shapes.store.records().values() if Path(r.source).name in ("disc00.png", "disc01.png")}
    assert len(own) == 2
    assert not own & {evidence.id for evidence in by_file.evidence}
    assert by_file.records == 30
    assert "Records of the query's own patient, left out: 2." in by_file.notes
    same = next(r.id for r in shapes.store.records().values() if Path(r.source).name == "disc00.png")
    by_id = classify(shapes, id=same, method=method, k=40)
    assert [e.id for e in by_id.evidence] == [e.id for e in by_file.evidence]
    assert [p.probability for p in by_id.labels] == pytest.approx([p.probability for p in by_file.labels], abs=1e-3)


@pytest.mark.parametrize("method", ["knn", "svm"])
def test_abstains_from_what_it_has_never_seen(shapes: Gallery, method: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96)).astype(np.uint8)
    result = classify(shapes, noise, method=method)
    assert result.abstained
    assert result.reason.startswith("too unlike this gallery")
    assert {label.finding for label in result.labels} == {None}
    assert result.outlier_score == 1.0
    assert result.similarity is not None
    assert result.background is not None
    assert result.similarity < result.background
    told = classify(shapes, noise, method=method, abstain=0)
    assert (told.abstained, told.reason, told.outlier_score) == (False, "", 1.0)


def test_the_background_is_the_gallerys_own(shapes: Gallery) -> None:
    """Abstaining at the share q turns about q of the gallery's own records away."""
    data = labelled(shapes)
    closeness = []
    for vector, patient in zip(data.vectors, data.patients, strict=True):
        others = [float(vector @ v) for v, p in zip(data.vectors, data.patients, strict=True) if p != patient]
        closeness.append(np.mean(sorted(others)[-5:]))
    result = classify(shapes, drawn("disc", 5), abstain=0.25)
    assert result.background == pytest.approx(np.quantile(closeness, 0.25), abs=1e-5)
    assert result.similarity is not None
    assert result.outlier_score == pytest.approx(np.mean(np.array(closeness) > result.similarity))


def test_new_labels_are_learnt_anew(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv")
    assert classify(gallery, drawn("disc", 9)).labels[0].label == "disc"
    renamed = [line.replace(",disc,", ",round,") for line in (pictures / "labels.csv").read_text().splitlines()]
    table = pictures / "renamed.csv"
    table.write_text("\n".join(renamed) + "\n", encoding="utf-8")
    index(gallery, [pictures], labels=table)
    table.unlink()
    assert classify(gallery, drawn("disc", 9)).labels[0].label == "round"


def test_what_was_learnt_is_kept(shapes: Gallery) -> None:
    from lookalike.classifiers import Settings
    from lookalike.evaluation.trained_classifier import learnt

    first = learnt(shapes, "linear", None, Settings(), None, ())
    assert learnt(shapes, "linear", None, Settings(), None, {"somebody else"}) is first
    own = {next(iter(shapes.store.records().values())).patient}
    assert learnt(shapes, "linear", None, Settings(), None, own) is not first
    assert learnt(shapes, "linear", None, Settings(seed=1), None, ()).data.classes == first.data.classes


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = write(tmp_path_factory.mktemp("mixed") / "pictures", 16, several=True)
    with open_gallery(folder.parent / "gallery", create=True) as gallery:
        index(gallery, [folder], labels=folder / "labels.csv")
        yield gallery


@pytest.mark.parametrize("method", ["knn", "linear", "svm"])
def test_several_labels(mixed: Gallery, method: str) -> None:
    found = {
        kind: {p.label: p.finding for p in classify(mixed, drawn(kind, 31), method=method, abstain=0).labels}
        for kind in ("disc", "stripes", "both")
    }
    assert found["both"]["stripes"] == found["stripes"]["stripes"] == found["disc"]["disc"] == "positive"
    assert found["disc"]["stripes"] == found["stripes"]["disc"] == "negative"
    result = classify(mixed, drawn("both", 31), method=method)
    assert (result.multi_label, result.calibrated, result.records) == (True, "Platt", 48)


def test_several_labels_may_be_left_out(mixed: Gallery) -> None:
    result = classify(mixed, drawn("disc", 31), multi_label=False)
    assert (result.multi_label, result.records) == (False, 32)
    assert sum(label.probability for label in result.labels) == pytest.approx(1)
    apart = classify(mixed, drawn("disc", 31), multi_label=True)
    assert apart.multi_label


def test_an_adapters_own_head(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv")
    with pytest.raises(UsageError, match="train one: lookalike adapt"):
        classify(gallery, drawn("disc", 9), method="adapter")
    adapt(gallery, "shapes", kind="linear")
    result = classify(gallery, drawn("disc", 9), method="adapter", abstain=0)
    assert (result.labels[0].label, result.calibrated) == ("disc", "temperature and bias")
    assert not any("flattered" in note for note in result.notes)
    assert any("flattered" in note for note in classify(gallery, pictures / "disc00.png", method="adapter").notes)
    adapt(gallery, "other", kind="linear")
    with pytest.raises(UsageError, match="name one of other, shapes"):
        classify(gallery, drawn("disc", 9), method="adapter")
    with pytest.raises(UsageError, match="has no head"):
        classify(gallery, drawn("disc", 9), method="adapter", space="base")
    classify(gallery, drawn("disc", 9), method="adapter", space="other")
    renamed = Batch(relabels=[Relabel(_sha256(pictures / "disc00.png"), "disc-0", ("third",), {})])
    gallery.store.write(renamed)
    with pytest.raises(UsageError, match="train it again: lookalike adapt --name other"):
        classify(gallery, drawn("disc", 9), method="adapter", space="other")


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_zero_shot_needs_no_labels(pictures: Path, tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    import tiny_checkpoints

    tiny_checkpoints.FAMILIES["clip"](tmp_path / "clip")
    gallery = make_gallery(encoder=str(tmp_path / "clip"))
    empty = classify(gallery, drawn("disc", 1), method="zero-shot", labels=["a disc", "b"], modality="x-ray")
    assert not empty.abstained
    assert empty.outlier_score is None
    assert [evidence.prompt for evidence in empty.evidence if evidence.labels == ("b",)] == ["x-ray b"]
    vector = gallery.encoder.encode_inputs(_prepared(gallery, drawn("disc", 1)))[0]
    cosines = gallery.encoder.encode_texts(["x-ray a disc", "x-ray b"]) @ vector  # type: ignore[attr-defined]
    raised = np.exp(gallery.encoder.logit_scale * cosines.astype(np.float64))  # type: ignore[attr-defined]
    said = {label.label: label.probability for label in empty.labels}
    assert [said["a disc"], said["b"]] == pytest.approx(raised / raised.sum(), abs=1e-4)
    own = {"disc": ["x-ray a disc"], "b": ["one b", "two b"]}
    (tmp_path / "own.csv").write_text("label,prompt\ndisc,x-ray a disc\nb,one b\nb,two b\n")
    parts = gallery.encoder.encode_texts(["x-ray a disc", "one b", "two b"])  # type: ignore[attr-defined]
    mean = parts[1:].mean(axis=0) / np.linalg.norm(parts[1:].mean(axis=0))
    several = np.exp(gallery.encoder.logit_scale * np.array([parts[0] @ vector, mean @ vector], np.float64))  # type: ignore[attr-defined]
    for prompts in (own, tmp_path / "own.csv"):
        told = classify(gallery, drawn("disc", 1), method="zero-shot", prompts=prompts)
        found = {label.label: label.probability for label in told.labels}
        assert [found["disc"], found["b"]] == pytest.approx(several / several.sum(), abs=1e-4)
        assert [each.prompt for each in told.evidence if each.labels == ("b",)] == ["one b | two b"]
    index(gallery, [pictures])
    unlabelled = classify(gallery, drawn("disc", 1), method="zero-shot", labels=["a disc", "b"], modality="x-ray")
    assert {label.label: label.probability for label in unlabelled.labels} == pytest.approx(said, abs=1e-5)
    assert [bool(evidence.id) for evidence in unlabelled.evidence] == [False] * 2 + [True] * 5
    assert unlabelled.outlier_score is not None
    with pytest.raises(UsageError, match="at least two labels"):
        classify(gallery, drawn("disc", 1), method="zero-shot")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "knnn"}, "Did you mean 'knn'"),
        ({"method": "zero-shot"}, "has no text"),
        ({"modality": "x-ray"}, "go with --method zero-shot"),
        ({"labels": ["disc"]}, "go with --method zero-shot"),
        ({"prompts": {"disc": ["a disc"]}}, "go with --method zero-shot"),
        ({"prompts": {"disc": []}, "method": "zero-shot"}, "none empty"),
        ({"space": "s", "method": "zero-shot"}, "leave space and where out"),
        ({"where": "label=nothing", "method": "centroid"}, "leaves no labelled record"),
        ({"where": "label=disc", "method": "linear"}, "at least two labels to choose from, got 1"),
        ({"slice": 3}, "slice speaks of a region"),
        ({"k": 0}, "k must be from 1"),
        ({"weighting": "rank"}, "'distance' or 'uniform'"),
        ({"abstain": 1.0}, "from 0 to below 1"),
        ({"id": "0" * 16}, "give either"),
    ],
)
def test_bad_arguments_are_said_plainly(shapes: Gallery, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        classify(shapes, drawn("disc", 1), **options)  # type: ignore[arg-type]


def test_there_must_be_labels(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures / "disc00.png", pictures / "disc02.png"], labels=pictures / "labels.csv")
    with pytest.raises(UsageError, match="at least two labels to choose from, got 1"):
        classify(gallery, drawn("disc", 1), method="centroid")
    with pytest.raises(NotFoundError, match="no record has the id"):
        classify(gallery, id="0" * 16)


def test_few_records_are_not_calibrated(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures / "disc00.png", pictures / "stripes00.png"], labels=pictures / "labels.csv")
    result = classify(gallery, drawn("disc", 1))
    assert (result.calibrated, result.labels[0].label, result.labels[0].finding) == ("", "disc", None)
    assert any("Not calibrated" in note for note in result.notes)
    own = classify(gallery, pictures / "disc00.png")
    assert own.outlier_score is None  # one record is left, and has nobody to be compared with
    assert any("no query is called too unlike" in note for note in own.notes)


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


@pytest.fixture(scope="module")
def voted(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """With patches and an adapted space."""
    with open_gallery(tmp_path_factory.mktemp("voted") / "gallery", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
        adapt(gallery, "shapes", kind="linear")
        yield gallery


def test_the_vote_follows_the_space_and_the_filter(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv")
    adapt(gallery, "shapes", kind="linear")
    query, some = drawn("disc", 9), "label=stripes or source~disc0"
    for space, where in (("base", None), ("shapes", None), ("base", some), ("shapes", some)):
        found = classify(gallery, query, space=space, where=where, k=5)
        hits = lookalike.search(gallery, query, space=space, where=where, k=40).hits
        assert [evidence.id for evidence in found.evidence] == [hit.id for hit in hits if hit.labels][:5]
        assert [e.score for e in found.evidence] == pytest.approx([h.score for h in hits if h.labels][:5], abs=1e-5)
        assert (found.calibrated == "") == (space == "shapes")
        assert any("has learnt these labels" in note for note in found.notes) == (space == "shapes")
        weights = [evidence.weight for evidence in found.evidence if evidence.weight is not None]
        assert found.votes == pytest.approx(sum(weights) ** 2 / sum(weight**2 for weight in weights))
        for label in found.labels:
            share = sum(e.weight or 0 for e in found.evidence if label.label in e.labels)
            assert label.share == pytest.approx(share)
            assert (label.low or 0) <= share + 1e-9 <= (label.high or 0) + 2e-9
    assert "flattered" in " ".join(classify(gallery, pictures / "disc00.png", space="shapes").notes)


@pytest.mark.parametrize("space", ["base", "shapes"])
@pytest.mark.parametrize("multi_label", [None, False])
def test_a_vote_of_one_label_is_that_label(voted: Gallery, space: str, multi_label: bool | None) -> None:
    found = classify(voted, drawn("disc", 9), space=space, where="label=stripes", k=5, multi_label=multi_label)
    (label,) = found.labels
    assert (label.label, label.probability, label.finding, label.youden) == ("stripes", 1, None, None)
    assert label.share == pytest.approx(1)
    assert 0 < (label.low or 0) < (label.high or 0) <= 1
    assert (found.calibrated, found.multi_label) == ("", False)
    assert [evidence.labels for evidence in found.evidence] == [("stripes",)] * 5
    assert sum(evidence.weight or 0 for evidence in found.evidence) == pytest.approx(1)
    assert "every labelled record that may vote bears 'stripes'" in found.notes[0]


@pytest.mark.parametrize("options", [{}, {"space": "shapes"}, {"box": (0.2, 0.2, 0.8, 0.8)}])
def test_a_vote_without_voters_says_why(voted: Gallery, options: dict[str, Any]) -> None:
    found = classify(voted, drawn("disc", 9), where="label=nothing", **options)
    assert (found.labels, found.evidence, found.votes, found.abstained) == ((), (), None, True)
    assert "no labelled record" in found.reason


def test_a_gallery_of_one_label_and_of_one_patient(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures / "disc00.png"], labels=pictures / "labels.csv")
    assert [label.label for label in classify(gallery, drawn("stripes", 1)).labels] == ["disc"]
    own = classify(gallery, pictures / "disc00.png")
    assert (own.labels, own.abstained) == ((), True)
    assert "query's own patient" in own.reason


def test_the_vote_on_a_region_is_of_what_holds_it(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
    box = (0.2, 0.2, 0.8, 0.8)
    for where in (None, "label=stripes"):
        found = classify(gallery, drawn("disc", 9), box=box, where=where, k=6)
        hits = lookalike.search(gallery, drawn("disc", 9), box=box, where=where, k=40).hits
        assert [(e.id, e.score) for e in found.evidence] == [(h.id, h.score) for h in hits if h.labels][:6]
        assert sum(e.weight or 0 for e in found.evidence) == pytest.approx(1)
        assert {label.label for label in found.labels} == {"disc", "stripes"}
    assert found.labels[0].label == "stripes"
    with pytest.raises(UsageError, match="vote on a region is knn"):
        classify(gallery, drawn("disc", 9), box=box, method="centroid")


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
    assert classify(shapes, drawn("disc", 77)).set is None
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
