"""Read the stored thumbnails, with their checksums verified: one of another patient would be a wrong answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, select

from lookalike.errors import DamagedFileError
from lookalike.store.checksums import UNKNOWN, thumbnail_checksum
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import RECORDS, THUMBNAILS

_TOGETHER: Final = 1000  # thumbnails read at once, of some kilobytes each
_BY_RECORD: Final = where_chosen(THUMBNAILS.c.record, *THUMBNAILS.c, RECORDS.c.id).join(
    RECORDS, RECORDS.c.key == THUMBNAILS.c.record
)


def thumbnails_of(connection: Connection, keys: Iterable[int]) -> dict[int, bytes]:
    """The small JPEGs of records, by key. Raises DamagedFileError."""
    rows = chosen_rows(connection, _BY_RECORD, [int(key) for key in keys])
    if not all(map(_sound, rows)):
        raise DamagedFileError(
            "the stored thumbnail of a record is damaged; run `lookalike index` on the same sources again: "
            "damaged ones are made anew"
        )
    return {row.record: row.jpeg for row in rows}


def files_without_thumbnails(connection: Connection) -> set[str]:
    """The SHA-256 of files with a record whose thumbnail is missing or damaged: to be read again."""
    query = select(RECORDS.c.sha256, RECORDS.c.id, THUMBNAILS).outerjoin(
        THUMBNAILS, THUMBNAILS.c.record == RECORDS.c.key
    )
    rows = connection.execution_options(yield_per=_TOGETHER).execute(query)
    return {row.sha256 for row in rows if not _sound(row)}


def _sound(row: Any) -> bool:
    if not isinstance(row.jpeg, bytes):
        return False
    return bool(row.checksum == UNKNOWN or row.checksum == thumbnail_checksum(row.id, row.jpeg))
