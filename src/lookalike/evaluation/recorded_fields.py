"""Recorded fields other than the label, as categories that a confound audit can compare.

A raw field is often no category: a path holds the site in its first folder, an age is a number, a sex is spelled
in two ways, a value is missing for one label only. Each is turned into categories, or skipped with the reason.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import numpy as np

from lookalike.errors import UsageError
from lookalike.filters import number
from lookalike.plugins import suggestion
from lookalike.text import quoted
from lookalike.types import Record

Kind: TypeAlias = Literal["where", "how", "written", "other", "who"]
LABEL: Final = "label"
RARE: Final = 5  # records; values borne by fewer are taken together
RARE_VALUES: Final = "(rare)"
_MANY: Final = 12  # numbers of more values than this are cut at their quartiles
_OURS: Final = ("frame", "split", "uncertain")  # added by indexing; they do not describe how a picture was taken
_UNUSABLE: Final = "one value only, or nearly one a record"

_WORDS: Final[dict[Kind, frozenset[str]]] = {
    "who": frozenset(["patient", "sex", "gender", "age", "race", "ethnicity"]),
    "where": frozenset(
        [
            "site",
            "hospital",
            "center",
            "centre",
            "institution",
            "institute",
            "clinic",
            "department",
            "station",
            "country",
            "city",
            "source",
            "origin",
            "collection",
            "dataset",
            "provider",
        ]
    ),
    "how": frozenset(
        [
            "scanner",
            "manufacturer",
            "model",
            "vendor",
            "device",
            "detector",
            "rows",
            "columns",
            "cols",
            "width",
            "height",
            "size",
            "spacing",
            "bits",
            "photometric",
            "interpretation",
            "transfer",
            "syntax",
            "modality",
            "view",
            "position",
            "kvp",
            "exposure",
            "protocol",
            "sequence",
            "laterality",
            "resolution",
            "format",
            "compression",
        ]
    ),
}
_OF_LABELS: Final = frozenset(["label", "labels", "class", "classes", "finding", "findings", "diagnosis"])
FIELD_KINDS: Final[tuple[Kind, ...]] = ("where", "how", "written", "other", "who")
"""The gravest first: a site that tells a label is worse than an age that does."""


@dataclass(frozen=True, slots=True)
class RecordedField:
    """values: one a record, "" where none is recorded. kind: whether it tells where, how or of whom a picture was
    taken, or only how that was written down. also: other fields that divide the records in the same way.
    """

    name: str
    kind: Kind
    values: tuple[str, ...]
    also: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """How many records have each recorded value, the most frequent first."""
        return dict(Counter(value for value in self.values if value).most_common())


def recorded_fields(records: Sequence[Record], names: Iterable[str]) -> tuple[list[RecordedField], dict[str, str]]:
    """Every field that can be audited, those that divide the records alike as one; and the others, with the
    reason.
    """
    found: dict[tuple[int, ...], RecordedField] = {}
    skipped: dict[str, str] = {}
    for name in names:
        reason = "says nothing of the picture" if name in _OURS else _restates(records, name)
        candidates = [] if reason else fields_of(records, name)
        for each in candidates:
            same = _partition(each.values)
            found[same] = _together(found[same], each) if same in found else each
        if not candidates:
            skipped[name] = reason or _UNUSABLE
    return list(found.values()), skipped


def fields_of(records: Sequence[Record], name: str) -> list[RecordedField]:
    """The categories that one field gives: its values or the first folder of its paths, its spelling, and
    whether it is recorded at all; none if it has one value only, or nearly one a record. "label": labels.
    """
    if name == LABEL:
        return [RecordedField(LABEL, "other", tuple("|".join(record.labels) for record in records))]
    return [each for each in _candidates(_written(records, name), name) if _useful(each)]


@dataclass(frozen=True, slots=True)
class RecordedValues:
    """values: one a record, "" where none is recorded. order: the different ones, numbers and bands ascending."""

    name: str
    values: tuple[str, ...]
    order: tuple[str, ...]


def recorded_values(records: Sequence[Record], asked: str) -> RecordedValues:
    """A field's values, whatever case they are written in; numbers of many values at their quartiles, or, asked for as
    ``age:10``, in bands of that width. "label": the labels.

    Raises UsageError: no record has the field, or a width where there are texts.
    """
    known = {LABEL, *(name for record in records for name in record.attributes)}
    head, _, tail = asked.rpartition(":")
    width = number(tail) if asked not in known and head else None
    name = asked if width is None else head
    if name not in known:
        raise UsageError(f"no record has a field {quoted(name)!r}.{suggestion(name, known)}")
    written = _folded(["|".join(r.labels) for r in records] if name == LABEL else _written(records, name))
    values = tuple(_cut(written) if width is None else _in_steps(written, width, name))
    return RecordedValues(name, values, tuple(sorted(set(values) - {""}, key=_place)))


def _in_steps(written: Sequence[str], width: float, name: str) -> Iterator[str]:
    """The band of each number. Raises UsageError."""
    numbers = [number(value) for value in written]
    if width <= 0 or any(found is None and value for found, value in zip(numbers, written, strict=True)):
        raise UsageError(
            f"{quoted(name)!r} cannot be cut in bands of {width:g}: its values must be numbers, the width above 0"
        )
    for value in numbers:
        low = 0.0 if value is None else value // width * width
        yield "" if value is None else f"{low:g} to < {low + width:g}"


def _place(value: str) -> tuple[bool, float, str]:
    """Numbers and bands by their lower end, then texts."""
    first = value.split(" ", maxsplit=1)[0]
    low = {"<=": -math.inf, ">": math.inf}.get(first, number(first))
    return low is None, low or 0.0, value


def kind_of(name: str) -> Kind:
    """What a field is about, by the words in its name: ``ViewPosition`` and ``view_position`` are alike."""
    words = _words(name)
    return next((kind for kind, known in _WORDS.items() if words & known), "other")


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))


def _together(first: RecordedField, second: RecordedField) -> RecordedField:
    """Two fields that divide the records alike, as one: the one that tells more of where and how gives the name."""
    ahead, behind = sorted((first, second), key=lambda each: FIELD_KINDS.index(each.kind))
    return replace(ahead, also=(*ahead.also, behind.name, *behind.also))


def _written(records: Sequence[Record], name: str) -> list[str]:
    return [str(record.attributes.get(name, "")).strip() for record in records]


def _restates(records: Sequence[Record], name: str) -> str:
    """Why a field restates the label, or "": a 0/1 column for a label, or values that name the label."""
    labels = {label for record in records for label in record.labels}
    if _plain(name) in {_plain(label) for label in labels} or _words(name) & _OF_LABELS:
        return "restates the labels"
    named = sum(
        any(_names(_plain(value), _plain(label)) for label in record.labels)
        for record, value in zip(records, _written(records, name), strict=True)
    )
    return "restates the labels" if named >= 0.8 * len(records) else ""


def _names(value: str, label: str) -> bool:
    return label in value or (len(value) >= 3 and not value.isdigit() and value in label)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _candidates(written: Sequence[str], name: str) -> Iterator[RecordedField]:
    if sum("/" in value for value in written) >= 0.5 * len(written):
        folders = [value.partition("/")[0] for value in written]
        yield RecordedField(f"{name} (first folder)", kind_of(name), _grouped(folders))
    else:
        yield RecordedField(name, kind_of(name), _grouped(_cut(_folded(written))))
    if len({value.casefold() for value in written}) < len(set(written)):
        spelled = [value and ("lower case" if value == value.lower() else "upper case") for value in written]
        yield RecordedField(f"{name} (spelling)", "written", _grouped(spelled))
    there = ["yes" if value else "no" for value in written]
    yield RecordedField(f"{name} (recorded)", "written", _grouped(there))


def _useful(each: RecordedField) -> bool:
    known = each.sizes
    rare = known.pop(RARE_VALUES, 0)
    return len(known) + (rare >= RARE) > 1 and rare < 0.5 * len(each.values)


def _folded(written: Sequence[str]) -> list[str]:
    """Merge values that differ in case only, into the most frequent spelling."""
    spelling: dict[str, str] = {}
    for value, _ in Counter(written).most_common():
        spelling.setdefault(value.casefold(), value)
    return [spelling[value.casefold()] for value in written]


def _cut(values: Sequence[str]) -> list[str]:
    """Numbers with many values, cut at their quartiles; everything else as it is."""
    numbers = [number(value) for value in values]
    known = np.array([value for value in numbers if value is not None])
    given = sum(map(bool, values))
    if len(set(values)) <= _MANY or len(known) < given:
        return list(values)
    edges = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names = [f"<= {edges[0]:g}", *between, f"> {edges[-1]:g}"]
    return ["" if value is None else names[int(np.searchsorted(edges, value))] for value in numbers]


def _grouped(values: Sequence[str]) -> tuple[str, ...]:
    counts = Counter(values)
    return tuple(value if not value or counts[value] >= RARE else RARE_VALUES for value in values)


def _partition(values: Sequence[str]) -> tuple[int, ...]:
    first = {value: i for i, value in reversed(list(enumerate(values)))}
    return tuple(first[value] for value in values)
