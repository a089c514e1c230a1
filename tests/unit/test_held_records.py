"""The records in memory, and the columns of filters, after changes of every kind: as the database has them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select, update

from filled import fill, sha256_of
from lookalike.filters import parse
from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord, layered, record_id
from lookalike.store.checksums import UNKNOWN
from lookalike.store.edit import change_labels
from lookalike.store.edits import count_edit
from lookalike.store.rows import whole_records
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.store.where import condition
from lookalike.verbs.records import remove

COUNT = 12
WHERE = ("label=new", "n<6", "patient=p1 or not label=old", "source~7 and kind=odd", "n>100")


def added(gallery: Gallery, number: int, many: int) -> None:
    """A record of so many vectors; one that is there gets them in the place of its own."""
    vectors = np.random.default_rng(number + many).normal(size=(many, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fields = {"n": float(number), "kind": "odd" if number % 2 else "even"}
    patient, views = f"p{number // 2}", tuple(range(many))
    record = NewRecord(f"{number}.png", sha256_of(number), 0, patient, ("old",), fields, vectors, b"", views)
    gallery.store.write(Batch(records=[record]))


def moved(gallery: Gallery, number: int, patient: str) -> None:
    """Let a record be of another patient, as a decision does."""
    with gallery.store.begin(write=True) as connection:
        key = connection.scalar(select(RECORDS.c.key).where(RECORDS.c.id == record_id(sha256_of(number), 0)))
        connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(patient=patient, checksum=UNKNOWN))
        count_edit(connection, [int(key or 0)])


def assert_same(gallery: Gallery) -> None:
    """The memory and a look into the database agree."""
    store = gallery.store
    with store.begin() as connection:
        records = whole_records(connection, None)
        rows = [tuple(row) for row in connection.execute(select(VECTORS.c.key, VECTORS.c.record))]
        allowed = {where: [] for where in WHERE}
        for where in WHERE:
            chosen = select(RECORDS.c.key).where(condition(parse(where)))
            matching = select(VECTORS.c.key).where(VECTORS.c.record.in_(chosen)).order_by(VECTORS.c.key)
            allowed[where] = list(connection.scalars(matching))
    assert store.records() == records
    assert store.records([*records, 999]) == records
    for record in records.values():
        assert store.find(record.id) == record
        own = {other.key for other in records.values() if other.patient == record.patient}
        assert sorted(store.keys_of_patient(record.patient)) == sorted(key for key, owner in rows if owner in own)
        assert sorted(store.keys_of_records([record.key])) == sorted(key for key, owner in rows if owner == record.key)
    keys = np.array([key for key, _ in rows] + [-1, 10_000])
    assert store.owner_keys(keys).tolist() == [owner for _, owner in rows] + [-1, -1]
    for where in WHERE:
        assert store.keys_where(parse(where)).tolist() == allowed[where], where


@pytest.mark.parametrize("most", [0, 3, 1000])
def test_what_is_held_is_what_is_stored_after_each_change(
    make_gallery: Callable[..., Gallery], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(layered, "_MOST", most)
    gallery = make_gallery()
    for number in range(COUNT):
        added(gallery, number, 1)
    gallery.store.hold()
    gallery.store._changes.patience = 0.0  # another process writes, as it were
    assert_same(gallery)
    changes: list[Callable[[], object]] = [
        lambda: change_labels(gallery.store, [record_id(sha256_of(3), 0)], add=["new"]),
        lambda: added(gallery, 20, 2),
        lambda: remove(gallery, ids=[record_id(sha256_of(0), 0), record_id(sha256_of(1), 0)]),
        lambda: moved(gallery, 5, "p1"),
        lambda: added(gallery, 7, 3),
        lambda: remove(gallery, ids=[record_id(sha256_of(20), 0)]),
        lambda: change_labels(gallery.store, [record_id(sha256_of(n), 0) for n in range(2, 12)], add=["new"]),
        lambda: (added(gallery, 21, 1), change_labels(gallery.store, [record_id(sha256_of(21), 0)], add=["new"])),
        lambda: (added(gallery, 22, 1), remove(gallery, ids=[record_id(sha256_of(22), 0)])),
    ]
    for change in changes:
        change()
        assert_same(gallery)
    ids = [record.id for record in gallery.store.records().values()]
    assert all(gallery.store.find(record_id(sha256_of(n), 0)) is None for n in (0, 1, 20, 22)), ids


def test_an_earlier_moment_stays_as_it_was(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    ids = fill(gallery, list(np.eye(5, 384)), [f"p{i}" for i in range(5)], labels=[("old",)] * 5)
    gallery.store.hold()
    before = gallery.store._held()
    assert before is not None
    seen = dict(before.by_key(None))
    change_labels(gallery.store, ids[:2], add=["new"])
    remove(gallery, ids=ids[2:3])
    assert dict(before.by_key(None)) == seen
    now = gallery.store._held()
    assert now is not None
    assert now.by_id(ids[2]) is None
    assert before.by_id(ids[2]) is not None
