"""Encrypt what a linked gallery keeps of who its records are: AES-256-GCM (NIST SP 800-38D).

The key comes of the gallery's secret key, which lies outside of it, by HKDF-SHA-256 (RFC 5869) with the gallery's id as
salt. A record's id is the associated data: the identity of one record stands for no other.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from functools import lru_cache
from typing import Any, Final

from lookalike.errors import MissingExtraError
from lookalike.types import DicomIdentity

_PURPOSE: Final = b"lookalike: who records are in a PACS"
_NONCE: Final = 12  # bytes
_LENGTH: Final = 512  # bytes to which a text is filled up: how long it is says nothing


def check_can_seal() -> None:
    """Raises MissingExtraError."""
    _cipher(bytes(32), "")


def sealed(key: bytes, gallery: str, record: str, identity: DicomIdentity) -> bytes:
    """An identity, encrypted. key: the gallery's secret key; gallery, record: their ids. Raises MissingExtraError."""
    nonce, text = secrets.token_bytes(_NONCE), json.dumps(asdict(identity)).encode().ljust(_LENGTH)
    return nonce + bytes(_cipher(key, gallery).encrypt(nonce, text, record.encode()))


def unsealed(key: bytes, gallery: str, record: str, data: bytes) -> DicomIdentity | None:
    """The inverse of ``sealed``; None if another key, gallery or record sealed it. Raises MissingExtraError."""
    cipher = _cipher(key, gallery)
    from cryptography.exceptions import InvalidTag

    try:
        text = cipher.decrypt(data[:_NONCE], data[_NONCE:], record.encode())
    except (InvalidTag, ValueError):
        return None
    return DicomIdentity(**json.loads(text))


@lru_cache(maxsize=8)
def _cipher(key: bytes, gallery: str) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError:
        raise MissingExtraError("a linked gallery", "pacs") from None
    return AESGCM(HKDF(SHA256(), 32, gallery.encode(), _PURPOSE).derive(key))
