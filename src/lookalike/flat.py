"""Lists of results as columns of plain values: what CSV, Parquet and pandas can hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from lookalike.errors import MissingExtraError

_BETWEEN: Final = "|"  # labels of one cell, as in the tables that are exported

Flat = dict[str, list[Any]]


def flat_columns(items: Sequence[Any]) -> Flat:
    """The fields of results (dataclasses) as columns by name, in the order in which they appear.

    What stands in a field of its own has its name behind a point: ``attributes.Modality``, ``match.slice``. Sequences
    stay lists, None is what an item does not have. A column of numbers and of texts becomes one of texts.
    """
    rows = [dict(_leaves(asdict(item))) for item in items]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _of_one_kind([row.get(name) for row in rows]) for name in names}


def _leaves(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        elif isinstance(value, tuple | list):
            yield f"{before}{name}", [_plain(each) for each in value]
        else:
            yield f"{before}{name}", value


def _plain(value: Any) -> Any:
    """A list of results within a result is told in words: a cell holds no table."""
    if not isinstance(value, Mapping):
        return value
    return ", ".join(f"{name}={each}" for name, each in _leaves(value))


def _of_one_kind(values: list[Any]) -> list[Any]:
    kinds = {float if type(each) is int else type(each) for each in values if each is not None}
    if len(kinds) <= 1:
        return values
    return [None if each is None else flat_text(each) for each in values]


def csv_text(columns: Flat) -> str:
    """Flat as CSV with a header, a line each; several values of a cell stand with ``|`` between."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([flat_text(each) for each in row] for row in zip(*columns.values(), strict=True))
    return out.getvalue()


def parquet_bytes(columns: Flat) -> bytes:
    """Flat as a Parquet file; several values of a cell are a list. Raises MissingExtraError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("Parquet", "vectors") from None
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def flat_text(value: Any) -> str:
    """A cell as text: several values with ``|`` between, nothing as nothing."""
    if isinstance(value, list):
        return _BETWEEN.join(map(str, value))
    return "" if value is None else str(value)
