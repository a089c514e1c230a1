"""Pack named arrays into bytes or a file, and back without a copy, so that an index file can be memory-mapped.

The length of a JSON table (8 bytes, little-endian), the table [name, dtype, shape], the arrays. Everything starts at a
multiple of 64 bytes except the table, which follows its length.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ALIGNMENT: Final = 64
_PIECE: Final = 4096  # bytes that are written again where one of them is another
_TABLE: Final = 1024  # bytes kept free for the table of a file, which is known last


class PackedFile:
    """Arrays written one after the other, each at once or in blocks, so that none has to fit into memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._table = file, list[tuple[str, str, tuple[int, ...]]]()
        file.seek(_TABLE)

    def add(self, name: str, array: NDArray[Any]) -> None:
        """An array of any shape."""
        self._write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        self._end(name, array.dtype, array.shape)

    def add_blocks(self, name: str, dtype: DTypeLike, width: int, blocks: Iterable[NDArray[Any]]) -> None:
        """An array (n, width) that comes in blocks of rows."""
        many = 0
        for block in blocks:
            self._write(np.ascontiguousarray(block, dtype).reshape(-1).view(np.uint8))
            many += len(block)
        self._end(name, np.dtype(dtype), (many, width))

    def add_bytes(self, name: str, write: Callable[[Callable[[Any], object]], None]) -> None:
        """What ``write`` hands to the function that it is given, as an array of bytes."""
        start = self._file.tell()
        write(self._file.write)
        self._end(name, np.dtype(np.uint8), (self._file.tell() - start,))

    def close(self) -> None:
        """Write the table; the file is left open."""
        self._file.seek(0)
        self._file.write(_head(self._table, _TABLE))

    def _write(self, data: NDArray[np.uint8]) -> None:
        self._file.write(data.data)

    def _end(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._table.append((name, dtype.str, shape))
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """All of it as bytes."""
    parts: list[Any] = [_head([(name, array.dtype.str, array.shape) for name, array in arrays.items()])]
    for array in arrays.values():
        parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8), bytes(-array.nbytes % _ALIGNMENT)]
    return b"".join(parts)


def packed_by(write: Callable[[PackedFile], None]) -> bytes:
    """What is written into a packed file, as bytes."""
    buffer = BytesIO()
    packed = PackedFile(buffer)
    write(packed)
    packed.close()
    return buffer.getvalue()


def unpack(data: Any) -> dict[str, NDArray[Any]]:
    """The arrays of a buffer that was packed: read-only views of it."""
    start = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, dtype, shape in json.loads(bytes(data[8:start])):
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(data, dtype, count, start).reshape(shape)
        start += arrays[name].nbytes + -arrays[name].nbytes % _ALIGNMENT
    return arrays


def replaced(data: Any, array: NDArray[np.uint8], by: NDArray[np.uint8]) -> Iterator[tuple[int, bytes]]:
    """Where in a buffer what is to be written so that bytes that are a view of it are as many others."""
    if len(by) != len(array):
        raise ValueError("they are not as many")
    start = _place(data, array)
    for at in range(0, len(by), _PIECE):
        piece = by[at : at + _PIECE]
        if not np.array_equal(piece, array[at : at + _PIECE]):
            yield start + at, piece.tobytes()


def overwritten(data: Any, array: NDArray[Any], rows: NDArray[np.int64], value: int) -> Iterator[tuple[int, bytes]]:
    """Where in a buffer what is to be written so that these rows of an array that is a view of it are ``value``."""
    row, start = np.full(array.shape[1:], value, array.dtype).tobytes(), _place(data, array)
    for place in (start + rows * array.strides[0]).tolist():
        yield place, row


def _place(data: Any, array: NDArray[Any]) -> int:
    """Where in a buffer an array that is a view of it begins."""
    return int(array.ctypes.data - np.frombuffer(data, np.uint8, 1).ctypes.data)


def _head(table: list[tuple[str, str, tuple[int, ...]]], size: int = 0) -> bytes:
    """The table with its length; size: of both, 0 for the least."""
    text = json.dumps(table).encode()
    text += b" " * (size - 8 - len(text) if size else -(8 + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def mapping_of(array: NDArray[Any]) -> mmap.mmap | None:
    """The memory-mapped file that an array is a view of; None if there is none."""
    found: Any = array
    while found is not None and not isinstance(found, mmap.mmap):
        found = found.obj if isinstance(found, memoryview) else getattr(found, "base", None)
    return found
