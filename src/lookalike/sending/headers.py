"""What a derived object takes over from the image that it is derived of: patient and study, and the geometry."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Final

from pydicom.dataset import Dataset

from lookalike.errors import NotFoundError
from lookalike.readers.source_image import SourceImage
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
_TOLD: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
UNICODE: Final = "ISO_IR 192"
"""The character set of every object that is made (PS3.3 C.12.1.1.2): UTF-8; a header is decoded where it is read."""


def with_whole_header(image: SourceImage) -> SourceImage:
    """The image with a header that an object can be made of. Raises NotFoundError: its file is no DICOM file, or does
    not say who it is.
    """
    return replace(image, header=whole_header(image.header))


def whole_header(of: Dataset) -> Dataset:
    """A header that an object can be made of. Raises NotFoundError where it does not say who it is."""
    header = deepcopy(of)
    if not all(header.get(keyword) for keyword in _TOLD):
        raise NotFoundError(
            "the file of this record is no DICOM file that says who it is, so nothing can be filed beside it",
            "no-identity",
        )
    for keyword in _EMPTY_IF_UNKNOWN:
        if keyword not in header:
            setattr(header, keyword, "")
    header.SpecificCharacterSet = UNICODE
    return header


def reference(identity: DicomIdentity, instance: str) -> Dataset:
    """What an object needs to name an image that it does not take anything over from: its four UIDs."""
    made = Dataset()
    made.StudyInstanceUID, made.SeriesInstanceUID = identity.study_instance_uid, identity.series_instance_uid
    made.SOPInstanceUID, made.SOPClassUID = instance, identity.sop_class_uid
    return made
