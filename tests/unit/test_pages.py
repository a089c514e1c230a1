"""What SQLite leaves between the cells of its pages, against the bytes of the whole file."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from lookalike.store.pages import lies_between

WORD = b"SECRETMARK"
TABLES = (
    "CREATE TABLE r(key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, source TEXT)",
    "CREATE TABLE a(record INTEGER REFERENCES r(key) ON DELETE CASCADE, name TEXT, text TEXT, "
    "PRIMARY KEY(record, name))",
    "CREATE INDEX a_by_text ON a(name, text)",
)


def filled(path: Path, seed: int) -> sqlite3.Connection:
    """A database as the gallery's is set up, from which every row with the word has been deleted."""
    rnd = random.Random(seed)
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON", "secure_delete=ON"):
        database.execute(f"PRAGMA {pragma}")
    for table in TABLES:
        database.execute(table)
    for _ in range(rnd.randint(20, 60)):
        database.execute("BEGIN")
        for _ in range(rnd.randint(1, 64)):
            mark = WORD.decode() if rnd.random() < 0.1 else str(rnd.random())
            row = (f"{rnd.getrandbits(64):016x}", f"/data/{mark}/{'x' * rnd.randint(0, 80)}")
            key = database.execute("INSERT INTO r(id, source) VALUES(?, ?)", row).lastrowid
            for name in ("Modality", "site"):
                database.execute("INSERT INTO a VALUES(?, ?, ?)", (key, name, f"{mark}-{rnd.random()}"))
        database.execute("COMMIT")
    database.execute("DELETE FROM r WHERE source LIKE ?", (f"%{WORD.decode()}%",))
    assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    return database


def test_traces_of_deleted_rows_are_seen_and_go(tmp_path: Path) -> None:
    found = 0
    for seed in range(12):
        path = tmp_path / f"{seed}.db"
        with closing(filled(path, seed)) as database:
            left = WORD in path.read_bytes()
            assert lies_between(path, [b"nothing like it", WORD]) == left
            assert not lies_between(path, [b"nothing like it"])
            found += left
            database.execute("VACUUM")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert WORD not in path.read_bytes()
    assert found  # else this tests nothing: overwriting alone would do
