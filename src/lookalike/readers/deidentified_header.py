"""A DICOM header without identity, by PS3.15 E: what its table names is removed, emptied, replaced or changed; of the
rest only what can hold no name stays.

The Basic Profile leaves an attribute that its table does not name as it is. Here a text that the table does not name is
left out too, since any element may hold a name: numbers are parsed and printed again, codes looked up, UIDs of the
standard looked up and all others hashed with a key, at every depth. Private elements, overlays and curves are gone.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary
from pydicom.valuerep import DSfloat

from lookalike.readers.burned_in import BurnedIn
from lookalike.readers.confidentiality_profile import CHARACTERISTICS, DATES, LISTED
from lookalike.readers.kept import BURNED_IN, known_value

_KINDS: Final = (
    "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MOSAIC VOLUME TOMO STATIC DYNAMIC GATED REFORMATTED MPR M P R I"
)
_UNITS: Final = "HU US OD MGML Z_EFF ED EDW HU_MOD PCT UNSPECIFIED"
_COUNTS: Final = "CNTS NONE CM2 PCNT CPS BQML MGMINML UMOLMINML MLMING MLG 1CM UMOLML PROPCNTS PROPCPS MLMINML MLML GML"
CODES: Final[Mapping[str, frozenset[str]]] = {
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
        "RecognizableVisualFeatures": "YES NO",
        BURNED_IN: "YES NO",
        "ScanningSequence": "SE IR GR EP RM",
        "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
        "ScanOptions": "PER RG CG PPG FC PFF PFP SP FS AXIAL HELICAL",
        "MRAcquisitionType": "2D 3D",
        "ExposureModulationType": "NONE",
        "ContrastBolusAgentAdministered": "YES NO",
        "ConversionType": "DV DI DF WSD SD SI DRW SYN",
        "PixelIntensityRelationship": "LIN LOG OTHER DISP",
        "CorrectedImage": "UNIF COLL DECY ATTN SCAT DTIM NRGY LIN MOTN CLN RAN RADL DCAL NORM",
    }.items()
}
"""The codes of the standard that are kept, by keyword; an image's type has more, which are written as NONE."""

_KNOWN: Final = (
    *("Modality", "BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality"),
    *("Manufacturer", "ManufacturerModelName"),
)
_OF_PATIENTS: Final = ("PatientSex", "PatientAge")
_NUMBERS: Final = frozenset(("DS", "IS", "FD", "FL", "US", "SS"))
_BINARY: Final = frozenset(("FD", "FL", "US", "SS"))  # whose bytes could spell a word
_MOST_BINARY: Final = 6  # values of one element, or what the dictionary says
_DIGITS: Final = 7  # of a binary number that are kept
_DUMMIES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "REMOVED"),
    **{"AS": "000Y", "DA": "19000101", "DT": "19000101", "TM": "000000", "UR": "urn:removed"},
    **dict.fromkeys(("OB", "UN"), b"\0\0"),
}
_MADE_ANEW: Final = frozenset((0x0002, 0x0028, 0x5400, 0x7FE0, 0xFFFC, 0xFFFE))  # groups: of pixels, of the file
_OF_PIXELS: Final = frozenset(
    (
        *("PixelSpacing", "WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleIntercept", "RescaleSlope"),
        *("RescaleType", "PixelPaddingValue", "PixelPaddingRangeLimit", "FloatPixelPaddingValue", "PixelAspectRatio"),
        *("FloatPixelPaddingRangeLimit", "DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
        *("LossyImageCompression", "LossyImageCompressionRatio", "RecommendedDisplayFrameRate"),
        *("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence", BURNED_IN),
        *("RecognizableVisualFeatures", "PixelIntensityRelationship", "PixelIntensityRelationshipSign"),
        *("NominalScannedPixelSpacing", "PixelSpacingCalibrationType"),
    )
)
_ONE_A_FRAME: Final = "PerFrameFunctionalGroupsSequence"
_DEEPEST: Final = 8  # sequences in sequences
_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{0,6}(?:\.\d{1,6})?)(?:[+-]\d{4})?")
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")


