"""Checksums of records, their labels' origin, thumbnails and the smaller tables; how many vectors a record has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from lookalike.store.checksums import history_checksum, record_checksum, row_checksum, thumbnail_checksum
from lookalike.store.database import check_ascending
from lookalike.store.kinds import WHOLE

revision = "0005"
down_revision = "0004"

_TOGETHER = 500  # records
_SMALL = {
    "gallery": ("name", "value"),
    "spaces": ("name", "encoder", "adapter", "version"),
    "refused": ("source", "reason"),
}
_OF = "WHERE record BETWEEN :first AND :last"


def upgrade() -> None:
    """Add the columns and fill them: what is stored now counts as intact."""
    for table, column in (
        ("records", "views"),
        ("records", "checksum"),
        ("records", "history"),
        ("thumbnails", "checksum"),
        *((table, "checksum") for table in _SMALL),
    ):
        op.add_column(table, sa.Column(column, WHOLE))
    connection, last = op.get_bind(), -1
    for table, columns in _SMALL.items():
        for values in list(_rows(connection, f"SELECT {', '.join(columns)} FROM {table}", {})):
            update = sa.text(f"UPDATE {table} SET checksum = :crc WHERE {columns[0]} = :of")
            connection.execute(update, {"crc": row_checksum(*values), "of": values[0]})
    query = f"SELECT key FROM records WHERE key > :last ORDER BY key LIMIT {_TOGETHER}"
    while keys := [key for (key,) in _rows(connection, query, {"last": last})]:
        check_ascending(last, keys)
        last = keys[-1]
        _seal(connection, {"first": keys[0], "last": last})


def _seal(connection: sa.Connection, part: dict[str, int]) -> None:
    labels, origin, attributes = _of_records(connection, part)
    views = dict(map(tuple, _rows(connection, f"SELECT record, count(*) FROM vectors {_OF} GROUP BY record", part)))
    query = "SELECT key, id, source, sha256, frame, patient FROM records WHERE key BETWEEN :first AND :last"
    records = []
    for key, *said in _rows(connection, query, part):
        many = views.get(key, 0)
        checksum = record_checksum((*said, many), labels[key], attributes[key])
        history = history_checksum(said[0], labels[key], origin[key])
        records.append({"of": key, "many": many, "crc": checksum, "origin": history})
    update = "UPDATE records SET views = :many, checksum = :crc, history = :origin WHERE key = :of"
    connection.execute(sa.text(update), records)
    query = f"SELECT record, id, jpeg FROM thumbnails JOIN records ON key = record {_OF}"
    small = [{"of": key, "crc": thumbnail_checksum(*row)} for key, *row in _rows(connection, query, part)]
    if small:
        connection.execute(sa.text("UPDATE thumbnails SET checksum = :crc WHERE record = :of"), small)


def _of_records(connection: sa.Connection, part: dict[str, int]) -> tuple[Any, Any, Any]:
    """The labels, their origin, and the attributes of records."""
    labels, origin, attributes = defaultdict(list), defaultdict(list), defaultdict(list)
    for key, label in _rows(connection, f"SELECT record, label FROM labels {_OF}", part):
        labels[key].append(label)
    for key, *attribute in _rows(connection, f"SELECT record, name, text, number FROM attributes {_OF}", part):
        attributes[key].append(tuple(attribute))
    changes = (
        'SELECT record, number, time, "by", action, undone, before, after FROM changed_labels '
        f"JOIN label_changes ON number = change {_OF}"
    )
    tables = f"SELECT record, label FROM table_labels {_OF}", f"SELECT record FROM hand_labelled {_OF}", changes
    for mark, query in enumerate(tables):
        for key, *values in _rows(connection, query, part):
            origin[key].append((mark, *values))
    return labels, origin, attributes


def _rows(connection: sa.Connection, query: str, values: dict[str, int]) -> Iterator[Any]:
    yield from connection.execute(sa.text(query), values)
