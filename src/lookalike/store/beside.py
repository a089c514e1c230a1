"""Write what stands beside records: the words of their reports, and which study they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, insert

from lookalike.store.batch import delete_rows
from lookalike.store.checksums import row_checksum
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import RECORDS, REPORTS, STUDIES
from lookalike.types import EncodedReport

_OF_FILES: Final = where_chosen(RECORDS.c.sha256, RECORDS.c.key, RECORDS.c.id, RECORDS.c.sha256)


def write_reports(connection: Connection, reports: Mapping[str, EncodedReport]) -> list[int]:
    """Give every record of some files (SHA-256) its report, instead of the one it has. Returns the records' keys."""
    owners = chosen_rows(connection, _OF_FILES, list(reports))
    delete_rows(connection, REPORTS.c.record, [row.key for row in owners])
    if rows := [_row(row.key, row.id, reports[row.sha256]) for row in owners]:
        connection.execute(insert(REPORTS), rows)
    return [row.key for row in owners]


def _row(record: int, identity: str, report: EncodedReport) -> dict[str, Any]:
    data = np.ascontiguousarray(report.vectors, "<f2").tobytes()
    crc = row_checksum(identity, report.text, data)
    return {"record": record, "text": report.text, "passages": len(report.vectors), "data": data, "checksum": crc}


def write_studies(connection: Connection, studies: Mapping[str, str], group: Callable[[str], str]) -> None:
    """Note of which study the records of some files (SHA-256 -> the study as the source names it) are. group: a name ->
    its salted hash, "" where it cannot be told.
    """
    owners = chosen_rows(connection, _OF_FILES, list(studies))
    rows = [{"record": row.key, "study": group(named_study(studies[row.sha256]))} for row in owners]
    delete_rows(connection, STUDIES.c.record, [row["record"] for row in rows])
    if known := [row for row in rows if row["study"]]:
        connection.execute(insert(STUDIES), known)


def named_study(study: str) -> str:
    """A study's name as it is hashed: no patient may have the same."""
    return f"study {study}"
