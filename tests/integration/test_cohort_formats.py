"""An exported cohort is read back without loss: by the libraries whose formats they are, or as these read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import highdicom
import PIL.Image
import pyarrow.parquet
import pydicom
import pytest
from click.testing import CliRunner
from pycocotools.coco import COCO

from canaries import NEEDLES, canaried, save_as_it_is
from conftest import texture
from dicoms import data_set, save
from lookalike import cli
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.sending.terms import RESEARCH_USE
from lookalike.verbs.cohorts.cohorts import save_cohort, show_cohort
from lookalike.verbs.cohorts.export import CohortExported, CohortFormat, export_cohort
from lookalike.verbs.cohorts.split import split_cohort
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.index import index
from lookalike.verbs.records import browse

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
Told = dict[str, tuple[frozenset[str], str, str]]
"""Of each picture by its name: labels, part and patient."""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Eight PNGs, of two labels or of none too, four radiographs of two studies, one full of canaries, and a series."""
    here = tmp_path_factory.mktemp("formats")
    files = here / "files"
    (files / "series").mkdir(parents=True)
    rows = ["file,label,patient_id,site"]
    for number in range(8):
        PIL.Image.fromarray(texture(number)).save(files / f"p{number}.png")
        rows.append(
            f"p{number}.png,{('a', 'b', 'a|b', '')[number % 4]},patient-{number // 2},{'north' if number else ''}"
        )
    for number in range(4):
        ds = data_set(texture(20 + number))
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{number // 2}", f"1.2.3.{number // 2}.1"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number // 2}.1.{number}"
        ds.PatientID, ds.PatientName = f"dicom-{number // 2}", "Doe^Jane"
        save(ds, files / f"d{number}.dcm")
        rows.append(f"d{number}.dcm,b,dicom-{number // 2},south")
    save_as_it_is(canaried(60), files / "full.dcm")
    for number in range(5):
        ds = data_set(texture(40 + number, 24).astype("int16"), signed=True, Modality="CT", BodyPartExamined="CHEST")
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.PatientID = "1.2.9", "1.2.9.1", "ct"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.1.{number}"
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3.0 * number]
        ds.PixelSpacing, ds.SliceThickness = [1, 1], 3
        save(ds, files / "series" / f"{number}.dcm")
    (files / "labels.csv").write_text("\n".join(rows) + "\n")
    with open_gallery(here / "g", create=True) as opened:
        index(opened, [files], labels=files / "labels.csv")
        save_cohort(opened, "all", every=True)
        split_cohort(opened, "all", sizes=(0.5, 0.25, 0.25))
        yield opened


Export = Callable[..., tuple[CohortExported, Path, Told]]


@pytest.fixture
def exported(gallery: Gallery, tmp_path: Path) -> Export:
    """Export in a format: the result, the folder, and what its table says."""

    def export(form: CohortFormat, **options: Any) -> tuple[CohortExported, Path, Told]:
        out = tmp_path / form
        result = export_cohort(gallery, "all", out, format=form, burned_in="keep", **options)
        with (out / "table.csv").open(encoding="utf-8", newline="") as opened:
            told = {
                row["file"]: (frozenset(filter(None, row["label"].split("|"))), row["split"], row["patient_id"])
                for row in csv.DictReader(opened)
            }
        assert len(told) == result.records
        return result, out, told

    return export


def leaks(folder: Path) -> list[str]:
    words = [word.encode() for word in (*NEEDLES, "Doe", "dicom-", "patient-", "1.2.3.")]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes() for word in words)]


def test_a_folder_holds_the_members_as_they_were_saved_and_is_indexed_with_its_split(
    gallery: Gallery, exported: Export, tmp_path: Path
) -> None:
    result, out, _told = exported("folder")
    saved = show_cohort(gallery, "all", limit=0)
    assert result.records == saved.cohort.members == 14
    assert result.parts == saved.cohort.parts
    assert json.loads((out / "cohort.json").read_text())["digest"] == saved.cohort.digest
    assert leaks(out) == []
    with open_gallery(tmp_path / "again", create=True) as again:
        index(again, [out / "images"], labels=out / "table.csv")
        parts = {each.attributes["split"] for each in browse(again).items}
        assert parts == {"train", "val", "test"}
        assert len(browse(again, where="split=train").items) == saved.cohort.parts["train"]
    with pytest.raises(UsageError, match="not empty"):
        exported("folder")


