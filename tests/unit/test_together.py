"""Callers in several threads are answered in batches, each with its own answer or error."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from awaited import PATIENCE
from lookalike import together as together_module
from lookalike.together import Together


class Doubling:
    """Doubles numbers once it is let, and remembers the batches. Without a two, which fails what it is in; -1 is
    answered by an error.
    """

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.let = threading.Event(), threading.Event()

    def __call__(self, asked: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(asked))
        self.begun.set()
        assert self.let.wait(PATIENCE)
        if 2 in asked:
            raise ZeroDivisionError("two")
        return [KeyError(each) if each < 0 else 2 * each for each in asked]


@pytest.fixture
def work() -> Doubling:
    return Doubling()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


def asked_at_once(
    work: Doubling, pool: ThreadPoolExecutor, first: int, others: Sequence[int]
) -> tuple[Future[int], list[Future[int]]]:
    """One caller whose batch is under way, and others who have all come meanwhile."""
    together: Together[int, int] = Together(work)
    leader = pool.submit(together, first)
    assert work.begun.wait(PATIENCE)
    followers = [pool.submit(together, each) for each in others]
    waits = threading.Event()
    while len(together._waiting) < len(others):
        waits.wait(0.001)
    work.let.set()
    return leader, followers


def test_who_comes_meanwhile_is_answered_in_one_batch(work: Doubling, pool: ThreadPoolExecutor) -> None:
    leader, followers = asked_at_once(work, pool, 100, range(10, 30))
    assert leader.result(PATIENCE) == 200
    assert [each.result(PATIENCE) for each in followers] == [2 * each for each in range(10, 30)]
    assert [sorted(batch) for batch in work.batches] == [[100], list(range(10, 30))]


def test_who_has_waited_waits_on_for_more_to_join(
    work: Doubling, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting, joined, rests = threading.Event(), threading.Event(), list[float]()

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        resting.set()
        assert joined.wait(PATIENCE)

    monkeypatch.setattr(together_module, "time", SimpleNamespace(sleep=sleep, monotonic=itertools.count().__next__))
    together: Together[int, int] = Together(work, rest=0.25)
    leader = pool.submit(together, 1)
    assert work.begun.wait(PATIENCE)
    first = pool.submit(together, 10)
    waits = threading.Event()
    while not together._waiting:
        waits.wait(0.001)
    work.let.set()
    assert resting.wait(PATIENCE)
    assert leader.result(PATIENCE) == 2  # whoever comes alone neither rests nor waits for who does
    others = [pool.submit(together, each) for each in (11, 12)]
    while len(together._waiting) < 3:
        waits.wait(0.001)
    joined.set()
    assert [each.result(PATIENCE) for each in (first, *others)] == [20, 22, 24]
    assert [sorted(batch) for batch in work.batches] == [[1], [10, 11, 12]]
    assert rests
    assert all(0 < each <= together_module._LONGEST_REST for each in rests)


def test_a_batch_that_fails_is_done_one_by_one(work: Doubling, pool: ThreadPoolExecutor) -> None:
    _, (one, two, three) = asked_at_once(work, pool, 100, [1, 2, 3])
    assert (one.result(PATIENCE), three.result(PATIENCE)) == (2, 6)
    with pytest.raises(ZeroDivisionError):
        two.result(PATIENCE)
    assert sorted(map(len, work.batches)) == [1, 1, 1, 1, 3]


def test_an_answer_that_is_an_error_concerns_one_caller(work: Doubling, pool: ThreadPoolExecutor) -> None:
    _, (one, gone, three) = asked_at_once(work, pool, 100, [1, -1, 3])
    assert (one.result(PATIENCE), three.result(PATIENCE)) == (2, 6)
    with pytest.raises(KeyError):
        gone.result(PATIENCE)
    assert sorted(map(len, work.batches)) == [1, 3]
