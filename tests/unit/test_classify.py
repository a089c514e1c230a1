"""classify, on galleries of drawn pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drawn_shapes import drawn, shown_to, write
from lookalike.adapters import Criterion
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.labelled import held_labelled, labelled
from lookalike.evaluation.trained_classifier import classify_methods
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Relabel
from lookalike.store.batch import Batch
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify
from lookalike.verbs.curation.labelling import label, undo_labels
from lookalike.verbs.index import index
from lookalike.verbs.records import remove

SUPERVISED = [name for name in classify_methods() if name not in ("adapter", "zero-shot", "mlp")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drawn") / "pictures", 16)


@pytest.fixture(scope="module")
def shapes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with shown_to(tmp_path_factory.mktemp("shapes") / "gallery", pictures) as gallery:
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


def test_labelled_records_are_read_again_when_anything_of_them_changed(
    pictures: Path, tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    gallery = make_gallery("held")
    index(gallery, [pictures], labels=pictures / "labels.csv")

    def now() -> tuple[int, set[tuple[str, ...]]]:
        found, held = labelled(gallery), held_labelled(gallery)
        assert (held.ids, held.labels, held.patients) == (found.ids, found.labels, found.patients)
        np.testing.assert_array_equal(held.vectors, found.vectors)
        return len(held.ids), set(held.labels)

    count, labels = now()
    held = held_labelled(gallery)
    first, second = held.ids[:2]
    assert held_labelled(gallery) is held
    with open_gallery(gallery.folder) as another:  # whoever changes them
        label(another, [first], set=["dot"])
    assert now() == (count, {*labels, ("dot",)})
    change = remove(gallery, [second])
    assert now()[0] == count - change.records
    undo_labels(gallery)
    assert now() == (count - 1, labels)
    index(gallery, [write(tmp_path / "more", 1, seed=900)], labels=tmp_path / "more" / "labels.csv")
    assert now()[0] > count - 1
    assert set(held_labelled(gallery, Criterion("label", ("disc",))).labels) == {("disc",)}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    pictures = write(tmp_path_factory.mktemp("mixed") / "pictures", 16, several=True)
    with shown_to(pictures.parent / "gallery", pictures) as gallery:
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
        ({"slice": 3}, "slices speak of a region"),
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
