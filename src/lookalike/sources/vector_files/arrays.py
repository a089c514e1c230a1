"""NumPy's .npy and .npz. Their headers are read by NumPy, their numbers by position; pickled objects are refused."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.sources.vector_files.layout import (
    MADE_BY,
    USUAL_NAMES,
    FoundVectors,
    as_texts,
    check_claim,
    check_numbers,
    chosen,
    id_column,
)

_MOST_IN_MEMORY: Final = 1 << 30  # bytes of a compressed array, which cannot be read by position
_NPY: Final = ".npy"


def find_in_npy(file: Path, _vectors: str, _ids: str) -> FoundVectors:
    """One array (n, dim) of vectors."""
    with file.open("rb") as opened:
        shape, dtype, start = _header(opened)
    check_numbers(dtype)
    count, dim = _flat(shape)
    check_claim(count, dim, dtype.itemsize, file.stat().st_size)

    def rows(first: int, last: int) -> NDArray[np.float32]:
        values = np.fromfile(file, dtype, (last - first) * dim, offset=start + first * dim * dtype.itemsize)
        return _whole(values, last - first, dim)

    return FoundVectors(count, dim, rows)


def find_in_npz(file: Path, vectors: str, ids: str) -> FoundVectors:
    """Named arrays: (n, dim) of vectors, (n,) of anything else that is told of each."""
    with zipfile.ZipFile(file) as archive:
        if any(entry.flag_bits & 1 for entry in archive.infolist()):
            raise UsageError("it is encrypted")
        names = [name.removesuffix(_NPY) for name in archive.namelist() if name.endswith(_NPY)]
        array = chosen(names, vectors, USUAL_NAMES, "array")
        matrix = _member(archive, array, file.stat().st_size)
        check_numbers(matrix.dtype)
        count, dim = _flat(matrix.shape)
        check_claim(count, dim, matrix.dtype.itemsize, file.stat().st_size)
        columns, encoder = _columns(archive, [name for name in names if name != array], count)
    named = id_column([*columns], ids)
    matrix = matrix.reshape(count, dim)
    return FoundVectors(
        count,
        dim,
        lambda first, last: np.asarray(matrix[first:last], np.float32),
        columns.pop(named, ()),
        columns,
        encoder,
    )


def _columns(archive: zipfile.ZipFile, names: list[str], count: int) -> tuple[dict[str, list[str]], str]:
    """What is told of each of the vectors, by name; and which encoder made them."""
    columns: dict[str, list[str]] = {}
    encoder = ""
    for name in names:
        values = _member(archive, name, _MOST_IN_MEMORY)
        if name == MADE_BY and values.size == 1:
            encoder = as_texts(values.reshape(1))[0]
        elif values.shape == (count,) and (texts := as_texts(values)):
            columns[name] = texts
    return columns, encoder


def _member(archive: zipfile.ZipFile, name: str, size: int) -> NDArray[Any]:
    """An array of an archive. Raises UsageError where its header names more than the archive can hold."""
    entry = archive.getinfo(name + _NPY)
    with archive.open(entry) as opened:
        shape, dtype, _start = _header(opened)
        wanted = math.prod(shape) * dtype.itemsize
        if wanted > min(entry.file_size, _MOST_IN_MEMORY, 1000 * size):
            raise UsageError(
                f"an array is larger than {_MOST_IN_MEMORY >> 20} MiB or damaged; save the vectors as .npy"
            )
        data = opened.read(wanted)
    if len(data) != wanted:
        raise UsageError("an array is cut short")
    return np.frombuffer(data, dtype).reshape(shape)


def _header(opened: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """The shape, the type of the numbers and where they begin."""
    version = np.lib.format.read_magic(opened)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = read(opened)
    if dtype.hasobject:
        raise UsageError("it holds pickled objects, which could run code when they are read; save plain arrays")
    if by_column and len(shape) > 1:
        raise UsageError("its array is stored by column; save numpy.ascontiguousarray of it")
    return shape, dtype, opened.tell()


def _flat(shape: tuple[int, ...]) -> tuple[int, int]:
    """(n, dim) of an array of vectors, which may have axes of length 1."""
    kept = shape if len(shape) == 2 else tuple(length for length in shape if length != 1)
    if len(kept) == 1:
        return 1, kept[0]
    if len(kept) != 2:
        raise UsageError(f"its array has the shape {shape}; vectors are (how many, numbers of each)")
    return kept[0], kept[1]


def _whole(values: NDArray[Any], count: int, dim: int) -> NDArray[np.float32]:
    if len(values) != count * dim:
        raise UsageError("it is cut short")
    return np.asarray(values, np.float32).reshape(count, dim)
