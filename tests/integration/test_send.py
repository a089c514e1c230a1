"""Answers as DICOM objects: sound by a validator of the standard, filed beside what was asked with, nobody else's."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import highdicom
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation

import lookalike
from awaited import eventually
from conftest import texture
from dicoms import data_set, save
from lookalike.errors import GalleryError, PacsError, UsageError
from lookalike.gallery import Gallery
from lookalike.sending.heat_objects import SEGMENTED_FROM
from lookalike.verbs.send import SENT_KINDS, Sent, send
from peers.ports import held_port

ROOT: Final = "1.2.826.0.7.611"
CASES: Final = 4
NAME: Final = "Zyxquartz^Canary"


def header(n: int) -> dict[str, Any]:
    return {
        "SOPClassUID": CTImageStorage,
        "PatientID": f"PAT-{n}",
        "PatientName": f"{NAME}{n}",
        "StudyInstanceUID": f"{ROOT}.{n}",
        "SeriesInstanceUID": f"{ROOT}.{n}.1",
        "SOPInstanceUID": f"{ROOT}.{n}.1.1",
        "FrameOfReferenceUID": f"{ROOT}.{n}.9",
        "PositionReferenceIndicator": "",
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1, 1],
        "SliceThickness": 1,
        "StudyDate": "20200102",
    }


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for n in range(CASES):
        save(data_set(texture(n), Modality="CT", **header(n)), folder / f"{n}.dcm")
    return folder


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, scans: Path) -> Iterator[Gallery]:
    with lookalike.open(tmp_path_factory.mktemp("linked") / "g", create=True, linked=True) as made:
        lookalike.index(made, [scans], patches=True)
        yield made


@pytest.fixture(scope="module")
def asked(gallery: Gallery) -> str:
    return next(record.id for record in gallery.store.records().values() if record.source.endswith("/0.dcm"))


@pytest.fixture(scope="module")
def sent(gallery: Gallery, asked: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Sent, Path]]:
    to = tmp_path_factory.mktemp("sent")
    told = {kind: send(gallery, kind, id=asked, to=str(to), k=3) for kind in SENT_KINDS}
    return {kind: (one, to / f"{one.sop_instance_uid}.dcm") for kind, one in told.items()}


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_the_validator_of_the_standard_finds_no_error(kind: str, sent: dict[str, tuple[Sent, Path]]) -> None:
    assert errors_of(sent[kind][1]) == []


def errors_of(file: Path) -> list[str]:
    """What dciodvfy finds wrong."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run(["dciodvfy", file], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert said  # it names the kind of object, at least
    return [line for line in said if line.startswith("Error")]


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_it_is_new_and_lies_in_the_study_of_who_asked(kind: str, sent: dict[str, tuple[Sent, Path]]) -> None:
    one, file = sent[kind]
    made = pydicom.dcmread(file)
    assert (made.StudyInstanceUID, made.PatientID, str(made.PatientName)) == (f"{ROOT}.0", "PAT-0", f"{NAME}0")
    new = {one.series_instance_uid, one.sop_instance_uid}
    assert new == {made.SeriesInstanceUID, made.SOPInstanceUID}
    assert len(new) == 2
    assert not any(uid.startswith(ROOT) for uid in new)
    assert "esearch use only" in file.read_bytes().decode("latin-1")
    if kind in ("seg", "map"):
        assert list(made.ImageType[:2]) == ["DERIVED", "PRIMARY"]  # C.8.20.2, C.8.32.2


@pytest.mark.parametrize("kind", SENT_KINDS)
def test_of_the_other_patients_it_holds_uids_alone(kind: str, sent: dict[str, tuple[Sent, Path]]) -> None:
    content = sent[kind][1].read_bytes().decode("latin-1")
    for n in range(1, CASES):
        assert f"{NAME}{n}" not in content
        assert f"PAT-{n}" not in content


def test_the_report_tells_the_cases_with_score_and_image(gallery: Gallery, sent: dict[str, tuple[Sent, Path]]) -> None:
    one, file = sent["sr"]
    report = highdicom.sr.srread(str(file)).content
    groups = report.get_image_measurement_groups()
    hits = lookalike.search(gallery, id=_asked(gallery), k=3, pictures=False).hits
    assert one.cases == tuple(hit.id for hit in hits)
    assert len(groups) == len(hits) == 3
    for group, hit in zip(groups, hits, strict=True):
        score, rank = (measured.value for measured in group.get_measurements())
        assert (score, rank) == (pytest.approx(hit.score, abs=1e-5), hit.rank)
        (image, own) = group.get_measurements()[0].referenced_images
        number = Path(hit.source).stem
        assert image.referenced_sop_instance_uid == f"{ROOT}.{number}.1.1"
        assert own.referenced_sop_instance_uid == f"{ROOT}.0.1.1"


def test_the_selection_names_the_images_in_order(gallery: Gallery, sent: dict[str, tuple[Sent, Path]]) -> None:
    one, file = sent["kos"]
    content = pydicom.dcmread(file).ContentSequence
    named = [item.ReferencedSOPSequence[0] for item in content if "ReferencedSOPSequence" in item]
    sources = [gallery.store.record(case).source for case in one.cases]
    assert [each.ReferencedSOPInstanceUID for each in named] == [f"{ROOT}.{Path(each).stem}.1.1" for each in sources]


