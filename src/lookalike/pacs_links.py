"""Where an image can be opened in the PACS that it came from: in a viewer, and by WADO-RS (DICOM PS3.18 10.4).

The addresses are the user's or the service's own, from the environment: LOOKALIKE_VIEWER, such as
https://ohif.example/viewer, and LOOKALIKE_DICOMWEB, such as https://pacs.example/dicom-web. A gallery names none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from lookalike.errors import UsageError
from lookalike.types import DicomIdentity

_VIEWER: Final = "LOOKALIKE_VIEWER"
_DICOMWEB: Final = "LOOKALIKE_DICOMWEB"


@dataclass(frozen=True, slots=True)
class PacsAddresses:
    """viewer: of a viewer that takes OHIF's parameters, dicomweb: of a DICOMweb service; "" for none."""

    viewer: str = ""
    dicomweb: str = ""

    def __bool__(self) -> bool:
        return bool(self.viewer or self.dicomweb)


def pacs_addresses(environment: Mapping[str, str] = os.environ) -> PacsAddresses:
    """The addresses that the environment names. Raises UsageError for one that is no http or https address."""
    found = {name: environment.get(name, "").rstrip("/") for name in (_VIEWER, _DICOMWEB)}
    for name, text in found.items():
        parts = urlsplit(text)
        if text and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise UsageError(f"{name} is an http or https address without ? and #, got {text!r}")
    return PacsAddresses(found[_VIEWER], found[_DICOMWEB])


def links(identity: DicomIdentity, at: PacsAddresses) -> dict[str, str]:
    """Links by their kind: "viewer" opens the study at the image, "study", "series" and "instance" are for WADO-RS."""
    uids = (identity.study_instance_uid, identity.series_instance_uid, identity.sop_instance_uid or "")
    study, series, instance = (quote(uid, safe="") for uid in uids)  # a file may call anything a UID
    if not study:
        return {}
    found = {}
    if at.viewer:
        names = ("StudyInstanceUIDs", "initialSeriesInstanceUID", "initialSOPInstanceUID")
        asked = (f"{name}={uid}" for name, uid in zip(names, (study, series, instance), strict=True) if uid)
        found["viewer"] = f"{at.viewer}?{'&'.join(asked)}"
    if at.dicomweb:
        found["study"] = f"{at.dicomweb}/studies/{study}"
        if series:
            found["series"] = f"{found['study']}/series/{series}"
        if series and instance:
            found["instance"] = f"{found['series']}/instances/{instance}"
    return found
