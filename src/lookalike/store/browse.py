"""Browse the records: pages of records and refused files, counts of values, samples of vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, func, select, true

from lookalike.filters import Filter
from lookalike.store.database import check_ascending
from lookalike.store.rows import refusals, whole_records
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS, REFUSED
from lookalike.store.where import condition
from lookalike.types import Record, Refusal, Vectors

if TYPE_CHECKING:
    from lookalike.store.store import Store

_OWN: Final[Mapping[str, Any]] = {"indexed": RECORDS.c.key, "source": RECORDS.c.source, "patient": RECORDS.c.patient}
FieldKind: TypeAlias = Literal["text", "number"]


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """values: of a text field the most frequent, with how many records have each. low, high: of numbers. same: columns
    of label tables that say the same of every record that has them (``same_fields``).
    """

    field: str
    kind: FieldKind
    values: tuple[tuple[str, int], ...]
    low: float | None
    high: float | None
    same: tuple[str, ...] = ()


def _where(tree: Filter | None) -> ColumnElement[bool]:
    return true() if tree is None else condition(tree)


def records_after(store: Store, key: int, limit: int, tree: Filter | None = None) -> list[Record]:
    """At most ``limit`` records with keys above ``key`` that satisfy a filter, by ascending key. Raises
    SlowFilterError, BusyError.
    """
    query = select(RECORDS.c.key).where(RECORDS.c.key > key, _where(tree)).order_by(RECORDS.c.key).limit(limit)
    with store.begin_filtered(tree) as connection:
        keys = list(connection.scalars(query))
        check_ascending(key, keys)
        found = whole_records(connection, keys)
    return [found[key] for key in keys if key in found]


def records_in_order(
    store: Store, field: str, first: int, limit: int, tree: Filter | None = None, *, descending: bool = False
) -> list[Record]:
    """At most ``limit`` records that satisfy a filter, from number ``first`` on, in the order of a field: numbers
    before texts, and who has no value at the end. field: an attribute, "label" (the first), "source", "patient" or
    "indexed".
    """
    by: tuple[Any, ...]
    if field == "label":
        lowest = select(LABELS.c.record, func.min(LABELS.c.label).label("text")).group_by(LABELS.c.record).subquery()
        query, by = select(RECORDS.c.key).outerjoin(lowest, lowest.c.record == RECORDS.c.key), (lowest.c.text,)
    elif field in _OWN:
        query, by = select(RECORDS.c.key), (_OWN[field],)
    else:
        of = (ATTRIBUTES.c.record == RECORDS.c.key) & (ATTRIBUTES.c.name == field)
        query, by = select(RECORDS.c.key).outerjoin(ATTRIBUTES, of), (ATTRIBUTES.c.number, ATTRIBUTES.c.text)
    ordered = [order for one in by for order in (one.is_(None), one.desc() if descending else one)]
    query = query.where(_where(tree)).order_by(*ordered, RECORDS.c.key).offset(first).limit(limit)
    with store.begin_filtered(tree) as connection:
        keys = list(connection.scalars(query))
        found = whole_records(connection, keys)
    return [found[key] for key in keys if key in found]


def refused_after(store: Store, first: int, limit: int) -> list[Refusal]:
    """At most ``limit`` refused files by name, from number ``first`` on."""
    query = select(REFUSED).order_by(REFUSED.c.source).offset(first).limit(limit)
    with store.begin() as connection:
        return refusals(connection, query)


def count_refused(store: Store) -> int:
    """How many files were refused."""
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).select_from(REFUSED)) or 0)


def label_counts(store: Store, top: int | None = None) -> list[tuple[str, int]]:
    """Labels with the number of records that have each, the most frequent first."""
    store.verify()
    with store.begin() as connection:
        return _label_counts(connection, top, None)


def field_kinds(store: Store) -> dict[str, FieldKind]:
    """The attributes that occur, by kind. A field with only numeric values is a number."""
    store.verify()
    with store.begin() as connection:
        return _field_kinds(connection)


def facet_counts(store: Store, top: int, tree: Filter | None = None) -> list[FieldCounts]:
    """The values of each field in the records that satisfy a filter, the labels first; a table's column that says what
    the headers say is named with theirs. Raises SlowFilterError, BusyError.
    """
    store.verify()
    same = store.same_fields()
    with store.begin_filtered(tree) as connection:
        kinds = _field_kinds(connection)
        labels = _label_counts(connection, top, tree)
        said = {column for columns in same.values() for column in columns}
        kinds = {name: kind for name, kind in kinds.items() if name not in said}
        texts, ends = _text_counts(connection, kinds, top, tree), _ends(connection, tree)
    none = (None, None)
    return [
        FieldCounts("label", "text", tuple(labels), *none),
        *(
            FieldCounts(
                name,
                kind,
                tuple(texts.get(name, ())),
                *(ends.get(name, none) if kind == "number" else none),
                same.get(name, ()),
            )
            for name, kind in kinds.items()
        ),
    ]


def _label_counts(connection: Connection, top: int | None, tree: Filter | None) -> list[tuple[str, int]]:
    many = func.count().label("many")
    query = _of(select(LABELS.c.label, many), LABELS, tree).group_by(LABELS.c.label)
    rows = connection.execute(query.order_by(many.desc(), LABELS.c.label).limit(top))
    return [(row.label, row.many) for row in rows]


def _field_kinds(connection: Connection) -> dict[str, FieldKind]:
    query = select(ATTRIBUTES.c.name, func.count(), func.count(ATTRIBUTES.c.number)).group_by(ATTRIBUTES.c.name)
    rows = connection.execute(query.order_by(ATTRIBUTES.c.name))
    return {str(name): "number" if count == numbers else "text" for name, count, numbers in rows}


def _text_counts(
    connection: Connection, kinds: Mapping[str, FieldKind], top: int, tree: Filter | None
) -> dict[str, list[tuple[str, int]]]:
    """The most frequent values of every field of text, in one query: the filter is worked out once for all of them."""
    name, text, many = ATTRIBUTES.c.name, ATTRIBUTES.c.text, func.count().label("many")
    texts = [field for field, kind in kinds.items() if kind == "text"]
    counted = _of(select(name, text, many), ATTRIBUTES, tree).where(name.in_(texts)).group_by(name, text).subquery()
    place = func.row_number().over(partition_by=counted.c.name, order_by=(counted.c.many.desc(), counted.c.text))
    placed = select(*counted.c, place.label("place")).subquery()
    found: dict[str, list[tuple[str, int]]] = {}
    for row in connection.execute(select(placed).where(placed.c.place <= top).order_by(placed.c.name, placed.c.place)):
        found.setdefault(row.name, []).append((row.text, row.many))
    return found


def _ends(connection: Connection, tree: Filter | None) -> dict[str, tuple[float | None, float | None]]:
    """The least and the greatest number of every field."""
    columns = ATTRIBUTES.c.name, func.min(ATTRIBUTES.c.number), func.max(ATTRIBUTES.c.number)
    rows = connection.execute(_of(select(*columns), ATTRIBUTES, tree).group_by(ATTRIBUTES.c.name))
    return {name: (low, high) for name, low, high in rows}


def _of(query: Select[Any], table: Any, tree: Filter | None) -> Select[Any]:
    """The query restricted to rows of a table that belong to records which satisfy the filter."""
    if tree is None:
        return query.select_from(table)
    return query.select_from(table).where(table.c.record.in_(select(RECORDS.c.key).where(condition(tree))))


def every_id(store: Store) -> list[str]:
    """The ids of all records."""
    with store.begin() as connection:
        return list(connection.scalars(select(RECORDS.c.id)))


def count_from(store: Store, source: str) -> int:
    """How many records come from a source."""
    with store.begin() as connection:
        query = select(func.count()).select_from(RECORDS).where(RECORDS.c.source == source)
        return int(connection.scalar(query) or 0)


def sample_vectors(store: Store, views: int, least: int) -> list[tuple[str, Vectors]]:
    """The patient group and base vectors (views, dim) of a sample of records: as many as have ``views`` views in total,
    but at least ``least``. Ids are hashes, so their order is random but stable.

    Raises DamagedFileError.
    """
    found: list[tuple[str, Vectors]] = []
    query = select(RECORDS.c.key, RECORDS.c.id, RECORDS.c.patient).order_by(RECORDS.c.id)
    while len(found) < least or sum(len(vectors) for _, vectors in found) < views:
        with store.begin() as connection:
            rows = connection.execute(query.offset(len(found)).limit(128)).all()
        if not rows:
            break
        of = store.slices_of_each([row.key for row in rows])
        found += [(row.patient, of[row.key][1]) for row in rows if row.key in of]
    return found