@dataclass(frozen=True, slots=True)
class Deidentification:
    """How a file is freed of identity beyond the Basic Profile (PS3.15 E.3). key: that UIDs are hashed with; files of
    one series that are made with the same key stay together. patient: the pseudonym that stands for name and number.
    days: that dates are moved back by; None removes them. characteristics: whether age, sex, size and weight stay.
    burned_in: text in the pixels stays, is masked, or the file is refused ("burned-in-text").
    """

    key: bytes = field(repr=False)
    patient: str = ""
    days: int | None = None
    characteristics: bool = False
    burned_in: BurnedIn = "keep"


def deidentified_header(ds: Dataset, options: Deidentification) -> Dataset:
    """A new data set with what may stay of another one's header: no pixels, nothing that describes them, no look-up
    tables, no meta information. At the top level the attributes that modules of patient, study and equipment demand are
    there, if empty.
    """
    made = _Header(options).item(ds, 0)
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"):
        if keyword not in made:
            setattr(made, keyword, "")
    if "Manufacturer" not in made:
        made.Manufacturer = ""
    made.ReferringPhysicianName = ""
    made.PatientName = made.PatientID = options.patient
    made.PatientIdentityRemoved = "YES"
    made.LongitudinalTemporalInformationModified = "REMOVED" if options.days is None else "MODIFIED"
    made.DeidentificationMethod = "lookalike: PS3.15 E.1, and no text but known terms"
    made.DeidentificationMethodCodeSequence = [_code(*each) for each in deidentification_methods(options)]
    return made


def deidentification_methods(options: Deidentification) -> Iterator[tuple[str, str]]:
    """The codes of PS3.16 CID 7050 for what is done."""
    yield "113100", "Basic Application Confidentiality Profile"
    if options.burned_in == "mask":
        yield "113101", "Clean Pixel Data Option"
    if options.days is not None:
        yield "113107", "Retain Longitudinal Temporal Information Modified Dates Option"
    if options.characteristics:
        yield "113108", "Retain Patient Characteristics Option"


