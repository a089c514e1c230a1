"""Who a DICOM file is in a PACS: what a linked gallery keeps encrypted, and what all group by."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset

from lookalike.readers.dicom_values import value_of
from lookalike.text import plain_text
from lookalike.types import DicomIdentity

IDENTITY_TAGS: Final = (
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "AccessionNumber"),
    *("StudyDate", "StudyTime"),
)
"""What is read of a header to tell it."""
_LONGEST: Final = 64  # characters of a UID (PS3.5 section 9.1); the others are shorter


def identity_of_file(ds: Dataset) -> DicomIdentity:
    """What a file says of itself; "" for what it does not say."""
    return DicomIdentity(
        study_instance_uid=_said(ds, "StudyInstanceUID"),
        series_instance_uid=_said(ds, "SeriesInstanceUID"),
        sop_instance_uid=_said(ds, "SOPInstanceUID"),
        sop_class_uid=_said(ds, "SOPClassUID"),
        accession_number=_said(ds, "AccessionNumber"),
        study_date=_said(ds, "StudyDate"),
        study_time=_said(ds, "StudyTime"),
    )


def _said(ds: Dataset, keyword: str) -> str:
    return plain_text(str(value_of(ds, keyword) or "").strip("\0 "), _LONGEST)
