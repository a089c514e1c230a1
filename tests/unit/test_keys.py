"""Keys of the server: until when they count, and when they were used last."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.verbs.keys import KeyRing, add_key, list_keys


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    return make_gallery()


def test_a_key_counts_until_its_end(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    ring, now = KeyRing(gallery), time.time()
    days, forever = add_key(gallery, "days", expires="2d"), add_key(gallery, "forever")
    assert days.expires is not None
    assert now <= days.expires - 2 * 86_400 <= time.time()
    date = datetime.fromtimestamp(now + 86_400, UTC).strftime("%Y-%m-%d")
    dated = add_key(gallery, "dated", expires=date, where="site=north")
    assert dated.expires is not None
    assert datetime.fromtimestamp(dated.expires, UTC).strftime("%H:%M:%S") == "00:00:00"  # at the end of that day
    found = ring.find(dated.key)
    assert found is not None
    assert found.where == "site=north"
    made = {"days": days, "forever": forever, "dated": dated}
    for then in (now, dated.expires - 1, dated.expires, days.expires - 1, days.expires, now + 1e9):
        monkeypatch.setattr(time, "time", lambda then=then: then)
        counting = {name for name, key in made.items() if ring.find(key.key) is not None}
        assert counting == {name for name, key in made.items() if key.expires is None or then < key.expires}
    assert [key.name for key in list_keys(gallery)] == ["dated", "days", "forever"]
    assert bool(ring)  # an expired key keeps the service closed


WRONG = ["", "0d", "-1d", "2d3", "tomorrow", "2001-01-31", "2027-02-30", "99999999d", "9999-12-31"]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_end_that_is_none(gallery: Gallery, wrong: str) -> None:
    with pytest.raises(UsageError):
        add_key(gallery, "k", expires=wrong)
    assert list_keys(gallery) == ()


def test_when_a_key_was_used_last(gallery: Gallery) -> None:
    ring, key, other = KeyRing(gallery), add_key(gallery, "one").key, add_key(gallery, "two").key
    assert [each.used for each in list_keys(gallery)] == [None, None]
    before = time.time()
    ring.find(key)
    ring.find("wrong")
    ring.close()
    one, two = list_keys(gallery)
    assert one.used is not None
    assert before <= one.used <= time.time()
    assert two.used is None
    KeyRing(gallery).find(other)  # another process; what the first one noted stays
    assert all(each.used is not None for each in list_keys(gallery))
