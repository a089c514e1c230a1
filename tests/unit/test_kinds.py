"""What is no image is told from images, and counted by its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dicoms import data_set, save
from lookalike import cli
from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.readers.dicom_kinds import kind_of_dicom
from lookalike.sources.kinds import kind_beside
from lookalike.verbs.index import index
from lookalike.verbs.search import search

MakeGallery = Callable[..., Gallery]
CLASS = "1.2.840.10008.5.1.4.1.1."
MR, SECONDARY = f"{CLASS}4", f"{CLASS}7"

# (SOP class, Modality) -> kind. The classes are PS3.4 B.5's; what is none of images is told by either.
OBJECTS = {
    (f"{CLASS}66.4", "SEG"): "SEG", (f"{CLASS}66.7", "SEG"): "SEG", (f"{CLASS}66.4", "OT"): "SEG", (MR, "SEG"): "SEG",
    (f"{CLASS}481.3", "RTSTRUCT"): "RTSTRUCT", (f"{CLASS}481.2", "RTDOSE"): "RTDOSE", ("", "RTPLAN"): "RTPLAN",
    (f"{CLASS}481.5", "RTPLAN"): "RTPLAN", (f"{CLASS}88.33", "SR"): "SR", (f"{CLASS}88.22", "SR"): "SR",
    (f"{CLASS}88.67", "SR"): "SR", ("1.2.3.4", "SR"): "SR", (f"{CLASS}88.59", "KO"): "KO", (f"{CLASS}11.1", "PR"): "PR",
    (f"{CLASS}66.1", "REG"): "REG", (f"{CLASS}66.3", ""): "REG", (f"{CLASS}104.1", "DOC"): "DOC",
    (f"{CLASS}104.3", "M3D"): "DOC", (f"{CLASS}9.1.1", "ECG"): "waveform", ("", "ECG"): "waveform",
    (f"{CLASS}66", "MR"): "raw data", (f"{CLASS}4.2", "MR"): "spectroscopy", ("1.2.840.10008.1.3.10", ""): "DICOMDIR",
    (f"{CLASS}2", "CT"): "", (f"{CLASS}2.1", "CT"): "", (MR, "MR"): "", (f"{CLASS}128", "PT"): "",
    (SECONDARY, "SR"): "",
    (f"{CLASS}481.1", "RTIMAGE"): "", (f"{CLASS}77.1.6", "SM"): "", (f"{CLASS}6.1", "US"): "", ("", "CR"): "",
    ("", ""): "", (f"{CLASS}30", "MR"): "", (f"{CLASS}12.1", "XA"): "",
    (SECONDARY, "DOC"): "", (f"{CLASS}88000", "CT"): "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are looked for in what is printed: none may be shortened."""
    monkeypatch.setenv("COLUMNS", "1000")


def test_what_is_no_image_is_told_by_class_and_modality(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4), np.uint8)
    for number, (sop_class, modality) in enumerate(OBJECTS):
        path = tmp_path / f"{number}.dcm"
        save(data_set(pixels, SOPClassUID=sop_class, Modality=modality), path, preamble=number % 2 == 0)
    told = {key: kind_of_dicom(tmp_path / f"{number}.dcm") for number, key in enumerate(OBJECTS)}
    assert told == OBJECTS
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "0.dcm").read_bytes()[:140])
    assert kind_of_dicom(tmp_path / "cut.dcm") in ("", "SEG")


def test_no_image_is_called_a_report(shared_data: Path) -> None:
    """Every DICOM file of the collections and of series that a peer converted is an image."""
    folders = ("chest-xray-dicom5", "volumes", "series-peer", "heart-mr-sunnybrook", "brain-mri-archive")
    files = [path for name in folders for path in (shared_data / name).rglob("*") if path.is_file()]
    told = Counter(map(kind_of_dicom, files))
    assert told[""] > 700
    assert told.keys() == {""}