def test_coco(exported: Export) -> None:
    result, out, told = exported("coco", columns=["site"])
    assert [each.reason for each in result.left_out] == ["not-a-picture"]  # the series
    found: Told = {}
    for part in ("train", "val", "test"):
        with redirect_stdout(io.StringIO()):
            coco = COCO(str(out / "annotations" / f"instances_{part}.json"))
        for image in coco.loadImgs(coco.getImgIds()):
            with PIL.Image.open(out / "images" / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            own = coco.loadAnns(coco.getAnnIds(image["id"]))
            assert all(coco.annToMask(each).all() for each in own)
            names = frozenset(coco.loadCats(each["category_id"])[0]["name"] for each in own)
            found[f"images/{image['file_name']}"] = names, part, image["patient_id"]
    assert found == told
    assert {name.rpartition(".")[2] for name in told} == {"png", "jpg"}
    assert leaks(out) == []


def test_fiftyone(exported: Export) -> None:
    """As FiftyOneImageClassificationDatasetImporter reads it; that itself needs a MongoDB, and is tried by hand."""
    _result, out, told = exported("fiftyone")
    found: Told = {}
    for part in ("train", "val", "test"):
        read = json.loads((out / part / "labels.json").read_text())
        there = {path.stem: path for path in (out / part / "data").iterdir()}
        assert there.keys() == read["labels"].keys()
        for name, targets in read["labels"].items():
            place = f"{part}/data/{there[name].name}"
            patients = {each["attributes"]["patient_id"] for each in targets} or {told[place][2]}
            labels = frozenset(read["classes"][each["label"]] for each in targets)
            found[place] = labels, part, *patients  # type: ignore[assignment]
    assert found == told
    assert leaks(out) == []


def test_monai(exported: Export) -> None:
    """As ``load_decathlon_datalist`` reads it: a list for each key, paths from the file's folder."""
    _result, out, told = exported("monai")
    read = json.loads((out / "dataset.json").read_text())
    found: Told = {}
    for key, part in (("training", "train"), ("validation", "val"), ("test", "test")):
        for item in read[key]:
            assert (out / item["image"]).exists()
            names = frozenset(read["labels"][str(number)] for number, there in enumerate(item["label"]) if there)
            found[item["image"]] = names, part, item["patient_id"]
    assert found == told
    assert (read["numTraining"], read["numTest"]) == (len(read["training"]), len(read["test"]))


def test_key_objects(exported: Export) -> None:
    result, out, told = exported("kos")
    assert {each.reason for each in result.left_out} == {"not-dicom"}
    images = [pydicom.dcmread(path, stop_before_pixels=True) for path in (out / "images").rglob("*.dcm")]
    place = {str(each.SOPInstanceUID): each for each in images}
    named: dict[str, str] = {}
    for path in sorted((out / "key-objects").iterdir()):
        made = highdicom.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(path))
        assert made.content[0].ConceptNameCodeSequence[0].CodeMeaning == "For Research"
        assert RESEARCH_USE in made.to_json()
        for reference in made.content.get_references():
            image = place[reference.referenced_sop_instance_uid]
            assert made.resolve_reference(image.SOPInstanceUID)[0] == made.StudyInstanceUID == image.StudyInstanceUID
            assert made.PatientID == image.PatientID
            named[str(image.SOPInstanceUID)] = path.name.partition("-")[0]
    assert named.keys() == place.keys()
    for file, (_labels, part, patient) in told.items():
        own = [out / file] if (out / file).is_file() else [*(out / file).iterdir()]
        headers = [pydicom.dcmread(each, stop_before_pixels=True) for each in own]
        assert {(named[str(each.SOPInstanceUID)], str(each.PatientID)) for each in headers} == {(part, patient)}
    assert leaks(out) == []


def test_tables(gallery: Gallery, tmp_path: Path) -> None:
    kept = show_cohort(gallery, "all", limit=0).items
    saved = {each.id: ("|".join(each.labels), each.part) for each in kept}
    for form in ("csv", "parquet"):
        result = export_cohort(gallery, "all", tmp_path / f"x.{form}", format=form, columns=["site"])  # type: ignore[arg-type]
        assert (result.records, result.files) == (len(saved), 1)
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["id"]: (row["label"], row["split"]) for row in rows} == saved
    read = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert {row["id"]: (row["label"], row["split"]) for row in read} == saved
    assert [row["site"] or "" for row in read] == [row["site"] for row in rows]
    assert {row["patient_id"] for row in read} == {row["patient_id"] for row in rows}
    with pytest.raises(UsageError, match="no pixels and no dates"):
        export_cohort(gallery, "all", tmp_path / "y.csv", format="csv", dates="shifted")
    with pytest.raises(UsageError, match="is there already"):
        export_cohort(gallery, "all", tmp_path / "x.csv", format="csv")


def test_labels_are_those_that_were_saved(gallery: Gallery, tmp_path: Path) -> None:
    ids = [each.id for each in browse(gallery, where="site=south").items]
    save_cohort(gallery, "south", ids=ids)
    label(gallery, ids[:1], set=["later"])
    words = [
        "cohort",
        "export",
        "south",
        "--format",
        "csv",
        "--out",
        str(tmp_path / "s.csv"),
        "-g",
        str(gallery.folder),
    ]
    shown = CliRunner().invoke(cli.main, words)
    assert shown.exit_code == 0, shown.output
    assert "1 members have other labels now" in " ".join(shown.output.split())
    assert "later" not in (tmp_path / "s.csv").read_text()
    label(gallery, ids[:1], set=["b"])
    split_cohort(gallery, "south", sizes=(0.5, 0.0, 0.5))
    save_cohort(gallery, "south", where="label=b", replace=True)
    with pytest.raises(UsageError, match="split it again"):
        export_cohort(gallery, "south", tmp_path / "t.csv", format="csv")
