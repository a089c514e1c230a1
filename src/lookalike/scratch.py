"""Temporary folders that do not outlive their process: its end removes them, or the next process that makes one.

Each holds a file that its process has locked, and the system releases the lock when that ends, however it ends: who can
take the lock of a folder may remove it. What holds no such file is somebody else's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PREFIX: Final = "lookalike-"
_LOCK: Final = ".lock"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Scratch:
    """A temporary folder for this user alone (mode 0700); a context manager that removes it at the end.

    what: for its name. Raises OSError.
    """

    def __init__(self, what: str) -> None:
        sweep_scratch()
        while True:
            self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{what}-"))
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.folder.exists():  # before it was locked, another process may have taken it for a dead one's
                return
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder; a second call does nothing."""
        if self._lock >= 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def sweep_scratch() -> None:
    """Remove this user's temporary folders whose process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            opened = os.open(folder, _FOLDER)  # no link is followed
            try:
                if os.fstat(opened).st_uid == os.geteuid():
                    _remove_if_free(folder, opened)
            finally:
                os.close(opened)


def _remove_if_free(folder: Path, opened: int) -> None:
    """Raises OSError where its process is alive, or where it has no lock."""
    lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=opened)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
