"""What of a DICOM file is refused, and what is kept of its header."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from dicom_planes import RAMP, Written, plane
from dicoms import data_set, item, save
from lookalike.errors import UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers import read, series_of
from lookalike.verbs.index import index

# What is refused


def refusal(ds: Dataset, path: Path) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        list(read([save(ds, path)]))
    return caught.value.reason


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 0}, "unsupported-pixels"),
        ({"Columns": 0}, "unsupported-pixels"),
        ({"SamplesPerPixel": 2}, "unsupported-pixels"),
        ({"SamplesPerPixel": 4}, "unsupported-pixels"),
        ({"Rows": 65535, "Columns": 65535}, "too-large"),
        ({"NumberOfFrames": 10_000_000}, "too-large"),
        ({"Rows": 13}, "damaged-pixels"),
        ({"NumberOfFrames": 2}, "damaged-pixels"),
    ],
)
def test_refusals_name_their_reason(tmp_path: Path, elements: dict[str, int], reason: str) -> None:
    assert refusal(data_set(RAMP, **elements), tmp_path / "x") == reason


def test_without_pixels_or_size(tmp_path: Path) -> None:
    ds = data_set(RAMP)
    del ds.Rows
    assert refusal(ds, tmp_path / "no-rows") == "damaged-header"
    del ds.PixelData
    assert refusal(ds, tmp_path / "no-pixels") == "no-pixel-data"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    with pytest.raises(UnreadableImageError, match="empty-file"):
        list(read([tmp_path / "empty.dcm"]))


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = save(data_set(RAMP), tmp_path / "cut")
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        list(read([path]))


# What is kept


def test_kept_attributes(written: Written) -> None:
    ds = data_set(
        RAMP,
        Modality="DX",
        BodyPartExamined="CHEST",
        ViewPosition="PA",
        PatientSex="F",
        PatientAge="045Y",
        Manufacturer="Siemens HealthCare GmbH",
        ManufacturerModelName="Biograph40_mCT 4R",
        Laterality="L",
        PixelSpacing=["0.2", "0.3"],
        SliceThickness="4",
        PatientID=" p-7 ",
    )
    (image,) = written(ds)
    assert image.attributes == {
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientSex": "F",
        "PatientAge": 45.0,
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Biograph",
        "Laterality": "L",
        "PhotometricInterpretation": "MONOCHROME2",
    }
    assert image.modality == "DX"
    assert image.spacing == (4.0, 0.2, 0.3)
    assert image.patient == "p-7"


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", 45.0), ("018M", 1.5), ("026W", 0.5), ("073D", 0.2), ("000D", 0.0), ("100Y", 90.0)]
)
def test_ages_are_years(written: Written, age: str, years: float) -> None:
    (image,) = written(data_set(RAMP, PatientAge=age))
    assert image.attributes["PatientAge"] == pytest.approx(years, abs=0.005)


@pytest.mark.parametrize("age", ["45", "Y", "04YY", "-45Y", "", "old"])
def test_ages_that_are_none_are_left_out(written: Written, age: str) -> None:
    ds = data_set(RAMP)
    ds.add_new("PatientAge", "AS", b"")
    ds["PatientAge"]._value = age
    (image,) = written(ds)
    assert "PatientAge" not in image.attributes


def test_text_in_other_alphabets(written: Written) -> None:
    ds = data_set(RAMP, SpecificCharacterSet="ISO_IR 100", PatientID="Grünwald-7")
    assert written(ds)[0].patient == "Grünwald-7"
    ds = data_set(RAMP, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientID="島津-7")
    assert written(ds)[0].patient == "島津-7"


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("WindowCenter", "DS", b"about half"),
        ("RescaleSlope", "DS", b"--1--"),
        ("PixelSpacing", "DS", b"0.2\\wide"),
        ("PatientAge", "AS", b"\xff\xfe"),
        ("PatientID", "LO", b"\xff\xfe"),
        ("Modality", "CS", b"\x80\x81"),
        ("DistanceSourceToPatient", "DS", b"far away"),
        ("SeriesNumber", "IS", b"1.5"),
        ("StudyDate", "DA", b"yesterday"),
    ],
)
def test_one_bad_element_does_not_spoil_the_picture(tmp_path: Path, keyword: str, vr: str, value: bytes) -> None:
    """Values that their VR forbids are common; the pixels are none the worse for it."""
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    ds = data_set(RAMP)
    value += b" " * (len(value) % 2)
    element = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value
    ds.add_new(tag, "LO", "@@@@")
    path = save(ds, tmp_path / "bad.dcm")
    placeholder = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"LO", 4) + b"@@@@"
    data = path.read_bytes()
    assert data.count(placeholder) == 1
    path.write_bytes(data.replace(placeholder, element))
    (image,) = read([path])
    assert np.array_equal(plane(image), RAMP)


SECRETS = {
    "PatientName": "Quuxley^Zebediah",
    "PatientBirthDate": "19470229",
    "PatientID": "MRN-0815-4711",
    "OtherPatientIDs": "ALT-99-77-55",
    "PatientAddress": "Wumpus Lane 3",
    "PatientTelephoneNumbers": "555-0199-88",
    "AccessionNumber": "ACC-20260229",
    "StudyDate": "20260229",
    "SeriesDate": "20260229",
    "ContentDate": "20260229",
    "AcquisitionDateTime": "20260229123456",
    "StudyTime": "123456.789",
    "StudyID": "STUDY-31337",
    "StudyInstanceUID": "1.2.826.0.1.99.1",
    "SeriesInstanceUID": "1.2.826.0.1.99.2",
    "SOPInstanceUID": "1.2.826.0.1.99.3",
    "FrameOfReferenceUID": "1.2.826.0.1.99.4",
    "InstitutionName": "Hospital Of Gondor",
    "InstitutionAddress": "Minas Tirith 1",
    "InstitutionalDepartmentName": "Dept. Of Shadows",
    "ReferringPhysicianName": "Strangelove^Doctor",
    "PerformingPhysicianName": "Moreau^Doctor",
    "OperatorsName": "Igor^Assistant",
    "StationName": "STATION-42X",
    "StudyDescription": "secret study words",
    "SeriesDescription": "secret series words",
    "PatientComments": "prefers not to say",
    "ImageComments": "seen by accident",
    "ProtocolName": "secret protocol",
    "DeviceSerialNumber": "SERIAL-55555",
    "RequestingPhysician": "Jekyll^Henry",
    "PatientWeight": "81.25",
}


@pytest.mark.sqlite_file
def test_no_name_date_or_uid_is_ever_kept(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    """Neither in the database nor in its log, an index, or anything else in the gallery's folder."""
    folder = tmp_path / "scans"
    folder.mkdir()
    ds = data_set(np.kron(RAMP, np.ones((4, 4), np.uint16)), Modality="DX", Manufacturer="Kept GmbH", ViewPosition="PA")
    for keyword, value in SECRETS.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.RequestAttributesSequence = [item(RequestedProcedureDescription="sequence secret")]
    ds.add_new(0x00091001, "LO", "private secret")
    save(ds, folder / "a.dcm")
    gallery = make_gallery()
    assert index(gallery, [folder]).added == 1
    (record,) = gallery.store.records().values()
    assert record.attributes["Manufacturer"] == "other"
    assert record.attributes["ViewPosition"] == "PA"
    files = [path for path in gallery.folder.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files)
    assert b"ViewPosition" in everything
    words = [part for value in SECRETS.values() for part in str(value).split("^")]
    for word in [*words, "Kept GmbH", "sequence secret", "private secret"]:
        assert word.encode() not in everything, word
        assert word.encode("utf-16-le") not in everything, word
    assert not any(word in path.name for path in files for word in words)


def test_a_patient_of_an_unknown_kind_is_no_patient(tmp_path: Path) -> None:
    """Found by ``make fuzz``: pydicom converts an element when it is asked for, and raises NotImplementedError."""
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    file = save(data_set(RAMP, PatientID="P", Modality="CT", **place), tmp_path / "image.dcm")
    file.write_bytes(file.read_bytes().replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x20\x00LM"))
    assert series_of(file) is None
    assert [image.patient for image in read([file])] == [""]


def test_what_a_library_raises_is_a_named_refusal(tmp_path: Path) -> None:
    """Found by ``make fuzz``: nibabel seeks to a place before the file's beginning."""
    head = struct.pack(">7ih3f9f3f", 1, -4, 2, 1, 1, 0, 0, 1, *[1.0] * 15).ljust(284, b"\0")
    (tmp_path / "x.mgh").write_bytes(head + bytes(8))
    with pytest.raises(UnreadableImageError):
        list(read([tmp_path / "x.mgh"]))
