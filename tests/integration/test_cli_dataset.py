"""`index --dataset`: a public collection as its owners publish it, by one command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from running import described, ids_of, patients, refusal, run

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.verbs.index import index


@pytest.fixture
def chest(tmp_path: Path) -> Path:
    """Four pictures of three patients in the layout of ChestX-ray14."""
    root = tmp_path / "nih"
    rows = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
    findings = ("Cardiomegaly", "Cardiomegaly|Emphysema", "No Finding", "Hernia")
    for i, finding in enumerate(findings):
        path = root / "images_001" / "images" / f"{i // 2 + 1:08}_{i % 2:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(texture(i)).save(path)
        rows.append(f"{path.name},{finding},{i % 2},{i // 2 + 1},58,M,PA")
    (root / "Data_Entry_2017.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n", encoding="utf-8")
    (root / "test_list.txt").write_text("00000002_000.png\n00000002_001.png\n", encoding="utf-8")
    return root


def test_a_collection_is_indexed_with_labels_patients_and_splits(chest: Path, tmp_path: Path) -> None:
    said = run("index", "--dataset", f"chestx-ray14={chest}", "--gallery", tmp_path / "g")
    assert said.exit_code == 0, said.output
    assert "4 records added, 0 files skipped, 0 refused" in said.stdout
    assert "The gallery holds 4 records." in said.stdout
    with open_gallery(tmp_path / "g") as opened, open_gallery(tmp_path / "same", create=True) as same:
        index(same, [open_dataset(f"chestx-ray14={chest}")])
        assert described(opened) == described(same)
        assert len(patients(opened)) == 2
        about = {labels: dict(facts)["split"] for _, _, labels, facts in described(opened).values()}
    assert about == {
        ("Cardiomegaly",): "train",
        ("Cardiomegaly", "Emphysema"): "train",
        ("No Finding",): "test",
        ("Hernia",): "test",
    }


def test_the_json_is_that_of_index_and_a_second_run_skips(tmp_path: Path) -> None:
    path = tmp_path / "pneumoniamnist.npz"
    arrays = {
        f"{split}_{kind}": np.stack([texture(10 * s + i, 28) for i in range(3)])
        if kind == "images"
        else np.array([[0], [1], [0]], np.uint8)
        for s, split in enumerate(("train", "val", "test"))
        for kind in ("images", "labels")
    }
    np.savez(path, **arrays)
    arguments = ["index", "--dataset", path, "-g", tmp_path / "g", "--json"]
    first, second = (json.loads(run(*arguments).stdout) for _ in range(2))
    assert (first["added"], first["skipped"], first["records"], first["refused"]) == (9, 0, 9, [])
    assert (second["added"], second["skipped"], second["records"]) == (0, 9, 9)
    (tmp_path / "plain").mkdir()
    PIL.Image.fromarray(texture(1)).save(tmp_path / "plain" / "1.png")
    plain = json.loads(run("index", tmp_path / "plain", "-g", tmp_path / "h", "--json").stdout)
    assert plain.keys() == first.keys()
    with open_gallery(tmp_path / "g") as opened:
        assert len(ids_of(opened)) == 9


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("chexprt={}", "no collection is called 'chexprt'. Did you mean 'chexpert'"),
        ("chexpert={}", "train.csv"),
        ("mednist={}", "holds none of the folders AbdomenCT, BreastMRI"),
        ("mimic-cxr={}/missing", "no such file or folder"),
        ("{}?lables=x", "a source has no key 'lables'. Did you mean 'labels'"),
    ],
)
def test_a_layout_that_is_not_known_makes_no_gallery(chest: Path, source: str, message: str, tmp_path: Path) -> None:
    said = refusal(run("index", "--dataset", source.format(chest), "-g", tmp_path / "g"))
    assert message in said
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize(
    "arguments",
    [["scans/", "--dataset", "x"], [], ["--dataset", "x", "--labels", "t.csv"], ["--dataset", "x", "--patches"]],
)
def test_a_collection_stands_instead_of_sources(arguments: list[str], tmp_path: Path) -> None:
    said = run("index", *arguments, "-g", tmp_path / "g")
    assert said.exit_code == 2
    assert "--dataset" in said.stderr
    assert not (tmp_path / "g").exists()
