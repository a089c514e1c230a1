"""Browse the records: pages of records and refused files, counts of values, samples of vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, Select, func, select, true

from lookalike.filters import Filter
from lookalike.store.rows import whole_records
from lookalike.store.schema import ATTRIBUTES, LABELS, RECORDS, REFUSED
from lookalike.store.where import condition
from lookalike.types import Record, Refusal, Vectors

if TYPE_CHECKING:
    from lookalike.store.store import Store


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """values: of a text field the most frequent, with how many records have each. low, high: of numbers."""

    field: str
    kind: Literal["text", "number"]
    values: tuple[tuple[str, int], ...]
    low: float | None
    high: float | None


def _where(tree: Filter | None) -> ColumnElement[bool]:
    return true() if tree is None else condition(tree)


def records_after(store: Store, key: int, limit: int, tree: Filter | None = None) -> list[Record]:
    """At most ``limit`` records with keys above ``key`` that satisfy a filter, by ascending key."""
    query = select(RECORDS.c.key).where(RECORDS.c.key > key, _where(tree)).order_by(RECORDS.c.key).limit(limit)
    with store.begin() as connection:
        keys = list(connection.scalars(query))
        found = whole_records(connection, keys)
    return [found[key] for key in keys if key in found]


def refused_after(store: Store, first: int, limit: int) -> list[Refusal]:
    """At most ``limit`` refused files by name, from number ``first`` on."""
    query = select(REFUSED).order_by(REFUSED.c.source).offset(first).limit(limit)
    with store.begin() as connection:
        return [Refusal(row.source, row.reason) for row in connection.execute(query)]


def count_refused(store: Store) -> int:
    """How many files were refused."""
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).select_from(REFUSED)) or 0)


def label_counts(store: Store, top: int | None = None, tree: Filter | None = None) -> list[tuple[str, int]]:
    """Labels with the number of records that have each, the most frequent first."""
    many = func.count().label("many")
    query = _of(select(LABELS.c.label, many), LABELS, tree).group_by(LABELS.c.label)
    with store.begin() as connection:
        rows = connection.execute(query.order_by(many.desc(), LABELS.c.label).limit(top)).all()
    return [(row.label, row.many) for row in rows]


def field_kinds(store: Store) -> dict[str, Literal["text", "number"]]:
    """The attributes that occur, by kind. A field with only numeric values is a number."""
    query = select(ATTRIBUTES.c.name, func.count(), func.count(ATTRIBUTES.c.number)).group_by(ATTRIBUTES.c.name)
    with store.begin() as connection:
        rows = connection.execute(query.order_by(ATTRIBUTES.c.name)).all()
    return {str(name): "number" if count == numbers else "text" for name, count, numbers in rows}


def facet_counts(store: Store, top: int, tree: Filter | None = None) -> list[FieldCounts]:
    """The values of each field in the records that satisfy a filter, the labels first."""
    found = [FieldCounts("label", "text", tuple(label_counts(store, top, tree)), None, None)]
    for name, kind in field_kinds(store).items():
        named = ATTRIBUTES.c.name == name
        with store.begin() as connection:
            if kind == "number":
                ends = select(func.min(ATTRIBUTES.c.number), func.max(ATTRIBUTES.c.number))
                low, high = connection.execute(_of(ends, ATTRIBUTES, tree).where(named)).one()
                found.append(FieldCounts(name, kind, (), low, high))
                continue
            many = func.count().label("many")
            query = _of(select(ATTRIBUTES.c.text, many), ATTRIBUTES, tree).where(named)
            rows = connection.execute(
                query.group_by(ATTRIBUTES.c.text).order_by(many.desc(), ATTRIBUTES.c.text).limit(top)
            ).all()
        found.append(FieldCounts(name, kind, tuple((row.text, row.many) for row in rows), None, None))
    return found


def _of(query: Select[Any], table: Any, tree: Filter | None) -> Select[Any]:
    """The query restricted to rows of a table that belong to records which satisfy the filter."""
    if tree is None:
        return query.select_from(table)
    return query.select_from(table).where(table.c.record.in_(select(RECORDS.c.key).where(condition(tree))))


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
