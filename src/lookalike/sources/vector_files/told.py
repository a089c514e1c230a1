"""What is told of published vectors, by the file itself or by a table beside it, as a label table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.sources.collections.csvfiles import table_rows
from lookalike.sources.collections.folders import SPLITS
from lookalike.sources.labels import LabelRow, LabelTable, label_table_of
from lookalike.sources.tables import LENGTH, cell_text
from lookalike.sources.vector_files.reader import Told
from lookalike.text import plain_text

_FILE: Final = "file"  # the column of ids, for the rules of label tables
SLICE, SLICES, SPLIT = "slice", "slices", "split"
_RENAMED: Final = {"anatomic_region": "anatomy", "dataset": "collection"}
"""Attributes by the names that this package knows them by."""
_MOST_BYTES: Final = 1 << 30  # of a list of ids


@dataclass(frozen=True, slots=True)
class _Columns:
    """What a file tells, row by row."""

    ids: Sequence[str]
    columns: Mapping[str, Sequence[str]]

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        for number, each in enumerate(self.ids):
            yield {_FILE: each, **{name: cell_text(values[number]) for name, values in self.columns.items()}}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table's rows, read anew each time: with a column a class those of a large collection fill no memory."""

    path: Path

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        for row in table_rows(self.path, ()):
            yield {name: cell_text(value) for name, value in row.items()}


def labels_told(told: Told, ids: Sequence[str], path: Path, labels: Sequence[str], patient: str | None) -> LabelTable:
    """The labels that a file's own columns tell of its vectors. Raises UsageError."""
    columns = {name: values for name, values in told.columns.items() if name not in (SLICE, SLICES)}
    return _known(label_table_of([_FILE, *columns], _Columns(ids, columns), path, labels, patient), path)


def labels_in(table: Path, labels: Sequence[str], patient: str | None) -> LabelTable:
    """The labels of a table whose column of files names the vectors. Raises UsageError."""
    rows = _Table(table)
    there = [*next(iter(rows), {})]
    return _known(label_table_of(there, rows, table, labels, patient), table)


def _known(table: LabelTable, path: Path) -> LabelTable:
    """With attributes and splits as this package calls them."""
    rows = {name: LabelRow(row.labels, row.patient, _attributes(row.attributes or {})) for name, row in table.items()}
    return LabelTable(path.parent, rows, table.notes)


def _attributes(given: Mapping[str, str | float]) -> dict[str, str | float]:
    found = {_RENAMED.get(name, name): value for name, value in given.items()}
    if SPLIT in found:
        found[SPLIT] = SPLITS.get(str(found[SPLIT]).lower(), str(found[SPLIT]))
    return found


def read_ids(path: Path, count: int) -> list[str]:
    """The ids in a JSON list, or in lines of text: one for each vector. Raises UsageError."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_BYTES + 1)
        found = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{path} is no list of ids; give a JSON list, or a text file with a line for each") from None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(each, str | int) for each in found):
        told = f"{len(found)} entries" if isinstance(found, list) else "no list"
        raise UsageError(f"{path.name} holds {told}, and there are {count} vectors; each needs its id")
    return [str(each) for each in found]


def plain_ids(ids: Iterable[str]) -> list[str]:
    """Ids as names: one line, never an absolute path, which would be a file of this machine; each once."""
    taken: dict[str, int] = {}
    return [_once(taken, _relative(each)) for each in ids]


def _once(taken: dict[str, int], name: str) -> str:
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}#{taken[name]}"


def _relative(text: str) -> str:
    name = plain_text(text, 4 * LENGTH)
    while name.startswith(("/", "\\", "~")):
        name = name[1:]
    return name or "vector"
