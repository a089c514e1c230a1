"""Parts that keep together what belongs together, alike in their classes, and the same whatever the order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.evaluation.grouped_split import joined_groups, stratified_parts

SIZES = (0.7, 0.15, 0.15)


def test_what_is_joined_by_steps_is_one_group() -> None:
    groups = joined_groups([*"abcdef"], ["p", "p", "q", "r", "s", "t"], [("b", "c"), ("c", "d")])
    assert len(set(groups[:4].tolist())) == 1
    assert len(set(groups.tolist())) == 3


records = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("c",)])), min_size=1, max_size=80
)


@given(records, st.integers(0, 5), st.randoms(use_true_random=False))
def test_no_group_is_divided_and_the_order_is_nothing(
    given_records: list[tuple[int, tuple[str, ...]]], seed: int, chance: object
) -> None:
    ids = [f"{number:016x}" for number in np.random.default_rng(seed).permutation(len(given_records))]
    rows = list(zip(ids, given_records, strict=True))

    def parts(rows: list[tuple[str, tuple[int, tuple[str, ...]]]]) -> dict[str, int]:
        names = [name for name, _ in rows]
        groups = joined_groups(names, [f"p{patient}" for _, (patient, _) in rows], [])
        found = stratified_parts(names, groups, [of for _, (_, of) in rows], SIZES, seed)
        return dict(zip(names, found.tolist(), strict=True))

    first = parts(rows)
    patient = {name: of for name, (of, _) in rows}
    assert all(len({first[name] for name in ids if patient[name] == each}) == 1 for each in patient.values())
    chance.shuffle(rows)  # type: ignore[attr-defined]
    assert parts(rows) == first


def test_sizes_and_classes_are_those_asked_for() -> None:
    """A thousand records of one patient each, a class of them rare."""
    rng = np.random.default_rng(0)
    values = [("rare",) if i % 50 == 0 else (f"c{rng.integers(3)}",) for i in range(1000)]
    ids = [f"{i:016x}" for i in range(1000)]
    groups = joined_groups(ids, ids, [])
    parts = stratified_parts(ids, groups, values, SIZES, 0)
    assert [*Counter(parts.tolist()).values()] == pytest.approx([700, 150, 150], abs=2)
    rare = Counter(parts[i] for i in range(0, 1000, 50))
    assert [rare[0], rare[1], rare[2]] == [14, 3, 3]
    assert (stratified_parts(ids, groups, values, SIZES, 1) != parts).mean() > 0.1


def test_a_part_of_size_0_stays_empty() -> None:
    ids = [f"{i:016x}" for i in range(20)]
    parts = stratified_parts(ids, joined_groups(ids, ids, []), [("a",)] * 20, (0.8, 0, 0.2), 0)
    assert Counter(parts.tolist()) == {0: 16, 2: 4}
