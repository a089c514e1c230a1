"""What was changed lately is told by its end alone: as by the list of all edits, for as long as so many are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import DamagedFileError
from lookalike.gallery import Gallery
from lookalike.store import edits
from lookalike.store.edits import EDITS, Edits, count_edit, edits_of
from lookalike.store.facts import put_fact

MakeGallery = Callable[..., Gallery]
KEPT = 12
lists = st.lists(st.lists(st.integers(1, 10**12), max_size=KEPT + 2), max_size=12)


@given(every=lists, before=st.integers(-2, 14))
def test_the_keys_since_an_edit_are_those_of_the_later_ones(every: list[list[int]], before: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edits, "_RECENT", KEPT)
        found = Edits(0)
        for keys in every:
            found = found.and_one(keys)
    later = every[before:] if 0 <= before <= len(every) else None
    known = later is not None and sum(map(len, later)) <= KEPT
    assert found.number == len(every)
    assert found.keys_since(before) == (
        {key for keys in later for key in keys} if known and later is not None else None
    )
    assert len(re.findall(r"\d+", found.recent)) <= KEPT


def test_a_gallery_of_an_earlier_version_is_understood(make_gallery: MakeGallery) -> None:
    store = make_gallery().store
    with store.begin(write=True) as connection:
        put_fact(connection, EDITS, json.dumps([7, [[1, 2], [], [3]]]))
        count_edit(connection, [4])
        found = edits_of(connection)
    assert found.number == 8
    assert [found.keys_since(number) for number in (8, 7, 6, 5, 4, 3)] == [
        set(),
        {4},
        {3, 4},
        {3, 4},
        {1, 2, 3, 4},
        None,
    ]


@pytest.mark.parametrize("value", ["x", "7", "[7]", '["x", ""]', "[1, [[null]]]", "{}"])
def test_what_is_no_such_fact_is_a_damage(make_gallery: MakeGallery, value: str) -> None:
    with make_gallery().store.begin(write=True) as connection:
        put_fact(connection, EDITS, value)
        with pytest.raises(DamagedFileError):
            edits_of(connection)


def test_keys_that_are_none_are_a_damage() -> None:
    with pytest.raises(DamagedFileError):
        Edits(3, ";1,;x,").keys_since(2)
