"""Processes that load a module once and fork: starting Python and loading libraries anew takes half a second to two
seconds of processor time, and a fork a hundredth of one.

There is one of each module, started by the first ``fork``. It ends with this process, and only loads and forks.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NoReturn, Protocol

AS_IT_IS: Final = b"p"
"""Asks for a process that needs nothing more to be loaded; other letters are for modules to choose."""

_Run = Callable[[int], None]
_LOCK: Final = threading.Lock()


class ForkServer(Protocol):
    """A process that has loaded a module; as ``subprocess.Popen``."""

    def kill(self) -> None: ...

    def wait(self) -> int: ...


def start_fork_server(module: str, descriptor: int, environment: Mapping[str, str] | None) -> ForkServer:
    """Python, from nothing, with a module that serves forks by its end of a socket. Raises OSError."""
    return subprocess.Popen(
        # -P: modules in the current folder, which may be that of the images, must not be imported.
        [sys.executable, "-P", "-m", module, str(descriptor)],
        pass_fds=[descriptor],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class _Loaded:
    """A process that has loaded a module."""

    def __init__(self, module: str, environment: Mapping[str, str] | None) -> None:
        self.environment = environment
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = start_fork_server(module, theirs.fileno(), environment)

    def fork(self, control: socket.socket, letter: bytes) -> None:
        """Raises OSError if it has ended."""
        folder = os.open(".", os.O_PATH)
        try:
            socket.send_fds(self._socket, [letter], [control.fileno(), folder])
        finally:
            os.close(folder)

    def end(self) -> None:
        """End it; what it has forked goes on."""
        self._process.kill()
        self._process.wait()
        self._socket.close()


_PROCESSES: Final[dict[str, _Loaded]] = {}


def fork(module: str, environment: Mapping[str, str] | None = None, letter: bytes = AS_IT_IS) -> socket.socket:
    """The socket of a new process of a module, which calls ``serve_forks``; it is in the folder where this one is.

    environment: what it is told of it; None: all that there was for the first one. Raises OSError.
    """
    ours, theirs = socket.socketpair()
    with theirs, _LOCK:
        if module in _PROCESSES and _PROCESSES[module].environment == environment:
            with suppress(OSError):  # somebody has killed it
                _PROCESSES[module].fork(theirs, letter)
                return ours
        if module in _PROCESSES:
            _PROCESSES.pop(module).end()
        _PROCESSES[module] = _Loaded(module, environment)
        _PROCESSES[module].fork(theirs, letter)
    return ours


def serve_forks(descriptor: int, run: _Run, load: Callable[[bytes], None] = lambda _letter: None) -> None:
    """Fork for each socket that comes by this one, until the other end is closed. run: what the new process does with
    its socket. load: called before that with the letter that came.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what is forked here
    with socket.socket(fileno=descriptor) as asked:
        while True:
            letter, received, _flags, _address = socket.recv_fds(asked, 1, 2)
            if not letter:
                return
            load(letter)
            gc.freeze()  # a fork's collector would write to every page that it shares
            if os.fork() == 0:
                asked.close()
                _run(received[0], received[1], run)
            for each in received:
                os.close(each)


def _run(descriptor: int, folder: int, run: _Run) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.fchdir(folder)
        os.close(folder)
        run(descriptor)
        code = 0
    finally:
        os._exit(code)
