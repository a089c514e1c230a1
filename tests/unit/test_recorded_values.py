"""Which values of the recorded fields make subgroups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.recorded_fields import recorded_values
from lookalike.types import Record


def records_of(**fields: Sequence[Any]) -> list[Record]:
    count = len(next(iter(fields.values())))
    about = [{name: values[i] for name, values in fields.items() if values[i] is not None} for i in range(count)]
    return [Record(i, str(i), f"{i}.png", 0, ("a",), f"p{i}", each) for i, each in enumerate(about)]


def test_values_of_fields() -> None:
    ages = [*range(20, 60), None]
    records = records_of(age=ages, sex=[*["F", "f", "M", ""] * 10, "M"])
    sex = recorded_values(records, "sex")
    assert sex.order == ("F", "M")
    assert sex.values.count("F") == 20
    quartiles = recorded_values(records, "age")
    assert quartiles.order == ("<= 29.75", "29.75 to 39.5", "39.5 to 49.25", "> 49.25")
    assert [quartiles.values.count(band) for band in quartiles.order] == [10, 10, 10, 10]
    assert quartiles.values[-1] == ""
    decades = recorded_values(records, "age:10")
    assert decades.name == "age"
    assert decades.order == ("20 to < 30", "30 to < 40", "40 to < 50", "50 to < 60")
    assert decades.values[15] == "30 to < 40"
    few = recorded_values(records_of(stage=[3, 1, 12, 2]), "stage")
    assert few.order == ("1", "2", "3", "12")


@pytest.mark.parametrize(
    ("asked", "says"), [("sexx", "Did you mean 'sex'"), ("sex:10", "must be numbers"), ("age:0", "above 0")]
)
def test_fields_that_cannot_be_used(asked: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        recorded_values(records_of(age=[30, 40], sex=["F", "M"]), asked)


def test_a_name_with_a_colon_is_a_name() -> None:
    found = recorded_values(records_of(**{"dose:2": ["high", "low"]}), "dose:2")
    assert (found.name, found.values) == ("dose:2", ("high", "low"))
