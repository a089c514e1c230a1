"""Search every byte of a folder for words that must not be there: the names of what was erased.

A process of its own reads the files, by this module alone, since one of them is the database (``store.pages``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_AT_ONCE: Final = 8 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Canary:
    """files, bytes: that were searched. found: the files of the folder that hold one of the words."""

    files: int
    bytes: int
    found: tuple[str, ...]


def search_folder(folder: Path, words: Collection[bytes]) -> Canary:
    """Search the names and the bytes of every file below a folder; links are not followed. Raises OSError."""
    asked = "\n".join([str(folder), *(word.hex() for word in words)]).encode("utf-8", "surrogateescape")
    said = subprocess.run([sys.executable, "-I", "-S", __file__], input=asked, capture_output=True, check=False)
    if said.returncode:
        raise OSError("the gallery's folder could not be searched")
    files, size, found = json.loads(said.stdout)
    return Canary(files, size, tuple(found))


def _answer() -> None:
    name, *given = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\n")
    words, root = [bytes.fromhex(word) for word in given], Path(name)
    files, size, found = 0, 0, list[str]()
    for path in _below(root):
        files += 1
        here, held = _search(path, words)
        size += here
        if held or any(word in os.fsencode(path.name) for word in words):
            found.append(os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace"))
    print(json.dumps([files, size, found]))


def _below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _search(path: Path, words: Collection[bytes]) -> tuple[int, bool]:
    """How many bytes a file has, and whether it holds one of some words."""
    size, held, end = 0, False, b""
    longest = max(map(len, words), default=1)
    with path.open("rb") as opened:
        while read := opened.read(_AT_ONCE):
            size += len(read)
            text = end + read
            held = held or any(word in text for word in words)
            end = text[1 - longest :] if longest > 1 else b""
    return size, held


if __name__ == "__main__":
    _answer()