def _code(value: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "DCM", meaning
    return made


def hashed_uid(key: bytes, uid: str) -> str:
    """A UUID-derived UID (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(hmac.digest(key, uid.encode(), hashlib.sha256)[:16])}"


def listed_values(value: Any) -> list[Any]:
    """The values of an element, however many."""
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]


def numbers_of(values: Sequence[Any], vr: str) -> list[Any]:
    """Numbers as their VR holds them, whatever the file's own element says; [] where one of them is none."""
    try:
        return [_number(float(value), vr) for value in values]
    except (TypeError, ValueError, OverflowError):
        return []


def _number(number: float, vr: str) -> float:
    if vr == "US":
        return int(number) & 0xFFFF
    if vr == "SS":
        return (int(number) + 0x8000 & 0xFFFF) - 0x8000
    if vr == "IS":
        return max(-(1 << 31), min(int(number), (1 << 31) - 1))
    if not math.isfinite(number):
        raise ValueError
    return DSfloat(number, auto_format=True) if vr == "DS" else number


def known_codes(values: Sequence[Any], keyword: str) -> list[str]:
    """The codes; of an image's type the place counts, so that unknown ones are named so."""
    texts = [str(value).strip().upper() for value in values]
    if keyword == "ImageType":
        return [text if text in CODES[keyword] else "NONE" for text in texts[:4]]
    return texts if all(text in CODES[keyword] for text in texts) else []


def vr_of(ds: Dataset, tag: BaseTag | str) -> str:
    """The VR of an attribute of the dictionary in a data set."""
    vr = dictionary_VR(tag).split(" or ")
    return vr[0] if len(vr) == 1 or "SS" not in vr else "SS" if ds.get("PixelRepresentation") == 1 else "US"


@dataclass(frozen=True, slots=True)
class _Header:
    options: Deidentification

    def item(self, ds: Dataset, depth: int) -> Dataset:
        made = Dataset()
        for tag in list(ds.keys()):
            keyword = keyword_for_tag(tag)
            if not keyword or tag.is_private or (tag.group in _MADE_ANEW and keyword not in _OF_PIXELS):
                continue
            found = self._value(ds, tag, keyword, depth)
            if found is not None:
                made.add_new(tag, *found)
        return made

    def _value(self, ds: Dataset, tag: BaseTag, keyword: str, depth: int) -> tuple[str, Any] | None:
        """The VR and the value that an element has now; None if it is left out."""
        vr = vr_of(ds, tag)
        element = _element(ds, tag)
        if element is None:
            return None
        if int(tag) in LISTED:
            value = self._listed(int(tag), keyword, vr, element.value)
        elif vr == "SQ":
            value = self._sequence(keyword, element.value, depth)
        else:
            value = self._unlisted(keyword, vr, element.value)
        return None if value is None else (vr, value)

    def _listed(self, tag: int, keyword: str, vr: str, value: Any) -> Any:
        action = LISTED[tag]
        if vr == "UI":
            return self._uids(value) if action == "U" else None
        days = self.options.days
        if tag in DATES and days is not None and (moved := _one(_each(value, lambda text: _moved(text, vr, days)))):
            return moved
        if tag in CHARACTERISTICS and self.options.characteristics and (kept := _characteristic(keyword, vr, value)):
            return kept
        return "" if action.startswith("Z") else _DUMMIES.get(vr) if action == "D" else None

    def _unlisted(self, keyword: str, vr: str, value: Any) -> Any:
        if keyword in _KNOWN:
            return known_value(keyword, str(value).strip("\0 ")) or None
        if keyword in CODES:
            return _one(known_codes(listed_values(value), keyword))
        if vr == "UI":
            uids = [str(uid) for uid in listed_values(value)]
            return _one(uids) if all(uid in UID_dictionary for uid in uids) else None
        return _one(_plain_numbers(keyword, vr, value))

    def _uids(self, value: Any) -> Any:
        uids = [str(uid).strip("\0 ") for uid in listed_values(value)]
        return _one([hashed_uid(self.options.key, uid) for uid in uids if uid])

    def _sequence(self, keyword: str, value: Any, depth: int) -> list[Dataset] | None:
        if depth >= _DEEPEST or not isinstance(value, Sequence):
            return None
        items = [self.item(each, depth + 1) for each in value]
        return items if any(len(each) for each in items) and (keyword == _ONE_A_FRAME or all(map(len, items))) else None


def _element(ds: Dataset, tag: BaseTag) -> DataElement | None:
    """An element, or None if it cannot be converted, which does not invalidate the picture."""
    try:
        return ds[tag]
    except MemoryError:
        raise
    except Exception:
        return None


def _one(values: list[Any]) -> Any:
    return None if not values else values if len(values) > 1 else values[0]


def _each(value: Any, change: Callable[[str], str | None]) -> list[str]:
    """The values, changed; [] where one of them cannot be."""
    changed = [change(str(each).strip("\0 ")) for each in listed_values(value)]
    return [] if None in changed else [each for each in changed if each is not None]


def _moved(text: str, vr: str, days: int) -> str | None:
    """A date that many days earlier; a time of a day as it is."""
    if vr == "TM":
        return text if _TIME.fullmatch(text) else None
    if vr not in ("DA", "DT") or not (match := _DATE.fullmatch(text)) or (vr == "DA" and match[4]):
        return None
    try:
        return f"{date(*map(int, match.group(1, 2, 3))) - timedelta(days):%Y%m%d}".rjust(8, "0") + match[4]
    except (ValueError, OverflowError):
        return None


def _characteristic(keyword: str, vr: str, value: Any) -> Any:
    """What stays of a patient: sex and age as known values, numbers; no text."""
    if keyword in _OF_PATIENTS:
        known = known_value(keyword, str(value).strip("\0 "))
        return _age(known) if isinstance(known, float) else known
    return _one(_plain_numbers(keyword, vr, value))


def _plain_numbers(keyword: str, vr: str, value: Any) -> list[Any]:
    """Numbers; binary ones only as many as the attribute may have, and rounded, so that their bytes spell nothing."""
    values = listed_values(value)
    if vr not in _NUMBERS or (vr in _BINARY and len(values) > _most_values(keyword)):
        return []
    found = numbers_of(values, vr)
    return [float(f"{each:.{_DIGITS}g}") for each in found] if vr in ("FD", "FL") else found


def _most_values(keyword: str) -> int:
    """How many values an attribute may have (PS3.6); not more than a few where it may have any number."""
    most = dictionary_VM(keyword).rpartition("-")[2]
    return int(most) if most.isdecimal() else _MOST_BINARY


def _age(years: float) -> str:
    """An Age String (PS3.5 6.2): of small children in months."""
    return f"{int(years):03}Y" if years >= 2 else f"{round(12 * years):03}M"
