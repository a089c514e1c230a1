"""The store: what is written is there, whole, and what is damaged is named."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

import lookalike.store
from lookalike.errors import DamagedFileError, GalleryError, NotFoundError
from lookalike.filters import parse
from lookalike.store import BASE, Batch, NewRecord, Relabel, Store, database, record_id
from lookalike.store.damage import damage_of
from lookalike.store.schema import METADATA
from lookalike.types import Refusal

MakeStore = Callable[[], Store]
ENCODER = {"name": "none", "identity": {"name": "none"}}


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    """Open the same folder's store, as often as asked."""
    opened: list[Store] = []

    def make() -> Store:
        opened.append(Store(tmp_path))
        if BASE not in opened[-1].spaces():
            opened[-1].put_space(BASE, ENCODER, None)
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def new(number: int, frame: int = 0, **fields: Any) -> NewRecord:
    vector = np.random.default_rng([number, frame]).standard_normal((1, 8)).astype(np.float32)
    default: dict[str, Any] = {
        "source": f"/data/{number}.dcm",
        "sha256": digest(number),
        "frame": frame,
        "patient": f"patient-{number % 3}",
        "labels": ("effusion",),
        "thumbnail": b"jpeg",
        "vectors": vector,
        "attributes": {"Modality": "CR", "PatientAge": 45.0},
    }
    return NewRecord(**{**default, **fields})


def raw(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "gallery.db")


# Writing and reading


def test_what_is_written_is_there_after_opening_again(make_store: MakeStore) -> None:
    store = make_store()
    rows = [new(i) for i in range(5)]
    assert store.write(Batch(records=rows, finished={r.sha256: r.source for r in rows})) == [r.sha256 for r in rows]
    store.close()
    again = make_store()
    assert (again.id, again.count()) == (store.id, 5)
    assert again.files() == {row.sha256 for row in rows}
    stored = again.vectors()
    np.testing.assert_array_equal(stored.vectors, np.concatenate([row.vectors for row in rows]))
    records = again.records()
    for key, row in zip(stored.records, rows, strict=True):
        record = records[int(key)]
        assert (record.source, record.frame, record.labels) == (row.source, 0, row.labels)
        assert record.id == record_id(row.sha256, 0)
        assert record.attributes == row.attributes
        assert again.thumbnail(int(key)) == b"jpeg"
        np.testing.assert_array_equal(again.vectors_of(int(key)), row.vectors)
        assert again.record(record.id) == again.find(record.id) == record


def test_ids_are_public_stable_and_differ_by_frame() -> None:
    assert record_id("ab" * 32, 0) == hashlib.sha256(b"%s:0" % (b"ab" * 32)).hexdigest()[:16]
    assert len({record_id(digest(i), frame) for i in range(50) for frame in range(50)}) == 2500


def test_the_same_record_again_gets_its_new_vectors_and_nothing_else(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(1), new(2)]))
    before = store.records()
    vectors = np.full((1, 8), 3, np.float32)
    assert store.write(Batch(records=[new(1, vectors=vectors, labels=("other",), source="/moved.dcm")])) == []
    assert store.records() == before
    key = next(key for key, record in before.items() if record.id == record_id(digest(1), 0))
    np.testing.assert_array_equal(store.vectors_of(key), vectors)
    assert len(store.vectors().keys) == 2


def test_the_same_file_twice_in_one_batch_is_one_record(make_store: MakeStore) -> None:
    store = make_store()
    assert store.write(Batch(records=[new(1), new(1, source="/copy.dcm")])) == [digest(1)]
    assert store.count() == len(store.vectors().keys) == 1


def test_several_views_of_one_record(make_store: MakeStore) -> None:
    store = make_store()
    views = np.arange(24, dtype=np.float32).reshape(3, 8)
    store.write(Batch(records=[new(1, vectors=views, views=(0, 1, 2)), new(2)]))
    stored = store.vectors()
    assert len(stored.keys) == 4
    np.testing.assert_array_equal(store.vectors_of(int(stored.records[0])), views)
    owners = store.owners(stored.keys)
    assert [owner.source for owner in owners] == ["/data/1.dcm"] * 3 + ["/data/2.dcm"]


def test_an_empty_store(make_store: MakeStore) -> None:
    store = make_store()
    assert store.count() == 0
    assert (store.records(), store.refused(), store.files(), store.field_names()) == ({}, [], set(), [])
    assert len(store.vectors().keys) == 0
    assert store.write(Batch()) == []
    with pytest.raises(NotFoundError, match="no record has the id"):
        store.record("0" * 16)


