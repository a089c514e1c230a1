"""A DICOM file without identity: a new data set with the pixels, their geometry and how they are shown, nothing else.

PS3.15 E (Basic Profile) names what must go from a file; here it is named what may stay, and everything is made anew:
pixels are decoded and written uncompressed, so that no stream has room for comments; numbers are parsed and printed
again; codes are looked up; UIDs are hashed with a key. Text that is burned into the pixels stays (no Clean Pixel Data
Option).
"""

from __future__ import annotations

import hashlib
import hmac
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, UID_dictionary
from pydicom.valuerep import DSfloat

from lookalike.errors import UnreadableImageError
from lookalike.readers.dicom_frames import open_frames
from lookalike.readers.dicom_values import look_up_table, lut_item, modality_values, value_of
from lookalike.readers.kept import BURNED_IN, kept_attributes

_NUMBERS: Final = (
    *("InstanceNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "SliceThickness", "SliceLocation"),
    *("SpacingBetweenSlices", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"),
    *("ImagePositionPatient", "ImageOrientationPatient", "EstimatedRadiographicMagnificationFactor"),
    *("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit", "DoubleFloatPixelPaddingValue"),
    *("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate"),
)
_KEPT: Final = ("Modality", "BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality")
_UNITS: Final = "HU US OD MGML Z_EFF ED EDW HU_MOD PCT UNSPECIFIED"
_COUNTS: Final = "CNTS NONE CM2 PCNT CPS BQML MGMINML UMOLMINML MLMING MLG 1CM UMOLML PROPCNTS PROPCPS MLMINML MLML GML"
_KINDS: Final = (
    "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MOSAIC VOLUME TOMO STATIC DYNAMIC GATED REFORMATTED MPR M P R I"
)
_CODES: Final[Mapping[str, frozenset[str]]] = {
    keyword: frozenset(codes.split())
    for keyword, codes in {
        "ImageType": f"{_KINDS} NONE",
        "VOILUTFunction": "LINEAR LINEAR_EXACT SIGMOID",
        "PresentationLUTShape": "IDENTITY INVERSE",
        "RescaleType": _UNITS,
        "Units": _COUNTS,
        "PatientPosition": "HFS HFP HFDR HFDL FFS FFP FFDR FFDL LFP LFS RFP RFS AFDR AFDL PFDR PFDL",
        "PatientOrientation": "L R A P H F LA LP LH LF RA RP RH RF AH AF PH PF AL AR PL PR HL HR FL FR HA HP FA FP",
        "LossyImageCompression": "00 01",
        BURNED_IN: "YES NO",
        "RecognizableVisualFeatures": "YES NO",
    }.items()
}
_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
}
_DETECTOR: Final = "DetectorInformationSequence"  # where a nuclear medicine file says how it lies
_LUTS: Final = ("ModalityLUTSequence", "VOILUTSequence")
_UIDS: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_UNSPECIFIED: Final = "NONE"


def dicom_without_identity(file: Path, key: bytes, most_bytes: int) -> bytes:
    """A DICOM file with the pixels of another, Explicit VR Little Endian. key: that UIDs are hashed with, so that files
    of one series stay together. most_bytes: of its pixels.

    Raises UnreadableImageError, "too-large" where the pixels are more.
    """
    ds, count, frames = open_frames(file)
    if int(ds.Rows) * int(ds.Columns) * count * _bytes_a_pixel(ds) > most_bytes:
        raise UnreadableImageError("too-large")
    made = _header(ds, key)
    _add_pixels(made, ds, frames, count, most_bytes)
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _bytes_a_pixel(ds: Dataset) -> int:
    samples = 3 if ds.get("PhotometricInterpretation") == "PALETTE COLOR" else int(ds.get("SamplesPerPixel", 1))
    return samples * max(1, int(ds.get("BitsAllocated") or 8) // 8)


def _header(ds: Dataset, key: bytes) -> Dataset:
    made = Dataset()
    _copy(made, ds, (*_NUMBERS, *_CODES))
    kept, _remarks = kept_attributes(ds)
    for keyword in _KEPT:
        if keyword in kept:
            setattr(made, keyword, kept[keyword])
    for keyword in _LUTS:
        _add_lut(made, ds, keyword)
    _add_groups(made, ds)
    _add_uids(made, ds, key)
    made.PatientName = made.PatientID = ""
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "lookalike: pixels as they are, listed elements only"
    return made


def _copy(made: Dataset, ds: Dataset, keywords: Iterable[str]) -> None:
    """Copy numbers, printed anew, and known codes; what is neither is left out."""
    for keyword in keywords:
        values, vr = _listed(value_of(ds, keyword)), _vr(ds, keyword)
        known = _codes(values, keyword) if keyword in _CODES else _numbers(values, vr)
        if known:
            made.add_new(keyword, vr, known if len(known) > 1 else known[0])


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]


def _codes(values: Sequence[Any], keyword: str) -> list[str]:
    """The codes; of an image's type the place counts, so that unknown ones are named so."""
    texts = [str(value).strip().upper() for value in values]
    if keyword == "ImageType":
        return [text if text in _CODES[keyword] else _UNSPECIFIED for text in texts[:4]]
    return texts if all(text in _CODES[keyword] for text in texts) else []


def _numbers(values: Sequence[Any], vr: str) -> list[Any]:
    try:
        return [_number(float(value), vr) for value in values]
    except (TypeError, ValueError, OverflowError):
        return []


def _number(number: float, vr: str) -> float:
    """As its VR holds it: 16 bits signed or not, whatever the file's own element says; 32; or 16 characters."""
    if vr == "US":
        return int(number) & 0xFFFF
    if vr == "SS":
        return (int(number) + 0x8000 & 0xFFFF) - 0x8000
    if vr == "IS":
        return max(-(1 << 31), min(int(number), (1 << 31) - 1))
    if not math.isfinite(number):
        raise ValueError
    return DSfloat(number, auto_format=True) if vr == "DS" else number


def _vr(ds: Dataset, keyword: str) -> str:
    vr = dictionary_VR(keyword)
    return vr if vr != "US or SS" else "SS" if ds.get("PixelRepresentation") == 1 else "US"


def _add_lut(made: Dataset, ds: Dataset, keyword: str) -> None:
    item = lut_item(ds, keyword)
    if item is None or (found := look_up_table(ds, item)) is None:
        return
    lut, bits = found
    new, vr = Dataset(), "SS" if lut.first < 0 else "US"
    new.add_new("LUTDescriptor", vr, _numbers([len(lut.table), lut.first, bits], vr))
    new.add_new("LUTData", "OW", lut.table.astype("<u2").tobytes())
    if keyword == "ModalityLUTSequence":
        new.ModalityLUTType = next(iter(_codes([item.get("ModalityLUTType")], "RescaleType")), "US")
    setattr(made, keyword, [new])


def _add_groups(made: Dataset, ds: Dataset) -> None:
    """The functional groups of a multi-frame file that say how its frames lie and are shown."""
    for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if items := value_of(ds, sequence):
            setattr(made, sequence, [_group(item) for item in items])
    if items := value_of(ds, _DETECTOR):
        setattr(made, _DETECTOR, [_copied(each, ("ImagePositionPatient", "ImageOrientationPatient")) for each in items])


def _group(item: Dataset) -> Dataset:
    made = Dataset()
    for sequence, keywords in _GROUPS.items():
        if inside := value_of(item, sequence):
            setattr(made, sequence, [_copied(inside[0], keywords)])
    return made


def _copied(item: Dataset, keywords: Iterable[str]) -> Dataset:
    made = Dataset()
    _copy(made, item, keywords)
    return made


def _add_uids(made: Dataset, ds: Dataset, key: bytes) -> None:
    for keyword in _UIDS:
        uid = str(value_of(ds, keyword) or "").strip("\0 ")
        if uid or keyword != "FrameOfReferenceUID":
            setattr(made, keyword, _hashed_uid(key, uid or keyword))
    named = str(value_of(ds, "SOPClassUID") or "")
    known = UID_dictionary.get(named, ("", ""))
    is_class = known[1] == "SOP Class" and known[0].endswith("Image Storage")
    made.SOPClassUID = named if is_class else SecondaryCaptureImageStorage
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID


def _hashed_uid(key: bytes, uid: str) -> str:
    """A UUID-derived UID (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(hmac.digest(key, uid.encode(), hashlib.sha256)[:16])}"


def _add_pixels(made: Dataset, ds: Dataset, frames: Iterator[NDArray[np.generic]], count: int, most_bytes: int) -> None:
    palette = ds.get("PhotometricInterpretation") == "PALETTE COLOR"
    pixels: NDArray[Any] | None = None
    number = 0
    for number, stored in enumerate(frames, 1):
        shown = _eight_bits(modality_values(ds, stored, number - 1)[0]) if palette else stored
        if pixels is None:
            if shown.nbytes * count > most_bytes:
                raise UnreadableImageError("too-large")
            pixels = np.empty((count, *shown.shape), shown.dtype.newbyteorder("<"))
        pixels[number - 1] = shown
        if number == count:
            break
    if pixels is None or number < count:
        raise UnreadableImageError("damaged-pixels")
    _describe(made, ds, pixels)


def _eight_bits(colours: NDArray[np.generic]) -> NDArray[np.generic]:
    return colours if colours.dtype == np.uint8 else (colours.astype(np.uint16) >> 8).astype(np.uint8)


def _describe(made: Dataset, ds: Dataset, pixels: NDArray[Any]) -> None:
    """The Image Pixel module (PS3.3 C.7.6.3) of (frames, rows, columns) or (frames, rows, columns, 3)."""
    colour, bits = pixels.ndim == 4, pixels.dtype.itemsize * 8
    made.Rows, made.Columns = pixels.shape[1:3]
    if len(pixels) > 1 or "NumberOfFrames" in ds:
        made.NumberOfFrames = len(pixels)
    made.SamplesPerPixel, made.BitsAllocated = 3 if colour else 1, bits
    inverted = ds.get("PhotometricInterpretation") == "MONOCHROME1"
    made.PhotometricInterpretation = "RGB" if colour else "MONOCHROME1" if inverted else "MONOCHROME2"
    if colour:
        made.PlanarConfiguration = 0
    if pixels.dtype.kind == "f":
        keyword, vr = ("FloatPixelData", "OF") if bits == 32 else ("DoubleFloatPixelData", "OD")
        made.add_new(keyword, vr, pixels.tobytes())
        return
    made.BitsStored = min(int(ds.get("BitsStored") or bits), bits)
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    made.add_new("PixelData", "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
