"""Pack named arrays into bytes, and back without a copy, so that an index file can be memory-mapped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT: Final = 64


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The length of a JSON table (8 bytes, little-endian), the table [name, dtype, shape], the arrays.

    Everything starts at a multiple of 64 bytes except the table, which follows its length.
    """
    table = json.dumps([[name, array.dtype.str, array.shape] for name, array in arrays.items()]).encode()
    table += b" " * (-(8 + len(table)) % _ALIGNMENT)
    parts: list[Any] = [len(table).to_bytes(8, "little"), table]
    for array in arrays.values():
        parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8), bytes(-array.nbytes % _ALIGNMENT)]
    return b"".join(parts)


def unpack(data: Any) -> dict[str, NDArray[Any]]:
    """The arrays of a buffer that ``pack`` wrote: read-only views of it."""
    start = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, dtype, shape in json.loads(bytes(data[8:start])):
        count = int(np.prod(shape))
        arrays[name] = np.frombuffer(data, dtype, count, start).reshape(shape)
        start += arrays[name].nbytes + -arrays[name].nbytes % _ALIGNMENT
    return arrays
