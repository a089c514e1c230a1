"""Rows by key, many at once, and complete records."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, cast

from sqlalchemy import Connection, Select, Table, bindparam, case, func, select
from sqlalchemy.dialects import sqlite

from lookalike.errors import DamagedFileError, NotFoundError
from lookalike.store.checksums import UNKNOWN, record_checksum
from lookalike.store.database import check_ascending, damaged, sound_row
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS, REFUSED, VECTORS
from lookalike.types import Record, Refusal

_Row: TypeAlias = Callable[[tuple[Any, ...]], Any]

CHUNK: Final = 500  # values in one IN (...), well below SQLite's limit


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The values in lists that fit into one IN (...)."""
    every = list(values)
    for i in range(0, len(every), CHUNK):
        yield every[i : i + CHUNK]


def where_chosen(column: Any, *columns: Any) -> Select[Any]:
    """SELECT columns WHERE column IN (:chosen). Building a query takes longer than running it."""
    return select(*columns).where(column.in_(bindparam("chosen", expanding=True)))


_RECORDS_BY_KEY: Final = where_chosen(RECORDS.c.key, *RECORDS.c)
_KEYS_BY_ID: Final = where_chosen(RECORDS.c.id, RECORDS.c.id, RECORDS.c.key)
_LABELS_BY_RECORD: Final = where_chosen(LABELS.c.record, *LABELS.c)
_ATTRIBUTES_BY_RECORD: Final = where_chosen(ATTRIBUTES.c.record, *ATTRIBUTES.c)


_SQLITE: Final = sqlite.dialect()
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_PART: Final[Any] = (bindparam("first"), bindparam("last"))
_EVERY_PART: Final = (
    select(*RECORDS.c).where(RECORDS.c.key.between(*_PART)),
    select(*LABELS.c).where(LABELS.c.record.between(*_PART)),
    select(*ATTRIBUTES.c).where(ATTRIBUTES.c.record.between(*_PART)),
)
_FETCHED: Final = 10_000  # rows that the driver is asked for at once
_TOGETHER: Final = 5000  # records read at once where all are


class RawRecord(NamedTuple):
    """A record as it is stored. said: id, source, SHA-256, frame, patient group, number of vectors. checksum, history:
    as stored, None where there is none.
    """

    key: int
    said: tuple[Any, ...]
    labels: list[str]
    attributes: list[tuple[str, str, float | None]]
    checksum: int | None
    history: int | None

    def computed(self) -> int | None:
        """Its checksum as it should be; None for rows that cannot have one."""
        try:
            return record_checksum(self.said, self.labels, self.attributes)
        except TypeError:
            return None

    @property
    def sound(self) -> bool:
        """Whether the checksum holds."""
        return self.checksum == UNKNOWN or (self.checksum is not None and self.checksum == self.computed())


def raw_records(connection: Connection, wanted: list[int] | None) -> Iterator[RawRecord]:
    """Records by key, unverified; all of them without ``wanted``."""
    if wanted is None:
        return _every_raw_record(connection)
    queries = _RECORDS_BY_KEY, _LABELS_BY_RECORD, _ATTRIBUTES_BY_RECORD
    return _joined(*(_chosen(connection, query, wanted, _as_it_is) for query in queries))


def _every_raw_record(connection: Connection) -> Iterator[RawRecord]:
    for some in keys_in_parts(connection, _TOGETHER):  # of 100,000 records there are a million rows
        part = {"first": some[0], "last": some[-1]}
        yield from _joined(*(driver_rows(connection, query, part) for query in _EVERY_PART))


def driver_rows(connection: Connection, query: Select[Any], values: Mapping[str, Any] = _NONE) -> list[Any]:
    """The driver's own rows of a query: of a hundred thousand, SQLAlchemy's take several times as long."""
    return [row for part in driver_rows_in_parts(connection, query, values) for row in part]


