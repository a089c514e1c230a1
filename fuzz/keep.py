"""Keep of what the fuzzer has found the inputs that reach lines which no other input reaches, the shortest first.

libFuzzer's own ``-merge`` starts its program again, which it cannot where that is Python.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

KEPT_BYTES: Final = 12_000
"""Of the committed inputs of a boundary."""

_SOURCES: Final = str(Path(__file__).parents[1] / "src")
_Lines: TypeAlias = set[tuple[str, int]]


def keep(name: str, found: Path, committed: Path) -> int:
    """Put inputs of ``found`` into ``committed`` while there is room; returns how many lie there then."""
    boundary = importlib.import_module(f"fuzz.{name}")
    boundary.prepare()
    seen: _Lines = set()
    for data in boundary.seeds():
        seen |= _reached(boundary, data)
    inputs = sorted({path.read_bytes() for folder in (committed, found) for path in folder.iterdir()}, key=len)
    kept: list[bytes] = []
    for data in inputs:
        new = _reached(boundary, data) - seen
        if new and sum(map(len, kept)) + len(data) <= KEPT_BYTES:
            kept.append(data)
            seen |= new
    for path in committed.iterdir():
        path.unlink()
    for number, data in enumerate(kept):
        (committed / f"{number:03}").write_bytes(data)
    return len(kept)


def _reached(boundary: Any, data: bytes) -> _Lines:
    """The lines of the package that an input reaches; none where it breaks the boundary, which is to be mended."""
    lines: _Lines = set()
    with suppress(Exception), _traced(lines):
        boundary.check(data)
        return lines
    return set()


@contextmanager
def _traced(lines: _Lines) -> Iterator[None]:
    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_SOURCES):
            return None
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    threading.settrace(trace)  # for threads that are started from now on
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
