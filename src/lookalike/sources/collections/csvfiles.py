"""The owners' tables, plain or gzipped, read a row at a time."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.sources.collections.collection import Uncertain

_WORDS: Final = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}


def table_rows(table: Path, required: Sequence[str]) -> Iterator[dict[str, str]]:
    """Every row by column name. Raises UsageError if the table is not there or lacks a column."""
    try:
        with (gzip.open if table.suffix == ".gz" else open)(table, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            absent = [name for name in required if name not in (reader.fieldnames or ())]
            if absent:
                raise UsageError(
                    f"{table.name} has no column {absent[0]!r}; it must be as its owners publish it, with the "
                    f"columns {', '.join(required)}"
                )
            for row in reader:
                yield {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    except FileNotFoundError:
        raise UsageError(f"{table.name} is not in {table.parent}; give the folder that holds it") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"{table.name} cannot be read; get it from its owners again") from None


def first_there(root: Path, names: Sequence[str]) -> Path:
    """The first of several names that exists as a file in ``root``. Raises UsageError if none does."""
    for name in names:
        if (root / name).is_file():
            return root / name
    raise UsageError(f"{root} holds none of {', '.join(names)}; give the folder as its owners publish it")


def flagged(row: Mapping[str, str], names: Sequence[str], policy: Uncertain) -> tuple[list[str], list[str]]:
    """The positive and the uncertain labels of a row of 1, 0, -1 and blanks. "ones": uncertain labels are positive."""
    positive = [name for name in names if _number(row.get(name, "")) == 1]
    uncertain = [name for name in names if _number(row.get(name, "")) == -1]
    if policy == "ones":
        positive = [name for name in names if name in {*positive, *uncertain}]
    return positive, uncertain


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def dicom_attributes(**attributes: str) -> dict[str, str | float]:
    """The attributes that have a value, sexes as in DICOM (M, F), ages as numbers of years."""
    kept: dict[str, str | float] = {}
    for name, value in attributes.items():
        if name == "PatientAge":
            years = _number(value.strip().upper().removesuffix("Y"))
            if years is not None:
                kept[name] = years
        elif value:
            kept[name] = _WORDS.get(value.upper(), value) if name == "PatientSex" else value
    return kept
