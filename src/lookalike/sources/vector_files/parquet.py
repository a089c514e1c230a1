"""Parquet: a column of lists of numbers, all of one length, and a column for each thing that is told of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UsageError
from lookalike.sources.vector_files.layout import (
    MADE_BY,
    USUAL_NAMES,
    FoundVectors,
    as_texts,
    check_claim,
    chosen,
    id_column,
)


def find_in_parquet(file: Path, vectors: str, ids: str) -> FoundVectors:
    """The vectors of a table."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("reading Parquet files of vectors", "vectors") from None
    opened = parquet.ParquetFile(file)
    names = list(opened.schema_arrow.names)
    column = chosen(names, vectors, USUAL_NAMES, "column")
    sizes = [opened.metadata.row_group(each).num_rows for each in range(opened.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    parts = lru_cache(maxsize=2)(lambda group: _lists(opened.read_row_group(group, columns=[column])))
    count, dim = int(starts[-1]), parts(0).shape[1] if sizes else 0
    check_claim(count, dim, 4, file.stat().st_size)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        groups = range(int(np.searchsorted(starts, first, "right")) - 1, int(np.searchsorted(starts, last)))
        found = [parts(group)[max(first - starts[group], 0) : last - starts[group]] for group in groups]
        if any(part.shape[1] != dim for part in found):
            raise UsageError("its vectors are of different lengths")
        return np.concatenate(found)

    columns = _columns(opened, [name for name in names if name != column])
    named = id_column([*columns], ids)
    noted = (opened.schema_arrow.metadata or {}).get(MADE_BY.encode(), b"")
    return FoundVectors(count, dim, rows, columns.pop(named, ()), columns, noted.decode("utf-8", "replace"))


def _lists(table: Any) -> NDArray[np.float32]:
    """The lists of a column as (n, dim). Raises UsageError where they are of different lengths."""
    (column,) = table.columns
    lists = column.combine_chunks()
    try:
        lengths = {*map(len, lists)} if lists.null_count == 0 else set()
        flat = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.float32)
    except (AttributeError, TypeError, ValueError):
        raise UsageError("its column of vectors holds no lists of numbers") from None
    if len(lengths) != 1:
        raise UsageError("its vectors are of different lengths, or some are missing")
    return flat.reshape(len(lists), lengths.pop())


def _columns(opened: Any, names: list[str]) -> dict[str, list[str]]:
    if not names:
        return {}
    table = opened.read(columns=names)
    found = {name: [_told(value) for value in table[name].to_pylist()] for name in names if _is_plain(table[name].type)}
    return {name: texts for name, texts in found.items() if texts}


def _is_plain(kind: Any) -> bool:
    return not str(kind).startswith(("list", "large_list", "fixed_size_list", "struct", "map", "binary", "extension"))


def _told(value: Any) -> str:
    if value is None:
        return ""
    return as_texts(np.array([value]))[0] if isinstance(value, bool | int | float) else str(value)
