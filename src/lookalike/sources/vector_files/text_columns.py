"""CSV: a row a vector, its numbers in columns ``vectors.0``, ``vectors.1``, ..., and what is told of it beside."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.errors import UsageError
from lookalike.sources.vector_files.layout import USUAL_NAMES, FoundVectors, check_claim, chosen, id_column
from lookalike.text import quoted

_NUMBERED: Final = re.compile(r"(.+)[._](\d{1,5})")


def find_in_csv(file: Path, vectors: str, ids: str) -> FoundVectors:
    """The vectors of a table in UTF-8, separated by commas."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.reader(opened)
        head = next(rows, [])
        places = _places(head, vectors)
        told = [number for number in range(len(head)) if number not in {*places}]
        columns: dict[str, list[str]] = {head[number]: [] for number in told}
        numbers = array("f")
        for line, row in enumerate(rows, 2):
            numbers.extend(_numbers(row, places, len(head), line))
            for number in told:
                columns[head[number]].append(row[number])
    check_claim(len(numbers) // len(places), len(places), 4, file.stat().st_size)
    matrix = np.frombuffer(numbers, np.float32).reshape(-1, len(places))
    named = id_column([*columns], ids)
    return FoundVectors(*matrix.shape, lambda first, last: matrix[first:last], columns.pop(named, ()), columns)


def _places(head: Sequence[str], wanted: str) -> list[int]:
    """Where the numbers of a vector stand, in their order. Raises UsageError."""
    found: dict[str, dict[int, int]] = {}
    for place, name in enumerate(head):
        if (match := _NUMBERED.fullmatch(name)) is not None:
            found.setdefault(match[1], {})[int(match[2])] = place
    name = chosen([*found], wanted, USUAL_NAMES, "numbered column")
    first = min(found[name])
    if first > 1 or [*sorted(found[name])] != [*range(first, first + len(found[name]))]:
        raise UsageError(f"its columns {quoted(name, 40)}.0, {quoted(name, 40)}.1, ... are not numbered without a gap")
    return [found[name][number] for number in sorted(found[name])]


def _numbers(row: Sequence[str], places: Sequence[int], cells: int, line: int) -> list[float]:
    if len(row) != cells:
        raise UsageError(f"line {line} has {len(row)} cells, and the first line {cells}")
    try:
        return [float(row[place]) for place in places]
    except ValueError:
        raise UsageError(f"a number of the vector in line {line} is none") from None
