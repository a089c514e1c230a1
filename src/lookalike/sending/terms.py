"""What every object that is sent says of its maker, and the codes that DICOM has no own ones for."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from pydicom.uid import generate_uid

from lookalike.errors import MissingExtraError

MAKER: Final = "lookalike"
VERSION: Final = version(MAKER)
RESEARCH_USE: Final = "Research use only, not for diagnosis"
"""Stands in every object."""
OWN_SCHEME: Final = "99LOOKALIKE"
"""The coding scheme of our own codes (PS3.3 section 8.2: 99 begins private ones)."""
SERIES_NUMBERS: Final = {"sr": 9701, "kos": 9702, "seg": 9703, "map": 9704}


def highdicom() -> Any:
    """The library that writes the objects. Raises MissingExtraError."""
    try:
        import highdicom
    except ImportError:
        raise MissingExtraError("sending an answer", "pacs") from None
    return highdicom


def own_code(value: str, meaning: str) -> Any:
    """A code of ours, as a highdicom CodedConcept. value: at most 16 characters; meaning: at most 64."""
    return highdicom().sr.CodedConcept(value, OWN_SCHEME, meaning)


def equipment() -> dict[str, str]:
    """The manufacturer's attributes of the images that are made (PS3.3 C.7.5.2)."""
    return {
        "manufacturer": MAKER,
        "manufacturer_model_name": MAKER,
        "software_versions": VERSION,
        "device_serial_number": "none",
    }


def new_series(kind: str) -> dict[str, Any]:
    """The attributes of a new series with one object in it. kind: of ``SERIES_NUMBERS``."""
    return {
        "series_instance_uid": new_uid(),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": new_uid(),
        "instance_number": 1,
    }


def new_uid() -> str:
    """A UID that nothing else has (PS3.5 B.2: of a random UUID)."""
    return str(generate_uid(prefix=None))
