"""Decode files in processes that may be killed, as many as there are cores, answers in order.

A thread stands for each process: it hands it a path, waits no longer than the limits allow, and starts
a new process when one dies or takes too long. Memory stays flat: a file with many frames is passed on
frame by frame, and no more than a few files are ahead of the one that is being consumed.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.readers.limits import SECONDS_A_FILE, SECONDS_A_FRAME
from lookalike.types import Attribute, Preprocessing, Refusal

_AHEAD: Final = 4  # files that each process may be ahead
_FRAMES_AHEAD: Final = 64  # frames of one file that may wait
_GONE: Final = (EOFError, BrokenPipeError, ConnectionResetError, OSError, ValueError)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture, ready for the encoder: ``input`` is (rows, columns, 3) uint8."""

    source: str
    sha256: str
    frame: int
    frames: int
    input: NDArray[np.uint8]
    thumbnail: bytes
    patient: str
    attributes: dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class Finished:
    """Every frame of a file has been read; ``known``: it was skipped, its content is there already."""

    source: str
    sha256: str
    known: bool = False


Event = Frame | Finished | Refusal


class _Process:
    """One decoding process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "lookalike.readers.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self.connection = Connection(ours.detach())

    def receive(self, deadline: float) -> bytes | None:
        """The next message, or None once the deadline has passed."""
        if not self.connection.poll(max(0.0, deadline - time.monotonic())):
            return None
        return self.connection.recv_bytes()

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()
        self.connection.close()


class ReaderPool:
    """Decoding processes that are kept for as long as the pool is open; a context manager."""

    def __init__(self, recipe: Preprocessing, workers: int | None = None) -> None:
        self._recipe = recipe.fields()
        self._workers = workers or len(os.sched_getaffinity(0))
        self._idle: deque[_Process] = deque(_Process() for _ in range(self._workers))
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes."""
        self._closed.set()
        while self._idle:
            self._idle.popleft().kill()

    def read(
        self, sources: Iterable[Path | str], known: Callable[[str], bool] = lambda _sha256: False
    ) -> Iterator[Event]:
        """What became of each source, in order: its frames and Finished, or a Refusal.

        known: told the SHA-256 of a file's bytes; True skips decoding. A file that breaks after some
        good frames gives these frames and a Refusal.
        """
        tasks: queue.SimpleQueue[tuple[str, queue.Queue[Event]] | None] = queue.SimpleQueue()
        pending: deque[queue.Queue[Event]] = deque()
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._serve, args=(tasks, known, stop), daemon=True)
            for _ in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        try:
            for source in sources:
                events: queue.Queue[Event] = queue.Queue(_FRAMES_AHEAD)
                tasks.put((str(source), events))
                pending.append(events)
                if len(pending) >= _AHEAD * self._workers:
                    yield from _drain(pending.popleft())
            while pending:
                yield from _drain(pending.popleft())
        finally:
            stop.set()
            for _ in threads:
                tasks.put(None)
            for thread in threads:
                thread.join()

    def _serve(
        self,
        tasks: queue.SimpleQueue[tuple[str, queue.Queue[Event]] | None],
        known: Callable[[str], bool],
        stop: threading.Event,
    ) -> None:
        process = self._idle.popleft() if self._idle else _Process()
        while (task := tasks.get()) is not None and not stop.is_set():
            source, events = task
            process = self._read_one(process, source, _Sink(events, stop), known)
        if self._closed.is_set():
            process.kill()
        else:
            self._idle.append(process)

    def _read_one(
        self, process: _Process, source: str, sink: _Sink, known: Callable[[str], bool]
    ) -> _Process:
        """Read one file; the process to use next is returned, a new one if this one had to go."""
        try:
            reason = self._exchange(process, source, sink, known)
        except _GONE:
            reason = "decoder-crash"
        if reason in ("decoder-crash", "timeout", "stopped"):
            process.kill()
            process = _Process()
        if reason is not None:
            sink.put(Refusal(source, reason))
        return process

    def _exchange(
        self, process: _Process, source: str, sink: _Sink, known: Callable[[str], bool]
    ) -> str | None:
        """One file's conversation. Returns a reason code, or None if all went well."""
        deadline = time.monotonic() + SECONDS_A_FILE
        send, sha256 = process.connection.send_bytes, ""
        send(json.dumps({"source": source, "recipe": self._recipe}).encode())
        while (message := process.receive(deadline)) is not None:
            header = json.loads(message)
            if header["kind"] == "digest":
                sha256 = header["sha256"]
                is_known = known(sha256)
                send(b"skip" if is_known else b"go")
                if is_known:
                    return None if sink.put(Finished(source, sha256, known=True)) else "stopped"
            elif header["kind"] == "frame":
                pixels, small = process.receive(deadline), process.receive(deadline)
                if pixels is None or small is None:
                    return "timeout"
                waited = time.monotonic()
                if not sink.put(_frame(source, sha256, header, pixels, small)):
                    return "stopped"
                deadline += SECONDS_A_FRAME + time.monotonic() - waited
            elif header["kind"] == "refused":
                return str(header["reason"])
            else:
                return None if sink.put(Finished(source, sha256)) else "stopped"
        return "timeout"


class _Sink:
    """A bounded queue that stops waiting when nobody will read it any more."""

    def __init__(self, events: queue.Queue[Event], stop: threading.Event) -> None:
        self._events, self._stop = events, stop

    def put(self, event: Event) -> bool:
        while not self._stop.is_set():
            try:
                self._events.put(event, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


def _frame(source: str, sha256: str, header: dict[str, Any], pixels: bytes, thumbnail: bytes) -> Frame:
    return Frame(
        source=source, sha256=sha256, frame=header["frame"], frames=header["frames"],
        input=np.frombuffer(pixels, np.uint8).reshape(header["shape"]), thumbnail=thumbnail,
        patient=header["patient"], attributes=header["attributes"],
    )  # fmt: skip


def _drain(events: queue.Queue[Event]) -> Iterator[Event]:
    while True:
        event = events.get()
        yield event
        if not isinstance(event, Frame):
            return
