"""A dictionary in layers, against a plain one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.store import layered
from lookalike.store.layered import Layered

KEYS = st.integers(0, 30)
CHANGES = st.lists(st.dictionaries(KEYS, st.one_of(st.none(), st.integers()), max_size=10), max_size=12)


@settings(max_examples=200, deadline=None)
@given(first=st.dictionaries(KEYS, st.integers()), changes=CHANGES, most=st.integers(0, 15))
def test_it_is_a_dictionary_at_each_moment(
    first: dict[int, int], changes: list[dict[int, int | None]], most: int
) -> None:
    plain, moments = dict(first), [(Layered(first), dict(first))]
    before = layered._MOST
    layered._MOST = most  # type: ignore[misc]
    try:
        for each in changes:
            plain = {key: value for key, value in {**plain, **each}.items() if value is not None}
            moments.append((moments[-1][0].changed(each), plain))
            assert None not in each.values() or moments[-1][0].below == plain  # what was erased is nowhere
    finally:
        layered._MOST = before  # type: ignore[misc]
    for made, expected in moments:  # the earlier ones, too
        assert made.whole() == expected
        assert {key: made.get(key) for key in range(31)} == {key: expected.get(key) for key in range(31)}
