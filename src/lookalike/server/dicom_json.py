"""Studies as the rows of a QIDO-RS answer: the DICOM JSON model (PS3.18 annex F, section 10.6.3.3)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import Response

from lookalike.verbs.similar_studies import SimilarStudy

DICOM_JSON: Final = "application/dicom+json"
CREATOR: Final = "LOOKALIKE"
"""Reserves (0077,10xx) for the private elements of an answer (PS3.5 section 7.8.1)."""
SCORE, RANK, SIMILAR_IMAGE, RECORD = "00771001", "00771002", "00771003", "00771004"
"""Of a study: how similar (FD), its rank (US), its most similar image's SOPInstanceUID (UI), the record's id (SH)."""


class DicomJSON(Response):
    """Rows in the DICOM JSON model."""

    media_type = DICOM_JSON


def studies_response(studies: Iterable[SimilarStudy]) -> Response:
    """The studies, most similar first. What is not known of one is left out."""
    return DicomJSON(json.dumps([_row(study) for study in studies]))


def _row(study: SimilarStudy) -> dict[str, Any]:
    identity = study.identity
    values: Mapping[str, tuple[str, Any]] = {
        "00080020": ("DA", identity.study_date),
        "00080030": ("TM", identity.study_time),
        "00080050": ("SH", identity.accession_number),
        "00080061": ("CS", study.attributes.get("Modality", "")),
        "00081190": ("UR", study.links.get("study", "")),
        "0020000D": ("UI", identity.study_instance_uid),
        "00770010": ("LO", CREATOR),
        SCORE: ("FD", study.score),
        RANK: ("US", study.rank),
        SIMILAR_IMAGE: ("UI", identity.sop_instance_uid),
        RECORD: ("SH", study.id),
    }
    return {tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in values.items() if value not in ("", None)}
