"""The fields to colour a map's points by: the labels, and every attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lookalike.errors import UsageError
from lookalike.evaluation.recorded_fields import LABEL
from lookalike.filters import number
from lookalike.plugins import suggestion
from lookalike.types import Record

PALETTE: Final = (
    "#008DF9",
    "#FF6E3A",
    "#009F81",
    "#9F0162",
    "#FFC33B",
    "#8400CD",
    "#00C2F9",
    "#E20134",
    "#FF5AAF",
    "#00E5B8",
    "#A40122",
    "#FFB2FD",
)
"""Twelve colours that colour-blind readers can distinguish: after M. Krzywinski, mk.bcgsc.ca/colorblind."""
OTHER: Final = "#8A8F98"  # of categories beyond the palette
MISSING: Final = "#C3C7CE"  # of records without a value
RAMP: Final = ("#440154", "#472D7B", "#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725")
"""The colour map viridis (van der Walt and Smith) at nine equal steps."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of n records. kind "number": values (n,), None where there is none. kind "text": categories,
    the most frequent first, and codes (n,) into them, -1 where there is none.
    """

    name: str
    kind: str
    values: tuple[float | None, ...] = ()
    categories: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()


def colour_fields(records: Sequence[Record]) -> list[Field]:
    """The labels first (several as one text), then every attribute by name. Patients are not a field."""
    names = sorted({name for record in records for name in record.attributes} - {LABEL})
    labels = _text(LABEL, [", ".join(record.labels) or None for record in records])
    return [labels, *(_field(name, [record.attributes.get(name) for record in records]) for name in names)]


def field_number(fields: Sequence[Field], name: str) -> int:
    """The number of a field. Raises UsageError, with the existing names."""
    names = [field.name for field in fields]
    if name not in names:
        raise UsageError(f"no record has a field {name!r} to colour by.{suggestion(name, names)}")
    return names.index(name)


def _field(name: str, values: Sequence[Any]) -> Field:
    """A field of numbers, or of text if the values are texts or a few codes from a table."""
    there = [value for value in values if value is not None]
    measured = all(isinstance(value, float) for value in there) or len(set(there)) > len(PALETTE)
    if there and measured and all(number(value) is not None for value in there):
        return Field(name, "number", values=tuple(None if v is None else number(v) for v in values))
    return _text(name, [None if value is None else str(value) for value in values])


def _text(name: str, values: Sequence[str | None]) -> Field:
    counts = Counter(value for value in values if value is not None)
    categories = tuple(sorted(counts, key=lambda category: (-counts[category], category)))
    code = {category: i for i, category in enumerate(categories)}
    return Field(name, "text", categories=categories, codes=tuple(-1 if v is None else code[v] for v in values))
