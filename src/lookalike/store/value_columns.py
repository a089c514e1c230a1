"""What the records say in one field, as a column: each different value once, and its number for every record."""

from __future__ import annotations

import operator
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.filters import Compare, number
from lookalike.types import Keys

Said: TypeAlias = tuple[int, str, float | None]
"""A record's key, what it says, and that as a number if it is one."""

_APART: Final = "\0"  # no database keeps it as text, no filter may hold it
_COMPARED: Final[dict[str, Callable[[Any, float], Any]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Values:
    """The different values of a field, numbered as they came: one more may follow at any time, none is taken away. One
    thread adds to them; others may compare them meanwhile.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._numbers: list[float] = []  # NaN for what is none
        self._array: NDArray[np.float64] = np.empty(0)
        self._lower: tuple[str, NDArray[np.int64]] = "", np.empty(0, np.int64)

    @classmethod
    def of(cls, texts: Sequence[str], numbers: NDArray[np.float64]) -> Values:
        """Those of these texts, and what they are as numbers, in this order."""
        found = cls()
        found._codes = {text: code for code, text in enumerate(texts)}
        found._numbers = numbers.tolist()
        return found

    def numbered(self, said: Iterable[Said]) -> NDArray[np.int64]:
        """(n, 2): the records' keys and the numbers of what they say; new values are noted."""
        codes, pairs = self._codes, array("q")  # a list of a million pairs takes twenty times as much
        for record, text, as_number in said:
            if (code := codes.get(text)) is None:
                code = len(codes)
                self._numbers.append(np.nan if as_number is None else as_number)
                codes[text] = code
            pairs.append(record)
            pairs.append(code)
        return np.array(pairs, np.int64).reshape(-1, 2)

    @property
    def texts(self) -> tuple[str, ...]:
        """(d,): the values."""
        return tuple(self._codes)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """(d,): the values as numbers, NaN for what is none."""
        return self._as_numbers()[: len(self._codes)].copy()

    def satisfying(self, compare: Compare) -> NDArray[np.bool_]:
        """(d,): which values a comparison other than != holds for, as ``filters.matches`` has it."""
        holds, wanted = np.zeros(len(self._codes), np.bool_), number(compare.value)
        if compare.op == "~":
            found = self._containing(compare.value.lower())
            holds[found[found < len(holds)]] = True
            return holds
        if wanted is not None:
            holds |= _COMPARED[compare.op](self._as_numbers()[: len(holds)], wanted)
        if compare.op == "=" and (code := self._codes.get(compare.value, len(holds))) < len(holds):
            holds[code] = True
        return holds

    def _as_numbers(self) -> NDArray[np.float64]:
        if len(self._array) < len(self._codes):
            self._array = np.array(self._numbers)
        return self._array

    def _containing(self, wanted: str) -> NDArray[np.int64]:
        """The numbers of the values that contain a text of small letters: one pass over all of them, run together."""
        lower, ends = self._run_together()
        if not wanted:
            return np.arange(len(ends))
        found = [match.start() for match in re.finditer(re.escape(wanted), lower)]
        return np.unique(np.searchsorted(ends, found, side="right"))

    def _run_together(self) -> tuple[str, NDArray[np.int64]]:
        lower, ends = self._lower
        if len(ends) < len(self._codes):
            new = [text.lower() + _APART for text in list(self._codes)[len(ends) :]]
            lengths = np.cumsum([len(text) for text in new], dtype=np.int64) + len(lower)
            self._lower = lower, ends = lower + "".join(new), np.concatenate([ends, lengths])
        return lower, ends


@dataclass(frozen=True, slots=True, eq=False)
class ValueColumn:
    """records (n,) and codes (n,) int32: a pair for each value that a record has in this field."""

    values: Values
    records: Keys
    codes: NDArray[np.int32]

    def changed(self, read_again: NDArray[np.bool_], said: Iterable[Said]) -> ValueColumn:
        """The column after what some records, those ``read_again`` by their keys, say now; itself if that is the
        same.
        """
        stale, new = read_again[self.records], self.values.numbered(said)
        before = np.stack([self.records[stale], self.codes[stale].astype(np.int64)], axis=1)
        if np.array_equal(_in_order(before), _in_order(new)):
            return self
        kept = ~stale
        records = np.concatenate([self.records[kept], new[:, 0]])
        return replace(self, records=records, codes=np.concatenate([self.codes[kept], new[:, 1].astype(np.int32)]))

    def satisfying(self, compare: Compare, size: int) -> NDArray[np.bool_]:
        """(size,): by their keys, which records a comparison other than != holds for."""
        holds, mask = self.values.satisfying(compare), np.zeros(size, np.bool_)
        mask[self.records[holds[self.codes]]] = True
        return mask


def _in_order(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.lexsort(rows.T)]


def empty_column() -> ValueColumn:
    """A column of which nothing has been read."""
    return ValueColumn(Values(), np.empty(0, np.int64), np.empty(0, np.int32))
