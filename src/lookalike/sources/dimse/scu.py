"""Ask a PACS over DIMSE, through processes that have little memory (``worker``) and are ended where it is slow."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from queue import Empty, LifoQueue, SimpleQueue
from typing import Any, Final

from lookalike.encoders.runtimes import patience
from lookalike.errors import PacsError
from lookalike.readers.process import plain_environment
from lookalike.sources.dicomweb.login import PacsLogin
from lookalike.sources.dimse.address import DimseAddress
from lookalike.sources.dimse.statuses import (
    CUT_SHORT,
    DONE,
    NO_ASSOCIATION,
    NO_DESTINATION,
    NOT_OFFERED,
    REJECTED,
    REJECTIONS,
)
from lookalike.sources.pacs import PacsLimits
from lookalike.sources.pacs_lists import Pace

_ENDED: Final = ""  # in place of a line
_Answers = list[dict[str, Any]]


class PacsScu:
    """Sends C-FIND and C-MOVE requests to one PACS, few at the same time, each over an association of its own."""

    def __init__(self, address: DimseAddress, login: PacsLogin, limits: PacsLimits) -> None:
        self._address, self._limits = address, limits
        tls = {**asdict(login), "token": "", "user": "", "password": ""} if address.scheme == "dimse+tls" else None
        self._told = {
            **{name: getattr(address, name) for name in ("calling", "host", "port", "called")},
            **{"silence": limits.silence, "seconds": limits.seconds, "tls": tls},
        }
        self._turns, self._pace = threading.BoundedSemaphore(limits.at_once), Pace(limits.a_second)
        self._idle: LifoQueue[_Process] = LifoQueue()
        self._busy: set[_Process] = set()
        self._stopped = threading.Event()
        weakref.finalize(self, _end_all, self._idle)

    def find(self, level: str, keys: Mapping[str, str]) -> tuple[list[dict[str, str]], bool]:
        """The rows of a C-FIND, the values of the keys as texts; and whether these are all. Raises PacsError."""
        *rows, last = self._ask({"level": level, "keys": keys})
        if last["status"] != DONE and last["status"] not in CUT_SHORT:
            raise PacsError(
                f"the PACS refused to list (status 0x{last['status']:04X}); what it does not do is in its log"
            )
        found = [dict(each["row"]) for each in rows if isinstance(each.get("row"), dict)]
        return found, last["status"] == DONE and not last.get("more")

    def move(self, level: str, keys: Mapping[str, str]) -> int:
        """Have something sent to ``address.calling``; the status. Raises PacsError."""
        status = int(self._ask({"level": level, "keys": keys, "to": self._address.calling})[-1]["status"])
        if status == NO_DESTINATION:
            raise PacsError(
                f"the PACS does not know where {self._address.calling!r} is, or cannot reach it: tell it this "
                f"machine's address and port {self._address.listen} under that AE title"
            )
        return status

    def stop(self) -> None:
        """Let what is on its way fail now, and nothing begin again."""
        self._stopped.set()
        for each in [*self._busy]:
            each.end()
        self.close()

    def close(self) -> None:
        """End the processes that do nothing."""
        _end_all(self._idle)

    def _ask(self, request: Mapping[str, Any]) -> _Answers:
        for attempt in range(self._limits.tries):
            with self._process() as process:
                answers = process.ask(request, self._limits)
            status = answers[-1].get("status", NO_ASSOCIATION) if answers else NO_ASSOCIATION
            if status == REJECTED:
                why = REJECTIONS.get(tuple(answers[-1]["why"]), "its log says why")
                raise PacsError(f"the PACS refused the association: {why}")
            if status == NOT_OFFERED:
                raise PacsError("the PACS offers no query and retrieve (Study Root) to this AE title; check its rights")
            if status != NO_ASSOCIATION:
                return answers
            wait = patience.wait(attempt, first=self._limits.first_wait)
            if attempt + 1 < self._limits.tries and self._stopped.wait(wait):
                break
        raise PacsError(
            f"the PACS gave no answer in {self._limits.tries} tries; check host, port and AE titles; "
            "what is stored is kept, the next run goes on from there"
        )

    @contextmanager
    def _process(self) -> Iterator[_Process]:
        """A process that nobody else uses, when it is this request's turn."""
        with self._turns:
            self._pace.wait()
            try:
                process = self._idle.get_nowait()
            except Empty:
                process = _Process(self._told)
            self._busy.add(process)
            try:
                yield process
            except BaseException:
                process.end()
                raise
            finally:
                self._busy.discard(process)
            self._idle.put(process)


def _end_all(idle: LifoQueue[_Process]) -> None:
    while not idle.empty():
        with suppress(Empty):
            idle.get_nowait().end()


class _Process:
    """A process that asks one thing after the other. told: the peer."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self._process: subprocess.Popen[str] | None = None
        self._lines: SimpleQueue[str] = SimpleQueue()

    def ask(self, request: Mapping[str, Any], limits: PacsLimits) -> _Answers:
        """The answers to a request; without a status at the end where the process was ended, or ended by itself."""
        answers: _Answers = []
        silence = limits.seconds if "to" in request else 3 * limits.silence  # associating takes its time, too
        for line in self._said(request, time.monotonic() + limits.seconds, silence):
            try:
                answers.append(json.loads(line))
            except ValueError:
                break
            if "status" in answers[-1]:
                return answers
        self.end()
        return answers

    def end(self) -> None:
        """End it; the next request starts another one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            with suppress(OSError):
                process.stdin.close() if process.stdin is not None else None

    def _said(self, request: Mapping[str, Any], until: float, silence: float) -> Iterator[str]:
        """The lines of the process until there are no more, or until it is silent for too long."""
        with suppress(OSError, ValueError):
            self._send(request)
        while (left := until - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=min(left, silence))
            except Empty:
                return
            if line == _ENDED:
                return
            yield line

    def _send(self, request: Mapping[str, Any]) -> None:
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._start()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        self._process = process = subprocess.Popen(
            # -P: modules in the current folder must not be imported.
            [sys.executable, "-P", "-m", "lookalike.sources.dimse.worker"],
            env=plain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        lines: SimpleQueue[str] = SimpleQueue()
        self._lines = lines
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        self._send(self._told)


def _read(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    if process.stdout is not None:
        with suppress(OSError, ValueError), process.stdout:
            for line in process.stdout:
                lines.put(line)
    lines.put(_ENDED)
