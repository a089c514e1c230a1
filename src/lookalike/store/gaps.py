"""The program that looks for words in the unallocated bytes of a database's pages (``pages``). It starts with every
erasure, so that it imports little: nothing of the package, and of the library what starts quickly.
"""

from __future__ import annotations

import os
import sys
from struct import Struct

FOUND = "found"
_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}  # bytes, by the kind of b-tree page
_LENGTH = 32  # digits of a pseudonym
_FIRST = 100  # bytes of the file's header, in its first page
_AT_ONCE = 2048  # pages
_LARGEST = 65536  # bytes of a page
_COUNT_AND_START = Struct(">HH")  # how many cells a page has, and where they begin; third in its header

TYPE_CHECKING = False  # as of ``typing``, which takes longer than to look
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import IO


def _answer() -> None:
    try:  # noqa: SIM105 - contextlib takes longer than to look, too
        os.nice(10)  # searches come first
    except OSError:
        pass
    name, *words = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")
    with open(name, "rb") as opened:  # noqa: PTH123
        found = _is_found(opened, {bytes.fromhex(word) for word in words})
    print(FOUND if found else "")


def _is_found(opened: IO[bytes], wanted: Collection[bytes]) -> bool:
    size = int.from_bytes(opened.read(18)[16:], "big")
    opened.seek(0)
    # Of pseudonyms there may be thousands: of every file of a series.
    names = {word for word in wanted if len(word) == _LENGTH and not word.strip(b"0123456789abcdef")}
    others = [word for word in wanted if word not in names]
    return any(
        any(word in gap for word in others) or (bool(names) and _names(gap, names))
        for gap in unallocated(opened, _LARGEST if size == 1 else size)
    )


def _names(gap: bytes, names: Collection[bytes]) -> bool:
    """Whether one of some pseudonyms lies in unallocated bytes."""
    import re

    runs = re.findall(rb"[0-9a-f]{%d,}" % _LENGTH, gap)
    return any(run[start : start + _LENGTH] in names for run in runs for start in range(len(run) - _LENGTH + 1))


def unallocated(opened: IO[bytes], size: int) -> Iterator[bytes]:
    """What lies between the cell pointers of b-tree pages and their cells, of many pages together, apart from zeros.
    size: of a page.
    """
    zeros, before = bytes(size), _FIRST
    while read := opened.read(size * _AT_ONCE):
        gaps = []
        for page in range(0, len(read) - size + 1, size):
            header = _HEADERS.get(read[page + before])
            if header is not None:
                cells, content = _COUNT_AND_START.unpack_from(read, page + before + 3)
                start, end = page + before + header + 2 * cells, page + (content or size)
                if start < end and not read.startswith(zeros[: end - start], start):
                    gaps.append(read[start:end].strip(b"\0"))
            before = 0
        yield b"\0".join(gaps)


if __name__ == "__main__":
    _answer()
