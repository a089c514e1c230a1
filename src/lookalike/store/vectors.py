"""Read the stored vectors, with their checksums verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, or_, select

from lookalike.errors import DamagedFileError, LookalikeError, NotFoundError, UsageError
from lookalike.store.batch import checksum
from lookalike.store.checksums import UNKNOWN
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.types import Keys, Vectors

_VIEWS: Final = where_chosen(RECORDS.c.key, RECORDS.c.key, RECORDS.c.views)
_VECTORS_BY_RECORD: Final = (
    where_chosen(VECTORS.c.record, *VECTORS.c, RECORDS.c.id)
    .join(RECORDS, RECORDS.c.key == VECTORS.c.record)
    .order_by(VECTORS.c.view)
)
_VECTORS_BY_KEY: Final = where_chosen(VECTORS.c.key, *VECTORS.c, RECORDS.c.id).join(
    RECORDS, RECORDS.c.key == VECTORS.c.record
)

_COUNTED: Final = (
    select(RECORDS.c.sha256, RECORDS.c.views, func.count(VECTORS.c.key).label("many"))
    .outerjoin(VECTORS, VECTORS.c.record == RECORDS.c.key)
    .group_by(RECORDS.c.key, RECORDS.c.sha256, RECORDS.c.views)
)


class StoredVectors(NamedTuple):
    """keys (n,), records (n,): the record's key of each vector, views (n,): its slice's number in a volume,
    vectors (n, dim) float32.
    """

    keys: Keys
    records: Keys
    views: Keys
    vectors: Vectors


def every_vector(connection: Connection) -> StoredVectors:
    """Every vector, in the order of the keys. Raises DamagedFileError, with the number of damaged rows, if any row
    fails its checksum or a record has none.
    """
    query = select(VECTORS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record)
    rows = connection.execute(query.order_by(VECTORS.c.key)).all()
    lost = _lost(connection)
    if lost or not all(map(is_sound, rows)):
        raise _damaged_vectors(lost + sum(not is_sound(row) for row in rows))
    return _stacked(rows)


def slices_by_record(connection: Connection, records: Sequence[int]) -> dict[int, tuple[tuple[int, ...], Vectors]]:
    """The slice numbers and vectors (views, dim) of records, by their keys; removed ones are left out.

    Raises DamagedFileError for a vector that fails its checksum, or a record that has none.
    """
    own: dict[int, list[Any]] = {}
    for row in _rows_of(connection, records):
        own.setdefault(row.record, []).append(row)
    return {
        key: (tuple(row.view for row in rows), np.stack([np.frombuffer(row.data, "<f4") for row in rows]))
        for key, rows in own.items()
    }


def vectors_by_record(connection: Connection, records: Sequence[int]) -> StoredVectors:
    """The vectors of records, in the order of their keys; removed ones are left out. Raises as ``slices_by_record``."""
    return _stacked(sorted(_rows_of(connection, records), key=lambda row: int(row.key)))


def vectors_by_key(connection: Connection, keys: Sequence[int]) -> StoredVectors:
    """Vectors by their own keys, ascending; those that are not there are left out. Raises DamagedFileError for one that
    fails its checksum.
    """
    rows = sorted(chosen_rows(connection, _VECTORS_BY_KEY, list(keys)), key=lambda row: int(row.key))
    if bad := sum(not is_sound(row) for row in rows):
        raise _damaged_vectors(bad)
    return _stacked(rows)


def _stacked(rows: Sequence[Any]) -> StoredVectors:
    data = b"".join(row.data for row in rows)
    stacked = np.frombuffer(data, "<f4").reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)
    keys, owners, views = (np.array([row[i] for row in rows], np.int64) for i in (0, 1, 2))
    return StoredVectors(keys, owners, views, stacked)


def _rows_of(connection: Connection, records: Sequence[int]) -> list[Any]:
    """The rows of records' vectors by view. Raises as ``slices_by_record``."""
    rows = chosen_rows(connection, _VECTORS_BY_RECORD, list(records))
    many = Counter(row.record for row in rows)
    views = dict(map(tuple, chosen_rows(connection, _VIEWS, list(records))))
    lost = sum(_differ(noted, many[key]) for key, noted in views.items())
    if bad := lost + len({row.record for row in rows if not is_sound(row)}):
        raise _damaged_vectors(bad)
    return rows


def without_vectors_error(connection: Connection, records: Sequence[int]) -> LookalikeError:
    """The error for records without vectors: they were there a moment ago, or a migration left them out."""
    if len(chosen_rows(connection, _VIEWS, list(records))) < len(set(records)):
        return NotFoundError("no such record is in the gallery any more; it was removed meanwhile")
    return UsageError(
        "this record has no vector of the gallery's encoder, since its file could not be read when the gallery was "
        "migrated; bring the file back and run `lookalike index` on it"
    )


def files_without_vectors(connection: Connection) -> set[str]:
    """The SHA-256 of the files of records that a migration left without vectors."""
    return set(connection.scalars(select(RECORDS.c.sha256).where(RECORDS.c.views == 0)))


def damaged_files(connection: Connection) -> set[str]:
    """The SHA-256 of files with a vector that fails its checksum or is missing: to be read again."""
    query = select(RECORDS.c.sha256, RECORDS.c.id, VECTORS).outerjoin(VECTORS, RECORDS.c.key == VECTORS.c.record)
    query = query.where(or_(RECORDS.c.views.is_(None), RECORDS.c.views != 0, VECTORS.c.key.is_not(None)))
    bad = {row.sha256 for row in connection.execute(query) if not is_sound(row)}
    return bad | {row.sha256 for row in connection.execute(_COUNTED) if _differ(row.views, row.many)}


def _lost(connection: Connection) -> int:
    """How many vectors there are too few, or too many: a volume's slices, or vectors of no record."""
    counted = connection.execute(_COUNTED).all()
    there = connection.scalar(select(func.count()).select_from(VECTORS)) or 0
    owned: int = sum(row.many for row in counted)
    return sum(_differ(row.views, row.many) for row in counted) + abs(int(there) - owned)


def _differ(noted: Any, many: int) -> int:
    """How many vectors of a record are missing; 1 for a number that is none."""
    if noted == UNKNOWN:
        return int(not many)
    return abs(int(noted) - many) if isinstance(noted, int) else 1


def _damaged_vectors(count: int) -> DamagedFileError:
    rows = "one stored vector is" if count == 1 else f"{count} stored vectors are"
    return DamagedFileError(
        f"{rows} damaged; run `lookalike index` on the same sources again: damaged ones are made anew"
    )


def is_sound(row: Any) -> bool:
    """Whether a vector's row, with its record's ``id``, is intact; a row of NULLs is not."""
    return (
        isinstance(row.data, bytes) and len(row.data) % 4 == 0 and row.checksum == checksum(row.id, row.view, row.data)
    )
