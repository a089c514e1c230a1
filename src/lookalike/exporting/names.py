"""What patients, records and columns are called in what leaves a gallery: pseudonyms, and known values."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from lookalike.errors import GalleryError, UsageError
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.readers.kept import KEPT
from lookalike.secret_key import sign
from lookalike.text import quoted

_OF_PATIENTS: Final = ("PatientSex", "PatientAge")


def export_key(gallery: Gallery) -> bytes:
    """The key of exports, which tells nothing of the gallery's own. Raises GalleryError where that is not here."""
    key = gallery.store.identity.key
    if key is None or not gallery.owned:
        raise GalleryError(f"pseudonyms are made with the gallery's secret key: {gallery.store.identity.closed}")
    return hmac.digest(key, b"pseudonyms of exports", hashlib.sha256)


def exported_name(key: bytes, kind: str, name: str) -> str:
    """The name that a patient or a record has in every export under a key."""
    return sign(key, kind, name)[:16]


def exported_columns(gallery: Gallery, asked: Sequence[str], characteristics: bool) -> list[str]:
    """The attributes that go out: those of known values, and what is asked for. Raises UsageError for another."""
    known = gallery.store.field_names()
    for name in asked:
        if name not in known:
            raise UsageError(f"no record has a field {quoted(name)!r}.{suggestion(name, known)}")
    own = [name for name in KEPT if name in known and (characteristics or name not in _OF_PATIENTS)]
    return [*own, *(name for name in asked if name not in own)]
