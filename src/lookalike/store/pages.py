"""What lies between the cells of a database's pages: SQLite overwrites deleted cells (``secure_delete``), but not the
copies that it left behind when it moved cells to another page. File format: https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}  # bytes, by the kind of b-tree page
_FIRST: Final = 100  # bytes of the file's header, in its first page
_AT_ONCE: Final = 2048  # pages


def lies_between(file: Path, words: Collection[bytes]) -> bool:
    """Whether one of some words lies in the unallocated bytes of a page. Raises OSError."""
    return any(word in gap for gap in _gaps(file) for word in words)


def _gaps(file: Path) -> Iterator[bytes]:
    """The unallocated bytes of pages, of many pages together."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(18)[16:], "big")
        size, first = 65536 if size == 1 else size, True
        opened.seek(0)
        while read := opened.read(size * _AT_ONCE):
            pages = np.frombuffer(read, np.uint8, len(read) // size * size).reshape(-1, size)
            yield b"\0".join(_of_pages(pages, first))
            first = False


def _of_pages(pages: NDArray[np.uint8], first: bool) -> Iterator[bytes]:
    heads = pages[:, :8].astype(np.int64)
    if first:
        heads[0] = pages[0, _FIRST : _FIRST + 8]
    starts = np.zeros(len(pages), np.int64)
    for kind, header in _HEADERS.items():
        starts[heads[:, 0] == kind] = header
    trees = starts > 0
    starts += 2 * (256 * heads[:, 3] + heads[:, 4])
    starts[0] += _FIRST * first
    ends = 256 * heads[:, 5] + heads[:, 6]
    for i in np.flatnonzero(trees & (ends > starts)):
        gap = pages[i, starts[i] : ends[i]]
        if gap.any():
            yield gap.tobytes().strip(b"\0")
