"""A decoding process: a zygote, forked from a process that is started once, and the confined children that it forks."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from lookalike.forking import AS_IT_IS, fork
from lookalike.readers.limits import BYTES_A_SECOND, SLOWED
from lookalike.readers.zygote import HEAVY, READY, STOP

# What a decoding process is told of the environment, where keys and passwords may stand.
_KEPT: Final = re.compile(r"PATH|HOME|TZ|LANG|LC_\w+|LD_LIBRARY_PATH|PYTHON\w*|VIRTUAL_ENV|TMPDIR")
# One thread a process, and one heap: every file is read in a new thread.
_SINGLE: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "MALLOC_ARENA_MAX")
_STARTING: Final = 300.0  # seconds for a child to start, which loads libraries where it is the first one
_MAX_MESSAGE: Final = 128 << 20  # bytes: a volume of 480 x 480 x 240; a larger message comes from a broken decoder


class Deadline:
    """Until when a child is waited for. seconds: of processor time, of which it was told that it may take them
    (``limits.limit_time``); reading: by the clock, in addition, for a slow disk.
    """

    def __init__(self, seconds: float, reading: float = 0.0) -> None:
        now = time.monotonic()
        self.earliest = now + seconds  # before that its own limit cannot have ended it
        self.latest = now + SLOWED * seconds + reading

    def prolong(self, seconds: float, waited: float) -> None:
        """Allow so many seconds more, after so many by the clock in which nobody waited for the child, which
        may have gone on or not.
        """
        self.earliest += seconds
        self.latest += SLOWED * seconds + waited


class Process:
    """The socket to a ``zygote``, and that to its child of the moment. module: what it runs."""

    def __init__(self, module: str = "lookalike.readers.worker") -> None:
        self._control = fork(module, plain_environment())
        self._child: Connection | None = None
        self._arrived = select.poll()  # Connection.poll would make one for every call
        self.admitted: object = None  # what the child may open
        self.served = 0  # items that it was asked for

    def admit(self, files: Sequence[str], admitted: object, *, alone: bool = True, heavy: bool = False) -> None:
        """Have a new child that may open these files, and serves. admitted: a name for them. Raises OSError if none can
        be had.
        """
        self._close()
        ours, theirs = socket.socketpair()
        self._child = Connection(ours.detach())
        self._arrived = select.poll()
        self._arrived.register(self._child, select.POLLIN)
        with theirs:
            socket.send_fds(self._control, [HEAVY if heavy else AS_IT_IS], [theirs.fileno()])
        self.send(json.dumps({"files": files, "alone": alone}).encode())
        self.admitted, self.served = admitted, 0
        self._wait_for_start()

    def _wait_for_start(self) -> None:
        """How long a busy machine takes to start a child is no fault of the files that it will read, whose time is
        counted only then. One that has ended already is found so by what is asked of it.
        """
        child = self._child
        with suppress(OSError, EOFError):
            if child is not None and self._arrived.poll(_STARTING * 1000):
                child.recv_bytes(len(READY))

    def send(self, message: bytes) -> None:
        """Send a message to the child. Raises OSError."""
        if self._child is None:
            raise BrokenPipeError
        self._child.send_bytes(message)

    def receive(self, deadline: Deadline) -> bytes | None:
        """The child's next message, or None if it takes longer than it may. Raises OSError, EOFError if it has ended
        otherwise.
        """
        if self._child is None:
            raise EOFError
        if not self._arrived.poll(max(0.0, deadline.latest - time.monotonic()) * 1000):
            return None
        try:
            return self._child.recv_bytes(_MAX_MESSAGE)
        except (OSError, EOFError):
            if time.monotonic() < deadline.earliest:
                raise
            return None

    def stop(self) -> None:
        """Kill the child, if there is one; another one can be asked for."""
        if self._child is not None:
            self._close()
            with suppress(OSError):
                self._control.send(STOP)

    def kill(self) -> None:
        """End the zygote, and its child with it."""
        self._close()
        self._control.close()

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child, self.admitted = None, None


def plain_environment() -> dict[str, str]:
    """The environment of a process that reads what strangers send: no keys, one thread a library."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return {**kept, **dict.fromkeys(_SINGLE, "1")}


def seconds_of_reading(source: str) -> float:
    """How long a slow disk may take for a file."""
    try:
        return Path(source).stat().st_size / BYTES_A_SECOND
    except OSError:
        return 0.0
