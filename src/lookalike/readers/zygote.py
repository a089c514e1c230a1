"""Processes that have loaded the libraries and fork: starting Python for each file would take half a second.

One (``serve_zygotes``) forks zygotes, as many as there are decoding processes. A zygote forks a child for every item,
or for a few. Neither parses anything itself, so that no file reaches the next one through it.

``process.Process`` has the other end of a zygote's control socket. A letter and a socket ask for a child that serves
there. The child's first message is the list of files that it may open; it is confined to them for good, and dies with
its zygote.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, NoReturn

from lookalike.forking import serve_forks
from lookalike.readers import load_readers
from lookalike.readers.confine import confine, library_places
from lookalike.readers.landlock import libc
from lookalike.readers.limits import limit_memory
from lookalike.readers.seccomp import refuse_calls
from lookalike.readers.warm import warm_up

HEAVY, STOP = b"h", b"s"
"""Ask for a child with the libraries of volumes, which make forking slower; or for the end of the one there is."""
READY: Final = b"ready"
"""The first message of a child, once it serves."""
SKIP, NAME = b"skip", b"name"
"""What a child is told of known content: to say nothing of it, or who it is."""

_HEAVY_LIBRARIES: Final = ("nibabel", "SimpleITK")
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)

Serve = Callable[[Connection, bool], None]


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that has not been waited for, so that its number is nobody else's. ended: readable once it has ended."""

    pid: int
    ended: int


def serve_zygotes(descriptor: int, serve: Serve) -> None:
    """Fork a zygote for each socket that comes by this one (``forking.fork``), until its other end is closed.

    serve: what a child does, with its connection; whether it is confined to the files of one item.
    """
    sys.dont_write_bytecode = True
    load_readers()
    library_places()
    warm_up()
    serve_forks(descriptor, lambda control: _serve_children(control, serve))


def _serve_children(descriptor: int, serve: Serve) -> None:
    """Fork a child for each socket that comes by the control socket, one at a time, until the other end is closed."""
    child: _Child | None = None
    with socket.socket(fileno=descriptor) as control:
        while True:
            waiting = [control.fileno()] if child is None else [control.fileno(), child.ended]
            if control.fileno() in select.select(waiting, [], [])[0]:
                message, sockets, _flags, _address = socket.recv_fds(control, 1, 1)
                _end(child)
                if not message:
                    return
                child = _fork(control, sockets[0], message == HEAVY, serve) if sockets else None
            else:  # it has ended by itself
                _end(child)
                child = None


def _end(child: _Child | None) -> None:
    if child is not None:
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        os.close(child.ended)


def _fork(control: socket.socket, descriptor: int, heavy: bool, serve: Serve) -> _Child:
    if heavy:
        _load_heavy()
    parent, (ended, held) = os.getpid(), os.pipe()
    pid = os.fork()
    if pid == 0:
        control.close()
        os.close(ended)
        _serve_and_exit(descriptor, parent, serve)
    os.close(held)
    os.close(descriptor)
    return _Child(pid, ended)


def _load_heavy() -> None:
    for name in _HEAVY_LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()


def _serve_and_exit(descriptor: int, parent: int, serve: Serve) -> NoReturn:
    code = 1
    try:
        libc().prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            limit_memory()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            with Connection(descriptor) as connection:
                admitted = json.loads(connection.recv_bytes())
                confine(admitted["files"])
                refuse_calls()
                connection.send_bytes(READY)
                serve(connection, admitted["alone"])
            code = 0
    finally:
        os._exit(code)
