"""Label tables: a CSV with the labels, patient and attributes of each file.

A column names the file (``file`` or ``path``). Labels are in one column, several in a cell separated by
``|`` or in several rows of one file, or in one 0/1 column a label. ``patient_id`` groups records; every
other column is an attribute.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.plugins import suggestion
from lookalike.text import plain_text
from lookalike.types import Attribute

_FILE_COLUMNS: Final = ("file", "path", "filename", "image")
_LABEL_COLUMNS: Final = ("label", "labels", "class")
_MAX_BYTES: Final = 512 << 20
_LENGTH: Final = 200  # characters kept of a label or an attribute


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One file's labels, patient and attributes."""

    labels: tuple[str, ...] = ()
    patient: str = ""
    attributes: Mapping[str, Attribute] | None = None


class LabelTable:
    """Rows by path. ``path`` in the table is relative to the table's folder, or a tail of the real path."""

    def __init__(self, folder: Path, rows: Mapping[str, LabelRow]) -> None:
        self._folder, self._rows = Path(os.path.abspath(folder)), dict(rows)  # noqa: PTH100 - links stay
        self._by_name: dict[str, list[str]] = {}
        for file in self._rows:
            self._by_name.setdefault(Path(file).name, []).append(file)
        self._used: set[str] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def items(self) -> Iterator[tuple[str, LabelRow]]:
        """Every path as it is in the table, with its row."""
        yield from self._rows.items()

    @property
    def label_count(self) -> int:
        """How many different labels the table uses."""
        return len({label for row in self._rows.values() for label in row.labels})

    def row(self, path: Path) -> LabelRow | None:
        """The row of a file, or None. A name shared by several files matches by its folders only."""
        if path.is_relative_to(self._folder):
            # Large collections have hundreds of thousands of files of the same name: look up the whole path first.
            inside = str(path.relative_to(self._folder))
            if inside in self._rows:
                self._used.add(inside)
                return self._rows[inside]
        named = self._by_name.get(path.name, ())
        exact = [file for file in named if os.path.normpath(self._folder / file) == str(path)]
        tails = [file for file in named if path.parts[-len(Path(file).parts) :] == Path(file).parts]
        found = exact or (tails if len(tails) == 1 else [])
        if not found:
            return None
        self._used.add(found[0])
        return self._rows[found[0]]

    def unused(self) -> int:
        """How many rows have not been looked up for any file yet."""
        return len(self._rows) - len(self._used)


def read_label_table(table: Path, label_columns: Sequence[str] = (), patient_column: str = "patient_id") -> LabelTable:
    """Read a CSV. label_columns: the label column, or several 0/1 columns; by default ``label``, ``labels`` or
    ``class``. Raises UsageError, with the names of the columns that there are.
    """
    rows, columns = _read_rows(table)
    file_column = _file_column(columns, table)
    chosen = list(label_columns) or [name for name in columns if name.lower() in _LABEL_COLUMNS][:1]
    for name in chosen:
        if name not in columns:
            raise UsageError(f"{table.name} has no column {name!r}.{suggestion(name, columns)}")
    flags = {name for name in chosen if _is_flag([row[name] for row in rows])}
    if len(chosen) > 1 and set(chosen) != flags:
        raise UsageError(
            f"several label columns must hold 0 and 1 only; {sorted(set(chosen) - flags)[0]!r} does not; "
            "name one column, its values split by '|', or 0/1 columns"
        )
    others = [name for name in columns if name not in {file_column, patient_column, *chosen}]
    flags = flags if len(chosen) > 1 else set()
    found: dict[str, LabelRow] = {}
    for row in rows:
        file = row[file_column].strip().replace("\\", "/")  # as Windows writes paths
        if file:
            entry = LabelRow(
                labels=_labels(row, chosen, flags),
                patient=row.get(patient_column, "").strip(),
                attributes={name: text for name in others if (text := plain_text(row[name], _LENGTH))},
            )
            found[file] = _together(found[file], entry) if file in found else entry
    return LabelTable(table.parent, found)


def _together(first: LabelRow, second: LabelRow) -> LabelRow:
    """Merge two rows of one file: the labels of both; where they contradict each other the first one counts."""
    return LabelRow(
        labels=tuple(dict.fromkeys((*first.labels, *second.labels))),
        patient=first.patient or second.patient,
        attributes={**(second.attributes or {}), **(first.attributes or {})},
    )


def _read_rows(table: Path) -> tuple[list[dict[str, str]], list[str]]:
    try:
        if table.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{table.name} is larger than {_MAX_BYTES >> 20} MiB; split it")
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns = {plain_text(name, _LENGTH): name for name in reader.fieldnames or []}
            columns.pop("", None)
            rows = [{name: row.get(column) or "" for name, column in columns.items()} for row in reader]
    except OSError:
        raise UsageError(f"the label table {table} cannot be opened; give a CSV file that exists") from None
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"{table.name} is no UTF-8 CSV table; save it as one") from None
    return rows, list(columns)


def _file_column(columns: Iterable[str], table: Path) -> str:
    lower = {name.lower(): name for name in columns}
    found = next((lower[name] for name in _FILE_COLUMNS if name in lower), None)
    if found is None:
        raise UsageError(
            f"{table.name} has no column that names the file (one of {', '.join(_FILE_COLUMNS)}); "
            f"it has: {', '.join(columns) or 'none'}"
        )
    return found


def _is_flag(values: Iterable[str]) -> bool:
    return {value.strip() for value in values} <= {"0", "1", "0.0", "1.0", ""}


def _labels(row: Mapping[str, str], chosen: Sequence[str], flags: set[str]) -> tuple[str, ...]:
    if flags:
        return tuple(plain_text(name, _LENGTH) for name in chosen if row[name].strip() in ("1", "1.0"))
    parts = (plain_text(part, _LENGTH) for name in chosen for part in row[name].split("|"))
    return tuple(dict.fromkeys(part for part in parts if part))


def labels_of_folders(root: Path, files: Iterable[Path]) -> LabelTable:
    """Every file labelled with the name of the folder right under ``root`` that holds it."""
    rows = {}
    for file in files:
        inside = file.relative_to(root)
        if len(inside.parts) > 1:
            rows[str(inside)] = LabelRow(labels=(inside.parts[0],), attributes={})
    return LabelTable(root, rows)
