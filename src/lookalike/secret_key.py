"""The secret key of a gallery: 32 random bytes outside of it, by which patients are grouped and jobs are signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from typing import Final

from lookalike.errors import UsageError
from lookalike.text import absolute

SECRET: Final = "LOOKALIKE_KEY"
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def is_secret(text: str) -> bool:
    """Whether a text is a key of 64 hex digits."""
    return _KEY.fullmatch(text) is not None


def given_secret() -> str:
    """The key that LOOKALIKE_KEY gives for every gallery, "" where it gives none. Raises UsageError."""
    given = os.environ.get(SECRET, "").strip().lower()
    if given and not is_secret(given):
        raise UsageError(f"{SECRET} must be a key of 64 hex digits; lookalike gallery key G prints a gallery's")
    return given


def new_secret() -> str:
    """A new secret key, or "" where LOOKALIKE_KEY gives one: then it is not written down."""
    return "" if os.environ.get(SECRET) else secrets.token_hex(32)


def read_secret(file: str | os.PathLike[str]) -> str:
    """The secret key in a file of 64 hex digits. Raises UsageError."""
    try:
        text = absolute(file).read_text("ascii").strip().lower()
    except (OSError, ValueError):
        text = ""
    if not is_secret(text):
        raise UsageError(f"{file} holds no key of 64 hex digits; the gallery's owner writes one: lookalike gallery key")
    return text


def pseudonym(key: bytes, group: str) -> str:
    """The name of a patient's group: HMAC-SHA-256 (RFC 2104) of the salted hash; 32 hex digits."""
    return _hmac(key, group.encode())[:32]


def days_moved(key: bytes, group: str) -> int:
    """By how many days the dates of a patient are moved, below 2^50: nobody can tell a date without the key and the
    salted hash, of which no gallery keeps any. Within a patient the order of studies and the days between them stay.
    """
    return int(_hmac(key, json.dumps(["days", group]).encode())[:13], 16) >> 2


def sign(key: bytes, *parts: str) -> str:
    """What proves that who has the key wrote these texts: HMAC-SHA-256 of them; 64 hex digits."""
    return _hmac(key, json.dumps(parts).encode())


def is_signed(key: bytes | None, given: object, *parts: str) -> bool:
    """Whether ``given`` is the ``sign`` of these texts, in a time that tells nothing."""
    return key is not None and isinstance(given, str) and hmac.compare_digest(sign(key, *parts), str(given))


def _hmac(key: bytes, text: bytes) -> str:
    return hmac.new(key, text, hashlib.sha256).hexdigest()