def test_more_rows_than_one_statement_takes(make_store: MakeStore) -> None:
    store = make_store()
    rows = [new(i) for i in range(1203)]
    store.write(Batch(records=rows, finished={row.sha256: row.source for row in rows}))
    stored = store.vectors()
    assert [r.source for r in store.owners(stored.keys[::-1])] == [row.source for row in rows[::-1]]
    assert len(store.records(stored.records)) == len(store.thumbnails(stored.records.tolist())) == 1203


def test_versions_count_the_changes_to_vectors(make_store: MakeStore) -> None:
    store = make_store()

    def version() -> int:
        return store.spaces()[BASE].version

    seen = [version()]
    store.write(Batch(records=[new(1)]))
    seen.append(version())
    store.write(Batch(refused=[Refusal("/x", "empty-file")]))
    store.write(Batch(relabels=[Relabel(digest(1), "", ("a",), {})]))
    assert version() == seen[-1]
    store.write(Batch(records=[new(1)]))
    seen.append(version())
    assert seen == sorted(set(seen))


def test_an_adapted_space_has_the_base_s_version(make_store: MakeStore) -> None:
    store = make_store()
    store.put_space("findings", ENCODER, "ab" * 32)
    store.write(Batch(records=[new(1)]))
    spaces = store.spaces()
    assert spaces["findings"].version == spaces[BASE].version > 0
    assert (spaces["findings"].adapter, spaces[BASE].adapter) == ("ab" * 32, None)
    store.put_space("findings", ENCODER, "cd" * 32)
    assert store.spaces()["findings"].adapter == "cd" * 32


def test_numbers_keep_their_spelling(make_store: MakeStore) -> None:
    """A code with leading zeros, or longer than a float, is a number to a filter only."""
    given = {"code": "007", "long": "12345678901234567890", "age": 61.5, "text": "north", "year": "1999"}
    store = make_store()
    store.write(Batch(records=[new(1, attributes=given)]))
    (record,) = store.records().values()
    assert record.attributes == given
    assert len(store.keys_where(parse("code=7 and long>1e18 and year>1998"))) == 1
    assert store.field_names() == sorted(given)


def test_hostile_text_is_only_text(make_store: MakeStore) -> None:
    label = "x'); DROP TABLE records; --"
    store = make_store()
    store.write(Batch(records=[new(1, labels=(label,), attributes={label: label}), new(2)]))
    assert store.count() == 2
    assert len(store.keys_where(parse(f'label="{label}"'))) == 1
    assert len(store.keys_where(parse(f'"{label}"="{label}"'))) == 1


# Relabelling, refusals


def test_relabelling_changes_every_frame_of_the_file(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(1, 0), new(1, 1), new(2)]))
    store.write(Batch(relabels=[Relabel(digest(1), "", ("a", "b", "a"), {"site": "north", "PatientAge": "50"})]))
    by_id = {record.id: record for record in store.records().values()}
    for frame in (0, 1):
        record = by_id[record_id(digest(1), frame)]
        assert record.labels == ("a", "b")
        assert record.attributes == {"Modality": "CR", "PatientAge": "50", "site": "north"}
        assert record.patient == store.patient_group("patient-1")  # none is named: the known one stays
    other = by_id[record_id(digest(2), 0)]
    assert (other.labels, dict(other.attributes)) == (("effusion",), {"Modality": "CR", "PatientAge": 45.0})


def test_relabelling_can_name_the_patient(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(1, patient="")]))
    (record,) = store.records().values()
    assert record.patient == record.id
    store.write(Batch(relabels=[Relabel(digest(1), "late", (), {})]))
    (record,) = store.records().values()
    assert record.patient == store.patient_group("late")
    assert record.labels == ()


def test_a_file_that_is_read_at_last_is_refused_no_more(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(refused=[Refusal("/data/1.dcm", "timeout"), Refusal("/data/x", "empty-file")]))
    store.write(Batch(refused=[Refusal("/data/x", "damaged-pixels")]))
    store.write(Batch(records=[new(1)], finished={digest(1): "/data/1.dcm"}))
    assert store.refused() == [Refusal("/data/x", "damaged-pixels")]


# Patients


