"""Columns of label tables that say what the files' own headers say, under another name: sex is PatientSex."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from lookalike.store.edits import edits_of
from lookalike.store.lookup import Begin
from lookalike.store.schema import ATTRIBUTES, RECORDS

_TABLE, _HEADER = ATTRIBUTES.alias("from_table"), ATTRIBUTES.alias("from_header")
_SPELLINGS: Final = {
    "PatientSex": ("sex", "gender", "patientgender", "patientsex"),
    "PatientAge": ("age", "patientage", "ageyears"),
    "ViewPosition": ("view", "viewposition"),
    "Modality": ("modality",),
    "BodyPartExamined": ("bodypart", "bodypartexamined"),
    "PhotometricInterpretation": ("photometric", "photometricinterpretation"),
}
"""DICOM keywords, and how columns that mean the same are called, in lower case without spaces."""


class SameFields:
    """Which columns say the same, found anew when records came or existing ones changed: it looks at every value."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._held: tuple[tuple[int, int], Mapping[str, tuple[str, ...]]] | None = None

    def found(self) -> Mapping[str, tuple[str, ...]]:
        """The columns by DICOM keyword."""
        with self._begin() as connection:
            now = edits_of(connection).number, int(connection.scalar(select(func.max(RECORDS.c.key))) or 0)
            held = self._held
            if held is None or held[0] != now:
                held = now, same_fields(connection, connection.scalars(select(ATTRIBUTES.c.name).distinct()))
                self._held = held
        return held[1]


def same_fields(connection: Connection, fields: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each DICOM keyword among some fields the columns that say the same of every record which has them: the
    sex as M, m or male, an age as a number of years. A column that says something else of one record is none.
    """
    there = [field for field in fields if field != "label"]
    found = {
        keyword: tuple(field for field in there if _is_spelling(field, keyword) and _agrees(connection, field, keyword))
        for keyword in _SPELLINGS
        if keyword in there
    }
    return {keyword: columns for keyword, columns in found.items() if columns}


def _is_spelling(field: str, keyword: str) -> bool:
    return field != keyword and re.sub(r"[\s_.-]+", "", field).casefold() in _SPELLINGS[keyword]


def _agrees(connection: Connection, column: str, keyword: str) -> bool:
    said = and_(_HEADER.c.record == _TABLE.c.record, _HEADER.c.name == keyword, _same(keyword))
    other = select(_TABLE.c.record).where(_TABLE.c.name == column, ~exists(select(_HEADER.c.record).where(said)))
    return connection.execute(other.limit(1)).first() is None


def _same(keyword: str) -> ColumnElement[bool]:
    """Whether a table's value is the header's."""
    if keyword == "PatientSex":
        return func.upper(func.substr(_TABLE.c.text, 1, 1)) == func.upper(func.substr(_HEADER.c.text, 1, 1))
    return or_(_TABLE.c.number == _HEADER.c.number, func.upper(_TABLE.c.text) == func.upper(_HEADER.c.text))
