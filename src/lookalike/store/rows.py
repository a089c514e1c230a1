"""Rows by key, many at once, and complete records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from lookalike.errors import NotFoundError
from lookalike.store.database import damaged
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS
from lookalike.types import Attribute, Record

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


def whole_records(connection: Connection, wanted: list[int] | None) -> dict[int, Record]:
    """Records by key, with their labels and attributes; all of them without ``wanted``."""
    rows = chosen_rows(connection, _RECORDS_BY_KEY, wanted)
    labels: dict[int, list[str]] = {}
    for record, label in chosen_rows(connection, _LABELS_BY_RECORD, wanted):  # access by column name is slow
        labels.setdefault(record, []).append(label)
    attributes: dict[int, dict[str, Attribute]] = {}
    for record, name, text, number in chosen_rows(connection, _ATTRIBUTES_BY_RECORD, wanted):
        # A code such as 007 is a number to a filter, but keeps its text here.
        attributes.setdefault(record, {})[name] = number if str(number) == text else text
    try:
        return {
            key: Record(
                key, identity, source, frame, tuple(sorted(labels.get(key, ()))), patient, attributes.get(key, {})
            )
            for key, identity, source, _sha256, frame, patient in rows
        }
    except TypeError:  # labels that are not text
        raise damaged() from None


def chosen_rows(connection: Connection, query: Select[Any], wanted: list[Any] | None) -> list[Any]:
    """The rows of a ``chosen`` query; all of the table without ``wanted``."""
    if wanted is None:
        return list(connection.execute(select(*query.selected_columns)))
    return [row for some in chunks(wanted) for row in connection.execute(query, {"chosen": some})]


def keys_by_id(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    """The keys of the existing records, by their public ids."""
    return {row.id: row.key for row in chosen_rows(connection, _KEYS_BY_ID, list(ids))}


def no_record(identity: str) -> NotFoundError:
    """The error for an id that no record has."""
    return NotFoundError(f"no record has the id {identity!r}; ids stand in every search result")
