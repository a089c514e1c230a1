"""What a derived object takes over from the files of a record: patient and study, and the geometry of its images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from lookalike.errors import NotFoundError, UnreadableImageError
from lookalike.types import DicomIdentity

_EMPTY_IF_UNKNOWN: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2 in every object (PS3.3 C.7.1.1, C.7.2.1): present, be it empty."""
UNICODE: Final = "ISO_IR 192"
"""The character set of every object that is made (PS3.3 C.12.1.1.2): UTF-8."""
_TOLD: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_LARGEST: Final = 1 << 16  # bytes of an element of a header that is read at once


def header(file: Path) -> Dataset:
    """The elements of a DICOM file before its pixels. Raises UnreadableImageError; NotFoundError: it is no DICOM file,
    or does not say who it is.
    """
    try:
        found = pydicom.dcmread(file, stop_before_pixels=True, defer_size=_LARGEST)
    except InvalidDicomError:
        raise _unnamed() from None
    except Exception:
        raise UnreadableImageError("damaged-header") from None
    if not all(found.get(keyword) for keyword in _TOLD):
        raise _unnamed()
    for keyword in _EMPTY_IF_UNKNOWN:
        if keyword not in found:
            setattr(found, keyword, "")
    return _in_unicode(found)


def _in_unicode(found: Dataset) -> Dataset:
    """A header with its texts in UTF-8: a derived object also holds labels, which no set of a file need have. Raises
    UnreadableImageError.
    """
    try:
        found.decode()
    except Exception:
        raise UnreadableImageError("damaged-header") from None
    found.SpecificCharacterSet = UNICODE
    return found


def reference(identity: DicomIdentity, instance: str) -> Dataset:
    """What an object needs to name an image that it does not take anything over from: its four UIDs."""
    made = Dataset()
    made.StudyInstanceUID, made.SeriesInstanceUID = identity.study_instance_uid, identity.series_instance_uid
    made.SOPInstanceUID, made.SOPClassUID = instance, identity.sop_class_uid
    return made


def middle(files: Sequence[Path]) -> Dataset:
    """The header of the image that stands for a series: the middle one along the files' instance numbers."""
    headers = in_order(map(header, files))
    return headers[len(headers) // 2]


def in_order(headers: Iterable[Dataset]) -> list[Dataset]:
    """Headers of one series along their InstanceNumber."""
    return sorted(headers, key=lambda each: int(each.get("InstanceNumber") or 0))


def _unnamed() -> NotFoundError:
    return NotFoundError(
        "the file of this record is no DICOM file that says who it is, so nothing can be filed beside it", "no-identity"
    )
