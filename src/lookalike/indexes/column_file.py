"""The columns that filters are answered from, as a file: verified when they were made, so that a process which finds
the file intact need not verify every row of the store before its first filter.

It is an index file like those of the spaces (``files``): mapped, shared by all processes, named after its SHA-256,
which the database notes. It holds what records say in the fields that filters have named.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import LookalikeError
from lookalike.indexes.files import IndexFile, has_file, open_file, remove_files, write_file
from lookalike.store import Store
from lookalike.store.filtered import Columns
from lookalike.store.value_columns import ValueColumn, Values

COLUMNS: Final = "records.columns"
"""What the file is called; no space can be."""

_KIND: Final = "columns"
_LAYOUT: Final = 1
_MOST_FIELDS: Final = 16  # all of the file is read before the first filter
_ALIGNED: Final = 8

_Place = list[int]  # where an array begins, and how many values it has


class ColumnFile:
    """The file of a gallery. folder: of the indexes."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder, self._store = folder, store

    def read(self, names: Collection[str] | None) -> Columns | None:
        """The columns of some fields, of all without ``names``, as far as they are in the file; None where there is no
        file of this store, or a damaged one. The arrays lie in the file.
        """
        found = open_file(self._folder, COLUMNS, self._store.columns_seal())
        if found is None or found.made_of.get("layout") != _LAYOUT:
            return None
        try:
            return _checked(_read(found, names))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return None  # forged together with its seal

    def is_there(self) -> bool:
        """Whether a file has been written and not been removed since."""
        return has_file(self._folder, COLUMNS, self._store.columns_seal())

    def write(self, columns: Columns) -> None:
        """Write the columns, as far as that can be done: the file only saves time. One does not stay that was read
        before something was changed or removed.
        """
        with suppress(OSError, LookalikeError):
            self._store.check_writable()
            laid, arrays = _laid_out(columns)
            made = write_file(self._folder, COLUMNS, _KIND, laid, lambda file: _fill(file, arrays), over=False)
            try:
                self._store.seal_columns(made.sha256, columns.state[0])
            finally:
                remove_files(self._folder, COLUMNS, [self._store.columns_seal()])


def _laid_out(columns: Columns) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """What stands beside the file, and what is in it."""
    arrays: list[NDArray[Any]] = []
    end = 0

    def placed(array: NDArray[Any]) -> _Place:
        nonlocal end
        place = [end, len(array)]
        arrays.append(array)
        end += -(-array.nbytes // _ALIGNED) * _ALIGNED
        return place

    fields = {name: _placed_column(columns.of[name], placed) for name in list(columns.of)[:_MOST_FIELDS]}
    return {
        "layout": _LAYOUT,
        "edits": columns.state[0],
        "version": columns.state[1],
        "last": columns.last,
        "keys": placed(columns.keys),
        "owners": placed(columns.owners),
        "fields": fields,
    }, arrays


def _placed_column(column: ValueColumn, placed: Any) -> dict[str, _Place]:
    """Only values that a record has: others may be those of what was removed."""
    used, codes = np.unique(column.codes, return_inverse=True)
    texts, numbers = column.values.texts, column.values.numbers
    told = json.dumps([texts[each] for each in used.tolist()]).encode()
    return {
        "records": placed(column.records),
        "codes": placed(codes.astype(np.int32)),
        "texts": placed(np.frombuffer(told, np.uint8)),
        "numbers": placed(numbers[used]),
    }


def _fill(file: BinaryIO, arrays: list[NDArray[Any]]) -> None:
    for array in arrays:
        file.write(np.ascontiguousarray(array).data)
        file.write(bytes(-array.nbytes % _ALIGNED))


def _read(found: IndexFile, names: Collection[str] | None) -> Columns:
    said: Mapping[str, Any] = found.made_of

    def at(place: _Place, kind: Any) -> NDArray[Any]:
        return np.frombuffer(found.data, kind, place[1], place[0])

    def column(of: Mapping[str, _Place]) -> ValueColumn:
        values = Values.of(json.loads(at(of["texts"], np.uint8).tobytes()), at(of["numbers"], np.float64))
        return ValueColumn(values, at(of["records"], np.int64), at(of["codes"], np.int32))

    of = {name: column(places) for name, places in said["fields"].items() if names is None or name in names}
    state = said["edits"], said["version"]
    return Columns(state, said["last"], at(said["keys"], np.int64), at(said["owners"], np.int64), of)


def _checked(columns: Columns) -> Columns:
    """Raise ValueError where they name records, or values, that there cannot be."""
    for numbers, end in ((columns.owners, columns.last + 1), (columns.keys, np.iinfo(np.int64).max)):
        _check_below(numbers, int(end))
    if len(columns.keys) != len(columns.owners) or not all(isinstance(each, int) for each in columns.state):
        raise ValueError
    for column in columns.of.values():
        texts = column.values.texts
        _check_below(column.records, columns.last + 1)
        _check_below(column.codes, len(texts))
        if len(column.records) != len(column.codes) or not all(isinstance(text, str) for text in texts):
            raise ValueError
        if len(column.values.numbers) != len(texts):
            raise ValueError
    return columns


def _check_below(numbers: NDArray[Any], end: int) -> None:
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < end:
        raise ValueError
