"""Vectors that somebody published become a gallery that is searched and scored as any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from conftest import texture, write_pictures
from lookalike.cli import main
from lookalike.encoders import describe
from lookalike.errors import ManifestMismatchError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.export_vectors import export_vectors
from lookalike.verbs.index import index
from lookalike.verbs.search import search

h5py = pytest.importorskip("h5py", reason="the extra 'vectors' is not installed")

CLASSES = ("XR/chest/Effusion", "XR/chest/Mass", "CT/abd/cyst")


def deposit(folder: Path, model: str = "BiomedCLIPVitB16_224") -> tuple[list[str], np.ndarray, list[str], list[str]]:
    """A small tree as Denner et al. (arXiv 2403.06567) deposit theirs: datasets/NAME.csv with five columns and one of
    0/1 a class, embeddings/MODEL/NAME.h5 with a vector of unit length at each picture's path.
    """
    rng = np.random.default_rng(11)
    labels = [CLASSES[i % 3] for i in range(36)]
    splits = ["train"] * 20 + ["val"] * 4 + ["test"] * 12
    centres = rng.normal(size=(3, 16))
    vectors = centres[[i % 3 for i in range(36)]] + 2.2 * rng.normal(size=(36, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    paths = [f"radiology_ai/{label}/{i:06}.png" for i, label in enumerate(labels)]
    (folder / "datasets").mkdir(parents=True)
    (folder / "embeddings" / model).mkdir(parents=True)
    lines = ["filepath,dataset,split,modality,anatomic_region," + ",".join(CLASSES)]
    for path, label, split in zip(paths, labels, splits, strict=True):
        flags = ",".join(str(float(label == each)) for each in CLASSES)
        lines.append(f"{path},radiology_ai,{split},{label.split('/')[0]},{label.split('/')[1]},{flags}")
    (folder / "datasets" / "radimagenet.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with h5py.File(folder / "embeddings" / model / "radiology_ai.h5", "w") as file:
        for path, vector in zip(paths, vectors, strict=True):
            file.create_dataset(path, data=vector)
    return paths, vectors, labels, splits


def their_figures(vectors: np.ndarray, labels: list[str], splits: list[str], k: int) -> tuple[float, float]:
    """P@k micro and macro, counted as a reader of the paper would: the k nearest of train for each picture of test."""
    train = [i for i, split in enumerate(splits) if split == "train"]
    shares: dict[str, list[float]] = {}
    for query in (i for i, split in enumerate(splits) if split == "test"):
        nearest = sorted(train, key=lambda row: -float(vectors[query] @ vectors[row]))[:k]
        shares.setdefault(labels[query], []).append(sum(labels[row] == labels[query] for row in nearest) / k)
    means = [sum(each) / len(each) for each in shares.values()]
    every = [share for each in shares.values() for share in each]
    return sum(every) / len(every), sum(means) / len(means)


def test_table_1_from_what_its_authors_deposited(tmp_path: Path) -> None:
    _paths, vectors, labels, splits = deposit(tmp_path)
    source = "embeddings/BiomedCLIPVitB16_224/radiology_ai.h5?table=../../datasets/radimagenet.csv&labels=*"
    arguments = ["index", f"vectors:{tmp_path}/{source}&encoder=BiomedCLIP", "-g", str(tmp_path / "g"), "--json"]
    made = CliRunner().invoke(main, arguments)
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["added"] == 36
    again = CliRunner().invoke(main, arguments)
    assert (json.loads(again.stdout)["added"], json.loads(again.stdout)["skipped"]) == (0, 36)
    with open_gallery(tmp_path / "g") as gallery:
        assert (gallery.spec.name, gallery.spec.dim) == ("imported:BiomedCLIP:16", 16)
        report = evaluate(gallery, protocol="denner", k=[1, 3, 5, 10])
    assert report.queries == 12
    assert "official split, test asks train" in report.split
    assert set(report.class_sizes) == set(CLASSES)
    for k in (1, 3, 5, 10):
        micro, macro = their_figures(vectors, labels, splits, k)
        assert report.micro[f"P@{k}"] == pytest.approx(micro, abs=1e-6)
        assert report.macro[f"P@{k}"] == pytest.approx(macro, abs=1e-6)
    assert 0 < (report.macro["P@1"] or 0) < 1, "a tree that tells nothing"
    assert "No pictures are there to compare" in report.audit.sentence


def test_a_record_asks_and_a_picture_is_refused_in_a_line(tmp_path: Path) -> None:
    paths, vectors, _labels, _splits = deposit(tmp_path)
    write_pictures(tmp_path / "pictures")
    h5 = tmp_path / "embeddings" / "BiomedCLIPVitB16_224" / "radiology_ai.h5"
    made = CliRunner().invoke(main, ["index", f"vectors:{h5}", "-g", str(tmp_path / "g")])
    assert made.exit_code == 0, made.output
    with open_gallery(tmp_path / "g") as gallery:
        first = {record.source: record.id for record in gallery.store.records().values()}[paths[0]]
        hits = search(gallery, id=first, k=3).hits
        nearest = np.argsort(-(vectors[1:] @ vectors[0]))[:3] + 1
        assert [hit.source for hit in hits] == [paths[row] for row in nearest]
        assert [hit.score for hit in hits] == pytest.approx((vectors[nearest] @ vectors[0]).tolist(), abs=1e-5)
    picture = str(tmp_path / "pictures" / "p00.png")
    for words in (["search", picture], ["index", picture]):
        asked = CliRunner().invoke(main, [*words, "-g", str(tmp_path / "g")])
        assert asked.exit_code == 1
        assert "it cannot embed new pictures" in asked.stderr
        assert asked.stderr.count("\n") == 1
        assert "Traceback" not in asked.stderr
    figure = CliRunner().invoke(
        main, ["search", "--id", first, "-g", str(tmp_path / "g"), "--figure", str(tmp_path / "f.png")]
    )
    assert figure.exit_code == 0, figure.output


def save(path: Path, vectors: np.ndarray, **more: np.ndarray) -> str:
    np.savez(path, vectors=vectors, **more)
    return f"vectors:{path}"


def test_lengths_are_mended_and_what_has_no_direction_is_refused(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    vectors[1], vectors[2, 3], vectors[4, 0] = 0, np.nan, np.inf
    source = save(tmp_path / "v.npz", vectors, ids=np.array(list("abcdef")))
    with open_gallery(tmp_path / "g", create=True, encoder="imported:x:8") as gallery:
        result = index(gallery, [source])
        assert [(each.source, each.reason) for each in result.refused] == [(i, "no-direction") for i in "bce"]
        assert result.added == 3
        assert any("another length than 1" in note for note in result.notes)
        assert np.allclose(np.linalg.norm(gallery.store.vectors().vectors, axis=1), 1)


def test_another_length_or_encoder_is_refused(tmp_path: Path) -> None:
    vectors = np.eye(8, dtype=np.float32)
    plain, named = save(tmp_path / "p.npz", vectors), save(tmp_path / "n.npz", vectors, encoder=np.array("clip"))
    with open_gallery(tmp_path / "g", create=True, encoder="imported:clip:8") as gallery:
        assert index(gallery, [plain, named]).added == 16
        with pytest.raises(ManifestMismatchError, match="made by another encoder than imported:clip:8"):
            index(gallery, [f"{named}?encoder=dino"])
        with pytest.raises(UsageError, match="vectors of 4 numbers; the encoder imported:clip:8 makes 8"):
            index(gallery, [save(tmp_path / "w.npz", vectors[:, :4])])
        with pytest.raises(UsageError, match="gives no patch vectors"):
            index(gallery, [plain], patches=True)
        with pytest.raises(UsageError, match=r"same is in s\.npz and in t\.npz"):
            index(gallery, [save(tmp_path / f"{n}.npz", vectors[:1], ids=np.array(["same"])) for n in "st"])
    mixed = CliRunner().invoke(main, ["index", plain, named, "-g", str(tmp_path / "h")])
    assert mixed.exit_code == 1
    assert "vectors of imported:clip:8 and imported:p:8 cannot be compared" in mixed.stderr
    assert not (tmp_path / "h").exists()


def test_vectors_of_an_encoder_that_is_here_join_its_gallery(
    tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    """Pictures that are embedded here and vectors that were embedded elsewhere by the same encoder are one gallery."""
    write_pictures(tmp_path / "pictures")
    here = make_gallery("here")
    index(here, [tmp_path / "pictures"], labels=tmp_path / "pictures" / "labels.csv")
    stored, records = here.store.vectors(), here.store.records()
    names = np.array([Path(records[int(key)].source).name for key in stored.records])
    labels = np.array([records[int(key)].labels[0] for key in stored.records])
    identity = np.array(json.dumps(here.spec.identity))
    about = {"filename": names, "label": labels, "patient": np.array([str(int(name[1:3]) % 4) for name in names])}
    source = save(tmp_path / "v.npz", stored.vectors, encoder=identity, **about)
    there = make_gallery("there")
    assert index(there, [source]).notes == ()
    assert evaluate(there, k=[1, 3]).micro == pytest.approx(evaluate(here, k=[1, 3]).micro)
    picture = search(there, tmp_path / "pictures" / "p03.png", k=1).hits[0]
    assert (picture.source, picture.score) == ("p03.png", pytest.approx(1, abs=1e-5))
    unsaid = save(tmp_path / "u.npz", stored.vectors)
    assert any("is your word alone" in note for note in index(there, [unsaid]).notes)
    other = {**here.spec.identity, "preprocessing_hash": "0" * 16}
    forged = save(tmp_path / "o.npz", stored.vectors, encoder=np.array(json.dumps(other)))
    with pytest.raises(ManifestMismatchError, match="preprocessing_hash differ"):
        index(there, [forged])


def test_another_table_labels_what_is_there(tmp_path: Path) -> None:
    vectors = np.stack([texture(i, 8).ravel() for i in range(4)]).astype(np.float32)
    source = save(tmp_path / "v.npz", vectors, ids=np.array(["a.png", "b.png", "c.png", "d.png"]))
    (tmp_path / "t.csv").write_text("file,label,patient_id\na.png,x,1\nb.png,y,1\nc.png,x,2\nd.png,y,2\n")
    with open_gallery(tmp_path / "g", create=True, encoder="imported:x:64") as gallery:
        index(gallery, [source])
        result = index(gallery, [source], labels=tmp_path / "t.csv")
        assert (result.added, result.skipped) == (0, 4)
        assert sorted(record.labels for record in gallery.store.records().values()) == [("x",)] * 2 + [("y",)] * 2
        assert len({record.patient for record in gallery.store.records().values()}) == 2


@pytest.mark.parametrize("kind", [".parquet", ".npz", ".h5", ".csv"])
def test_the_option_is_the_source_and_keeps_words_that_ask(
    tmp_path: Path, make_gallery: Callable[..., Gallery], kind: str
) -> None:
    """A new gallery of a known encoder's vectors is that encoder's: pictures ask, and it may encode more. A CSV file
    does not say whose its vectors are: whoever has it does.
    """
    write_pictures(tmp_path / "pictures")
    here = make_gallery("here")
    index(here, [tmp_path / "pictures"], labels=tmp_path / "pictures" / "labels.csv")
    file = tmp_path / f"v{kind}"
    export_vectors(here, file)
    said = ["--encoder", "lite0"] if kind == ".csv" else []
    made = CliRunner().invoke(main, ["index", "--vectors", str(file), "-g", str(tmp_path / "there"), *said, "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["added"] == here.store.count()
    assert any("is your word alone" in note for note in told["notes"]) == (kind == ".csv")
    picture = tmp_path / "pictures" / "p03.png"
    with open_gallery(tmp_path / "there") as there:
        assert there.spec.identity == here.spec.identity
        ours, (itself, *theirs) = search(here, picture, k=5).hits, search(there, picture, k=6).hits
        assert itself.score == pytest.approx(1, abs=1e-5)  # vectors do not say of which file they are
        assert [hit.source for hit in theirs] == [hit.id for hit in ours]
        assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], abs=1e-6)
        again = index(there, [], vectors=file)
        assert (again.added, again.skipped) == (0, here.store.count())
        assert index(there, [f"vectors:{file}"]).skipped == here.store.count()


def test_vectors_of_a_known_encoder_are_not_taken_for_what_they_are_not(tmp_path: Path) -> None:
    spec = describe("lite0")
    vectors = np.eye(spec.dim, dtype=np.float32)
    short = save(tmp_path / "short.npz", vectors[:, :16], encoder=np.array("lite0"))
    refused = CliRunner().invoke(main, ["index", "--vectors", short, "-g", str(tmp_path / "g")])
    assert refused.exit_code == 1
    assert f"vectors of 16 numbers, and lite0, which is said to have made them, makes {spec.dim}" in refused.stderr
    assert not (tmp_path / "g").exists()
    named = CliRunner().invoke(main, ["index", "--vectors", f"{short}?encoder=other", "-g", str(tmp_path / "other")])
    assert named.exit_code == 0, named.output
    identity = {**spec.identity, "revision": "an earlier one"}
    earlier = save(tmp_path / "e.npz", vectors, encoder=np.array(json.dumps(identity)))
    made = CliRunner().invoke(main, ["index", "--vectors", earlier, "-g", str(tmp_path / "h"), "--json"])
    assert any("new pictures and texts cannot" in note for note in json.loads(made.stdout)["notes"])
    with open_gallery(tmp_path / "h") as gallery:
        assert gallery.spec.name == f"imported:lite0:{spec.dim}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,vectors.0,vectors.2\na,1,2\n", "not numbered without a gap"),
        ("id,vectors.0,vectors.1\na,1\n", "line 2 has 2 cells"),
        ("id,vectors.0,vectors.1\na,1,x\n", "a number of the vector in line 2 is none"),
        ("id,width\na,1\n", "none of its numbered columns is called vectors"),
        ("id,vectors.0,vectors.1\n", "it holds 0 vectors"),
    ],
)
def test_a_table_that_holds_no_vectors_is_refused_in_a_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "v.csv").write_text(text)
    refused = CliRunner().invoke(main, ["index", "--vectors", str(tmp_path / "v.csv"), "-g", str(tmp_path / "g")])
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert "Traceback" not in refused.output
