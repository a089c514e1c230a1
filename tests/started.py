"""``lookalike`` in processes of their own that need not load anything: each is forked from one that has, in hundredths
of a second of processor time where starting Python takes three. What a command does is what it does for a user; that it
does so from nothing is tested by ``packaging``. What forks its jobs and its readers is forked, too, by one that has
loaded the same modules, unless ``cold`` is asked for: then it is a child of the command and bears its module's name.

Not for another Python environment, such as installed plug-ins: what is loaded was found in this one.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import psutil

from lookalike import forking

# The application by name: ``serve`` imports it when it serves, and each service would do so anew.
LOADED: Final = (
    "lookalike.server.app",
    "lookalike.server.running",
    "lookalike.verbs.index",
    "lookalike.verbs.evaluate",
    "sklearn.linear_model",
)
READERS: Final = "lookalike.readers.worker"
JOBS: Final = "lookalike.server.jobs.process"
_ASKED: Final = {READERS: 3, JOBS: 4}  # the descriptors by which what was forked here asks for processes that fork
_FORKING: Final = threading.Lock()


class Started:
    """``lookalike WORDS``, or Python's ``-c CODE WORDS``, running; as ``subprocess.Popen``, with text.

    stderr: None for that of the tests. cold: what it starts is started as anywhere.
    """

    def __init__(self, *words: object, stderr: IO[Any] | None = None, given: str = "", cold: bool = False) -> None:
        place = {"cwd": str(Path.cwd()), "environment": dict(os.environ)}
        asked = {"words": [*map(str, words)], **place, "given": given, "cold": cold}
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
            with suppress(psutil.NoSuchProcess):  # it has ended, and is about to be told of
                psutil.Process(self.pid).terminate()


def ran(*words: object, given: str = "") -> subprocess.CompletedProcess[str]:
    """``lookalike WORDS``, or Python's ``-c CODE WORDS``, once it has ended. given: what it may read."""
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
    readers, asked_for_readers = socket.socketpair(type=socket.SOCK_SEQPACKET)
    importlib.import_module(READERS)
    if os.fork() == 0:  # before it has loaded what readers have not
        control.close()
        asked_for_readers.close()
        _Forks([]).serve(readers)
        os._exit(0)
    readers.close()
    for name in (*LOADED, JOBS):
        importlib.import_module(name)
    others, asked_for_others = socket.socketpair(type=socket.SOCK_SEQPACKET)
    _Forks([asked_for_readers, asked_for_others]).serve(others, control)


class _Forks:
    """Forks commands and processes that fork in turn. asked: the sockets by which commands ask for the latter."""

    def __init__(self, asked: Sequence[socket.socket]) -> None:
        self._asked = [each.fileno() for each in asked]
        self._running: dict[int, tuple[int, int]] = {}  # by what tells that it has ended: its number, and where to tell

    def serve(self, asked: socket.socket, control: socket.socket | None = None) -> None:
        """Until there is nobody left who asks."""
        gc.freeze()
        listening = {asked.fileno(): lambda: self._fork_server(asked)}
        if control is not None:
            listening[control.fileno()] = lambda: self._command(control)
        while True:
            for ready in select.select([*listening, *self._running], [], [])[0]:
                if ready in self._running:
                    self._tell(ready)
                elif not listening[ready]():
                    return

    def _tell(self, ended: int) -> None:
        pid, tell = self._running.pop(ended)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(BrokenPipeError):
            os.write(tell, code.to_bytes(4, signed=True))
        os.close(tell)
        os.close(ended)

    def _command(self, control: socket.socket) -> bool:
        size, received, _flags, _address = socket.recv_fds(control, 4, 3)
        if not size:
            return False
        asked = json.loads(control.recv(int.from_bytes(size), socket.MSG_WAITALL))
        if (pid := os.fork()) == 0:
            _run(received, self._asked, **asked)
        self._running[os.pidfd_open(pid)] = (pid, received[2])
        for each in received[:2]:
            os.close(each)
        control.sendall(pid.to_bytes(4))
        return True

    def _fork_server(self, asking: socket.socket) -> bool:
        message, received, _flags, _address = socket.recv_fds(asking, 1 << 20, 2)
        if not message:
            return False
        if (pid := os.fork()) == 0:
            _run_module(received[0], self._asked, **json.loads(message))
        os.write(received[1], pid.to_bytes(4))
        self._running[os.pidfd_open(pid)] = (pid, received[1])
        os.close(received[0])
        return True


def _run(
    received: Sequence[int],
    asked: Sequence[int],
    words: list[str],
    cwd: str,
    environment: dict[str, str],
    given: str,
    cold: bool,
) -> NoReturn:
    """What the child does: the command with its own streams, folder and environment, and nobody else's files."""
    read = os.memfd_create("given")
    os.write(read, given.encode())
    os.lseek(read, 0, os.SEEK_SET)
    _hold([read, *received[:2]], [] if cold else asked, environment)
    # Those of before were of other kinds of files.
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code = 1
    try:
        _do(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        print(end.code, file=sys.stderr) if isinstance(end.code, str) else None
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _do(words: list[str]) -> None:
    if words[:1] == ["-c"]:
        sys.argv = words[:1] + words[2:]
        exec(compile(words[1], "-c", "exec"), {"__name__": "__main__"})
        return
    from lookalike.cli import main

    main(words, prog_name="lookalike")


def _run_module(received: int, asked: Sequence[int], module: str, environment: dict[str, str]) -> NoReturn:
    """What a child does that forks in turn: a module, as ``python -m`` would."""
    null = os.open(os.devnull, os.O_RDWR)
    held = _hold([null] * 3, [*asked, received], environment)
    sys.argv = [module, str(held)]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        os._exit(0)


def _hold(streams: Sequence[int], others: Sequence[int], environment: dict[str, str]) -> int:
    """Hold these descriptors alone, from 0 on, and this environment. Gives the last descriptor."""
    copies = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in (*streams, *others)]
    for number, copy in enumerate(copies):
        os.dup2(copy, number, inheritable=number < len(streams))
    os.closerange(len(copies), os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(environment)
    if len(others) > 1:
        forking.start_fork_server = partial(_start, forking.start_fork_server)
    return len(copies) - 1


def _start(
    cold: Callable[..., forking.ForkServer], module: str, descriptor: int, environment: Mapping[str, str] | None
) -> forking.ForkServer:
    return (_ForkServer if module in _ASKED else cold)(module, descriptor, environment)


class _ForkServer:
    """As ``forking.start_fork_server`` gives, forked by what has loaded its module."""

    def __init__(self, module: str, descriptor: int, environment: Mapping[str, str] | None) -> None:
        told, tell = os.pipe()
        asked = {"module": module, "environment": dict(os.environ if environment is None else environment)}
        with socket.socket(fileno=os.dup(_ASKED[module])) as asking:
            socket.send_fds(asking, [json.dumps(asked).encode()], [descriptor, tell])
        os.close(tell)
        self._pid = os.pidfd_open(int.from_bytes(os.read(told, 4)))
        os.close(told)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        select.select([self._pid], [], [])
        os.close(self._pid)
        return 0


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _serve(asked)
