"""Filters answered from memory. Each field that a filter has named is held as a column, read from the database once and
kept in step with it at the cost of what has changed; a filter is then a few passes over arrays, without SQL.
"""

from __future__ import annotations

import itertools
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, null, or_, select
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from lookalike.filters import And, Compare, Filter, Not, fields
from lookalike.store.database import POSTGRESQL, damaged
from lookalike.store.edits import edits_of
from lookalike.store.lookup import Begin
from lookalike.store.rows import CHUNK, chosen_rows, driver_rows_in_parts, where_chosen
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS, VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.store.value_columns import Said, ValueColumn, empty_column
from lookalike.types import BASE, Keys

MOST_HELD_IN_COLUMNS: Final = 5_000_000
"""With more the database answers: a column takes twelve bytes for each value of a record."""

_MANY: Final = 10_000  # rows of a field
_ANSWERS: Final = 4_000_000  # keys of the filters asked last, in all
_ATTRIBUTES: Final = where_chosen(
    ATTRIBUTES.c.record, ATTRIBUTES.c.record, ATTRIBUTES.c.name, ATTRIBUTES.c.text, ATTRIBUTES.c.number
)
_OF_RECORDS: Final = {
    "label": where_chosen(LABELS.c.record, LABELS.c.record, LABELS.c.label),
    **{name: where_chosen(RECORDS.c.key, RECORDS.c.key, RECORDS.c[name]) for name in ("id", "source", "patient")},
}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns at one moment. state: edits and version of the vectors; last: the greatest key of a record. keys
    (n,): of every vector, ascending; owners (n,): the record's key of each. answers: of filters asked before.
    """

    state: tuple[int, int]
    last: int
    keys: Keys
    owners: Keys
    of: Mapping[str, ValueColumn]
    answers: dict[Filter, Keys] = field(default_factory=dict)

    def keys_where(self, tree: Filter, check: Callable[[], None]) -> Keys:
        """The vector keys of the records that satisfy a filter, ascending. check: called now and then."""
        known = self.answers.get(tree)
        if known is None:
            known = self.keys[self._mask(tree, check)[self.owners]]
            left = _ANSWERS - sum(map(len, list(self.answers.values())))
            while left < len(known) and self.answers:
                gone = self.answers.pop(next(iter(self.answers)), ())  # another thread may have been faster
                left += len(gone)
            self.answers[tree] = known
        return known

    def _mask(self, tree: Filter, check: Callable[[], None]) -> NDArray[np.bool_]:
        """(last + 1,): by their keys, which records satisfy the filter."""
        check()
        if isinstance(tree, Compare):
            if tree.op == "!=":
                return ~self._mask(Compare(tree.field, "=", tree.value), check)
            return self.of[tree.field].satisfying(tree, self.last + 1)
        if isinstance(tree, Not):
            return ~self._mask(tree.part, check)
        joined: Any = np.logical_and if isinstance(tree, And) else np.logical_or
        mask = np.full(self.last + 1, isinstance(tree, And), np.bool_)
        for part in tree.parts:
            joined(mask, self._mask(part, check), out=mask)
        return mask


class FilteredKeys:
    """changes: gives another number after each change of the database. begin: opens a transaction."""

    def __init__(self, begin: Begin, changes: Callable[[], int]) -> None:
        self._begin, self._count, self._lock = begin, changes, threading.Lock()
        self._held: tuple[int, Columns] | None = None

    def where(self, tree: Filter, deadline: float, late: Callable[[], Exception]) -> Keys | None:
        """The vector keys of the records that satisfy a filter, ascending; None if there are too many records to hold.
        Raises ``late`` once ``time.monotonic()`` is past the deadline; to read a field for the first time, once for
        all, does not count.
        """
        began = time.monotonic()
        columns = self._current(fields(tree))
        end = deadline + time.monotonic() - began

        def check() -> None:
            if time.monotonic() > end:
                raise late()

        return None if columns is None else columns.keys_where(tree, check)

    def column(self, name: str) -> ValueColumn | None:
        """What the records say in a field; None if there are too many to hold."""
        columns = self._current({name})
        return None if columns is None else columns.of[name]

    def _current(self, wanted: set[str]) -> Columns | None:
        changes, held = self._count(), self._held
        if held is not None and held[0] == changes and wanted <= held[1].of.keys():
            return held[1]
        with self._lock:
            changes, held = self._count(), self._held
            with self._begin() as connection:
                if (connection.scalar(select(func.max(RECORDS.c.key))) or 0) > MOST_HELD_IN_COLUMNS:
                    return None
                columns = _caught_up(connection, held[1] if held else None)
                columns = _with_columns(connection, columns, wanted - columns.of.keys())
            self._held = changes, columns
            return columns


def _caught_up(connection: Connection, held: Columns | None) -> Columns:
    """The columns as they are now: those that are held, after what has changed, or none yet."""
    edits = edits_of(connection)
    base = read_spaces(connection).get(BASE)  # none before anything is encoded
    state = edits.number, base.version if base is not None else 0
    if held is not None and held.state == state:
        return held
    edited = edits.keys_since(held.state[0]) if held is not None else None
    if held is None or edited is None or len(edited) > CHUNK:
        return _read_anew(connection, state, () if held is None else held.of)
    return _grown(connection, held, state, edited)


def _read_anew(connection: Connection, state: tuple[int, int], names: Iterable[str]) -> Columns:
    last = int(connection.scalar(select(func.max(RECORDS.c.key))) or 0)
    keys, owners = _pairs(connection, select(VECTORS.c.key, VECTORS.c.record))
    if len(owners) and not 0 < owners.min() <= owners.max() <= last:
        raise damaged()  # since it was verified
    order = np.argsort(keys, kind="stable")  # the database would read the vectors too, to give them in order
    return _with_columns(connection, Columns(state, last, keys[order], owners[order], {}), names)


def _grown(connection: Connection, held: Columns, state: tuple[int, int], edited: set[int]) -> Columns:
    """The columns with what was added since, and with what the edited records say now."""
    last = int(connection.scalar(select(func.max(RECORDS.c.key))) or 0)
    again = np.zeros(max(last, held.last) + 1, np.bool_)
    again[[key for key in edited if key < len(again)]] = True
    same_vectors = state[1] == held.state[1] and last == held.last
    keys, owners = (held.keys, held.owners) if same_vectors else _vectors_now(connection, held, again, edited)
    again[held.last + 1 :] = True
    said = _said_again(connection, held, edited, last)
    of = {name: column.changed(again, said.get(name, ())) for name, column in held.of.items()}
    same = {name for name, column in of.items() if same_vectors and column is held.of[name]}
    answers = {tree: found for tree, found in list(held.answers.items()) if fields(tree) <= same}
    return Columns(state, max(last, held.last), keys, owners, of, answers)


def _vectors_now(
    connection: Connection, held: Columns, again: NDArray[np.bool_], edited: set[int]
) -> tuple[Keys, Keys]:
    """Keys and owners of the vectors after those of edited records were read again, and new ones."""
    kept, newest = ~again[held.owners], int(held.keys.max(initial=0))
    new = or_(VECTORS.c.key > newest, VECTORS.c.record.in_(sorted(edited)))
    pairs = _pairs(connection, select(VECTORS.c.key, VECTORS.c.record).where(new))
    keys, owners = (
        np.concatenate([before[kept], came]) for before, came in zip((held.keys, held.owners), pairs, strict=True)
    )
    order = np.argsort(keys, kind="stable")
    return keys[order], owners[order]


def _said_again(connection: Connection, held: Columns, edited: set[int], last: int) -> Mapping[str, list[Said]]:
    """What new records and edited ones say in the fields that are held: three looks, however many these are."""
    newer = select(RECORDS.c.key).where(RECORDS.c.key > held.last)
    keys = sorted(edited.union(connection.scalars(newer) if last > held.last else ()))
    found: dict[str, list[Said]] = {}
    for name in held.of.keys() & _OF_RECORDS.keys():
        found[name] = [(key, text, None) for key, text in chosen_rows(connection, _OF_RECORDS[name], keys)]
    if attributes := held.of.keys() - _OF_RECORDS.keys():
        for key, name, text, number in chosen_rows(connection, _ATTRIBUTES, keys):
            if name in attributes:
                found.setdefault(name, []).append((key, text, number))
    return found


def _with_columns(connection: Connection, columns: Columns, names: Iterable[str]) -> Columns:
    nothing = np.zeros(columns.last + 1, np.bool_)
    new = {name: empty_column().changed(nothing, _said(connection, name)) for name in names}
    return replace(columns, of={**columns.of, **new}) if new else columns


def _said(connection: Connection, name: str) -> Iterator[Said]:
    """What the records say in a field."""
    if name == "label":
        query: Select[Any] = select(LABELS.c.record, LABELS.c.label, null())
    elif name in _OF_RECORDS:
        query = select(RECORDS.c.key, RECORDS.c[name], null())
    else:
        by_index = _is_rare(connection, name)
        query = select(ATTRIBUTES.c.record, ATTRIBUTES.c.text, ATTRIBUTES.c.number)
        query = query.where((ATTRIBUTES.c.name if by_index else _by_no_index(connection)) == name)
    return itertools.chain.from_iterable(driver_rows_in_parts(connection, query))


def _is_rare(connection: Connection, name: str) -> bool:
    """Whether few records say anything in a field: their rows are found by the index, one after the other, where for
    many it is faster to read the table as it lies.
    """
    some = select(ATTRIBUTES.c.name).where(ATTRIBUTES.c.name == name).limit(_MANY).subquery()
    return int(connection.scalar(select(func.count()).select_from(some)) or 0) < _MANY


def _by_no_index(connection: Connection) -> Any:
    """The name of a field for SQLite not to go by its index. PostgreSQL knows how many rows there are."""
    if connection.dialect.name == POSTGRESQL:
        return ATTRIBUTES.c.name
    return UnaryExpression(ATTRIBUTES.c.name, operator=custom_op("+"))


def _pairs(connection: Connection, query: Select[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,), (n,): two columns."""
    pairs = array("q")
    for part in driver_rows_in_parts(connection, query):
        for row in part:
            pairs.extend(row)
    table = np.array(pairs, np.int64).reshape(-1, 2)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
