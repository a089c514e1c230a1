"""The faults that are planted to see whether tests fail: each has a place, and tests that are there."""

from __future__ import annotations

import pytest
from tests.planted_faults import FAULTS, ROOT, Fault, place_of


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_planted_fault_stands_at_one_place(fault: Fault) -> None:
    """When a text moves on, its fault is written anew: one without a place would never be planted again."""
    assert place_of(fault, ROOT) is not None
    for test in fault.tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name.partition('[')[0]}(" in text
