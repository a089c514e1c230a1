"""Read the stored vectors, with their checksums verified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, or_, select

from lookalike.errors import LookalikeError, NotFoundError, UsageError
from lookalike.store.batch import checksum
from lookalike.store.checksums import UNKNOWN
from lookalike.store.database import check_ascending, rows_named
from lookalike.store.rows import chosen_rows, chunks, damaged_vectors, driver_rows, lost_vectors, where_chosen
from lookalike.store.schema import RECORDS, VECTORS, VECTORS_BESIDE
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
_BESIDE_BY_KEY, _BESIDE_BY_RECORD = (
    where_chosen(column, *VECTORS_BESIDE.c, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS_BESIDE.c.record)
    for column in (VECTORS_BESIDE.c.key, VECTORS_BESIDE.c.record)
)

_COUNTED: Final = (
    select(RECORDS.c.sha256, RECORDS.c.views, func.count(VECTORS.c.key).label("many"))
    .outerjoin(VECTORS, VECTORS.c.record == RECORDS.c.key)
    .group_by(RECORDS.c.key, RECORDS.c.sha256, RECORDS.c.views)
)


class StoredVectors(NamedTuple):
    """keys (n,), records (n,): the record's key of each vector, views (n,): its slice's number in a volume,
    vectors (n, dim) float32, checksums (n,), 0 for what is not as it is stored.
    """

    keys: Keys
    records: Keys
    views: Keys
    vectors: Vectors
    checksums: Keys


_WITH_ID: Final = select(VECTORS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record)


def every_vector(connection: Connection) -> StoredVectors:
    """Every vector, in the order of the keys. Raises as ``vector_blocks``."""
    blocks = [*vector_blocks(connection)]
    return StoredVectors(*map(np.concatenate, zip(*blocks, strict=True))) if blocks else _stacked([])


def vector_blocks(connection: Connection, size: int = 8192) -> Iterator[StoredVectors]:
    """Every vector, in the order of the keys, so many at once. Raises DamagedFileError, with the number of damaged
    rows, if any row fails its checksum or a record has none: at the end, and no block follows a damaged one.
    """
    rows: list[Any] = [(-1,)]
    bad, block = 0, None
    while rows:
        with rows_named():
            query = _WITH_ID.where(VECTORS.c.key > rows[-1][0]).order_by(VECTORS.c.key).limit(size)
            last, rows = rows[-1][0], driver_rows(connection, query)
            check_ascending(last, (row[0] for row in rows))
            bad += sum(not _holds(row[5], row[2], row[3], row[4]) for row in rows)
            block = _stacked(rows) if rows and not bad else None
        if block is not None:
            yield block
    with rows_named():
        if bad := bad + lost_vectors(connection):
            raise damaged_vectors(bad)


def sampled_vectors(connection: Connection, keys: Keys) -> Vectors:
    """The vectors (n, dim) of some keys, without those that fail their checksum."""
    rows: list[Any] = []
    with rows_named():
        for some in chunks(keys.tolist()):
            found = driver_rows(connection, _WITH_ID.where(VECTORS.c.key.in_(some)))
            rows += [row for row in found if _holds(row[5], row[2], row[3], row[4])]
        return _stacked(rows).vectors


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
        raise damaged_vectors(bad)
    return _stacked(rows)


def beside_by_key(connection: Connection, keys: Sequence[int]) -> StoredVectors:
    """As ``vectors_by_key``, of the vectors beside."""
    return _sound_beside(chosen_rows(connection, _BESIDE_BY_KEY, list(keys)))


def beside_by_record(connection: Connection, records: Sequence[int]) -> StoredVectors:
    """As ``vectors_by_record``, of the vectors beside. How many there should be is not looked at."""
    return _sound_beside(chosen_rows(connection, _BESIDE_BY_RECORD, list(records)))


def _sound_beside(rows: Sequence[Any]) -> StoredVectors:
    if bad := sum(not is_sound(row) for row in rows):
        raise damaged_vectors(bad)
    return _stacked(sorted(rows, key=lambda row: int(row.key)))


def _stacked(rows: Sequence[Any]) -> StoredVectors:
    data = b"".join(row[3] for row in rows)
    stacked = np.frombuffer(data, "<f4").reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)
    keys, owners, views, checksums = (np.array([row[i] for row in rows], np.int64) for i in (0, 1, 2, 4))
    return StoredVectors(keys, owners, views, stacked, checksums)


def _rows_of(connection: Connection, records: Sequence[int]) -> list[Any]:
    """The rows of records' vectors by view. Raises as ``slices_by_record``."""
    rows = chosen_rows(connection, _VECTORS_BY_RECORD, list(records))
    many = Counter(row.record for row in rows)
    views = dict(map(tuple, chosen_rows(connection, _VIEWS, list(records))))
    lost = sum(_differ(noted, many[key]) for key, noted in views.items())
    if bad := lost + len({row.record for row in rows if not is_sound(row)}):
        raise damaged_vectors(bad)
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


def _differ(noted: Any, many: int) -> int:
    """How many vectors of a record are missing; 1 for a number that is none."""
    if noted == UNKNOWN:
        return int(not many)
    return abs(int(noted) - many) if isinstance(noted, int) else 1


def is_sound(row: Any) -> bool:
    """Whether a vector's row, with its record's ``id``, is intact; a row of NULLs is not."""
    return _holds(row.id, row.view, row.data, row.checksum)


def _holds(identity: Any, view: Any, data: Any, noted: Any) -> bool:
    return isinstance(data, bytes) and len(data) % 4 == 0 and noted == checksum(identity, view, data)
