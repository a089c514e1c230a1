"""The Decathlon and TotalSegmentator, from small trees as their owners lay them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.sources.collections.segmented import TASKS, as_ranges, from_ranges
from lookalike.types import VolumeRecipe
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

UP, DOWN = np.diag([1.0, 1.0, 2.0, 1.0]), np.diag([1.0, 1.0, -2.0, 1.0])


def save(path: Path, values: NDArray[np.generic], affine: NDArray[np.float64] = UP) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def picture(seed: int, depth: int = 6) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(-800, 800, (4, 4, depth)), np.ones((6, 6, 1))).astype(np.int16)


def mask(depth: int = 6, **slices: list[int]) -> NDArray[np.uint8]:
    """Structure a is 1, b is 2: in these slices, counted along the array."""
    values = np.zeros((24, 24, depth), np.uint8)
    for number, name in enumerate(("a", "b"), start=1):
        for at in slices.get(name, []):
            values[4 * number, 5:9, at] = number
    return values


def write_task(root: Path, name: str, *, labels: dict[str, str], cases: int = 3, modality: str = "CT") -> Path:
    """One task: every case shows structure 1 in slices 1 to 3, and the second one structure 2 in slice 4."""
    task = root / name
    pairs = []
    for case in range(cases):
        file = f"case_{case:03}.nii.gz"
        save(task / "imagesTr" / file, picture(sum(map(ord, name)) + case))
        save(task / "labelsTr" / file, mask(a=[1, 2, 3], b=[4] if case == 1 else []))
        pairs.append({"image": f"./imagesTr/{file}", "label": f"./labelsTr/{file}"})
    save(task / "imagesTs" / "case_900.nii.gz", picture(900))
    said = {
        "name": name,
        "modality": {"0": modality},
        "labels": labels,
        "training": pairs,
        "test": ["./imagesTs/case_900.nii.gz"],
    }
    (task / "dataset.json").write_text(json.dumps(said))
    return task


def test_the_decathlon_becomes_labelled_volumes(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    lung = write_task(tmp_path, "Task06_Lung", labels={"0": "background", "1": "cancer", "2": "node"})
    write_task(tmp_path, "Task03_Liver", labels={"0": "background", "1": "liver", "2": "cancer"})
    every = open_dataset(f"msd={tmp_path}")
    assert len(every.pictures) == 6  # those for testing have no masks
    assert {label for item in every.pictures for label in item.labels} == {
        "lung cancer",
        "lung node",
        "liver",
        "liver cancer",
    }
    one = open_dataset(f"msd={lung}")
    assert [item.labels for item in one.pictures] == [("lung cancer",), ("lung cancer", "lung node"), ("lung cancer",)]
    gallery = make_gallery()
    result = index(gallery, [one])
    assert (result.added, result.refused, result.unmatched) == (3, (), 0)
    records = sorted(gallery.store.records().values(), key=lambda record: record.source)
    about = records[1].attributes
    assert (about["organ"], about["body_region"], about["modality"], about["slices"]) == ("lung", "chest", "CT", 6)
    assert (about["axial slices of lung cancer"], about["axial slices of lung node"]) == ("1-3", "4")
    assert len({record.patient for record in records}) == 3
    # Indexed as a plain folder its masks are no images; those for testing are.
    plain = index(make_gallery("plain"), [lung, lung.with_name("Task03_Liver")])
    assert (plain.added, plain.skipped, plain.ignored) == (7, 1, 6 + 2)
    report = evaluate(gallery, protocol="3d-mir")
    assert report.per_class["lung cancer"]["P@3"] == pytest.approx(2 / 3, abs=1e-6)
    assert report.measures["average precision"].per_class["lung cancer"]["AP"] == 1


def test_every_task_is_known_by_its_folder(tmp_path: Path) -> None:
    assert len(TASKS) == 10
    for number, (modality, region, organ) in TASKS.items():
        task = write_task(tmp_path, f"{number}_Any", labels={"0": "background", "1": "x"}, cases=1)
        (item,) = open_dataset(f"msd={task}").pictures
        assert (item.attributes["modality"], item.attributes["body_region"]) == (modality, region)
        assert item.labels == (f"{organ} x",)


def test_another_task_in_the_same_layout(tmp_path: Path) -> None:
    task = write_task(tmp_path, "Task99_Knee", labels={"0": "background", "1": "bone"}, cases=1, modality="MRI")
    (item,) = open_dataset(f"msd={task}").pictures
    assert (item.attributes["modality"], item.labels) == ("MR", ("Task99_Knee bone",))


def test_four_channels_are_four_volumes(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    task = write_task(tmp_path, "Task01_BrainTumour", labels={"0": "background", "1": "edema"}, cases=1)
    save(task / "imagesTr" / "case_000.nii.gz", np.stack([picture(i) for i in range(4)], axis=-1))
    refused = index(make_gallery("refuse"), [open_dataset(f"msd={task}")]).refused
    assert [(r.reason, r.detail) for r in refused] == [("four-dimensional", "4 volumes in one file")]
    gallery = make_gallery("split", volumes=VolumeRecipe(four_d="split"))
    assert index(gallery, [open_dataset(f"msd={task}")]).added == 4
    records = list(gallery.store.records().values())
    assert {record.labels for record in records} == {("brain edema",)}
    assert len({record.patient for record in records}) == 1


def test_totalsegmentator_labels_slices(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    for name, affine in (("s0001", UP), ("s0002", DOWN)):
        save(tmp_path / name / "ct.nii.gz", picture(int(name[1:])), affine)
        save(tmp_path / name / "segmentations" / "liver.nii.gz", mask(a=[0, 1, 3]), affine)
        save(tmp_path / name / "segmentations" / "spleen.nii.gz", mask(a=[5] if name == "s0001" else []), affine)
    save(tmp_path / "s0003" / "mri.nii.gz", picture(3))
    save(tmp_path / "s0003" / "segmentations" / "liver.nii.gz", mask(a=[2]))
    (tmp_path / "meta.csv").write_text(
        "image_id;age;gender;institute;study_type;split;pathology\ns0001;61;m;C;ct abdomen;train;tumor\n"
        "s0002;40;f;C;ct thorax;test;\n"
    )
    dataset = open_dataset(f"totalsegmentator={tmp_path}")
    by_name = {item.patient: item for item in dataset.pictures}
    assert {name: item.labels for name, item in by_name.items()} == {
        "s0001": ("liver", "spleen"),
        "s0002": ("liver",),
        "s0003": ("liver",),
    }
    first, second, third = (by_name[name] for name in ("s0001", "s0002", "s0003"))
    assert first.attributes["axial slices of liver"] == "0-1,3"
    assert second.attributes["axial slices of liver"] == "2,4-5"  # stored from the head down
    assert (first.split, second.split, first.attributes["pathology"], first.attributes["PatientSex"]) == (
        "train",
        "test",
        "tumor",
        "M",
    )
    assert (third.attributes["modality"], first.attributes["PatientAge"]) == ("MR", 61)
    gallery = make_gallery()
    assert index(gallery, [dataset]).added == 3
    views = {r.labels: gallery.store.slices_of(r.key)[0] for r in gallery.store.records().values()}
    assert set(views) == {("liver", "spleen"), ("liver",)}
    chosen = open_dataset(f"totalsegmentator={tmp_path}?labels=spleen")
    assert [item.labels for item in chosen.pictures] == [("spleen",)]


def test_coarse_classes_join_sides_and_lobes_or_what_a_table_says(tmp_path: Path) -> None:
    save(tmp_path / "s0001" / "ct.nii.gz", picture(1), UP)
    shown = {
        "lung_upper_lobe_left": [4],
        "lung_lower_lobe_right": [1, 2],
        "aorta": [2],
        "iliac_vena_left": [0],
        "liver": [3],
    }
    for name, slices in shown.items():
        save(tmp_path / "s0001" / "segmentations" / f"{name}.nii.gz", mask(a=slices), UP)
    coarse = open_dataset(f"totalsegmentator={tmp_path}?classes=coarse").pictures[0]
    assert set(coarse.labels) == {"lung", "vessels", "liver"}
    assert coarse.attributes["axial slices of lung"] == "1-2,4"
    assert coarse.attributes["axial slices of vessels"] == "0,2"
    assert open_dataset(f"totalsegmentator={tmp_path}?classes=coarse&labels=lung").pictures[0].labels == ("lung",)
    (tmp_path / "classes.csv").write_text("fine,coarse\naorta,trunk\nliver,trunk\nlung_upper_lobe_left,chest\n")
    other = open_dataset(f"totalsegmentator={tmp_path}?classes=classes.csv").pictures[0]
    assert set(other.labels) == {"trunk", "chest", "lung", "vessels"}  # what it leaves out is as without it
    assert other.attributes["axial slices of trunk"] == "2-3"


@pytest.mark.parametrize("said", ["", "[]", '{"training": [{"image": "a"}]}'])
def test_a_bad_table_is_named(tmp_path: Path, said: str) -> None:
    (tmp_path / "dataset.json").write_text(said)
    with pytest.raises(UsageError, match=r"dataset\.json|holds no labelled"):
        open_dataset(f"msd={tmp_path}")


def test_bad_masks_and_folders_are_named(tmp_path: Path) -> None:
    task = write_task(tmp_path, "Task09_Spleen", labels={"0": "background", "1": "spleen"}, cases=1)
    (task / "labelsTr" / "case_000.nii.gz").write_bytes(b"no mask")
    with pytest.raises(UsageError, match=r"case_000\.nii\.gz cannot be read as a mask"):
        open_dataset(f"msd={task}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="Task01_BrainTumour"):
        open_dataset(f"msd={tmp_path / 'empty'}")
    with pytest.raises(UsageError, match="segmentations"):
        open_dataset(f"totalsegmentator={tmp_path / 'empty'}")


@given(st.lists(st.booleans(), max_size=40))
def test_ranges_come_back_as_they_were(flags: list[bool]) -> None:
    given = np.array(flags, bool)
    assert np.array_equal(from_ranges(as_ranges(given), len(given)), given)


def test_ranges_are_checked() -> None:
    with pytest.raises(UsageError, match="12-40,43"):
        from_ranges("3-", 9)
