"""Memory-mapped files, of which scattered rows are read without being mapped.

With each page that is touched the system maps its neighbours, 64 kB, which takes twice the time of reading the row and
counts as this process's memory.
"""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray


class MappedFile(mmap.mmap):
    """A whole file, mapped for reading."""

    _descriptor: int

    def __new__(cls, file: BinaryIO) -> Self:
        """file: open, and not empty; may be closed then."""
        self = super().__new__(cls, file.fileno(), 0, access=mmap.ACCESS_READ)
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        return self

    def rows_of(self, array: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows of an array (n, width) that is a view of the file, (rows, width)."""
        width = array.strides[0]
        start = array.ctypes.data - np.frombuffer(self, np.uint8, 1).ctypes.data
        found = np.empty((len(rows), *array.shape[1:]), array.dtype)
        data = found.reshape(-1).view(np.uint8).data
        for i, place in enumerate((start + rows * width).tolist()):
            os.preadv(self._descriptor, [data[i * width : (i + 1) * width]], place)
        return found
