"""Which items of a remote source are on this machine at the same time, and that none is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awaited import PATIENCE
from lookalike.errors import ObjectStoreError, UnreadableImageError
from lookalike.sources.fetching import FETCHED_AT_ONCE, SMALL, SMALL_AT_ONCE, batches, fetching
from lookalike.sources.source import Source
from lookalike.types import Item, Refusal


class Shelf:
    """A source that counts what is taken from it. fails: what is raised for an item, by its name."""

    uri = "shelf:"

    def __init__(self, fails: dict[str, Exception] | None = None) -> None:
        self.fails = fails or {}
        self.held, self.most, self.asked, self.stopped = set[str](), 0, list[str](), 0
        self.changed = threading.Condition()

    def items(self, since: str | None = None) -> Iterator[Item]:
        raise AssertionError(since)

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        with self.changed:
            self.asked.append(item.name)
            self.held.add(item.name)
            self.most = max(self.most, len(self.held))
            self.changed.notify_all()
        try:
            if item.name in self.fails:
                raise self.fails[item.name]
            yield [Path(item.name)]
        finally:
            with self.changed:
                self.held.remove(item.name)
                self.changed.notify_all()

    def wait_for(self, *names: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: set(names) <= {*self.asked}, PATIENCE)

    def stop(self) -> None:
        self.stopped += 1

    def labels(self) -> None:
        return None


def on(shelf: Shelf, sizes: Sequence[int | None]) -> list[tuple[Source, Item]]:
    return [(shelf, Item(f"{number}", size=size)) for number, size in enumerate(sizes)]


@given(st.lists(st.one_of(st.none(), st.integers(0, 2 * SMALL)), max_size=120))
def test_every_item_comes_once_in_order_and_few_at_a_time(sizes: list[int | None]) -> None:
    items = on(Shelf(), sizes)
    made = batches(items)
    assert [each for batch in made for each in batch] == items
    for batch in made:
        small = all(item.size is not None and item.size <= SMALL for _, item in batch)
        assert 0 < len(batch) <= (SMALL_AT_ONCE if small else FETCHED_AT_ONCE) or len(batch) <= FETCHED_AT_ONCE


def test_small_ones_come_while_others_are_read() -> None:
    shelf = Shelf()
    items = on(shelf, [1] * (3 * SMALL_AT_ONCE))
    seen = list[str]()
    with fetching(items) as coming:
        for number, some in enumerate(coming):
            if number < 2:  # nobody has asked for them yet
                shelf.wait_for(*(item.name for _, item in items[: (number + 2) * SMALL_AT_ONCE]))
            assert {item.name for item, _ in some} <= shelf.held
            seen += [item.name for item, _ in some]
    assert seen == [item.name for _, item in items]
    assert shelf.most <= 2 * SMALL_AT_ONCE
    assert not shelf.held


@pytest.mark.parametrize("size", [None, SMALL + 1])
def test_large_ones_and_those_of_any_size_are_few(size: int | None) -> None:
    shelf = Shelf()
    with fetching(on(shelf, [size] * 30)) as coming:
        assert [len(some) for some in coming] == [8, 8, 8, 6]
    assert shelf.most <= FETCHED_AT_ONCE
    assert not shelf.held


def test_what_was_fetched_for_nobody_is_let_go() -> None:
    shelf = Shelf()
    with pytest.raises(ZeroDivisionError):
        _end_after_some(shelf, ZeroDivisionError(), "40")
    assert not shelf.held
    assert not shelf.stopped  # it may be asked again


def test_who_interrupts_does_not_wait_for_what_comes() -> None:
    shelf = Shelf()
    with pytest.raises(KeyboardInterrupt):
        _end_after_some(shelf, KeyboardInterrupt())
    assert not shelf.held
    assert shelf.stopped == 1


def _end_after_some(shelf: Shelf, error: BaseException, *coming: str) -> None:
    with fetching(on(shelf, [1] * (2 * SMALL_AT_ONCE))) as some:
        next(some)
        shelf.wait_for(*coming)
        raise error


def test_a_source_that_fails_does_so_in_its_turn() -> None:
    last = f"{2 * SMALL_AT_ONCE - 1}"
    shelf = Shelf({"3": UnreadableImageError("not-fetched"), last: ObjectStoreError("no answer")})
    with fetching(on(shelf, [1] * (2 * SMALL_AT_ONCE))) as coming:
        first = next(coming)
        shelf.wait_for(last)
        assert [found.reason for _, found in first if isinstance(found, Refusal)] == ["not-fetched"]
        with pytest.raises(ObjectStoreError):
            next(coming)
    assert not shelf.held
