"""Filters: what ``parse`` takes, the tree and the SQL must answer alike; what it does not take is a UsageError."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np

from fuzz.opened import scratch
from lookalike.errors import UsageError
from lookalike.filters import matches, parse
from lookalike.store import Batch, NewRecord, Store
from lookalike.types import Record

WORDS: Final = (
    "label patient source id Modality PatientAge 'odd name' é and or not ( ) = != < <= > >= ~ ' \" CT ct 60 6e1 "
    "nan inf -0 "
    "1_0 ٣ İ ß %"
)
_VALUES: Final = ("CT", "ct", "60", "6e1", "nan", "-0", "1_0", "٣", "İ", "ß", "%_\\", "", "a b", "0x10", " 60", "é")


@cache
def prepare() -> tuple[Store, dict[int, dict[str, list[str]]]]:
    """A store of records with odd values, and the values of each, by the record's key."""
    store = Store(scratch())
    batch = Batch()
    for number, value in enumerate(_VALUES):
        labels = (value or "x", f"l{number % 3}")
        attributes: dict[str, str | float] = {
            "Modality": value or "x",
            "PatientAge": number * 7.5,
            "odd name": f"{number}",
        }
        vector = np.eye(1, 4, number % 4, dtype=np.float32)
        batch.records.append(
            NewRecord(f"{value}.png", f"{number:064x}", 0, f"p{number % 5}", labels, attributes, vector, b"")
        )
    store.write(batch)
    return store, {record.key: _fields(record) for record in store.records().values()}


def _fields(record: Record) -> dict[str, list[str]]:
    own = {"id": [record.id], "source": [record.source], "patient": [record.patient], "label": list(record.labels)}
    return own | {name: [str(value)] for name, value in record.attributes.items()}


def _check_one_line(message: str) -> None:
    assert "\n" not in message


def check(data: bytes) -> None:
    """Compare the two readings of a filter over every record."""
    store, fields = prepare()
    try:
        tree = parse(data.decode("utf-8", "surrogateescape"))
        found = store.keys_where(tree)
    except UsageError as error:
        _check_one_line(str(error))
        return
    expected = {key for key, values in fields.items() if matches(tree, values)}
    owners = {int(owner) for owner in store.owner_keys(found)}
    assert owners == expected, f"SQL {sorted(owners)}, tree {sorted(expected)}"


def seeds() -> Iterator[bytes]:
    """A filter of every form."""
    for text in (
        "Modality=CT",
        "Modality=CT and (PatientAge>=60 or not label=l1)",
        "label~'ß' or source~\"%_\"",
        "not not Modality!=60",
        "PatientAge<=6e1 and PatientAge>-0",
        "'odd name'=1_0",
        "id=1 or patient=p1",
        "Modality~İ",
        "(((a=1)))",
        "Modality=٣",
    ):
        yield text.encode()
