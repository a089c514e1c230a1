"""Filters answered from memory. Each field that a filter has named is held as a column, read from the database once and
kept in step with it at the cost of what has changed; a filter is then a few passes over arrays, without SQL.
"""

from __future__ import annotations

import itertools
import threading
import time
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, null, or_, select
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from lookalike.filters import And, Compare, Filter, Not, fields
from lookalike.store.checksums import UNKNOWN
from lookalike.store.database import POSTGRESQL, damaged
from lookalike.store.edits import Edits, edits_of
from lookalike.store.lookup import Begin
from lookalike.store.rows import (
    CHUNK,
    chosen_rows,
    damaged_record,
    damaged_vectors,
    driver_rows_in_parts,
    raw_records,
    where_chosen,
)
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS, VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.store.value_columns import Said, ValueColumn, empty_column
from lookalike.store.verified import Verification
from lookalike.types import BASE, Keys

MOST_HELD_IN_COLUMNS: Final = 5_000_000
"""With more the database answers: a column takes twelve bytes for each value of a record."""

_NEVER: Final = -1  # no number of changes is
_MOST_NEW: Final = 10_000  # records that are verified in a moment
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


class KeptColumns(Protocol):
    """A file of columns, which were of verified records when it was written."""

    def read(self, names: Collection[str] | None) -> Columns | None:
        """Those of some fields, of all without ``names``, as far as they are there; None without such a file."""

    def is_there(self) -> bool:
        """Whether one was written."""

    def write(self, columns: Columns) -> None:
        """Write these in the place of others."""


