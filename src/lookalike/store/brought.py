"""What another gallery says of the same records, beside their files: labels and attributes; patients regrouped.

The gallery's own word counts where it has one. A person's labels outweigh a table's, whichever of the two they are of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Connection, update

from lookalike.store.batch import forget_day, put_attributes
from lookalike.store.edits import count_edit
from lookalike.store.label_log import Names, by_hand, labels_of, set_by_hand, set_by_table
from lookalike.store.rows import chosen_rows, keys_by_id, where_chosen
from lookalike.store.schema import ATTRIBUTES, RECORDS, TABLE_LABELS
from lookalike.store.verify import seal, verify_records
from lookalike.types import Attribute, Record

if TYPE_CHECKING:
    from lookalike.store.store import Store

_Value = TypeVar("_Value")

_TOGETHER: Final = 2000  # records of one transaction
_ATTRIBUTES: Final = where_chosen(ATTRIBUTES.c.record, *ATTRIBUTES.c)


@dataclass(frozen=True, slots=True)
class SaidOfRecord:
    """labels: that count. table: as its label table said them. by_hand: whether a person set those that count."""

    labels: Names
    table: Names
    by_hand: bool
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True)
class DifferingLabels:
    """here: as they were. theirs: what the other gallery said. theirs_count: whether these count now."""

    id: str
    here: tuple[str, ...]
    theirs: tuple[str, ...]
    theirs_count: bool


def said_of_records(store: Store, records: Mapping[int, Record]) -> dict[str, SaidOfRecord]:
    """What a gallery says of some records, by their ids."""
    with store.begin() as connection:
        table, hand = labels_of(connection, records, TABLE_LABELS), by_hand(connection, records)
    return {
        record.id: SaidOfRecord(frozenset(record.labels), table[key], key in hand, record.attributes)
        for key, record in records.items()
    }


def bring_said(store: Store, said: Mapping[str, SaidOfRecord], *, by: str) -> tuple[list[DifferingLabels], int]:
    """Let what another gallery says of records here be known, where nothing else is. by: who, for the log of labels.

    Returns the records whose labels differ, and how many have an attribute with another value here.
    """
    differing, others = [], 0
    for some in _parts(said):
        with store.begin(write=True) as connection:
            keys = keys_by_id(connection, some)
            verify_records(connection, keys.values())
            differ, labelled = _bring_labels(connection, {id: (key, some[id]) for id, key in keys.items()}, by)
            described, other = _bring_attributes(connection, {key: some[id].attributes for id, key in keys.items()})
            seal(connection, labelled | described)
            if labelled | described:
                count_edit(connection, sorted(labelled | described))
        differing += differ
        others += other
    return differing, others


def _bring_labels(
    connection: Connection, said: Mapping[str, tuple[int, SaidOfRecord]], by: str
) -> tuple[list[DifferingLabels], set[int]]:
    keys = [key for key, _each in said.values()]
    now, table, hand = labels_of(connection, keys), labels_of(connection, keys, TABLE_LABELS), by_hand(connection, keys)
    persons = {key: each.labels for key, each in said.values() if each.by_hand and key not in hand}
    tables = {key: each.table for key, each in said.values() if each.table and not table[key]}
    differing = []
    for id, (key, each) in said.items():
        both_say = (each.labels or each.by_hand) and (now[key] or key in hand)
        if both_say and each.labels != now[key]:
            here, theirs = tuple(sorted(now[key])), tuple(sorted(each.labels))
            differing.append(DifferingLabels(id, here, theirs, key in persons))
    set_by_table(connection, tables, overwrite=False)
    set_by_hand(connection, persons, "set", by)
    return differing, tables.keys() | persons.keys()


def _bring_attributes(
    connection: Connection, attributes: Mapping[int, Mapping[str, Attribute]]
) -> tuple[set[int], int]:
    """The records that have got attributes, and how many have another value of one."""
    there: dict[int, dict[str, str]] = {key: {} for key in attributes}
    for row in chosen_rows(connection, _ATTRIBUTES, [*attributes]):
        there[row.record][row.name] = row.text
    new = {
        key: {name: value for name, value in each.items() if name not in there[key]} for key, each in attributes.items()
    }
    put_attributes(connection, new.items())
    other = sum(
        any(there[key].get(name, str(value)) != str(value) for name, value in each.items())
        for key, each in attributes.items()
    )
    return {key for key, each in new.items() if each}, other


def regroup(store: Store, groups: Mapping[str, str]) -> None:
    """Put records, by their ids, into other groups of patients, by the groups' pseudonyms."""
    for some in _parts(groups):
        with store.begin(write=True) as connection:
            keys = keys_by_id(connection, some)
            verify_records(connection, keys.values())
            for id, key in keys.items():
                connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(patient=some[id]))
                forget_day(connection, key)
            seal(connection, keys.values())
            count_edit(connection, keys.values())


def _parts(values: Mapping[str, _Value]) -> Iterator[dict[str, _Value]]:
    listed = list(values)
    for start in range(0, len(listed), _TOGETHER):
        yield {name: values[name] for name in listed[start : start + _TOGETHER]}
