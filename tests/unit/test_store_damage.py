"""A damaged, locked, older or newer database of the store."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, update
from sqlalchemy.engine import Engine

import lookalike.store
from filled import fill
from lookalike.errors import DamagedFileError, GalleryError
from lookalike.filters import parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.held import LEAST_TO_GROW
from lookalike.store import Batch, Store, database
from lookalike.store.browse import records_after
from lookalike.store.damage import damage_of
from lookalike.store.database import FILE
from lookalike.store.described import described_after
from lookalike.store.place import put_elsewhere
from lookalike.store.schema import METADATA, VECTORS
from lookalike.store.second_encoder import pending_records
from lookalike.verbs.search import search
from new_records import MakeStore, digest, new, raw

# Damage


@pytest.mark.sqlite_file
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE vectors SET data = zeroblob(32) WHERE key = 2",
        "UPDATE vectors SET data = substr(data, 1, 28) WHERE key = 2",
        "UPDATE vectors SET data = substr(data, 1, 31) WHERE key = 2",
        "UPDATE vectors SET data = 'text' WHERE key = 2",
        "UPDATE vectors SET checksum = checksum + 1 WHERE key = 2",
        "UPDATE vectors SET view = 1 WHERE key = 2",
        "UPDATE vectors SET data = (SELECT data FROM vectors WHERE key = 1), "
        "checksum = (SELECT checksum FROM vectors WHERE key = 1) WHERE key = 2",
        "UPDATE records SET id = '0123456789abcdef' WHERE key = 2",
        "DELETE FROM vectors WHERE key = 2",
    ],
)
def test_a_damaged_vector_is_named_never_used(make_store: MakeStore, tmp_path: Path, change: str) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(3)]))
    with raw(tmp_path) as connection:
        connection.execute(change)
    with pytest.raises(DamagedFileError, match="one stored vector is damaged"):
        store.vectors()
    with pytest.raises(DamagedFileError, match="one stored vector is damaged"):
        store.vectors_of(2)
    assert damage_of(store).vectors == {digest(1)}
    np.testing.assert_array_equal(store.vectors_of(1), new(0).vectors)


def turned(database: Path, table: str) -> None:
    """Let the last two rows of a table that fits into one page stand in each other's place in its tree."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table])
        ((size,),) = connection.execute("PRAGMA page_size")
    data = bytearray(database.read_bytes())
    start = (page - 1) * size
    assert data[start] == 13  # a leaf: its cells' places, of two bytes, follow a head of eight (sqlite.org/fileformat2)
    end = start + 8 + 2 * int.from_bytes(data[start + 3 : start + 5])
    data[end - 4 : end] = data[end - 2 : end] + data[end - 4 : end - 2]
    database.write_bytes(data)


@pytest.mark.sqlite_file
@pytest.mark.parametrize("table", ["records", "vectors"])
def test_keys_out_of_order_are_damage_not_a_reading_without_end(
    make_store: MakeStore, tmp_path: Path, table: str
) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(4)]))
    store.close()
    turned(tmp_path / FILE, table)
    store = make_store()
    with pytest.raises(DamagedFileError, match="is damaged"):
        store.records() if table == "records" else store.vectors()
    if table == "records":
        for ask in (records_after, pending_records):
            with pytest.raises(DamagedFileError, match="is damaged"):
                ask(store, 0, 9)
    else:
        with pytest.raises(DamagedFileError, match="is damaged"):
            described_after(store, 0, 9)


@pytest.mark.sqlite_file
@pytest.mark.parametrize("owner", [0, 1, 9, 1 << 20])
def test_a_vector_of_another_record_is_named_before_a_filter(make_store: MakeStore, tmp_path: Path, owner: int) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(3)]))
    with raw(tmp_path) as connection:
        connection.execute("UPDATE vectors SET record = ?, view = 7 WHERE key = 2", [owner])
    with pytest.raises(DamagedFileError, match="stored vector"):
        store.keys_where(parse("source != x"))


@pytest.mark.sqlite_file
@pytest.mark.parametrize("owner", [0, 9])
def test_a_vector_of_no_record_is_named_after_all_was_verified(
    make_store: MakeStore, tmp_path: Path, owner: int
) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(3)]))
    store.verify()
    with raw(tmp_path) as connection:
        connection.execute("UPDATE vectors SET record = ? WHERE key = 2", [owner])
    with pytest.raises(DamagedFileError, match="damaged"):
        store.keys_where(parse("source != x"))


