"""A cohort folder tells nobody who it is, and is a collection that can be indexed again."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

import lookalike
from canaries import NEEDLES, canaried, save_as_it_is, write_pictures_and_volumes
from conftest import texture
from dicoms import data_set, save
from lookalike import cli
from lookalike.errors import MissingExtraError, UsageError
from lookalike.exporting.folder import ExportResult
from lookalike.gallery import Gallery
from lookalike.readers import read
from lookalike.verbs.export import export_records
from lookalike.verbs.index import index

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def leaks(*folders: Path) -> list[tuple[str, str]]:
    """The canaries in names and bytes of all files, unpacked ones too."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        data += gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
        text = str(path.relative_to(path.parents[1])).encode() + data
        found += [(path.name, word) for word in NEEDLES if word.encode() in text or word.encode("utf-16-le") in text]
    return found


def table(result: ExportResult) -> list[dict[str, str]]:
    with (Path(result.folder) / "table.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def write_series(folder: Path, part: str, patient: str, **elements: object) -> None:
    """Five slices of CT."""
    folder.mkdir(parents=True)
    for number in range(5):
        ds = data_set(texture(number, 24).astype(np.int16), signed=True, Modality="CT", BodyPartExamined=part)
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{patient}", f"1.2.3.{patient}.1"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{patient}.1.{number}"
        ds.PatientID, ds.StudyDate, ds.PatientAge, ds.PatientSex = patient, "20200301", "093Y", "F"
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3.0 * number]
        ds.PixelSpacing, ds.SliceThickness = [1, 1], 3
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        save(ds, folder / f"{number}.dcm")


@pytest.fixture
def scans(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> Gallery:
    """A chest, a head and a defaced head as series."""
    write_series(tmp_path / "scans" / "chest", "CHEST", "7")
    write_series(tmp_path / "scans" / "head", "HEAD", "8")
    gallery = make_gallery()
    index(gallery, [tmp_path / "scans"])
    return gallery


def test_nothing_tells_who_it_is(
    tmp_path: Path, make_gallery: Callable[..., Gallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    files, temporary = tmp_path / "scans", tmp_path / "temporary"
    files.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    write_pictures_and_volumes(files)
    save_as_it_is(canaried(60), files / "full.dcm")
    gallery = make_gallery()
    index(gallery, [files])
    result = export_records(
        gallery, tmp_path / "out", burned_in="keep", dates="shifted", characteristics=True, defaced=True
    )
    assert result.records == gallery.store.count() >= 9
    assert {path.suffix for path in (tmp_path / "out" / "images").iterdir()} == {".dcm", ".png", ".tif", ".gz"}
    assert leaks(tmp_path / "out", gallery.folder, temporary) == []
    words = ["records", "export", "-g", str(gallery.folder), "--out", str(tmp_path / "again"), "--burned-in", "keep"]
    shown = CliRunner().invoke(cli.main, words)
    assert shown.exit_code == 0
    assert not any(word in shown.output for word in NEEDLES)
    assert leaks(tmp_path / "again") == []
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_a_head_stays_unless_it_is_defaced(scans: Gallery, tmp_path: Path) -> None:
    result = export_records(scans, tmp_path / "out", burned_in="keep")
    assert (result.records, result.files, result.patients) == (1, 5, 1)
    assert [each.reason for each in result.left_out] == ["head-volume"]
    assert "--defaced" in (tmp_path / "out" / "left-out.csv").read_text()
    assert any("a face can be made" in note for note in result.notes)
    (row,) = table(result)
    assert (row["BodyPartExamined"], row["Modality"]) == ("CHEST", "CT")
    every = export_records(scans, tmp_path / "every", burned_in="keep", defaced=True)
    assert (every.records, every.files, every.patients, every.left_out) == (2, 10, 2, ())


def test_an_export_can_be_indexed_again(scans: Gallery, tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    """Same voxels, same vectors, same groups of patients; every slice of a series under one hashed UID."""
    out = tmp_path / "out"
    result = export_records(scans, out, burned_in="keep", defaced=True)
    again = make_gallery("again")
    done = index(again, [out / "images"], labels=out / "table.csv")
    assert (done.added, done.refused, again.store.count()) == (2, (), 2)
    one, other = (np.sort(g.store.vectors().vectors @ np.ones(g.spec.dim)) for g in (scans, again))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert len({record.patient for record in again.store.records().values()}) == 2
    folder = out / table(result)[0]["file"]
    slices = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    assert len({ds.SeriesInstanceUID for ds in slices}) == 1
    assert len({ds.SOPInstanceUID for ds in slices}) == 5
    assert {ds.StudyDate for ds in slices} == {""}
    volume = next(read([*sorted(folder.iterdir())]))
    assert volume.pixels.shape[0] == 5


def test_pseudonyms_are_the_same_again_and_dates_stay_apart_alike(scans: Gallery, tmp_path: Path) -> None:
    made = [
        export_records(scans, tmp_path / name, burned_in="keep", defaced=True, dates="shifted", characteristics=True)
        for name in ("a", "b")
    ]
    names = [sorted(str(p.relative_to(r.folder)) for p in Path(r.folder).rglob("*")) for r in made]
    assert names[0] == names[1]
    one = [next((Path(r.folder) / table(r)[0]["file"]).iterdir()) for r in made]
    assert one[0].read_bytes() == one[1].read_bytes()
    ds = pydicom.dcmread(one[0])
    assert (ds.PatientAge, ds.PatientSex) == ("090Y", "F")
    assert 1 <= int(ds.StudyDate) < 20200301
    assert ds.PatientID == table(made[0])[0]["patient_id"]
    said = json.loads((tmp_path / "a" / "deidentification.json").read_text())
    assert [each["code"] for each in said["profile"]] == ["113100", "113107", "113108"]
    with lookalike.open(tmp_path / "other", create=True) as other:
        index(other, [tmp_path / "scans"])
        elsewhere = export_records(other, tmp_path / "c", burned_in="keep", defaced=True)
    assert {row["patient_id"] for row in table(elsewhere)}.isdisjoint(row["patient_id"] for row in table(made[0]))


def test_what_cannot_be_done_is_said(scans: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="not empty"):
        export_records(scans, tmp_path / "full", burned_in="keep")
    with pytest.raises(UsageError, match="no record has a field 'Sit'"):
        export_records(scans, tmp_path / "out", burned_in="keep", columns=["Sit"])
    with pytest.raises(UsageError, match="leaves no record"):
        export_records(scans, tmp_path / "out", burned_in="keep", where="Modality=MR")
    monkeypatch.setattr("lookalike.readers.burned_in.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"lookalike\[ocr\]"):
        export_records(scans, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_conforms_as_far_as_its_source(scans: Gallery, tmp_path: Path) -> None:
    """``dciodvfy`` finds no error in an exported slice that it does not find in the source too."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    result = export_records(scans, tmp_path / "out", burned_in="keep", defaced=True, dates="shifted")
    exported = min((Path(result.folder) / table(result)[0]["file"]).iterdir())
    assert errors_in(exported) <= errors_in(tmp_path / "scans" / "chest" / "0.dcm")


def errors_in(path: Path) -> set[str]:
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    return {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")}
