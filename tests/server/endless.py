"""A file whose reading does not end while a test looks at the job that reads it, however quick or slow the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TERABYTE = 1 << 40  # of nothing, which takes no room: to hash it takes many minutes


@contextmanager
def endless(path: Path) -> Iterator[None]:
    """Within, whoever indexes the folder comes to this file and no further: files are taken in the order of their
    names. Then it is refused, and gone.
    """
    with path.open("wb") as file:
        file.truncate(_TERABYTE)
    try:
        yield
    finally:
        os.truncate(path, 0)  # which ends the reading, too
        path.unlink()
