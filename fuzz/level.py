"""``python -m fuzz.level BOUNDARY FOLDER...``: what a boundary leaves in memory, without the fuzzer. The inputs in some
folders are asked again and again, and afterwards no more may be allocated than before.

The memory of the process that fuzzes tells nothing of that: what atheris notes of instrumented code and libFuzzer's
tables grow with every execution.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fuzz.opened import scratch

EXECUTIONS: Final = 4000  # before, in which caches are filled, and then between the two looks
ALONE: Final = {"MALLOC_ARENA_MAX": "1"}  # the variables without which threads have memory that is not counted
_BLOCKS, _BYTES = 0.5, 256.0  # for each execution,
_SLACK: Final = (20_000, 4 << 20)  # and whatever a cache may have taken


@dataclass(frozen=True, slots=True)
class Left:
    """What so many executions have left: blocks of Python's allocator, and bytes of the C library's."""

    executions: int
    blocks: int
    bytes: int

    @property
    def is_level(self) -> bool:
        """Whether that is no leak."""
        most = _BLOCKS * self.executions + _SLACK[0], _BYTES * self.executions + _SLACK[1]
        return self.blocks <= most[0] and self.bytes <= most[1]


class _Mallinfo(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def left_by(check: Callable[[bytes], object], inputs: Sequence[bytes], executions: int = EXECUTIONS) -> Left:
    """Ask so many times, and then so many times again: what the latter have left."""
    asked = itertools.cycle(inputs)
    for data in itertools.islice(asked, executions):
        _ask(check, data)
    blocks, held = _allocated()
    for data in itertools.islice(asked, executions):
        _ask(check, data)
    now = _allocated()
    return Left(executions, now[0] - blocks, now[1] - held)


def _ask(check: Callable[[bytes], object], data: bytes) -> None:
    with suppress(Exception):
        check(data)


def _allocated() -> tuple[int, int]:
    """Blocks of Python's allocator and bytes of the C library's, 0 of one that does not tell."""
    gc.collect()
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return sys.getallocatedblocks(), 0
    tell.restype = _Mallinfo
    told = tell()
    return sys.getallocatedblocks(), told.uordblks + told.hblkhd


def main() -> None:
    """Print what is left, as JSON."""
    name, *folders = sys.argv[1:]
    os.environ["LOOKALIKE_CONFIG"] = str(scratch())
    boundary = importlib.import_module(f"fuzz.{name}")
    boundary.prepare()
    kept = [path.read_bytes() for folder in folders for path in sorted(Path(folder).iterdir())]
    print(json.dumps(asdict(left_by(boundary.check, [*boundary.seeds(), *kept]))))


if __name__ == "__main__":
    main()
