"""Write what stands beside records: the words of their reports, which study they are of, and who they are in a PACS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, insert

from lookalike.days import day_number
from lookalike.store.batch import delete_rows, insert_rows
from lookalike.store.checksums import row_checksum
from lookalike.store.identity import Identity
from lookalike.store.rows import chosen_rows, where_chosen
from lookalike.store.schema import IDENTITIES, INSTANCES, RECORDS, REPORTS, STUDIES
from lookalike.store.sealed import sealed
from lookalike.types import EncodedReport, FileIdentity

_OF_FILES: Final = where_chosen(RECORDS.c.sha256, RECORDS.c.key, RECORDS.c.id, RECORDS.c.sha256, RECORDS.c.patient)
_DAYS: Final = where_chosen(IDENTITIES.c.record, IDENTITIES.c.record, IDENTITIES.c.day)


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


def write_studies(connection: Connection, studies: Mapping[str, str], identity: Identity) -> None:
    """Note of which study the records of some files (SHA-256 -> the study as the source names it) are. identity: of the
    gallery.
    """
    owners = chosen_rows(connection, _OF_FILES, list(studies))
    rows = [{"record": row.key, "study": identity.group("study", studies[row.sha256])} for row in owners]
    delete_rows(connection, STUDIES.c.record, [row["record"] for row in rows])
    if known := [row for row in rows if row["study"]]:
        connection.execute(insert(STUDIES), known)


def write_identities(connection: Connection, files: Mapping[str, FileIdentity], identity: Identity) -> None:
    """Note who the records of some files (SHA-256) are. identity: of the gallery. Raises MissingExtraError.

    The day is of the patient that the record is grouped under: where that is not the one whom the file names now, the
    day that is there stays.
    """
    owners = chosen_rows(connection, _OF_FILES, list(files))
    keys = [row.key for row in owners]
    before = {row.record: row.day for row in chosen_rows(connection, _DAYS, keys)}
    rows = [
        {
            "record": row.key,
            "series": identity.group("series", of.identity.series_instance_uid),
            "day": before.get(row.key) if (day := _day(row.patient, of, identity)) is None else day,
            "sealed": _sealed(row.id, of, identity),
        }
        for row in owners
        for of in [files[row.sha256]]
    ]
    instances = [
        {"record": row.key, "instance": instance}
        for row in owners
        for instance in dict.fromkeys(identity.group("instance", uid) for uid in files[row.sha256].instances)
        if instance
    ]
    for table, some in ((IDENTITIES, rows), (INSTANCES, instances)):
        delete_rows(connection, table.c.record, keys)
        insert_rows(connection, table, some)


def _day(group: str, of: FileIdentity, identity: Identity) -> int | None:
    day, moved = day_number(of.identity.study_date), identity.moved_by(of.patient)
    if day is None or moved is None or identity.patient_group(of.patient) != group:
        return None
    return day + moved


def _sealed(record: str, of: FileIdentity, identity: Identity) -> bytes | None:
    if not identity.linked or identity.key is None:
        return None
    return sealed(identity.key, identity.id, record, of.identity)
