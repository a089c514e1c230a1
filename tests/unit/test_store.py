"""The store: what is written is there, whole, and in one transaction."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError

from lookalike.errors import NotFoundError
from lookalike.filters import parse
from lookalike.store import BASE, Batch, Relabel, Store, record_id
from lookalike.store.schema import VECTORS
from lookalike.types import Refusal
from new_records import MakeStore, digest, new

pytestmark = pytest.mark.both_databases
ENCODER = {"name": "none", "identity": {"name": "none"}}


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


def test_a_field_is_known_as_soon_as_a_record_has_it(make_store: MakeStore) -> None:
    store, other = make_store(), make_store()
    store.write(Batch(records=[new(0)]))
    for field, there in (("ward", False), ("bed", False), ("ward", True), ("bed", False)):
        if there:  # written by another process
            other.write(Batch(relabels=[Relabel(digest(0), "", (), {"ward": "3"})]))
        assert store.has_field(field) is there
        assert store.has_field(field) is there


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


@pytest.mark.sqlite_file
def test_settings_that_keep_what_was_acknowledged(make_store: MakeStore) -> None:
    store = make_store()
    with store._engine.connect() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted


def test_what_hangs_on_a_record_goes_with_it(make_store: MakeStore) -> None:
    store = make_store()
    store.write(Batch(records=[new(1), new(2)]))
    with store._writer.begin() as connection:
        connection.exec_driver_sql("DELETE FROM records WHERE key = 1")
        for table in ("labels", "attributes", "thumbnails", "vectors"):
            rows = connection.exec_driver_sql(f"SELECT DISTINCT record FROM {table}").scalars().all()
            assert rows == [2], table


def test_a_vector_of_no_record_is_refused(make_store: MakeStore) -> None:
    store = make_store()
    row = {"key": 1, "record": 99, "view": 0, "data": b"\0", "checksum": 0}
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), store._writer.begin() as connection:
        connection.execute(insert(VECTORS), row)


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