def test_the_heat_lies_on_the_image(sent: dict[str, tuple[Sent, Path]], scans: Path) -> None:
    image = pydicom.dcmread(scans / "0.dcm")
    heat, segment = (pydicom.dcmread(sent[kind][1]) for kind in ("map", "seg"))
    assert {(made.Rows, made.Columns) for made in (heat, segment)} == {(image.Rows, image.Columns)}
    values, inside = heat.pixel_array, segment.pixel_array.astype(bool)
    assert (values.min(), values.max()) == (pytest.approx(0, abs=0.2), pytest.approx(1, abs=0.2))
    assert ((values.reshape(inside.shape) >= SEGMENTED_FROM) == inside).all()


def test_who_sends_opens_no_image_itself(gallery: Gallery, asked: str, scans: Path, tmp_path: Path) -> None:
    """A decoding process does, which may open the record's files and no other; its time and memory are limited."""
    with watched_opening() as opened:
        for kind in SENT_KINDS:
            send(gallery, kind, id=asked, to=str(tmp_path))
    assert len(list(tmp_path.glob("*.dcm"))) == len(SENT_KINDS)
    assert str(tmp_path) in {str(Path(each).parent) for each in opened}  # it has been watched
    assert not [each for each in opened if Path(each).is_relative_to(scans)]


_watches: list[list[str]] = []


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        for watch in _watches:
            watch.append(arguments[0])


sys.addaudithook(_note_opened)


@contextmanager
def watched_opening() -> Iterator[list[str]]:
    """The names of the files that this process opens meanwhile."""
    _watches.append([])
    try:
        yield _watches[-1]
    finally:
        _watches.pop()


def _asked(gallery: Gallery) -> str:
    return next(record.id for record in gallery.store.records().values() if record.source.endswith("/0.dcm"))


def test_a_peer_takes_it_by_c_store(gallery: Gallery, asked: str, storage: tuple[int, Path]) -> None:
    port, folder = storage
    one = send(gallery, "sr", id=asked, to=f"dimse://PEER@127.0.0.1:{port}")
    (file,) = folder.iterdir()
    assert pydicom.dcmread(file).SOPInstanceUID == one.sop_instance_uid


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """dcmtk's storage SCP."""
    program = shutil.which("storescp", path="/usr/bin:/usr/local/bin")  # pynetdicom has one of this name, too
    if program is None:
        pytest.skip("storescp is not installed (Debian: dcmtk)")
    folder, port = tmp_path / "received", held_port()
    folder.mkdir()
    with subprocess.Popen([program, str(port), "-od", folder, "+xa"]) as process:
        eventually(lambda: _listens(port))
        yield port, folder
        process.terminate()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_what_cannot_be_sent_is_refused_in_a_line(gallery: Gallery, asked: str, scans: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder that is there"):
        send(gallery, "sr", id=asked, to=str(tmp_path / "none"))
    with pytest.raises(UsageError, match="sr, kos, seg, map"):
        send(gallery, "pdf", id=asked, to=str(tmp_path))
    with pytest.raises(UsageError, match="dimse://AET@host:port"):
        send(gallery, "sr", id=asked, to="dimse://nobody")
    with pytest.raises(PacsError, match="takes no association"):
        send(gallery, "sr", id=asked, to=f"dimse://PEER@127.0.0.1:{held_port()}")
    with lookalike.open(tmp_path / "anonymous", create=True) as anonymous:
        lookalike.index(anonymous, [scans])
        with pytest.raises(GalleryError, match="anonymous"):
            send(anonymous, "sr", id=_asked(anonymous), to=str(tmp_path))
    assert not list(tmp_path.glob("*.dcm"))


def test_a_radiograph_has_a_segmentation_and_no_parametric_map(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"Modality": "DX", "SOPClassUID": DigitalXRayImageStorageForPresentation}
    placed = ("FrameOfReferenceUID", "PositionReferenceIndicator", "ImagePositionPatient", "ImageOrientationPatient")
    left = (*placed, "SliceThickness", "SOPClassUID")
    (tmp_path / "files").mkdir()
    for n in range(2):
        said = {
            name: value for name, value in header(n).items() if name not in (*left, "SliceThickness", "SOPClassUID")
        }
        save(data_set(texture(n), **plain, **said), tmp_path / "files" / f"{n}.dcm")
    with lookalike.open(tmp_path / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [tmp_path / "files"])
        one = send(gallery, "seg", id=_asked(gallery), to=str(tmp_path))
        made: Dataset = pydicom.dcmread(tmp_path / f"{one.sop_instance_uid}.dcm")
        assert errors_of(tmp_path / f"{one.sop_instance_uid}.dcm") == []
        assert made.Modality == "SEG"
        with pytest.raises(UsageError, match="frame of reference"):
            send(gallery, "map", id=_asked(gallery), to=str(tmp_path))
