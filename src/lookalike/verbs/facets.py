"""facets: what the records of a gallery say in each field, and how many say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lookalike.asking.candidates import checked_filter
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.store.browse import facet_counts

_TOP: Final = 30


@dataclass(frozen=True, slots=True)
class Value:
    """A value and how many records have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """values: of a field of text, the 30 most frequent. min, max: of a field of numbers."""

    field: str
    kind: Literal["text", "number"]
    values: tuple[Value, ...]
    min: float | None
    max: float | None


def facets(gallery: Gallery, *, where: str | Filter | None = None) -> tuple[Facet, ...]:
    """Of the records that satisfy a filter; the labels come first. Raises UsageError."""
    tree = checked_filter(gallery, where)
    return tuple(
        Facet(one.field, one.kind, tuple(Value(*pair) for pair in one.values), one.low, one.high)
        for one in facet_counts(gallery.store, _TOP, tree)
    )