@pytest.mark.sqlite_file
@pytest.mark.parametrize("records", [4, LEAST_TO_GROW + 1])
def test_a_vector_of_another_key_is_found(make_gallery: Callable[..., Gallery], records: int) -> None:
    """An index file that knows it by its former key is made anew: a filter would leave it out."""
    gallery = make_gallery(encoder="imported:x:8")
    vectors = np.random.default_rng(0).normal(size=(records, 8))
    attributes = [{"n": "few" if i < 4 else "many"} for i in range(records)]
    ids = fill(gallery, list(vectors), [f"{i}" for i in range(records)], attributes=attributes)
    said = search(gallery, id=ids[0], k=3, where="n=few").hits
    gallery.close()
    with closing(sqlite3.connect(gallery.folder / "gallery.db")) as connection, connection:
        connection.execute(
            "UPDATE vectors SET key = 100000 WHERE record = (SELECT key FROM records WHERE id = ?)", [ids[3]]
        )
    with open_gallery(gallery.folder) as again:
        assert search(again, id=ids[0], k=3, where="n=few").hits == said


@pytest.mark.both_databases
def test_damaged_vectors_are_counted_and_made_anew(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(5)]))
    assert damage_of(store).vectors == set()
    with store.begin(write=True) as connection:
        connection.execute(update(VECTORS).where(VECTORS.c.key.in_([1, 4])).values(data=bytes(32)))
    with pytest.raises(DamagedFileError, match="2 stored vectors are damaged"):
        store.vectors()
    store.write(Batch(records=[new(0), new(3)]))
    assert damage_of(store).vectors == set()
    assert len(store.vectors().keys) == 5


@pytest.mark.sqlite_file
@pytest.mark.parametrize("damage", ["header", "middle", "cut", "text"])
def test_a_damaged_database_is_named(make_store: MakeStore, tmp_path: Path, damage: str) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(40)]))
    store.close()
    path = tmp_path / "gallery.db"
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:100] = b"\xff" * 100
    elif damage == "middle":
        data[4096:] = b"\xa5" * (len(data) - 4096)
    elif damage == "cut":
        data = data[: len(data) // 3]
    else:
        data = bytearray(b"this is no database, but a text that is long enough to look like one\n" * 100)
    path.write_bytes(data)

    def use_it() -> None:
        opened = Store(tmp_path)
        try:
            opened.vectors()
            opened.records()
        finally:
            opened.close()

    with pytest.raises(DamagedFileError, match="damaged") as caught:
        use_it()
    assert "index" in str(caught.value)


@pytest.mark.sqlite_file
def test_a_locked_database_is_no_damage(make_store: MakeStore, tmp_path: Path, monkeypatch: Any) -> None:
    store = make_store()
    store.close()
    monkeypatch.setattr(database, "create_engine", _impatient(database.create_engine))
    with raw(tmp_path) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GalleryError, match="close other programs"):
            Store(tmp_path).put_space("x", {}, None)


def _impatient(create_engine: Any) -> Any:
    return lambda url, connect_args: create_engine(url, connect_args={**connect_args, "timeout": 0.05})


# Migrations


@pytest.mark.both_databases
def test_the_migrations_draw_the_schema(make_store: MakeStore) -> None:
    store = make_store()
    with store._engine.connect() as connection:
        options: dict[str, Any] = {"compare_type": True, "compare_server_default": True}
        options["include_name"] = lambda name, _kind, _parents: name != "writes"  # PostgreSQL's own
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


@pytest.mark.sqlite_file
def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    folder = Path(lookalike.store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [database._HEAD]


@pytest.mark.both_databases
def test_a_newer_database_is_refused_with_what_to_do(make_store: MakeStore, tmp_path: Path) -> None:
    with make_store().begin(write=True) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(GalleryError, match=r"'9999'.*newer"):
        Store(tmp_path)


@pytest.mark.sqlite_file
def test_a_new_gallery_is_drawn_in_one_transaction(tmp_path: Path) -> None:
    """Killed between two tables, a database that was drawn table by table could never be opened again. Another process,
    as it were, looks at it after each statement.
    """
    seen: list[int] = []

    def look(*_: object) -> None:
        seen.extend(row[0] for row in other.execute("SELECT count(*) FROM sqlite_master WHERE type='table'"))

    with closing(sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        event.listen(Engine, "after_cursor_execute", look)
        try:
            Store(tmp_path).close()
        finally:
            event.remove(Engine, "after_cursor_execute", look)
    tables = len(METADATA.tables) + 1
    assert set(seen) <= {0, tables, tables + 1}  # sqlite_sequence comes with the first key
    assert seen.count(0) > tables  # while it was drawn


@pytest.mark.both_databases
def test_two_processes_may_make_the_same_gallery(tmp_path: Path, store_url: str) -> None:
    if store_url:
        put_elsewhere(tmp_path, store_url)
    made: list[Store] = []
    threads = [threading.Thread(target=lambda: made.append(Store(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len({store.id for store in made}) == len({store.patient_group("x") for store in made}) == 1
    for store in made:
        store.close()
