"""The process that receives: limited in memory, confined to the inbox, without the gallery and its keys.

Its parent gives it a listening socket, and on standard input one line of JSON, which it holds open for as long as it
lives itself. It prints its counts, a line of JSON whenever they have changed.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pydicom.config

from lookalike.readers.confine import confine_to_folder
from lookalike.receiving.inbox import Inbox
from lookalike.receiving.scp import Counts, StorageScp
from lookalike.receiving.settings import settings_of

RECEIVER_BYTES: Final = 300 << 20  # of addresses; the libraries take half of them
_STACK: Final = 1 << 20  # bytes of a thread's stack: 64 of the usual size would be half a gigabyte of addresses
_TELL_EVERY: Final = 0.2  # seconds
_STOP_SECONDS: Final = 2.0


def main() -> None:
    """Receive until SIGTERM, or until the parent has ended."""
    told = json.loads(sys.stdin.buffer.readline())
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who stops this
    threading.stack_size(_STACK)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    counts = Counts()
    scp = _scp(int(sys.argv[1]), told, counts)
    threading.Thread(target=scp.run, daemon=True).start()
    _tell(scp, counts, stopped)
    os._exit(0)


def _scp(descriptor: int, told: dict[str, Any], counts: Counts) -> StorageScp:
    sys.dont_write_bytecode = True
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE  # a peer's UID is checked by itself
    settings, folder = settings_of(told["settings"]), Path(told["folder"])
    inbox = Inbox(folder, bytes.fromhex(told["key"]), settings.quota, counts.note)
    scp = StorageScp(socket.socket(fileno=descriptor), settings, inbox.open, counts.note)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (RECEIVER_BYTES, RECEIVER_BYTES))
    confine_to_folder(folder)
    return scp


def _tell(scp: StorageScp, counts: Counts, stopped: threading.Event) -> None:
    said: dict[str, int] | None = None
    while True:
        if ending := stopped.wait(_TELL_EVERY):
            scp.stop(_STOP_SECONDS)
        found = {**counts.so_far(), "associations": len(scp)}
        if found != said:
            print(json.dumps(found), flush=True)
            said = found
        if ending:
            return


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
