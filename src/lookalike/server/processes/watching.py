"""Start the processes of a service, and start again what ends by itself."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from lookalike.errors import LookalikeError
from lookalike.scratch import Scratch
from lookalike.server.logs import log_event
from lookalike.server.metrics import SHARED_METRICS
from lookalike.server.processes.part import MODULE, PartOrder, PartSaid
from lookalike.server.settings import ServerSettings

_LOOK_EVERY: Final = 0.1  # seconds
_AGAIN: Final = 1.0  # seconds between two starts of the same process
_END: Final = 4.8  # seconds until the processes have ended, who end by themselves a moment before


def serve_in_processes(settings: ServerSettings, listening: socket.socket, say: Callable[[int], None]) -> None:
    """Serve until this process is told to stop. say: called with the port once the first process has started.

    Raises what keeps that one from starting.
    """
    with Scratch("service") as scratch, _signals() as stopped, listening:
        (metrics := scratch.folder / "metrics").mkdir(mode=0o700)
        own = scratch.folder / "writer"
        writer = _Part("writer", PartOrder(settings, listening.fileno(), own), metrics)
        reading = PartOrder(replace(settings, writer=own), listening.fileno(), None)
        readers = [_Part(f"reader {number}", reading, metrics) for number in range(1, settings.processes)]
        try:
            writer.start()
            if writer.waited_for("started", stopped):
                say(listening.getsockname()[1])
            # What the writer has verified and made the readers find.
            parts = [writer, *readers] if writer.waited_for("warm", stopped) else [writer]
            _watch(parts, stopped)
        finally:
            _end([writer, *readers])


def _watch(parts: Sequence[_Part], stopped: threading.Event) -> None:
    while not stopped.wait(_LOOK_EVERY):
        for part in parts:
            part.start_again()


def _end(parts: Sequence[_Part]) -> None:
    """Tell all to end, and wait for it."""
    end = time.monotonic() + _END
    for part in parts:
        part.terminate()
    for part in parts:
        part.end(end)


class _Part:
    """One process. metrics: the folder of what it counts."""

    def __init__(self, name: str, order: PartOrder, metrics: Path) -> None:
        self._name, self._order, self._metrics = name, order, metrics
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -_AGAIN
        self._said: queue.SimpleQueue[PartSaid | None] = queue.SimpleQueue()

    def start(self) -> None:
        self._started, self._said = time.monotonic(), queue.SimpleQueue()
        self._process = process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._order.listening],
            env={**os.environ, SHARED_METRICS: str(self._metrics)},
        )
        threading.Thread(target=_listen, args=(process, self._said), daemon=True).start()
        assert process.stdin is not None
        with suppress(OSError):  # it has ended already
            pickle.dump(self._order, process.stdin)
            process.stdin.flush()  # and stays open: its end is that of the service

    def start_again(self) -> None:
        """Start it where it has ended, or not begun; not again and again."""
        if (self._process is not None and self._process.poll() is None) or time.monotonic() < self._started + _AGAIN:
            return
        if self._process is not None:
            log_event("process-ended", process=self._name, status=self._process.returncode)
            self._close()
        self.start()

    def waited_for(self, wanted: PartSaid, stopped: threading.Event) -> bool:
        """Whether it says this before the service is to stop. Raises what keeps it from starting."""
        while not stopped.is_set():
            with suppress(queue.Empty):
                said = self._said.get(timeout=_LOOK_EVERY)
                if isinstance(said, LookalikeError):
                    raise said
                if said is None:
                    raise LookalikeError("a process of the service ended as it started; its log says why")
                if said == wanted:
                    return True
        return False

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for its end until a time, then end it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()


def _listen(process: subprocess.Popen[bytes], said: queue.SimpleQueue[PartSaid | None]) -> None:
    """Pass on what a process says; None at its end."""
    assert process.stdout is not None
    with process.stdout, suppress(EOFError, pickle.UnpicklingError):
        while True:
            said.put(pickle.load(process.stdout))
    said.put(None)


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Set once this process is told to stop."""
    stopped = threading.Event()
    before = {name: signal.signal(name, lambda *_: stopped.set()) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
