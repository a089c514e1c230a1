"""Who follows a verb hears how far it has come: only the outermost loop, and only while it is followed."""

from __future__ import annotations

import pytest

from lookalike.progress import followed_by, tracked


def test_a_followed_loop_reports_what_is_done() -> None:
    heard: list[tuple[int, int]] = []
    with followed_by(lambda done, total: heard.append((done, total))):
        assert list(tracked("abc")) == ["a", "b", "c"]
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert list(tracked("ab")) == ["a", "b"]
    assert len(heard) == 4


def test_inner_loops_are_silent_and_later_ones_are_not() -> None:
    heard: list[tuple[int, int]] = []
    with followed_by(lambda done, total: heard.append((done, total))):
        for _ in tracked(range(2)):
            list(tracked(range(50)))
        list(tracked(range(2)))
    assert heard == [(0, 2), (1, 2), (2, 2)] * 2


def test_a_loop_of_one_item_leaves_it_to_those_within() -> None:
    heard: list[tuple[int, int]] = []
    with followed_by(lambda done, total: heard.append((done, total))):
        for _ in tracked("a"):
            list(tracked(range(2)))
    assert heard == [(0, 2), (1, 2), (2, 2)]


def test_a_loop_that_breaks_off_leaves_the_follower() -> None:
    heard: list[tuple[int, int]] = []
    with followed_by(lambda done, total: heard.append((done, total))):
        with pytest.raises(ZeroDivisionError):
            _ = [1 / each for each in tracked(range(5))]
        list(tracked(range(2)))
    assert heard[-1] == (2, 2)


def test_a_verb_within_a_verb_may_be_left_unfollowed() -> None:
    heard: list[tuple[int, int]] = []
    with followed_by(lambda done, total: heard.append((done, total))):
        with followed_by(None):
            list(tracked(range(3)))
        list(tracked(range(2)))
    assert heard == [(0, 2), (1, 2), (2, 2)]