def driver_rows_in_parts(
    connection: Connection, query: Select[Any], values: Mapping[str, Any] = _NONE
) -> Iterator[list[Any]]:
    """As ``driver_rows``, some at a time."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    given = compiled.construct_params(dict(values))
    in_order = compiled.positiontup
    result = connection.exec_driver_sql(str(compiled), given if in_order is None else tuple(map(given.get, in_order)))
    while rows := list(result.cursor.fetchmany(_FETCHED)):
        yield rows
    result.close()


def keys_in_parts(connection: Connection, size: int) -> Iterator[list[int]]:
    """The keys of all records, ascending, some at a time: not every record has to fit into memory. Raises
    DamagedFileError.
    """
    last: int | None = None
    query = select(RECORDS.c.key).order_by(RECORDS.c.key).limit(size)
    while keys := list(connection.scalars(query if last is None else query.where(RECORDS.c.key > last))):
        check_ascending(last, keys)
        last = keys[-1]
        yield keys


def _joined(rows: list[Any], label_rows: list[Any], attribute_rows: list[Any]) -> Iterator[RawRecord]:
    labels: dict[int, list[str]] = {}
    for record, label in label_rows:  # access by column name is slow
        labels.setdefault(record, []).append(label)
    attributes: dict[int, list[tuple[str, str, float | None]]] = {}
    for record, name, text, number in attribute_rows:
        attributes.setdefault(record, []).append((name, text, number))
    for key, identity, source, sha256, frame, patient, views, checksum, history in rows:
        said = identity, source, sha256, frame, patient, views
        yield RawRecord(key, said, labels.get(key, []), attributes.get(key, []), checksum, history)


def whole_records(connection: Connection, wanted: list[int] | None) -> dict[int, Record]:
    """Records by key, with their labels and attributes; all of them without ``wanted``. Raises DamagedFileError."""
    return {raw.key: _whole(raw) for raw in raw_records(connection, wanted)}


def _whole(raw: RawRecord) -> Record:
    if not raw.sound:
        raise damaged_record(1)
    identity, source, _sha256, frame, patient, _views = raw.said
    # A code such as 007 is a number to a filter, but keeps its text here.
    attributes = {
        name: text if number is None or str(number) != text else number for name, text, number in raw.attributes
    }
    return Record(raw.key, identity, source, frame, tuple(sorted(raw.labels)), patient, attributes)


def damaged_record(count: int) -> DamagedFileError:
    """The error for records that do not match their checksums."""
    which = "the stored description of a record is" if count == 1 else f"the stored descriptions of {count} records are"
    return DamagedFileError(
        f"{which} damaged (source, patient, labels or attributes); run `lookalike index` on the same sources again, "
        "with the same label table: damaged ones are made anew; or put a backup in the place of the gallery"
    )


def chosen_rows(connection: Connection, query: Select[Any], wanted: list[Any] | None) -> list[Any]:
    """The rows of a ``chosen`` query; all of the table without ``wanted``."""
    if wanted is None:
        return list(connection.execute(select(*query.selected_columns)))
    return _chosen(connection, query, wanted, _row_of(query))


def _chosen(connection: Connection, query: Select[Any], wanted: list[Any], row: _Row) -> list[Any]:
    """The rows of a ``chosen`` query. SQLite's driver is asked itself, in a fifth of the time: a search looks up a
    dozen times. row: what makes a row of the driver's.
    """
    if connection.dialect.name != _SQLITE.name:
        storable = [each for each in wanted if not (isinstance(each, str) and "\0" in each)]  # PostgreSQL refuses it
        return [each for some in chunks(storable) for each in connection.execute(query, {"chosen": some}).all()]
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    found: list[Any] = []
    for some in chunks(wanted):
        many = 1 << (len(some) - 1).bit_length()  # so that there are few texts, which SQLite has prepared
        values = (*some, *some[-1:] * (many - len(some)))
        found += map(row, driver.execute(_text(query, many), values).fetchall())
    return found


def _as_it_is(row: tuple[Any, ...]) -> Any:
    return row


@lru_cache(256)
def _text(query: Select[Any], many: int) -> str:
    """A ``chosen`` query for so many values, for SQLite."""
    asked = query.params(chosen=[0] * many)
    return str(asked.compile(dialect=_SQLITE, compile_kwargs={"render_postcompile": True}))


@lru_cache(64)
def _row_of(query: Select[Any]) -> _Row:
    """What makes of the driver's row one whose columns have names."""
    names = [column.key or "" for column in query.selected_columns]
    kind: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    return cast(_Row, kind._make)


def sound_rows(connection: Connection, query: Select[Any], table: Table, wanted: list[Any]) -> list[Any]:
    """The rows of a ``chosen`` query that has all columns of a smaller table, whose checksum is its last. Raises
    DamagedFileError.
    """
    rows = chosen_rows(connection, query, wanted)
    columns = [column.name for column in table.columns if column.name != "checksum"]
    if not all(sound_row(row.checksum, *(getattr(row, column) for column in columns)) for row in rows):
        raise damaged()
    return rows


def as_declared(row: Any, table: Table) -> Any:
    """A row of a table, or of some of its columns, if each value is of the kind that the table declares: SQLite keeps
    whatever it is given. Raises TypeError, which ``database.rows_named`` names.
    """
    for name, value in row._mapping.items():
        column = table.c[name]
        kinds = (int, float) if column.type.python_type is float else column.type.python_type
        if not (isinstance(value, kinds) or (value is None and column.nullable)):
            raise TypeError(name)
    return row


def refusals(connection: Connection, query: Select[Any]) -> list[Refusal]:
    """Refused files with their reasons. Raises DamagedFileError."""
    rows = [as_declared(row, REFUSED) for row in connection.execute(query)]
    if not all(sound_row(row.checksum, row.source, row.reason) for row in rows):
        raise DamagedFileError(
            "the stored list of refused files is damaged; put a backup in the place of the gallery, or index into a "
            "new one"
        )
    return [Refusal(row.source, row.reason) for row in rows]


def keys_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The keys of the existing records, by their public ids."""
    return {row.id: row.key for row in chosen_rows(connection, _KEYS_BY_ID, list(ids))}


def no_record(identity: str) -> NotFoundError:
    """The error for an id that no record has."""
    return NotFoundError(f"no record has the id {identity!r}; ids stand in every search result")


def damaged_vectors(count: int) -> DamagedFileError:
    """The error for vectors that fail their checksum, are missing, or are of no record."""
    rows = "one stored vector is" if count == 1 else f"{count} stored vectors are"
    return DamagedFileError(
        f"{rows} damaged; run `lookalike index` on the same sources again: damaged ones are made anew"
    )


def lost_vectors(connection: Connection) -> int:
    """How many vectors there are too few, or too many: a volume's slices, or vectors of no record."""
    counted = select(VECTORS.c.record, func.count().label("many")).group_by(VECTORS.c.record).subquery()
    noted, many = RECORDS.c.views, func.coalesce(counted.c.many, 0)
    lost = case((noted == UNKNOWN, case((many == 0, 1), else_=0)), else_=func.coalesce(func.abs(noted - many), 1))
    joined = RECORDS.outerjoin(counted, counted.c.record == RECORDS.c.key)
    row = connection.execute(select(func.sum(lost), func.sum(counted.c.many)).select_from(joined)).one()
    there = connection.scalar(select(func.count()).select_from(VECTORS))
    return int(row[0] or 0) + abs(int(there or 0) - int(row[1] or 0))
