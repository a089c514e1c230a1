"""Which records are of one study: pseudonyms, as patients have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from lookalike.store.database import damaged, sound_row
from lookalike.store.schema import RECORDS, STUDIES

if TYPE_CHECKING:
    from lookalike.store.store import Store


def studies_of(store: Store) -> dict[int, str]:
    """The study of each record that is of a known one, by the record's key. Raises DamagedFileError."""
    return {row.record: row.study for row in _read(store, select(STUDIES))}


def files_of_studies(store: Store) -> dict[str, set[str]]:
    """The SHA-256 of the files of each study's records. Raises DamagedFileError."""
    found: dict[str, set[str]] = {}
    for row in _read(store, select(STUDIES, RECORDS.c.sha256).join(RECORDS, RECORDS.c.key == STUDIES.c.record)):
        found.setdefault(row.study, set()).add(row.sha256)
    return found


def study_with(store: Store, record: int) -> tuple[str, list[int]]:
    """A record's study and the keys of its records, in the order of indexing; "" and none where it is of no known one.
    Raises DamagedFileError.
    """
    own = select(STUDIES.c.study).where(STUDIES.c.record == record).scalar_subquery()
    rows = _read(store, select(STUDIES).where(STUDIES.c.study == own).order_by(STUDIES.c.record))
    return (rows[0].study if rows else "", [row.record for row in rows])


def count_studies(store: Store) -> int:
    """How many studies are known."""
    with store.begin() as connection:
        return int(connection.scalar(select(func.count(STUDIES.c.study.distinct()))) or 0)


def _read(store: Store, query: Select[Any]) -> list[Any]:
    with store.begin() as connection:
        rows = list(connection.execute(query))
    if not all(sound_row(row.checksum, row.record, row.study) for row in rows):
        raise damaged()
    return rows
