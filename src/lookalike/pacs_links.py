"""Where an image can be opened in the PACS that it came from: in a viewer, and by WADO-RS (DICOM PS3.18 10.4); and
where a service sends answers.

The addresses are the user's or the service's own, from the environment: LOOKALIKE_VIEWER, such as
https://ohif.example/viewer, LOOKALIKE_DICOMWEB, such as https://pacs.example/dicom-web, and LOOKALIKE_SEND_TO, such as
pacs=dicomweb+https://pacs.example/dicom-web. A gallery names none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from lookalike.errors import UsageError
from lookalike.types import DicomIdentity

_VIEWER: Final = "LOOKALIKE_VIEWER"
_DICOMWEB: Final = "LOOKALIKE_DICOMWEB"
_SEND_TO: Final = "LOOKALIKE_SEND_TO"
_DESTINATION: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})=(\S+)")
_BETWEEN: Final = re.compile(r"[\s;]+")
_COMPARES: Final = "@ohif/hpCompare"  # OHIF's hanging protocol of two studies


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


def viewer_origin(at: PacsAddresses) -> str:
    """The origin (RFC 6454) of the viewer; "" for none."""
    parts = urlsplit(at.viewer)
    return f"{parts.scheme}://{parts.netloc}" if at.viewer else ""


def destinations(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Where a service sends answers, by the names that its callers use: NAME=WHERE, a line each, or with ; between.
    Raises UsageError.
    """
    found = {}
    for text in filter(None, _BETWEEN.split(environment.get(_SEND_TO, ""))):
        if (match := _DESTINATION.fullmatch(text)) is None:
            raise UsageError(f"{_SEND_TO} holds NAME=WHERE, with ; between several; got {text!r}")
        found[match[1]] = match[2]
    return found


def link_beside(asked: DicomIdentity, hit: DicomIdentity, at: PacsAddresses) -> str:
    """A link that opens two studies side by side in the viewer, each at its series; "" where they are one or not known,
    or there is no viewer.
    """
    pair = asked, hit
    studies = [quote(each.study_instance_uid, safe="") for each in pair]
    series = [quote(each.series_instance_uid, safe="") for each in pair if each.series_instance_uid]
    if not at.viewer or not all(studies) or studies[0] == studies[1]:
        return ""
    at_series = f"&initialSeriesInstanceUID={','.join(series)}" if series else ""
    return f"{at.viewer}?StudyInstanceUIDs={','.join(studies)}{at_series}&hangingProtocolId={quote(_COMPARES)}"


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
