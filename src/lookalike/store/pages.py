"""What lies between the cells of a database's pages: SQLite overwrites deleted cells (``secure_delete``), but not the
copies that it left behind when it moved cells to another page. File format: https://www.sqlite.org/fileformat2.html

A process of its own reads the file, by this module alone: whichever process closes a file loses all the locks that
SQLite holds on it there, and with them what is written next (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}  # bytes, by the kind of b-tree page
_LENGTH: Final = 32  # digits of a pseudonym
_NAME: Final = re.compile(rb"[0-9a-f]{%d,}" % _LENGTH)
_FIRST: Final = 100  # bytes of the file's header, in its first page
_AT_ONCE: Final = 2048  # pages
_FOUND: Final = "found"


def lies_between(file: Path, words: Collection[bytes]) -> bool:
    """Whether one of some words lies in the unallocated bytes of a page. Raises OSError."""
    asked = "\n".join([str(file), *(word.hex() for word in words)]).encode("utf-8", "surrogateescape")
    said = subprocess.run([sys.executable, "-I", "-S", __file__], input=asked, capture_output=True, check=False)
    if said.returncode:
        raise OSError(f"the pages of {file.name} could not be read")
    return said.stdout.decode().strip() == _FOUND


def _answer() -> None:
    with suppress(OSError):
        os.nice(10)  # searches come first
    name, *words = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")
    wanted = {bytes.fromhex(word) for word in words}
    # Of pseudonyms there may be thousands: of every file of a series.
    names = {word for word in wanted if len(word) == _LENGTH and _NAME.fullmatch(word)}
    with Path(name).open("rb") as opened:
        size = int.from_bytes(opened.read(18)[16:], "big")
        opened.seek(0)
        gaps = _gaps(opened, 65536 if size == 1 else size)
        found = any(_names(gap, names) or any(word in gap for word in wanted - names) for gap in gaps)
    print(_FOUND if found else "")


def _names(gap: bytes, names: Collection[bytes]) -> bool:
    """Whether one of some pseudonyms lies in unallocated bytes."""
    runs = _NAME.findall(gap)
    return any(run[start : start + _LENGTH] in names for run in runs for start in range(len(run) - _LENGTH + 1))


def _gaps(opened: IO[bytes], size: int) -> Iterator[bytes]:
    """The unallocated bytes of pages, of many pages together."""
    first = True
    while read := opened.read(size * _AT_ONCE):
        pages = (read[start : start + size] for start in range(0, len(read) - size + 1, size))
        yield b"\0".join(_gap(page, _FIRST * (first and number == 0)) for number, page in enumerate(pages))
        first = False


def _gap(page: bytes, at: int) -> bytes:
    """What lies between the cell pointers of a b-tree page and its cells; empty where all of it is zero."""
    header = _HEADERS.get(page[at])
    if header is None:
        return b""
    start = at + header + 2 * int.from_bytes(page[at + 3 : at + 5], "big")
    return page[start : int.from_bytes(page[at + 5 : at + 7], "big") or len(page)].strip(b"\0")


if __name__ == "__main__":
    _answer()
