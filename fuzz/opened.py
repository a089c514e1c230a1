"""Which files a check opens: by Python's audit hook, and by the kernel's word for files that nobody may open."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CANARY: Final = b"CANARY-7f3a"
_LIMITS: Final = "/sys/fs/cgroup/"  # what this process may use, asked when work is divided
_LIBRARIES: Final = (*{sys.prefix, sys.base_prefix, str(Path(__file__).parents[1] / "src"), "/usr/", "/lib"}, _LIMITS)
_IN_OPEN: Final = 0x20  # inotify(7)
_seen: list[str] | None = None


def scratch() -> Path:
    """A new folder in memory where there is one, else on the disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="lookalike-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


@contextmanager
def opens() -> Iterator[list[str]]:
    """The files that Python opens meanwhile, those of libraries left out."""
    global _seen  # noqa: PLW0603 - an audit hook stays for ever
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None or event != "open" or not isinstance(arguments[0], str | bytes):
        return
    name = os.fsdecode(arguments[0])
    if "/" in name and not name.startswith(_LIBRARIES):  # without one: relative to a folder that is open already
        _seen.append(name)


sys.addaudithook(_hook)


class Canaries:
    """Files that nobody may open; the kernel tells of it, also where a native library does it."""

    def __init__(self, *files: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK)
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(CANARY * 100)
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(file), _IN_OPEN)

    def touched(self) -> bool:
        """Whether one was opened since the last call."""
        try:
            return len(os.read(self._descriptor, 1 << 16)) > 0
        except BlockingIOError:
            return False
