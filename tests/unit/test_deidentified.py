"""PS3.15 Annex E: a file for each attribute of its table, and in none that is made of them is anything left."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID_dictionary

from canaries import NEEDLES, UID, WORD, canaried, save_as_it_is
from conftest import texture
from dicoms import data_set, item
from lookalike.readers.confidentiality_profile import CHARACTERISTICS, DATES, LISTED
from lookalike.readers.deidentified_header import Deidentification
from lookalike.readers.dicom_without_identity import dicom_without_identity
from lookalike.readers.faces import may_show_a_face

KEY: Final = b"k" * 32
STRICT: Final = Deidentification(KEY, "p0")
OPEN: Final = Deidentification(KEY, "p0", days=100, characteristics=True)
MOST: Final = 1 << 20
TELLING: Final = {
    "DA": "19770707",
    "DT": "19770707070707",
    "TM": "070707.77",
    "AS": "077Y",
    "DS": "7707.7",
    "IS": "7707",
}
NEVER_IN_A_FILE: Final = (0x0000, 0x0004)  # groups of messages and directories
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def telling(tag: int, vr: str) -> RawDataElement | pydicom.DataElement:
    """An element whose value tells who it is: a canary, or where there is no room for one a date or number."""
    if vr == "SQ":
        inside = item(PatientName=f"{WORD}^IN", ImageComments=f"{WORD} in", StudyDate="19770707", PatientAge="077Y")
        inside.SOPInstanceUID = f"{UID}.5"
        return pydicom.DataElement(Tag(tag), "SQ", Sequence([inside]))
    value = TELLING.get(vr, f"{UID}.{tag}" if vr == "UI" else f"{WORD} {tag:08X}")
    data = (value + " " * (len(value) % 2)).encode()
    return RawDataElement(Tag(tag), vr, len(data), data, 0, False, True)


def vr_in_table(tag: int) -> str:
    return DicomDictionary[tag][0].split(" or ")[0] if tag in DicomDictionary else "LO"


def with_attribute(tag: int) -> Dataset:
    """A file with one attribute of the table: on its own, in a sequence, and in one inside a sequence."""
    ds = data_set(texture(3, 8), StudyInstanceUID=f"{UID}.1", SeriesInstanceUID=f"{UID}.2", Modality="CT")
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{UID}.3"
    inner, outer = Dataset(), Dataset()
    for each in (ds.file_meta,) if tag >> 16 == 2 else (ds, inner, outer):
        each[Tag(tag)] = telling(tag, vr_in_table(tag))
    outer.SourceImageSequence = Sequence([inner])
    outer.FrameVOILUTSequence = Sequence([inner])
    ds.SharedFunctionalGroupsSequence = Sequence([outer])
    return ds


def made(ds: Dataset, options: Deidentification, folder: Path) -> tuple[bytes, Dataset]:
    """The file that leaves, and what it says."""
    data = dicom_without_identity(save_as_it_is(ds, folder / "one.dcm"), options, MOST)
    return data, pydicom.dcmread(io.BytesIO(data))


def kinds(ds: Dataset) -> Iterator[pydicom.DataElement]:
    """Every element at every depth."""
    for element in ds:
        yield element
        for each in element.value if element.VR == "SQ" else ():
            yield from kinds(each)


def test_the_table_is_whole() -> None:
    """Of the 656 rows of edition 2026c all but those of private elements, curves and overlays, which go by group."""
    assert len(LISTED) == 652
    assert set(LISTED.values()) == {"X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}
    assert set(LISTED) >= DATES | CHARACTERISTICS
    assert (len(DATES), len(CHARACTERISTICS)) == (165, 13)
    assert (LISTED[Tag("PatientName")], LISTED[Tag("StudyDate")]) == ("Z", "Z")
    assert LISTED[Tag("SOPInstanceUID")] == "U"


def test_of_no_attribute_is_anything_left(tmp_path: Path) -> None:
    """A file an attribute: removed, emptied, replaced or hashed as its row demands, at every depth."""
    left = []
    for tag in LISTED:
        if tag >> 16 in NEVER_IN_A_FILE:
            continue
        data, ds = made(with_attribute(tag), STRICT, tmp_path)
        found = [word for word in (*NEEDLES, "19770707", "070707", "077Y", "7707") if word.encode() in data]
        values = [element.value for element in kinds(ds) if int(element.tag) == tag]
        action = LISTED[tag]
        if found or (action == "X" and values) or (action == "Z" and tag != Tag("PatientName") and any(values)):
            left.append((f"{tag:08X}", found, values))
    assert [each for each in left if each[0] not in ("00100010", "00100020")] == []


def test_options_keep_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    left = []
    for tag in LISTED:
        if tag >> 16 in NEVER_IN_A_FILE:
            continue
        data, ds = made(with_attribute(tag), OPEN, tmp_path)
        found = [word for word in (*NEEDLES, "19770707") if word.encode() in data]
        numbers = [word for word in ("077Y", "7707") if word.encode() in data]
        if found or (numbers and tag not in CHARACTERISTICS):
            left.append((f"{tag:08X}", found, numbers))
        if tag == Tag("StudyDate"):
            assert ds.StudyDate == "19770329"
        if tag == Tag("AcquisitionDateTime"):
            assert ds.AcquisitionDateTime == "19770329070707"
    assert left == []


def test_what_else_can_hold_text_is_gone(tmp_path: Path) -> None:
    """Private elements, overlays, curves, icons, documents, the preamble, meta information, what follows the pixels."""
    ds = canaried(5)
    ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = f"{UID}.9", WORD.encode()
    ds.EncapsulatedDocument = f"{WORD} a document ".encode()
    icon = data_set(texture(4, 8))
    del icon.file_meta
    icon.PixelData = (WORD * 16).encode()
    ds.IconImageSequence = Sequence([icon])
    ds.add_new(Tag(0x6002, 0x3000), "OW", (WORD * 8).encode())
    ds.add_new(Tag(0x5002, 0x3000), "OW", (WORD * 8).encode())
    ds.PixelData = ds.PixelData + WORD.encode()
    ds.preamble = (WORD * 32).encode()
    path = save_as_it_is(ds, tmp_path / "full.dcm")
    before = path.read_bytes()
    path.write_bytes(before + WORD.encode())
    assert before.count(WORD.encode()) > 1000
    for options in (STRICT, OPEN):
        data = dicom_without_identity(path, options, MOST)
        assert [word for word in NEEDLES if word.encode() in data or word.encode("utf-16-le") in data] == []
        assert data[:128] == bytes(128)


def test_numbers_spell_nothing(tmp_path: Path) -> None:
    """Bytes of a name in elements of binary numbers."""
    ds = data_set(texture(3, 8), Modality="MR")
    word = (WORD * 8).encode()
    for keyword, vr in (("EffectiveEchoTime", "FD"), ("CalculatedAnatomyThickness", "FL"), ("ImageIndex", "US")):
        ds[keyword] = RawDataElement(Tag(keyword), vr, len(word), word, 0, False, True)
    ds["MRAcquisitionFrequencyEncodingSteps"] = RawDataElement(Tag(0x0018, 0x9058), "US", 32, word, 0, False, True)
    data, _ = made(ds, OPEN, tmp_path)
    assert WORD.encode() not in data


def test_a_file_says_what_was_done(tmp_path: Path) -> None:
    ds = data_set(texture(3, 8), StudyInstanceUID="1.2.3", PatientAge="093Y", PatientSex="F", StudyDate="20200301")
    _, strict = made(ds, STRICT, tmp_path)
    _, loose = made(ds, OPEN, tmp_path)
    assert strict.PatientIdentityRemoved == loose.PatientIdentityRemoved == "YES"
    assert (strict.PatientID, str(strict.PatientName)) == ("p0", "p0")
    codes = [[each.CodeValue for each in one.DeidentificationMethodCodeSequence] for one in (strict, loose)]
    assert codes == [["113100"], ["113100", "113107", "113108"]]
    changed = [one.LongitudinalTemporalInformationModified for one in (strict, loose)]
    assert changed == ["REMOVED", "MODIFIED"]
    assert (strict.StudyDate, strict.PatientSex, "PatientAge" in strict) == ("", "", False)
    assert (loose.StudyDate, loose.PatientSex, loose.PatientAge) == ("20191122", "F", "090Y")


def test_uids_stay_together_under_one_key(tmp_path: Path) -> None:
    ds = data_set(texture(3, 8), StudyInstanceUID=f"{UID}.1", SeriesInstanceUID=f"{UID}.2")
    ds.FrameOfReferenceUID = f"{UID}.1"
    (_, one), (_, again) = made(ds, STRICT, tmp_path), made(ds, OPEN, tmp_path)
    _, other = made(ds, Deidentification(b"o" * 32), tmp_path)
    assert one.StudyInstanceUID == again.StudyInstanceUID == one.FrameOfReferenceUID != one.SeriesInstanceUID
    assert one.StudyInstanceUID != other.StudyInstanceUID
    assert one.StudyInstanceUID.startswith("2.25.")
    assert one.SOPClassUID in UID_dictionary


def test_numbers_and_codes_that_name_nobody_stay(tmp_path: Path) -> None:
    ds = data_set(texture(3, 8), Modality="MR", ScanningSequence=["GR", "IR"], SequenceVariant="MIND", KVP="120")
    ds.RepetitionTime, ds.EchoTime, ds.SequenceName, ds.SeriesNumber = "2300", "2.98", "tfl3d1", 4
    ds.BodyPartExamined, ds.PatientPosition, ds.Manufacturer = "BRAIN", "HFS", "SIEMENS Healthineers"
    _, found = made(ds, STRICT, tmp_path)
    assert (found.RepetitionTime, found.EchoTime, found.KVP, found.SeriesNumber) == (2300, 2.98, 120, 4)
    assert (list(found.ScanningSequence), found.BodyPartExamined) == (["GR", "IR"], "BRAIN")
    assert (found.PatientPosition, found.Manufacturer) == ("HFS", "SIEMENS")
    assert "SequenceVariant" not in found
    assert "SequenceName" not in found


@pytest.mark.parametrize(
    ("attributes", "depth", "refused"),
    [
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, 40, True),
        ({"Modality": "MR", "BodyPartExamined": "Brain"}, 40, True),
        ({"Modality": "MR"}, 40, True),
        ({}, 40, True),
        ({"Modality": "CT", "BodyPartExamined": "CHEST"}, 40, False),
        ({"Modality": "MR", "BodyPartExamined": "KNEE"}, 40, False),
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, 1, False),
        ({"Modality": "US", "BodyPartExamined": "HEAD"}, 40, False),
        ({"Modality": "MR", "BodyPartExamined": "HEAD", "RecognizableVisualFeatures": "NO"}, 40, False),
        ({"Modality": "PT", "BodyPartExamined": "WHOLEBODY"}, 40, True),
    ],
)
def test_of_which_volumes_a_face_can_be_made(attributes: dict[str, Any], depth: int, refused: bool) -> None:
    assert may_show_a_face(attributes, depth) is refused


def test_a_table_row_that_is_kept_by_mistake_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own check: with one row of the table left out, a number of that row is found."""
    monkeypatch.delitem(LISTED, int(Tag("PatientWeight")))  # type: ignore[arg-type]
    data, _ = made(with_attribute(int(Tag("PatientWeight"))), STRICT, tmp_path)
    assert b"7707" in data
