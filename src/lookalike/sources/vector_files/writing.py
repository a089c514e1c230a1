"""Write vectors with what is told of each: Parquet, HDF5, NumPy and CSV, a block at a time."""

from __future__ import annotations

import csv
import io
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import numpy as np

from lookalike.atomic import new_file
from lookalike.errors import MissingExtraError
from lookalike.types import Vectors

ToldRows = list[dict[str, object]]
_VECTORS: Final = "vectors"
_BLOCK: Final = 8192  # rows that are written together


@dataclass(frozen=True, slots=True)
class VectorTable:
    """kinds: the columns and whether they hold str, int or float. dim: numbers of a vector. made_by, encoder: under
    which name the file says which encoder made the vectors.
    """

    kinds: Mapping[str, type]
    dim: int
    made_by: str
    encoder: str


class VectorWriter(Protocol):
    """An open file of vectors."""

    @abstractmethod
    def write(self, cells: ToldRows, vectors: Vectors) -> None:
        """Add rows: what is told of each, and vectors (n, dim)."""


class _Blocks:
    """Gathers rows until a block is full."""

    def __init__(self, put: Callable[[dict[str, list[Any]], Vectors], None], table: VectorTable) -> None:
        self._put, self._table = put, table
        self._cells: ToldRows = []
        self._vectors: list[Vectors] = []

    def write(self, cells: ToldRows, vectors: Vectors) -> None:
        self._cells += cells
        self._vectors.append(vectors)
        if len(self._cells) >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        if self._cells:
            columns = {name: [each.get(name) for each in self._cells] for name in self._table.kinds}
            self._put(columns, np.concatenate(self._vectors).astype(np.float32))
        self._cells, self._vectors = [], []


@contextmanager
def _parquet(place: Path, table: VectorTable) -> Iterator[VectorWriter]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("writing Parquet", "vectors") from None
    kinds = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    fields = [(name, kinds[kind]) for name, kind in table.kinds.items()]
    schema = pyarrow.schema(
        [*fields, (_VECTORS, pyarrow.list_(pyarrow.float32(), table.dim))], metadata={table.made_by: table.encoder}
    )

    def put(columns: dict[str, list[Any]], vectors: Vectors) -> None:
        lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), table.dim)
        out.write_table(pyarrow.table({**columns, _VECTORS: lists}, schema=schema))

    with _new(place) as file, parquet.ParquetWriter(file, schema) as out:
        yield (blocks := _Blocks(put, table))
        blocks.flush()


@contextmanager
def _hdf5(place: Path, table: VectorTable) -> Iterator[VectorWriter]:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("writing HDF5", "vectors") from None
    kinds = {str: h5py.string_dtype(), int: np.int64, float: np.float64}

    def grown(name: str, values: Any) -> None:
        there = out[name]
        there.resize(len(there) + len(values), axis=0)
        there[-len(values) :] = values

    def put(columns: dict[str, list[Any]], vectors: Vectors) -> None:
        grown(_VECTORS, vectors)
        for name, values in columns.items():
            grown(name, _filled(values, table.kinds[name]))

    with _new(place) as file, h5py.File(file, "w") as out:
        out.attrs[table.made_by] = table.encoder
        out.create_dataset(_VECTORS, (0, table.dim), np.float32, maxshape=(None, table.dim))
        for name, kind in table.kinds.items():
            out.create_dataset(name, (0,), kinds[kind], maxshape=(None,))
        yield (blocks := _Blocks(put, table))
        blocks.flush()


@contextmanager
def _numpy(place: Path, table: VectorTable) -> Iterator[VectorWriter]:
    """All of it is held until the end: an archive of arrays does not grow."""
    parts: list[Vectors] = []
    told: dict[str, list[Any]] = {name: [] for name in table.kinds}

    def put(columns: dict[str, list[Any]], vectors: Vectors) -> None:
        parts.append(vectors)
        for name, values in columns.items():
            told[name] += _filled(values, table.kinds[name])

    yield (blocks := _Blocks(put, table))
    blocks.flush()
    arrays: dict[str, Any] = {name: np.array(values, table.kinds[name]) for name, values in told.items()}
    stacked = np.concatenate(parts) if parts else np.empty((0, table.dim), np.float32)
    with _new(place) as file:
        np.savez(file, **{_VECTORS: stacked, **arrays, table.made_by: np.array(table.encoder)})


@contextmanager
def _csv(place: Path, table: VectorTable) -> Iterator[VectorWriter]:
    """Numbers as the shortest text that is read back as the same float32."""

    def put(columns: dict[str, list[Any]], vectors: Vectors) -> None:
        for told, vector in zip(zip(*columns.values(), strict=True), vectors, strict=True):
            cells = ["" if each is None else each for each in told]
            writer.writerow([*cells, *(np.format_float_positional(each, trim="-") for each in vector)])

    with _new(place) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*table.kinds, *(f"{_VECTORS}.{each}" for each in range(table.dim))])
        yield (blocks := _Blocks(put, table))
        blocks.flush()
        text.detach()


def _filled(values: Sequence[Any], kind: type) -> list[Any]:
    """With "" and NaN for what is not known: these files have nothing else for it."""
    return [(float("nan") if kind is float else "") if each is None else each for each in values]


@contextmanager
def _new(place: Path) -> Iterator[BinaryIO]:
    """A file that has its name only when all is written."""
    with new_file(place.parent, place.name) as new:
        yield new.file
        new.become(place)


VECTOR_WRITERS: Final[Mapping[str, Callable[[Path, VectorTable], AbstractContextManager[VectorWriter]]]] = {
    ".parquet": _parquet,
    ".h5": _hdf5,
    ".npz": _numpy,
    ".csv": _csv,
}
"""The endings of files, and what writes each."""
