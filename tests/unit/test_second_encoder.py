"""Vectors of a second encoder against a plain model of them: whatever is done, in whatever order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lookalike.errors import GalleryError, ManifestMismatchError
from lookalike.store import BASE, Batch, NewRecord, Store, record_id
from lookalike.store.batch import EncodedRecord
from lookalike.store.damage import damage_of
from lookalike.store.edit import change_labels
from lookalike.store.erasures import remove_named
from lookalike.store.named import named_by_ids
from lookalike.store.place import put_elsewhere
from lookalike.store.second_encoder import (
    begin_beside,
    beside_counts,
    beside_encoder,
    count_without_vectors,
    damaged_beside,
    drop_beside,
    pending_records,
    switch_to_beside,
    write_beside,
)
from lookalike.store.since import changes_since, layout_of
from lookalike.types import Vectors
from peers.postgresql import PostgreSQL


def encoder(name: str) -> dict[str, Any]:
    return {"name": name, "identity": {"name": name}}


def vectors(name: str, number: int, views: int) -> Vectors:
    """What an encoder of that name makes of a record: another length for each encoder."""
    dim = 4 if name == "a" else 6
    return np.random.default_rng([number, dim]).standard_normal((views, dim)).astype(np.float32)


def digest(number: int) -> str:
    return f"{number:064x}"


class Besides(RuleBasedStateMachine):
    """model: of each record, by its number, how many vectors each encoder has of it, None where it has not tried."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        if self.url:
            put_elsewhere(Path(self.folder.name), self.url)
        self.store = Store(Path(self.folder.name))
        self.store.put_space(BASE, encoder("a"), None)
        self.model: dict[int, dict[str, int | None]] = {}
        self.labels: dict[int, set[str]] = {}
        self.now, self.other = "a", ""
        self.former = False
        self.next = 0
        self.layout = layout_of(self.store)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize(held=st.booleans())
    def hold(self, held: bool) -> None:
        if held:
            self.store.hold()

    @rule(views=st.integers(1, 3), many=st.integers(1, 3))
    def add(self, views: int, many: int) -> None:
        batch = Batch(encoder={"name": self.now})
        for number in range(self.next, self.next + many):
            made = vectors(self.now, number, views)
            batch.records.append(NewRecord("s", digest(number), 0, "", ("l",), {}, made, b"j", tuple(range(views))))
            self.model[number], self.labels[number] = {self.now: views}, {"l"}
        self.next += many
        self.store.write(batch)

    @rule(data=st.data())
    @precondition(lambda self: self.model)
    def remove(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        named = named_by_ids(self.store, [record_id(digest(number), 0)])
        assert len(named.vectors) == sum(many or 0 for many in self.model[number].values())
        remove_named(self.store, named, {}, Path("sources"))
        del self.model[number]

    @rule(data=st.data())
    @precondition(lambda self: self.model)
    def label(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        change_labels(self.store, [record_id(digest(number), 0)], add=[f"x{number}"])
        self.labels[number].add(f"x{number}")

    @rule()
    @precondition(lambda self: not self.former)
    def begin(self) -> None:
        self.other = "b" if self.now == "a" else "a"
        begin_beside(self.store, encoder(self.other), patches=False)
        for tried in self.model.values():
            if tried.get(self.other) == 0:
                del tried[self.other]

    @rule(data=st.data(), limit=st.integers(1, 4))
    @precondition(lambda self: self.other)
    def encode(self, data: st.DataObject, limit: int) -> None:
        keys = pending_records(self.store, 0, limit)
        records = self.store.records(keys)
        numbers = {key: next(n for n in self.model if record_id(digest(n), 0) == records[key].id) for key in keys}
        assert (
            sorted(numbers.values())
            == [n for n in sorted(self.model) if self.model[n].get(self.other) is None][: len(keys)]
        )
        failing = set(data.draw(st.lists(st.sampled_from(keys), unique=True))) if keys else set()
        done = []
        for key in set(keys) - failing:
            views = self.model[numbers[key]].get(self.now) or 1
            made = vectors(self.other, numbers[key], views)
            done.append(EncodedRecord(key, records[key].id, tuple(range(views)), made))
            self.model[numbers[key]][self.other] = views
        for key in failing:
            self.model[numbers[key]][self.other] = 0
        gone = EncodedRecord(10**9, "0" * 16, (0,), vectors(self.other, 0, 1))
        write_beside(self.store, [*done, gone], {**dict.fromkeys(failing, "gone"), 10**9: "gone"})

    @rule(without_missing=st.booleans())
    @precondition(lambda self: self.other)
    def switch(self, without_missing: bool) -> None:
        tried = [encoded.get(self.other) for encoded in self.model.values()]
        if None in tried or (0 in tried and not without_missing):
            with pytest.raises(GalleryError):
                switch_to_beside(self.store, without_missing=without_missing)
            return
        switch_to_beside(self.store, without_missing=without_missing)
        self.now, self.other, self.former = self.other, self.now, True
        for encoded in self.model.values():
            if encoded.get(self.other) == 0:
                del encoded[self.other]
        with pytest.raises(ManifestMismatchError):
            self.store.write(Batch([], encoder={"name": self.other}))
        assert changes_since(self.store, self.layout, 10**6) is None
        self.layout = layout_of(self.store)

    @rule()
    @precondition(lambda self: self.other)
    def drop(self) -> None:
        drop_beside(self.store)
        for encoded in self.model.values():
            encoded.pop(self.other, None)
        self.other, self.former = "", False

    @invariant()
    def what_answers_is_of_one_encoder(self) -> None:
        assert self.store.spaces(now=True)[BASE].encoder["name"] == self.now
        stored, records = self.store.vectors(), self.store.records()
        assert sorted(record.id for record in records.values()) == sorted(
            record_id(digest(number), 0) for number in self.model
        )
        for key, number in ((key, int(self._digest_of(record.id))) for key, record in records.items()):
            views = self.model[number][self.now] or 0
            rows = stored.vectors[stored.records == key]
            wanted = vectors(self.now, number, max(views, 1))[:views]
            assert (len(rows) == 0 and views == 0) or np.array_equal(rows, wanted)
            assert set(records[key].labels) == self.labels[number]
        assert set(self.store.owner_keys(stored.keys).tolist()) == set(stored.records.tolist())

    @invariant()
    def the_counts_are_right(self) -> None:
        assert count_without_vectors(self.store) == sum(tried[self.now] == 0 for tried in self.model.values())
        found = beside_encoder(self.store)
        assert (found.name if found else "", found.former if found else False) == (self.other, self.former)
        if found is not None:
            counts = beside_counts(self.store)
            tried = [encoded.get(self.other) for encoded in self.model.values()]
            assert counts.encoded == sum(bool(views) for views in tried)
            assert sum(counts.missing.values()) == tried.count(0)
            assert counts.pending == tried.count(None)
        with self.store.begin() as connection:
            assert damaged_beside(connection) == {}
        damage = damage_of(self.store)
        assert not damage.read_again | damage.labels | damage.beside

    def _digest_of(self, identity: str) -> int:
        return next(number for number in self.model if record_id(digest(number), 0) == identity)


TestBesides = Besides.TestCase
TestBesides.settings = settings(max_examples=4, stateful_step_count=25, deadline=None)
MORE = settings(max_examples=12, stateful_step_count=25, deadline=None)


@pytest.mark.slow
def test_it_holds_for_longer() -> None:
    run_state_machine_as_test(Besides, settings=MORE)


@pytest.mark.slow
def test_postgresql_does_as_sqlite(postgresql_server: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Besides, "url", postgresql_server.url())
    run_state_machine_as_test(Besides, settings=MORE)
