"""What the records of a map say in one field, a byte each: enough to colour by, and to count."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.store.value_columns import ValueColumn
from lookalike.types import Keys

NOT_SAID: Final = 255  # the code of a record that says nothing
OTHERS: Final = 254  # the code of all values beyond those that are named
NAMED: Final = 254  # values that have a code of their own, the most frequent
_LEVELS: Final = 253  # the code of the highest number; 0 is that of the lowest
ByteCodes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class MapColumn:
    """codes (n,). kind "text": numbers of names (OTHERS: of a value beyond them), counts: how many records have each,
    others: how many different values there are beyond. kind "number": from 0 for low to 253 for high. NOT_SAID: none.
    sampled: how many records were looked at, where that was not all of them.
    """

    kind: Literal["text", "number"]
    codes: ByteCodes
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    others: int = 0
    low: float | None = None
    high: float | None = None
    sampled: int | None = None

    def packed(self) -> bytes:
        """As the page takes it: a line of JSON, then the codes."""
        told = {
            "kind": self.kind,
            "names": self.names,
            "counts": self.counts,
            "others": self.others,
            "sampled": self.sampled,
            "low": self.low,
            "high": self.high,
        }
        return json.dumps(told).encode() + b"\n" + self.codes.tobytes()


def values_by_row(column: ValueColumn, keys: Keys) -> NDArray[np.int64]:
    """(n,) the number of the value that each record says, of several the first in the order of the alphabet; -1: none.
    keys (n,): of the records.
    """
    texts = np.array(column.values.texts, np.str_)
    order = np.empty(len(texts), np.int64)
    order[np.argsort(texts, kind="stable")] = np.arange(len(texts))
    last = int(max(column.records.max(initial=0), keys.max(initial=0)))
    said = np.full(last + 1, -1, np.int64)
    by_value = np.argsort(-order[column.codes], kind="stable") if len(column.codes) else column.codes
    said[column.records[by_value]] = column.codes[by_value]  # the last one written counts
    return said[keys]


def text_column(values: NDArray[np.int64], texts: tuple[str, ...]) -> MapColumn:
    """values (n,): numbers of texts, -1 for none."""
    counts = np.bincount(values[values >= 0], minlength=len(texts))
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda value: (-counts[value], texts[value]))
    named = ranked[:NAMED]
    code = np.full(len(texts) + 1, OTHERS, np.uint8)
    code[named] = np.arange(len(named))
    code[-1] = NOT_SAID
    return MapColumn(
        "text",
        code[values],
        tuple(texts[value] for value in named),
        tuple(int(counts[value]) for value in named),
        len(ranked) - len(named),
    )


def number_column(numbers: NDArray[np.float64], low: float | None = None, high: float | None = None) -> MapColumn:
    """numbers (n,): NaN for none. low, high: of the scale; of the numbers by default."""
    there = np.isfinite(numbers)
    codes = np.full(len(numbers), NOT_SAID, np.uint8)
    if not there.any():
        return MapColumn("number", codes, low=low, high=high)
    low = float(numbers[there].min()) if low is None else low
    high = float(numbers[there].max()) if high is None else high
    share = (numbers[there] - low) / ((high - low) or 1.0)
    codes[there] = np.round(np.clip(share, 0, 1) * _LEVELS)
    return MapColumn("number", codes, low=low, high=high)
