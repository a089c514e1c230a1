"""More records than are held in memory, and an index of few new ones."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from lookalike.gallery import open_gallery
from lookalike.indexes.flat import FlatIndex
from lookalike.store import Batch, memory, record_id, store
from lookalike.store.edit import change_labels
from lookalike.types import Keys
from lookalike.verbs.records import remove
from lookalike.verbs.search import search
from new_records import digest, new


def test_records_are_counted_again_only_when_so_many_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_HELD", 3)
    ids = [record_id(digest(i), 0) for i in range(6)]
    counted: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        counted.extend([statement] if "count(" in statement.lower() and "FROM records" in statement else [])

    with open_gallery(tmp_path / "g", create=True) as gallery, open_gallery(tmp_path / "g") as asked:
        gallery.store.write(
            Batch(records=[new(i, vectors=np.eye(6, 384, dtype=np.float32)[i : i + 1]) for i in range(6)])
        )
        asked.store.hold()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            for name in ("first", "second"):
                change_labels(gallery.store, ids[:1], add=[name])
                time.sleep(0.05)  # so long a process may take to see what another one wrote
                assert name in asked.store.record(ids[0]).labels
            assert counted == [], "three were beyond, and two may be gone"
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert asked.store._held() is None
        remove(gallery, ids[1:4])
        time.sleep(0.05)
        held = asked.store._held()
        assert held is not None, "three are left"
        assert set(held.ids.whole()) == {ids[0], *ids[4:]}


def test_what_another_process_has_just_removed_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a service believes for a moment that nothing has changed."""
    monkeypatch.setattr(memory, "MOST_HELD", 3)
    monkeypatch.setattr(store, "_PATIENCE", 600.0)
    vectors = np.eye(6, 384, dtype=np.float32)
    with open_gallery(tmp_path / "g", create=True) as gallery, open_gallery(tmp_path / "g") as asked:
        gallery.store.write(Batch(records=[new(i, vectors=vectors[i : i + 1]) for i in range(6)]))
        asked.store.hold()
        assert len(search(asked, vector=vectors[0], k=6).hits) == 6
        remove(gallery, [record_id(digest(2), 0)])
        assert len(search(asked, vector=vectors[0], k=6).hits) == 5


@pytest.mark.parametrize("order", [1, -1])
def test_of_many_keys_those_of_the_index_are_found(order: int) -> None:
    vectors = np.eye(8, dtype=np.float32)
    index = FlatIndex(8)
    index.upsert(np.arange(1000, 1008), vectors)
    among = np.r_[0:900, 1001, 1004, 1007, 1500:3000][::order]
    keys, scores = index.search(vectors[4:5], 4, among)
    assert keys[0, 0] == 1004
    assert set(keys[0, 1:3].tolist()) == {1001, 1007}
    assert (keys[0, 3], scores[0, 3]) == (-1, -np.inf)
    assert (FlatIndex(8).search(vectors[:1], 2, among)[0] == -1).all()


def test_a_filter_that_is_asked_again_knows_what_has_changed() -> None:
    """By the same array of keys, and by another one that lies where the first has been."""
    vectors, index = np.eye(8, dtype=np.float32), FlatIndex(8)
    index.upsert(np.arange(6), vectors[:6])
    among = np.array([1, 4, 6])

    def found(keys: Keys = among) -> set[int]:
        return set(index.search(vectors[:1], 8, keys)[0][0].tolist()) - {-1}

    assert [found(), found()] == [{1, 4}] * 2
    index.upsert(np.array([6, 7]), vectors[6:])
    assert [found(), found()] == [{1, 4, 6}] * 2
    index.remove(np.array([4]))
    assert [found(), found()] == [{1, 6}] * 2
    for key in (0, 1, 2, 3, 5, 6, 7) * 6:  # more than are kept
        assert found(np.array([key, 4])) == {key}
    assert found() == {1, 6}
