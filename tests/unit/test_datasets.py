"""Each collection on a small tree laid out by hand exactly as its owners publish it."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.sources.collections.catalogue import DECLARATIONS, open_dataset, seen
from lookalike.sources.collections.chest import CHEXPERT_LABELS
from lookalike.sources.collections.collection import Dataset
from lookalike.verbs.index import index


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    PIL.Image.fromarray(coarse).resize((64, 64)).save(path)


def found(dataset: Dataset) -> dict[str, tuple[tuple[str, ...], str, str]]:
    """name -> labels, split, patient."""
    return {item.path.name: (item.labels, item.split, item.patient) for item in dataset.pictures}


# --- NIH ChestX-ray14 -----------------------------------------------------------------------------------------

NIH_HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)  # the brackets hold commas, so the owners' own header breaks into more columns than it means


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    root = tmp_path / "nih"
    for i, (folder, name) in enumerate(
        [
            ("images_001", "00000001_000.png"),
            ("images_001", "00000001_001.png"),
            ("images_002", "00000002_000.png"),
            ("images_012", "00030805_000.png"),
        ]
    ):
        picture(root / folder / "images" / name, i)
    (root / "Data_Entry_2017.csv").write_text(
        "\n".join(
            [
                NIH_HEAD,
                "00000001_000.png,Cardiomegaly,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
                "00000001_001.png,Cardiomegaly|Emphysema,1,1,058Y,M,PA,2894,2729,0.143,0.143,",
                "00000002_000.png,No Finding,0,2,81,F,AP,2500,2048,0.171,0.171,",
                "00030805_000.png,Hernia,0,30805,27,M,PA,2048,2500,0.171,0.171,",
                "00000003_000.png,Effusion,0,3,81,F,AP,2500,2048,0.171,0.171,",
            ]
        )
        + "\n",
        encoding="utf-8",
    )
    (root / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n00000003_000.png")
    (root / "test_list.txt").write_text("00000002_000.png\n00030805_000.png\n")
    return root


def test_nih_labels_splits_patients_and_what_is_not_unpacked_yet(nih: Path) -> None:
    dataset = open_dataset(f"chestx-ray14={nih}")
    assert found(dataset) == {
        "00000001_000.png": (("Cardiomegaly",), "train", "1"),
        "00000001_001.png": (("Cardiomegaly", "Emphysema"), "train", "1"),
        "00000002_000.png": (("No Finding",), "test", "2"),
        "00030805_000.png": (("Hernia",), "test", "30805"),
    }
    assert dataset.missing == 1
    assert dataset.pictures[0].attributes == {
        "modality": "X-ray",
        "anatomy": "Chest",
        "PatientSex": "M",
        "PatientAge": 58.0,
        "ViewPosition": "PA",
    }


def test_nih_with_all_pictures_in_one_folder_and_the_later_table(nih: Path) -> None:
    for path in sorted(nih.glob("images_*/images/*.png")):
        (nih / "images").mkdir(exist_ok=True)
        path.rename(nih / "images" / path.name)
    (nih / "Data_Entry_2017.csv").rename(nih / "Data_Entry_2017_v2020.csv")
    assert len(open_dataset(f"chestx-ray14={nih}").pictures) == 4


# --- CheXpert -------------------------------------------------------------------------------------------------

CHEXPERT_HEAD = "Path,Sex,Age,Frontal/Lateral,AP/PA," + ",".join(CHEXPERT_LABELS)


def chexpert_row(path: str, sex: str, age: str, view: str, ap: str, **labels: str) -> str:
    named = {name.replace("_", " "): value for name, value in labels.items()}
    return ",".join([path, sex, age, view, ap, *(named.get(name, "") for name in CHEXPERT_LABELS)])


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    root = tmp_path / "CheXpert-v1.0-small"
    names = [
        "train/patient00001/study1/view1_frontal.jpg",
        "train/patient00002/study2/view1_frontal.jpg",
        "train/patient00002/study2/view2_lateral.jpg",
        "valid/patient64541/study1/view1_frontal.jpg",
    ]
    for i, name in enumerate(names):
        picture(root / name, i)
    train = [
        chexpert_row(
            f"{root.name}/{names[0]}",
            "Female",
            "68",
            "Frontal",
            "AP",
            No_Finding="1.0",
            Support_Devices="1.0",
            Pneumonia="0.0",
        ),
        chexpert_row(f"{root.name}/{names[1]}", "Male", "87", "Frontal", "PA", Edema="-1.0", Cardiomegaly="1.0"),
        chexpert_row(f"{root.name}/{names[2]}", "Male", "87", "Lateral", "", Edema="-1.0"),
    ]
    (root / "train.csv").write_text("\n".join([CHEXPERT_HEAD, *train]) + "\n")
    valid = [chexpert_row(f"{root.name}/{names[3]}", "Male", "73", "Frontal", "AP", Pleural_Effusion="1.0")]
    (root / "valid.csv").write_text("\n".join([CHEXPERT_HEAD, *valid]) + "\n")
    return root


@pytest.mark.parametrize(
    ("policy", "labels", "dropped"),
    [
        ("zeros", [("No Finding", "Support Devices"), ("Cardiomegaly",), ("Pleural Effusion",)], 0),
        ("ones", [("No Finding", "Support Devices"), ("Cardiomegaly", "Edema"), ("Edema",), ("Pleural Effusion",)], 0),
        ("drop", [("No Finding", "Support Devices"), ("Pleural Effusion",)], 2),
    ],
)
def test_chexpert_uncertain_labels(chexpert: Path, policy: str, labels: list[tuple[str, ...]], dropped: int) -> None:
    dataset = open_dataset(f"chexpert={chexpert}?uncertain={policy}")
    assert [item.labels for item in dataset.pictures] == labels
    assert dataset.dropped == dropped


def test_chexpert_patients_splits_and_views(chexpert: Path) -> None:
    items = open_dataset(f"chexpert={chexpert}?uncertain=ones").pictures
    assert [(item.patient, item.split) for item in items] == [
        ("patient00001", "train"),
        ("patient00002", "train"),
        ("patient00002", "train"),
        ("patient64541", "val"),
    ]
    assert [item.attributes["ViewPosition"] for item in items] == ["AP", "PA", "LATERAL", "AP"]
    assert items[0].attributes["PatientSex"] == "F"
    assert items[1].uncertain == ("Edema",)


def test_chexpert_lateral_files_of_one_name_keep_their_own_labels(
    chexpert: Path, make_gallery: Callable[..., Gallery]
) -> None:
    """Hundreds of thousands of files are called view1_frontal.jpg; only the whole path tells them apart."""
    gallery = make_gallery()
    assert index(gallery, [open_dataset(f"chexpert={chexpert}")]).added == 3
    stored = {Path(r.source).parts[-3]: r.labels for r in gallery.store.records().values()}
    assert stored == {
        "patient00001": ("No Finding", "Support Devices"),
        "patient00002": ("Cardiomegaly",),
        "patient64541": ("Pleural Effusion",),
    }


# --- MIMIC-CXR-JPG --------------------------------------------------------------------------------------------


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    root = tmp_path / "mimic-cxr-jpg"
    pictures = [
        ("02aa804e-bde0afdd", "10000032", "50414267", "PA", "train"),
        ("174413ec-4ec4c1f7", "10000032", "50414267", "LATERAL", "train"),
        ("68b5c4b1-227d0485", "11000764", "53186264", "AP", "test"),
        ("aa000000-00000000", "19999999", "59999999", "", "validate"),
    ]
    for i, (dicom, subject, study, _, _) in enumerate(pictures):
        picture(root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{dicom}.jpg", i)
    tables = {
        "metadata": [
            "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,"
            "StudyTime",
            *(f"{d},{p},{s},CHEST,{v},3056,2544,21800506,213014.5" for d, p, s, v, _ in pictures),
        ],
        "split": ["dicom_id,study_id,subject_id,split", *(f"{d},{s},{p},{x}" for d, p, s, _, x in pictures)],
        "chexpert": [
            "subject_id,study_id,Atelectasis,Cardiomegaly,Edema,No Finding,Pleural Effusion",
            "10000032,50414267,,,,1.0,",
            "11000764,53186264,1.0,,-1.0,,1.0",
            "19999999,59999999,,-1.0,,,",
        ],
    }
    for name, rows in tables.items():
        with gzip.open(root / f"mimic-cxr-2.0.0-{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
    return root


def test_mimic_joins_studies_splits_and_pictures(mimic: Path) -> None:
    dataset = open_dataset(f"mimic-cxr={mimic}")
    assert found(dataset) == {
        "02aa804e-bde0afdd.jpg": (("No Finding",), "train", "10000032"),
        "174413ec-4ec4c1f7.jpg": (("No Finding",), "train", "10000032"),
        "68b5c4b1-227d0485.jpg": (("Atelectasis", "Pleural Effusion"), "test", "11000764"),
    }
    assert [item.attributes["ViewPosition"] for item in dataset.pictures] == ["PA", "LATERAL", "AP"]
    stored = str([dict(item.attributes) for item in dataset.pictures])
    assert "21800506" not in stored, "dates are never kept"


def test_mimic_validate_is_val_and_unzipped_tables_do_too(mimic: Path) -> None:
    for path in list(mimic.glob("*.csv.gz")):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    dataset = open_dataset(f"mimic-cxr={mimic}?uncertain=ones")
    assert found(dataset)["aa000000-00000000.jpg"] == (("Cardiomegaly",), "val", "19999999")


# --- RadImageNet, MedNIST, folders ----------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True], ids=["tables beside radiology_ai", "tables in radiology_ai"])
def test_radimagenet_modality_anatomy_pathology(tmp_path: Path, inside: bool) -> None:
    files = {
        "train": ["radiology_ai/CT/abd/normal/abd-normal023452.png", "radiology_ai/MR/knee/acl_tear/knee010.png"],
        "val": ["radiology_ai/US/liver/usn/usn309850.png"],
        "test": ["radiology_ai/CT/abd/normal/abd-normal000001.png"],
    }
    root = tmp_path / "radiology_ai" if inside else tmp_path
    root.mkdir(exist_ok=True)
    for split, names in files.items():
        for name in names:
            picture(tmp_path / name, len(name))
        table = "\n".join(["filename,label", *(f"{name},{Path(name).parts[-2]}" for name in names)])
        (root / f"RadiologyAI_{split}.csv").write_text(table + "\n")
    dataset = open_dataset(f"radimagenet={root}")
    about = [(i.attributes["modality"], i.attributes["anatomy"], i.labels[0], i.split) for i in dataset.pictures]
    assert about == [
        ("CT", "abd", "normal", "train"),
        ("MR", "knee", "acl_tear", "train"),
        ("US", "liver", "usn", "val"),
        ("CT", "abd", "normal", "test"),
    ]


def test_mednist_folders(tmp_path: Path) -> None:
    for i, name in enumerate(["AbdomenCT", "BreastMRI", "CXR", "ChestCT", "Hand", "HeadCT"]):
        picture(tmp_path / name / "000000.jpeg", i)
    (tmp_path / "README.md").write_text("MedNIST")
    dataset = open_dataset(f"mednist={tmp_path}")
    assert {item.labels[0]: item.attributes["modality"] for item in dataset.pictures} == {
        "AbdomenCT": "CT",
        "BreastMRI": "MR",
        "CXR": "X-ray",
        "ChestCT": "CT",
        "Hand": "X-ray",
        "HeadCT": "CT",
    }


def test_a_folder_with_a_table(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png")
    picture(tmp_path / "a" / "2.png", 1)
    rows = ["file,finding,woman,split,site", "a/1.png,mass,7,Training,x", "a/2.png,none,8,test,y"]
    (tmp_path / "truth.csv").write_text("\n".join(rows))
    dataset = open_dataset(f"{tmp_path}?table=truth.csv&labels=finding&patient=woman&modality=MG&as=my set")
    assert found(dataset) == {"1.png": (("mass",), "train", "7"), "2.png": (("none",), "test", "8")}
    assert dataset.name == "my set"
    assert dataset.pictures[0].attributes == {"site": "x", "modality": "MG"}


def test_a_folder_a_class(tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/deep/2.png", "loose.png", "dog/.hidden.png", "dog/notes.txt"):
        picture(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_text("")
    labels = Counter(item.labels for item in open_dataset(str(tmp_path)).pictures)
    assert labels == {("cat",): 1, ("dog",): 2}


def test_the_real_folders(shared_data: Path) -> None:
    chest = open_dataset(str(shared_data / "chest-xray-dicom5"))
    assert Counter(item.labels[0] for item in chest.pictures) == dict.fromkeys(
        ("no_finding", "pneumonia", "edema", "effusion", "covid19"), 20
    )
    mednist = open_dataset(f"mednist={shared_data / 'mednist'}")
    assert len(mednist.pictures) == 3000
    pneumonia = open_dataset(str(shared_data / "medmnist" / "pneumoniamnist.npz"))
    assert Counter((item.split, item.labels[0]) for item in pneumonia.pictures) == {
        ("train", "pneumonia"): 3494,
        ("train", "normal"): 388,
        ("val", "pneumonia"): 389,
        ("val", "normal"): 135,
    }


# --- sources --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("chexprt={root}", "Did you mean 'chexpert'"),
        ("{root}/nowhere", "no such file or folder"),
        ("{root}?label=x", "Did you mean 'labels'"),
        ("chexpert={root}?uncertain=maybe", "must be one of zeros, ones, drop"),
        ("chestx-ray14={root}", "holds none of Data_Entry_2017.csv"),
        ("chexpert={root}", "neither train.csv nor valid.csv"),
        ("mimic-cxr={root}", "mimic-cxr-2.0.0-chexpert.csv"),
        ("radimagenet={root}", "RadiologyAI_train.csv"),
        ("mednist={root}", "AbdomenCT"),
        ("{root}", "no labelled picture"),
    ],
)
def test_what_cannot_be_opened_is_said(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_dataset(source.format(root=tmp_path))


def test_a_table_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"train\.csv has no column 'Path'"):
        open_dataset(f"chexpert={tmp_path}")
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(UsageError, match="cannot be read"):
        open_dataset(f"mimic-cxr={tmp_path}")


def test_the_fingerprint_follows_pictures_and_labels_but_not_the_place(tmp_path: Path) -> None:
    first = tmp_path / "first"
    picture(first / "1.png")
    picture(first / "2.png", 1)
    (first / "labels.csv").write_text("file,label\n1.png,a\n2.png,b\n")
    before = open_dataset(str(first)).fingerprint
    first.rename(tmp_path / "second")
    assert open_dataset(str(tmp_path / "second")).fingerprint == before
    (tmp_path / "second" / "labels.csv").write_text("file,label\n1.png,a\n2.png,c\n")
    relabelled = open_dataset(str(tmp_path / "second")).fingerprint
    picture(tmp_path / "second" / "2.png", 2)
    assert len({before, relabelled, open_dataset(str(tmp_path / "second")).fingerprint}) == 3


def test_every_declaration_says_what_it_must() -> None:
    for name, each in DECLARATIONS.items():
        assert each.name == name
        assert each.title
        assert each.layout
        assert each.license
        if name != "folder":
            assert each.citation
            assert each.homepage.startswith("https://")
            assert name in each.contains


@given(st.lists(st.sampled_from(["ChestX-ray14", "chestx_ray14", "MIMIC-CXR", "other"]), max_size=3))
def test_trained_on_is_found_however_it_is_spelled(trained_on: list[str]) -> None:
    spelled = {"ChestX-ray14", "chestx_ray14"} & set(trained_on)
    assert (seen(trained_on, ["chestx-ray14"]) == ("chestx-ray14",)) == bool(spelled)