class FilteredKeys:
    """changes: gives another number after each change of the database. begin: opens a transaction. verification: of
    what is in it. kept: the file of a large gallery's columns, if one is kept.
    """

    def __init__(self, begin: Begin, changes: Callable[[], int], verification: Verification) -> None:
        self._begin, self._count, self._lock = begin, changes, threading.Lock()
        self._verification = verification
        self._held: tuple[int, Columns] | None = None
        self._sound: set[str] = set()  # fields whose columns may be written: not those that are merely believed
        self._in_file: tuple[int, int] | None = None  # edits and last key, as far as this process knows
        self.kept: KeptColumns | None = None

    def are_sound(self, names: set[str]) -> bool:
        """Whether the columns of fields are, or will be, of verified records: all are believed, or these were when the
        file was written, and whatever has been changed since is verified now. Raises DamagedFileError.
        """
        if self._verification.found_damage:
            return False
        if self._verification.is_believed():
            return True
        with self._lock:
            self._take_from_file(names)
            changes, held = self._count(), self._held
            if held is None or not names <= held[1].of.keys():
                return False
            if held[0] != changes:
                with self._begin() as connection:
                    grown, edits = _grown_by_verified(connection, held[1]), edits_of(connection)
                if grown is None:
                    return False
                self._held = changes, grown
                self._keep_in_step(grown, edits)
            return True

    def says(self, name: str) -> bool:
        """Whether some record says something in a field whose column is here, or in the file, and sound."""
        held = self._held if not self._verification.is_believed() and self.are_sound({name}) else None
        return held is not None and len(held[1].of[name].records) > 0

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

    def keep(self, names: set[str]) -> None:
        """Write the columns of some fields, of those that are held and of those that the file has, into the file of a
        large gallery: every row has just been verified, and all of them are read now.
        """
        if self.kept is None:
            return
        with self._lock:
            there, changes = self.kept.read(None), self._count()
            wanted = names | (self._held[1].of.keys() if self._held is not None else set())
            if not wanted and there is None:
                return
            with self._begin() as connection:
                last = connection.scalar(select(func.max(RECORDS.c.key))) or 0
                if last > MOST_HELD_IN_COLUMNS or not self._verification.is_large(last):
                    return
                columns = _with_columns(connection, _caught_up(connection, None), wanted)
                others = _with_columns(connection, columns, (there.of.keys() if there is not None else set()) - wanted)
            self._held, self._sound = (changes, columns), wanted
            self._write(others)

    def _current(self, wanted: set[str]) -> Columns | None:
        changes, held = self._count(), self._held
        if held is not None and held[0] == changes and wanted <= held[1].of.keys():
            return held[1]
        with self._lock:
            self._take_from_file(wanted)
            changes, held = self._count(), self._held
            with self._begin() as connection:
                if (connection.scalar(select(func.max(RECORDS.c.key))) or 0) > MOST_HELD_IN_COLUMNS:
                    return None
                columns = _grown_by_verified(connection, held[1]) if held is not None and self._sound else None
                if columns is None:
                    self._sound = set()
                    columns = _caught_up(connection, held[1] if held else None)
                columns = _with_columns(connection, columns, wanted - columns.of.keys())
                edits = edits_of(connection)
            self._held = changes, columns
            self._keep_in_step(columns, edits)
            return columns

    def _take_from_file(self, names: set[str]) -> None:
        """Have those columns of some fields that the file has and this process has not."""
        held = self._held[1] if self._held is not None else None
        lacking = names - held.of.keys() if held is not None else names
        if self.kept is None or not lacking or (kept := self.kept.read(lacking)) is None:
            return
        self._in_file = kept.state[0], kept.last
        if self._held is None:
            self._held, self._sound = (_NEVER, kept), {*kept.of}
        elif (kept.state, kept.last) == (self._held[1].state, self._held[1].last):
            self._held = self._held[0], replace(kept, of={**self._held[1].of, **kept.of})
            self._sound |= kept.of.keys()

    def _keep_in_step(self, columns: Columns, edits: Edits) -> None:
        """Write the file anew where it was removed, or lags so that it soon would be of no use: the columns that came
        from it, or were read with it, and those of other fields that it has.
        """
        if self.kept is None or not self._sound or (not self._lags(columns, edits) and self.kept.is_there()):
            return
        columns = replace(columns, of={name: columns.of[name] for name in self._sound})
        if (others := self.kept.read(None)) is not None:
            self._in_file = others.state[0], others.last
            if not self._lags(columns, edits):
                return  # another process was faster
            columns = self._with_others(columns, others)
        self._write(columns)

    def _write(self, columns: Columns) -> None:
        if self.kept is not None:
            self.kept.write(columns)
            self._in_file = columns.state[0], columns.last

    def _lags(self, columns: Columns, edits: Edits) -> bool:
        """Whether half of what makes the file useless has been changed since."""
        if self._in_file is None:
            return False
        edited = edits.keys_since(self._in_file[0])
        return edited is None or len(edited) > CHUNK // 2 or columns.last - self._in_file[1] > _MOST_NEW // 2

    def _with_others(self, columns: Columns, others: Columns) -> Columns:
        rest = {name: of for name, of in others.of.items() if name not in columns.of}
        with self._begin() as connection:
            grown = _grown_by_verified(connection, replace(others, of=rest))
        same = grown is not None and (grown.state, grown.last) == (columns.state, columns.last)
        return replace(columns, of={**columns.of, **grown.of}) if grown is not None and same else columns


def _grown_by_verified(connection: Connection, held: Columns) -> Columns | None:
    """The columns as they are now, after the records that have been added or changed since were verified; None where
    these are too many, or are not known. Raises DamagedFileError.
    """
    edited = edits_of(connection).keys_since(held.state[0])
    newer = select(RECORDS.c.key).where(RECORDS.c.key > held.last).limit(_MOST_NEW + 1)
    new = [*connection.scalars(newer)]
    if edited is None or len(edited) > CHUNK or len(new) > _MOST_NEW:
        return None
    if not (keys := sorted(edited.union(new))):
        return _caught_up(connection, held)
    grown = _caught_up(connection, held)
    views, changed = dict.fromkeys(keys, 0), np.zeros(grown.last + 1, np.bool_)
    changed[keys] = True
    for key in grown.owners[changed[grown.owners]].tolist():
        views[key] += 1
    bad = 0
    for raw in raw_records(connection, keys):
        bad += not raw.sound or raw.said[-1] not in (UNKNOWN, views.pop(raw.key))
    if bad or any(views.values()):
        raise damaged_record(bad) if bad else damaged_vectors(sum(views.values()))
    return grown


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