def test_a_cd_of_a_hospital_gives_its_pictures_and_counts_the_rest(make_gallery: MakeGallery, tmp_path: Path) -> None:
    cd, rng = tmp_path / "cd", np.random.default_rng(0)
    objects = {"IMAGES/1": (f"{CLASS}2", "CT"), "IMAGES/2": (f"{CLASS}2", "CT"), "IMAGES/3": (f"{CLASS}88.33", "SR"),
               "IMAGES/4": (f"{CLASS}66.4", "SEG"), "IMAGES/5": (f"{CLASS}88.33", "SR")}  # fmt: skip
    (cd / "IMAGES").mkdir(parents=True)
    for name, (sop_class, modality) in objects.items():
        ds = data_set(rng.integers(0, 255, (40, 40), np.uint8), SOPClassUID=sop_class, Modality=modality)
        if modality == "SR":
            del ds.PixelData
        save(ds, cd / name)
    for name in ("DICOMDIR", "AUTORUN.INF", "Viewer/viewer.exe", "Viewer/a.dll", "readme.txt", ".DS_Store", "x.csv",
                 "Thumbs.db", "V.app/Contents/run", "__MACOSX/._1", "IMAGES/odd.bin"):  # fmt: skip
        (cd / name).parent.mkdir(parents=True, exist_ok=True)
        (cd / name).write_bytes(b"\xfe\xed not an image")
    gallery = make_gallery()
    result = index(gallery, [cd])
    assert (result.added, [Path(each.source).name for each in result.refused]) == (2, ["odd.bin"])
    assert result.kinds == {
        "viewer": 4, "SR": 2, "system file": 2, "DICOMDIR": 1, "note": 1, "SEG": 1, "system folder": 1, "table": 1,
    }  # fmt: skip
    assert list(result.kinds) == sorted(result.kinds, key=lambda kind: (-result.kinds[kind], kind.lower()))
    assert result.ignored == sum(result.kinds.values()) == len(result.set_apart)
    told = {Path(each.source).relative_to(cd).as_posix(): each.kind for each in result.set_apart}
    assert (told["IMAGES/3"], told["IMAGES/4"], told["V.app"]) == ("SR", "SEG", "viewer")
    with pytest.raises(UnreadableImageError, match="no-image"):
        search(gallery, cd / "IMAGES" / "4")
    gallery.close()
    said = CliRunner().invoke(cli.main, ["index", str(cd), "-g", str(gallery.folder), "--verbose"])
    line = "passed over: 4 viewers, 2 SR, 2 system files, 1 DICOMDIR, 1 note, 1 SEG, 1 system folder, 1 table"
    assert line in said.output.replace("\n", " ")
    assert f"  passed over  {'SEG':24} {cd / 'IMAGES' / '4'}" in said.output.splitlines()


def test_what_looks_like_an_image_is_never_passed_over() -> None:
    names = "a.dcm b.png c.tif d.nii.gz e.mha f g.raw h.img i.bin j.dat IM0001 k.zip l.gif m.mnc n.tar.gz"
    assert [name for name in names.split() if kind_beside(Path(name))] == []


def test_a_filter_on_the_source_leaves_files_out_by_their_headers(make_gallery: MakeGallery, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number, modality in enumerate(("CR", "SR", "US", "CR")):
        ds = data_set(rng.integers(0, 255, (40, 40), np.uint8), SOPClassUID=SECONDARY, Modality=modality)
        save(ds, tmp_path / "in" / f"{number}.dcm")
    gallery = make_gallery()
    result = index(gallery, [tmp_path / "in"], where_source="Modality!=SR and not source~3.dcm")
    assert (result.added, result.kinds) == (2, {"left out by --where-source": 2})
    assert sorted(Path(each.source).name for each in result.set_apart) == ["1.dcm", "3.dcm"]
    # What a filter leaves out is not known afterwards: another run may take it.
    again = index(gallery, [tmp_path / "in"])
    assert (again.added, again.skipped, again.ignored) == (2, 2, 0)
    assert index(make_gallery("volumes"), [tmp_path / "in"], where_source="kind=volume").ignored == 4
    faults = {"Modalty=CR": "Did you mean 'Modality'", "label=x": "got 'label'", "Modality": "comparison"}
    for wrong, told in faults.items():
        with pytest.raises(UsageError, match=told):
            index(gallery, [tmp_path / "in"], where_source=wrong)
