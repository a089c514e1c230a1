"""What lies between the cells of a database's pages: SQLite overwrites deleted cells (``secure_delete``), but not the
copies that it left behind when it moved cells to another page. File format: https://www.sqlite.org/fileformat2.html

A process of its own reads the file, by ``gaps`` alone: whichever process closes a file loses all the locks that SQLite
holds on it there, and with them what is written next (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from lookalike.store import gaps

_PROGRAM: Final = str(gaps.__file__)


def lies_between(file: Path, words: Collection[bytes]) -> bool:
    """Whether one of some words lies in the unallocated bytes of a page. Raises OSError."""
    asked = "\n".join([str(file), *(word.hex() for word in words)]).encode("utf-8", "surrogateescape")
    said = subprocess.run([sys.executable, "-I", "-S", _PROGRAM], input=asked, capture_output=True, check=False)
    if said.returncode:
        raise OSError(f"the pages of {file.name} could not be read")
    return said.stdout.decode().strip() == gaps.FOUND
