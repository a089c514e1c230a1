"""Volumes through the commands: 4-D files, refusals with their detail, sweeps, protocols, collections."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from running import run
from test_volumes import body, write_nifti, write_series

pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said is looked for in what is printed: nothing may be wrapped."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Six series of six patients and two findings, one with a gap, and a 4-D file."""
    folder = tmp_path / "study"
    rows = ["path,label,patient_id,modality"]
    for seed in range(6):
        write_series(folder / f"v{seed}", seed, depth=5)
        rows.append(f"v{seed},{'odd' if seed % 2 else 'even'},p{seed},CT")
    (write_series(folder / "gap", 9)[2]).unlink()
    points = [body(seed).transpose(2, 1, 0) for seed in (20, 21)]
    write_nifti(folder / "four.nii.gz", np.stack(points, axis=-1))
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def indexed(study: Path, *options: str) -> Path:
    gallery = study.parent / "gallery"
    done = run("index", study, "-g", gallery, "--labels", study / "labels.csv", *options)
    assert done.exit_code == 0, done.output
    return gallery


def test_refusals_are_told_with_what_is_wrong(study: Path) -> None:
    gallery = study.parent / "gallery"
    done = run("index", study, "-g", gallery)
    assert "incomplete-series" in done.output
    assert "1 missing at the usual distance of 2.5 mm: 2.5 to 7.5 mm" in done.output
    assert "2 volumes in one file" in done.output
    said = json.loads(run("index", study, "-g", gallery, "--json").stdout)
    assert {Path(r["source"]).name: (r["reason"], r["detail"]) for r in said["refused"]} == {
        "gap": (
            "incomplete-series",
            "1 missing at the usual distance of 2.5 mm: 2.5 to 7.5 mm; seen: 5 slices at 5 places",
        ),
        "four.nii.gz": ("four-dimensional", "2 volumes in one file"),
    }


def test_4d_files_are_split_on_request_and_the_gallery_remembers(study: Path) -> None:
    gallery = indexed(study, "--four-d", "split")
    asked = run("search", f"{study / 'four.nii.gz'}#1", "-g", gallery, "--same-patient", "-k", "1", "--json")
    assert asked.exit_code == 0, asked.output
    hit = json.loads(asked.stdout)["hits"][0]
    assert (Path(hit["source"]).name, hit["attributes"]["frame"]) == ("four.nii.gz", 1)


def test_sweeps_are_drawn(study: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plots' is not installed")
    gallery, picture = indexed(study), study.parent / "sweep.png"
    common = ("evaluate", "-g", gallery, "--protocol", "khun-jush", "--level", "label", "-k", "1,3")
    for sweep, settings in (("sigma", ("gaussian:0.05", "uniform")), ("slices", ("random:2", "all"))):
        picture.unlink(missing_ok=True)
        done = run(*common, "--rank", "pool", "--rank", "maxsim", "--sweep", sweep, "--figure", picture)
        assert done.exit_code == 0, done.output
        assert all(setting in done.output for setting in settings)
        with PIL.Image.open(picture) as drawn:
            assert drawn.format == "PNG"
            assert len(np.unique(np.asarray(drawn.convert("L")))) > 20
    one = run(*common, "--weights", "uniform", "--sweep", "sigma", "--figure", picture)
    assert (one.exit_code, "one setting only" in one.stderr) == (1, True)
    for wrong in (("--figure", picture), ("--protocol", "denner", "--sweep", "sigma")):
        assert run("evaluate", "-g", gallery, *wrong).exit_code == 2


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "latex"])
def test_3d_mir_prints_like_every_protocol(study: Path, form: str) -> None:
    gallery = indexed(study)
    done = run("evaluate", "-g", gallery, "--protocol", "3d-mir", "--format", form)
    assert done.exit_code == 0, done.output
    assert "P@3" in done.output
    assert "AP" in done.output
    said = json.loads(run("evaluate", "-g", gallery, "--protocol", "3d-mir", "--json").stdout)
    assert 0 < said["measures"]["average precision"]["macro"]["AP"] <= 1
    assert set(said["micro"]) == {"P@3", "P@5", "P@10"}


def test_a_collection_of_solid_arrays_from_end_to_end(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 8), ("val", 4)):
        shapes = np.zeros((count, 16, 16, 16), np.uint8)
        for number, shape in enumerate(shapes):
            low, high = rng.integers(2, 5, 3), rng.integers(9, 14, 3)
            shape[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 255
            if number % 2:
                shape[:, 7:9] = 0
        arrays[f"{split}_images"] = shapes
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez(tmp_path / "adrenalmnist3d.npz", **arrays)
    gallery = tmp_path / "gallery"
    for command in (
        ("index", "--dataset", tmp_path / "adrenalmnist3d.npz", "-g", gallery, "--slices", "even:4"),
        ("evaluate", "-g", gallery),
        ("adapt", "-g", gallery, "--name", "shape", "--kind", "linear"),
        ("evaluate", "-g", gallery, "--space", "shape", "--folds", "2"),
        ("evaluate", "-g", gallery, "--protocol", "medimageinsight", "--space", "shape"),
    ):
        done = run(*command)
        assert done.exit_code == 0, (command, done.output)
    assert "hyperplasia" in done.output
    assert "official split, val asks train" in done.output


def test_outside_volumes_are_one_query_each(study: Path) -> None:
    """A series is one query, not one for each of its slices; a broken one is left out and counted."""
    gallery = indexed(study)
    asked = study.parent / "asked"
    rows = ["path,label"]
    for seed in (40, 41):
        write_series(asked / f"q{seed}", seed, depth=4)
        write_nifti(asked / f"q{seed}.nii.gz", body(seed + 10, depth=7).transpose(2, 1, 0))
        label = "odd" if seed % 2 else "even"
        rows += [f"q{seed},{label}", f"q{seed}.nii.gz,{label}"]
    write_series(asked / "gap", 50)[3].unlink()
    write_series(asked / "unlabelled", 51)
    (asked / "labels.csv").write_text("\n".join([*rows, "gap,odd"]) + "\n")
    done = run("evaluate", "-g", gallery, "--queries", asked, "--query-labels", asked / "labels.csv", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["queries"] == 4
    assert said["left_out"] == {"incomplete-series": 1, "no label": 1}
    assert said["class_sizes"] == {"even": 2, "odd": 2}
