"""A gallery of an earlier version that may be read only looks as its migrations would leave it."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, select

from lookalike.store.database import FILE, connect
from lookalike.store.older import READABLE
from lookalike.store.schema import METADATA


@pytest.mark.parametrize("revision", READABLE)
def test_every_table_can_be_read_as_it_would_be_after_migrating(tmp_path: Path, revision: str) -> None:
    drawn = create_engine(f"sqlite:///{tmp_path / FILE}")
    config = Config()
    config.set_main_option("script_location", "lookalike.store:migrations")
    with drawn.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.exec_driver_sql(
            "INSERT INTO records (key, id, source, sha256, frame, patient) VALUES (1,'i','s','h',0,'p')"
        )
        connection.exec_driver_sql("INSERT INTO labels (record, label) VALUES (1, 'mass')")
        if revision > "0002":
            connection.exec_driver_sql("INSERT INTO table_labels (record, label) VALUES (1, 'mass')")
    drawn.dispose()
    tables = METADATA.sorted_tables
    older = connect(tmp_path, writable=False)
    with older.connect() as connection:
        before = {table.name: connection.execute(select(table)).all() for table in tables}
    older.dispose()
    migrated = connect(tmp_path, writable=True)
    with migrated.connect() as connection:
        after = {table.name: connection.execute(select(table)).all() for table in tables}
    migrated.dispose()
    assert before["table_labels"] == [(1, "mass")]
    for name in before.keys() - {"records", "gallery", "thumbnails"}:  # whose checksums only a migration can give
        assert before[name] == after[name], name
    assert [row.id for row in before["records"]] == ["i"]
