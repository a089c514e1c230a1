"""Let the tables of an earlier version, which may be read only, look as its migrations would leave them."""

from __future__ import annotations

import sqlite3
from typing import Final

from lookalike.store.checksums import UNKNOWN

# Revisions whose tables hold all that cannot be had otherwise.
READABLE: Final = ("0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012")

_COLUMNS: Final = {  # added to tables of these revisions, and what the migration fills them with
    "jobs": {"mac": "NULL"},
    "records": dict.fromkeys(("views", "checksum", "history"), str(UNKNOWN)),
    **{name: {"checksum": str(UNKNOWN)} for name in ("thumbnails", "gallery", "spaces", "refused")},
}
_TABLES: Final = {  # added whole
    "vectors_beside": "SELECT * FROM main.vectors WHERE 0",
    "patches_beside": "SELECT * FROM main.patches WHERE 0",
    "records_beside": "SELECT 0 AS record, 0 AS views, '' AS reason WHERE 0",
    "table_labels": "SELECT record, label FROM main.labels",
    "hand_labelled": "SELECT 0 AS record WHERE 0",
    "label_changes": "SELECT 0 AS number, 0.0 AS time, '' AS by, '' AS action, NULL AS undone WHERE 0",
    "reports": "SELECT 0 AS record, '' AS text, 0 AS passages, x'' AS data, 0 AS checksum WHERE 0",
    "studies": "SELECT 0 AS record, '' AS study, 0 AS checksum WHERE 0",
    "identities": "SELECT 0 AS record, '' AS series, NULL AS day, NULL AS sealed, 0 AS checksum WHERE 0",
    "instances": "SELECT 0 AS record, '' AS instance, 0 AS checksum WHERE 0",
    "kept_out": "SELECT '' AS name, '' AS patient, 0 AS checksum WHERE 0",
    "pulled": "SELECT '' AS query, '' AS study, 0 AS checksum WHERE 0",
    "cohorts": (
        "SELECT 0 AS number, '' AS name, '' AS definition, '' AS split, 0 AS version, 0 AS size, '' AS by, "
        "0.0 AS created, 0.0 AS changed, 0 AS checksum WHERE 0"
    ),
    "cohort_members": "SELECT 0 AS cohort, 0 AS record, '' AS part, '' AS labels, 0 AS checksum WHERE 0",
    "cohort_chosen": "SELECT 0 AS cohort, 0 AS leaf, 0 AS record, 0 AS checksum WHERE 0",
    "fetched": "SELECT '' AS source, '' AS item, '' AS version, '' AS sha256, '' AS told WHERE 0",
    "readings": (
        "SELECT '' AS round, 0 AS record, '' AS reader, '' AS labels, '' AS by, 0.0 AS time, 0 AS checksum WHERE 0"
    ),
    "decisions": (
        "SELECT '' AS audit, 0 AS record, 0 AS other, '' AS about, '' AS value, 0 AS number, "
        "'' AS decision, '' AS before, '' AS by, 0.0 AS time, 0 AS checksum WHERE 0"
    ),
    "changed_labels": "SELECT 0 AS change, 0 AS record, '' AS before, '' AS after WHERE 0",
}


def show_as_migrated(connection: sqlite3.Connection) -> None:
    """Put temporary views of the same names in front of the tables that lack something; nothing is written."""
    for name in [*_COLUMNS, *_TABLES]:
        there = {row[1] for row in connection.execute(f"PRAGMA main.table_info({name})")}
        if query := _as_migrated(name, there):
            connection.execute(f"CREATE TEMP VIEW {name} AS {query}")


def _as_migrated(name: str, there: set[str]) -> str:
    """The query that stands for a table with these columns; empty if it needs none."""
    if not there:
        return _TABLES.get(name, "")
    missing = [f"{value} AS {column}" for column, value in _COLUMNS.get(name, {}).items() if column not in there]
    return f"SELECT *, {', '.join(missing)} FROM main.{name}" if missing else ""