def test_patients_are_stored_as_salted_hashes(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    store.write(Batch(records=[new(i, patient=f"MRN-{i % 2}-SECRET") for i in range(4)]))
    groups = {record.patient for record in store.records().values()}
    assert groups == {store.patient_group("MRN-0-SECRET"), store.patient_group("MRN-1-SECRET")}
    unsalted = {hashlib.sha256(f"MRN-{i}-SECRET".encode()).hexdigest()[:32] for i in range(2)}
    assert not groups & unsalted
    assert len(store.keys_of_patient(store.patient_group("MRN-0-SECRET"))) == 2
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"SECRET" not in everything


def test_two_galleries_hash_differently(tmp_path: Path) -> None:
    stores = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        stores.append(Store(tmp_path / name))
    assert stores[0].patient_group("p") != stores[1].patient_group("p")
    assert stores[0].id != stores[1].id
    for store in stores:
        store.close()


# Damage


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


def test_damaged_vectors_are_counted_and_made_anew(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    store.write(Batch(records=[new(i) for i in range(5)]))
    assert damage_of(store).vectors == set()
    with raw(tmp_path) as connection:
        connection.execute("UPDATE vectors SET data = zeroblob(32) WHERE key IN (1, 4)")
    with pytest.raises(DamagedFileError, match="2 stored vectors are damaged"):
        store.vectors()
    store.write(Batch(records=[new(0), new(3)]))
    assert damage_of(store).vectors == set()
    assert len(store.vectors().keys) == 5


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

    with pytest.raises(DamagedFileError, match=r"gallery\.db is damaged|damaged") as caught:
        use_it()
    assert "index" in str(caught.value)


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


# Transactions


def test_a_batch_is_stored_whole_or_not_at_all(make_store: MakeStore) -> None:
    store = make_store()
    bad = new(2, attributes={"Modality": object.__new__(_Unprintable)})
    with pytest.raises(_Unprintable.Told):
        store.write(Batch(records=[new(1), bad], refused=[Refusal("/x", "timeout")]))
    assert (store.count(), store.refused(), len(store.vectors().keys)) == (0, [], 0)
    assert store.spaces()[BASE].version == 0


class _Unprintable:
    class Told(Exception):  # noqa: N818 - raised on purpose, in the middle of a transaction
        pass

    def __str__(self) -> str:
        raise self.Told


def test_settings_that_keep_what_was_acknowledged(make_store: MakeStore) -> None:
    store = make_store()
    with store._engine.connect() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted


def test_what_hangs_on_a_record_goes_with_it(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(1), new(2)]))
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM records WHERE key = 1")
        for table in ("labels", "attributes", "thumbnails", "vectors"):
            rows = connection.exec_driver_sql(f"SELECT DISTINCT record FROM {table}").scalars().all()
            assert rows == [2], table


def test_a_vector_of_no_record_is_refused(make_store: MakeStore) -> None:
    store = make_store()
    with pytest.raises(Exception, match="FOREIGN KEY"), store._engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO vectors VALUES (1, 99, 0, x'00', 0)")


def test_readers_see_whole_transactions_only(make_store: MakeStore) -> None:
    """A record is read by several statements; what is written between two of them must not be seen."""
    writer, reader = make_store(), make_store()
    writer.write(Batch(records=[new(1, patient="old", labels=("old",))]))
    changes = [Relabel(digest(1), "new", ("new",), {})]

    def write_meanwhile(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM records" in statement and changes:
            writer.write(Batch(relabels=[changes.pop()]))

    event.listen(reader._engine, "after_cursor_execute", write_meanwhile)
    for patient in ("old", "new"):
        (record,) = reader.records().values()
        assert (record.patient, record.labels) == (reader.patient_group(patient), (patient,))
    assert not changes


# Migrations


def test_the_migrations_draw_the_schema(make_store: MakeStore) -> None:
    store = make_store()
    with store._engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    folder = Path(lookalike.store.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [database._HEAD]


def test_a_newer_database_is_refused_with_what_to_do(make_store: MakeStore, tmp_path: Path) -> None:
    make_store().close()
    with raw(tmp_path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(GalleryError, match=r"'9999'.*newer"):
        Store(tmp_path)


def test_a_new_gallery_is_drawn_in_one_transaction(tmp_path: Path) -> None:
    """Killed between two tables, a database that was drawn table by table could never be opened again."""
    connection = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    changes: list[int] = []
    watcher = threading.Event()

    def watch() -> None:
        while not watcher.is_set():
            changes.append(connection.execute("SELECT count(*) FROM sqlite_master WHERE type='table'").fetchone()[0])

    connection.close()
    connection = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None, check_same_thread=False)
    thread = threading.Thread(target=watch)
    thread.start()
    store = Store(tmp_path)
    watcher.set()
    thread.join()
    connection.close()
    store.close()
    tables = len(METADATA.tables) + 1
    assert set(changes) <= {0, tables, tables + 1}  # sqlite_sequence comes with the first key
    assert 0 in changes


def test_two_processes_may_make_the_same_gallery(tmp_path: Path) -> None:
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
