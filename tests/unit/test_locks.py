"""Whose turn it is to write: one long writer at a time, and erasures before it."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from awaited import PATIENCE
from lookalike import locks
from lookalike.errors import LockedError
from lookalike.locks import WRITING, FolderLocks, erasing, writing


def test_one_long_writer_at_a_time(tmp_path: Path) -> None:
    with (
        writing(FolderLocks(tmp_path), 0),
        pytest.raises(LockedError, match="another process is writing"),
        writing(FolderLocks(tmp_path), 0),
    ):
        pass
    with writing(FolderLocks(tmp_path), 0) as turn:
        turn.leave()  # it goes on later, so that nobody else may begin
        with pytest.raises(LockedError), writing(FolderLocks(tmp_path), 0):
            pass


def test_a_lock_that_is_given_back_meanwhile_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By who has no patience, too: a process that only looks at a lock holds it for a moment."""
    with FolderLocks(tmp_path).opened(WRITING) as other:
        other.share()
        passing = SimpleNamespace(sleep=lambda _: other.release(), monotonic=itertools.count().__next__)
        monkeypatch.setattr(locks, "time", passing)
        with writing(FolderLocks(tmp_path), 0):
            pass


def test_a_writer_gives_way_to_every_erasure_that_waits(tmp_path: Path) -> None:
    done: list[int] = []
    ready = threading.Event()

    def erase(number: int) -> None:
        ready.wait(PATIENCE)
        with erasing(FolderLocks(tmp_path), PATIENCE):
            done.append(number)

    threads = [threading.Thread(target=erase, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    steps = 0
    with writing(FolderLocks(tmp_path), 0) as turn:
        assert not turn.is_awaited
        ready.set()
        while len(done) < len(threads):
            before = len(done)
            while not turn.is_awaited:
                assert len(done) == before  # nobody erases while it is the writer's turn
            turn.give_way()
            steps += 1
        assert 1 <= steps <= len(threads)
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(len(threads)))


def test_who_does_not_give_way_lets_an_erasure_fail_before_it_began(tmp_path: Path) -> None:
    with writing(FolderLocks(tmp_path), 0) as turn:
        with pytest.raises(LockedError), erasing(FolderLocks(tmp_path), 0):
            pass
        turn.leave()
        with erasing(FolderLocks(tmp_path), 0):
            pass
