"""One of the processes of a service: ``python -m lookalike.server.processes.part``, started by ``watching``.

It is told on its standard input what it is, and ends when that ends: its service is gone. On its standard output it
says that it has started or why it has not, and then that it is warm.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lookalike.errors import LookalikeError
from lookalike.server.logs import writing_log
from lookalike.server.settings import ServerSettings

PartSaid: TypeAlias = Literal["started", "warm"] | LookalikeError
"""What such a process says."""

MODULE: Final = "lookalike.server.processes.part"


@dataclass(frozen=True, slots=True)
class PartOrder:
    """listening: the number of the shared socket. own: where the writer answers readers; None for a reader."""

    settings: ServerSettings
    listening: int
    own: Path | None


def _tell(said: PartSaid) -> None:
    pickle.dump(said, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _end_with_service() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Be a process of a service."""
    order: PartOrder = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_service, daemon=True).start()
    with writing_log(order.settings.log_format, order.settings.log_level):
        _serve(order)


def _serve(order: PartOrder) -> None:
    from lookalike.server.app import service_app
    from lookalike.server.running import run_app, settle

    def warmed() -> None:
        settle()
        _tell("warm")

    try:
        app = service_app(order.settings, warmed)
    except LookalikeError as error:
        _tell(error)
        sys.exit(1)
    try:
        _tell("started")
        run_app(app, order.settings, socket.socket(fileno=order.listening), order.own)
    finally:
        app.state.galleries.close()


if __name__ == "__main__":
    # What is pickled is named by its module, and not by __main__.
    from lookalike.server.processes.part import main as told

    told()
