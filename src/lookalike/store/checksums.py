"""Checksums of what a record says: its place, patient, labels and attributes, and where its labels come from.

Vectors and patches carry their own (``batch``, ``packed``). All are CRC-32: they tell damage, not intent.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Final

UNKNOWN: Final = -1  # instead of a checksum, in a gallery of before there were any that may only be read


def record_checksum(
    said: tuple[Any, ...], labels: Iterable[str], attributes: Iterable[tuple[str, str, float | None]]
) -> int:
    """The CRC-32 of a record. said: id, source, SHA-256, frame, patient group, number of vectors.

    Raises TypeError for rows that cannot be ordered, which are damaged.
    """
    return _crc((said, sorted(labels), sorted((name, text, number) for name, text, number in attributes)))


def history_checksum(identity: str, labels: Iterable[str], origin: Iterable[tuple[Any, ...]]) -> int:
    """The CRC-32 of a record's labels and their origin. origin: (0, label) of the table's labels; (1,) if a person set
    them; (2, number, time, by, action, undone, before, after) of each logged change.

    Raises TypeError for rows that cannot be ordered, which are damaged.
    """
    return _crc((identity, sorted(labels), sorted(map(ascii, origin))))


def thumbnail_checksum(identity: str, jpeg: bytes) -> int:
    """The CRC-32 of a record's id and its thumbnail."""
    return zlib.crc32(jpeg, zlib.crc32(identity.encode()))


def row_checksum(*values: Any) -> int:
    """The CRC-32 of a row of the smaller tables: facts, spaces, refused files."""
    return _crc(values)


def _crc(values: tuple[Any, ...]) -> int:
    return zlib.crc32(ascii(values).encode())  # ascii() quotes and escapes: no two values look alike
