"""Where records stand: of which study and series, and on which day of their patient; and which others are of these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import bindparam, func, select

from lookalike.store.database import damaged
from lookalike.store.rows import chosen_rows, sound_rows, where_chosen
from lookalike.store.schema import IDENTITIES, RECORDS, STUDIES
from lookalike.types import Record

if TYPE_CHECKING:
    from lookalike.store.store import Store

Unit: TypeAlias = Literal["patient", "study", "series"]
"""What records are grouped by."""

_STUDIES: Final = where_chosen(STUDIES.c.record, *STUDIES.c)
_IDENTITIES: Final = where_chosen(IDENTITIES.c.record, *IDENTITIES.c)
_FIRST: Final = (
    select(RECORDS.c.patient, func.min(IDENTITIES.c.day).label("day"))
    .join(IDENTITIES, IDENTITIES.c.record == RECORDS.c.key)
    .where(RECORDS.c.patient.in_(bindparam("chosen", expanding=True)))
    .group_by(RECORDS.c.patient)
)
_MEMBERS: Final[Mapping[Unit, Any]] = {
    "patient": where_chosen(RECORDS.c.patient, RECORDS.c.patient.label("name"), RECORDS.c.key),
    "study": where_chosen(STUDIES.c.study, STUDIES.c.study.label("name"), STUDIES.c.record.label("key")),
    "series": where_chosen(IDENTITIES.c.series, IDENTITIES.c.series.label("name"), IDENTITIES.c.record.label("key")),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """patient, study, series: pseudonyms; the record's own id for what is not known. day: days since the patient's
    first study in the gallery; None where the date or the patient is not known.
    """

    patient: str
    study: str
    series: str
    day: int | None

    def unit(self, of: Unit) -> str:
        """The pseudonym of its patient, study or series."""
        return str(getattr(self, of))


def standings(store: Store, records: Iterable[Record]) -> dict[int, Standing]:
    """Where records stand, by their keys. Raises DamagedFileError."""
    those = {record.key: record for record in records}
    with store.begin() as connection:
        studies = {row.record: row.study for row in sound_rows(connection, _STUDIES, STUDIES, list(those))}
        rows = {row.record: row for row in sound_rows(connection, _IDENTITIES, IDENTITIES, list(those))}
    first = first_days(store, {those[key].patient for key, row in rows.items() if row.day is not None})
    return {
        key: Standing(
            record.patient,
            studies.get(key, record.id),
            (rows[key].series if key in rows else "") or record.id,
            _since(rows[key].day if key in rows else None, first.get(record.patient)),
        )
        for key, record in those.items()
    }


def _since(day: int | None, first: int | None) -> int | None:
    return None if day is None or first is None else day - first


def first_days(store: Store, patients: Iterable[str]) -> dict[str, int]:
    """The day of the first study of each patient group that is known, as stored. Raises DamagedFileError."""
    if not (wanted := list(patients)):
        return {}
    with store.begin() as connection:
        rows = chosen_rows(connection, _FIRST, wanted)
    if not all(row.day is None or isinstance(row.day, int) for row in rows):
        raise damaged()
    return {row.patient: row.day for row in rows if row.day is not None}


def days_of_records(store: Store, records: Iterable[int]) -> dict[int, int]:
    """The day of each record's study, as stored, by the record's key; without those that are not known. Days of one
    patient can be compared, those of several cannot. Raises DamagedFileError.
    """
    with store.begin() as connection:
        rows = sound_rows(connection, _IDENTITIES, IDENTITIES, [int(key) for key in records])
    return {row.record: row.day for row in rows if row.day is not None}


def members(store: Store, of: Unit, names: Iterable[str]) -> dict[str, list[int]]:
    """The keys of all records of some patients, studies or series, by their pseudonyms."""
    found: dict[str, list[int]] = {}
    with store.begin() as connection:
        for row in chosen_rows(connection, _MEMBERS[of], list(names)):
            found.setdefault(row.name, []).append(int(row.key))
    return found
