"""``lookalike`` in processes of their own that need not load anything: each is forked from one that has, in hundredths
of a second of processor time where starting Python takes three. What a command does is what it does for a user; that it
does so from nothing is tested by ``packaging``.

Not for another Python environment, such as installed plug-ins: what is loaded was found in this one.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import psutil

# The application by name: ``serve`` imports it when it serves, and each service would do so anew.
LOADED: Final = (
    "lookalike.server.app",
    "lookalike.server.running",
    "lookalike.verbs.index",
    "lookalike.verbs.evaluate",
    "sklearn.linear_model",
)
_FORKING: Final = threading.Lock()


class Started:
    """``lookalike WORDS``, running; as ``subprocess.Popen``, with text. stderr: None for that of the tests."""

    def __init__(self, *words: object, stderr: IO[Any] | None = None, given: str = "") -> None:
        asked = {"words": [*map(str, words)], "cwd": str(Path.cwd()), "environment": dict(os.environ), "given": given}
        errors = os.dup(2) if stderr is None else os.dup(stderr.fileno())
        (out, printed), (self._ended, tell) = os.pipe(), os.pipe()
        with _FORKING:
            control = _loaded()
            message = json.dumps(asked).encode()
            socket.send_fds(control, [len(message).to_bytes(4)], [printed, errors, tell])
            control.sendall(message)
            self.pid = int.from_bytes(control.recv(4, socket.MSG_WAITALL))
        for each in (printed, errors, tell):
            os.close(each)
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once it has ended. Raises TimeoutExpired."""
        if (code := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired("lookalike", timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = int.from_bytes(os.read(self._ended, 4), signed=True)
            os.close(self._ended)
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            psutil.Process(self.pid).terminate()


def ran(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """``lookalike WORDS``, once it has ended. given: what it may read."""
    with tempfile.TemporaryFile("w+") as errors:
        process = Started(*words, stderr=errors, given=given)
        with process.stdout:
            printed = process.stdout.read()
        code = process.wait(600)
        errors.seek(0)
        return subprocess.CompletedProcess([*words], code, printed, errors.read())


@cache
def _loaded() -> socket.socket:
    """The socket of the process that forks. It ends with this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    return ours


def _serve(control: socket.socket) -> None:
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    running: dict[int, tuple[int, int]] = {}  # by what is readable once it has ended: its number, and where to tell
    while True:
        for ready in select.select([control.fileno(), *running], [], [])[0]:
            if ready in running:
                pid, tell = running.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.write(tell, code.to_bytes(4, signed=True))
                os.close(tell)
                os.close(ready)
                continue
            size, received, _flags, _address = socket.recv_fds(control, 4, 3)
            if not size:
                return
            asked = json.loads(control.recv(int.from_bytes(size), socket.MSG_WAITALL))
            if (pid := os.fork()) == 0:
                _run(received, **asked)
            running[os.pidfd_open(pid)] = (pid, received[2])
            for each in received[:2]:
                os.close(each)
            control.sendall(pid.to_bytes(4))


def _run(received: Sequence[int], words: list[str], cwd: str, environment: dict[str, str], given: str) -> NoReturn:
    """What the child does: the command with its own streams, folder and environment, and nobody else's files."""
    read = os.memfd_create("given")
    os.write(read, given.encode())
    os.lseek(read, 0, os.SEEK_SET)
    os.dup2(read, 0)
    os.dup2(received[0], 1)
    os.dup2(received[1], 2)
    # Those of before were of other kinds of files.
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        from lookalike.cli import main

        main(words, prog_name="lookalike")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)
