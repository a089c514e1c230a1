"""The reports of records: their words, and the vectors of their passages. Who may see them is decided by who asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from lookalike.errors import DamagedFileError
from lookalike.store.checksums import row_checksum
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import RECORDS, REPORTS

if TYPE_CHECKING:
    from lookalike.store.store import Store

_TOGETHER: Final = 1000  # rows read at once

_WITH_ID: Final = where_chosen(REPORTS.c.record, *REPORTS.c, RECORDS.c.id).join(
    RECORDS, RECORDS.c.key == REPORTS.c.record
)


class StoredReports(NamedTuple):
    """records (n,): the keys of the records that have a report, ascending. starts (n,): the first passage of each.
    passages (m, dim) float16: unit vectors, one report's after the other's.
    """

    records: NDArray[np.int64]
    starts: NDArray[np.int64]
    passages: NDArray[np.float16]


def report_texts(store: Store, records: Iterable[int]) -> dict[int, str]:
    """The reports of records, by their keys; those without one are left out. Raises DamagedFileError."""
    store.verify_rows(REPORTS)
    with store.begin() as connection:
        rows = chosen_rows(connection, _WITH_ID, [int(key) for key in records])
        return {row.record: _sound(row).text for row in rows}


def every_report(store: Store) -> StoredReports:
    """The vectors of all reports. Raises DamagedFileError, BusyError."""
    store.verify()
    store.verify_rows(REPORTS)
    query = select(REPORTS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == REPORTS.c.record).order_by(REPORTS.c.record)
    records: list[int] = []
    found: list[NDArray[np.float16]] = []
    with store.begin() as connection:
        for row in connection.execution_options(yield_per=_TOGETHER).execute(query):
            records.append(_sound(row).record)
            found.append(np.frombuffer(row.data, "<f2").reshape(row.passages, -1))
        starts = np.cumsum([0, *map(len, found[:-1])], dtype=np.int64)[: len(found)]
        passages = np.concatenate(found) if found else np.empty((0, 0), np.float16)
        return StoredReports(np.array(records, np.int64), starts, passages)


def count_reports(store: Store) -> int:
    """How many records have a report."""
    with store.begin() as connection:
        return int(connection.scalar(select(func.count()).select_from(REPORTS)) or 0)


def texts_of_files(store: Store) -> dict[str, str]:
    """The report of each file's records, by its SHA-256, without damaged ones."""
    query = select(REPORTS, RECORDS.c.id, RECORDS.c.sha256).join(RECORDS, RECORDS.c.key == REPORTS.c.record)
    with store.begin() as connection:
        rows = connection.execution_options(yield_per=_TOGETHER).execute(query)
        return {row.sha256: row.text for row in rows if _is_sound(row)}


def _is_sound(row: Any) -> bool:
    whole = isinstance(row.data, bytes) and isinstance(row.passages, int) and row.passages > 0
    return whole and not len(row.data) % (2 * row.passages) and row.checksum == row_checksum(row.id, row.text, row.data)


def _sound(row: Any) -> Any:
    """A row, if it is what was stored. Raises DamagedFileError."""
    if not _is_sound(row):
        raise DamagedFileError(
            "the stored report of a record is damaged; run `lookalike index` on the same sources and reports again, or "
            "put a backup in the place of the gallery"
        )
    return row
