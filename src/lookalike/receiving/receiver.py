"""The receiving process, as its parent has it: started, counted, started again where it ended, stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lookalike.errors import UsageError
from lookalike.readers.process import plain_environment
from lookalike.receiving.door import tls_context
from lookalike.receiving.settings import ReceiverSettings, is_loopback
from lookalike.sockets import listen

BACKLOG: Final = 128
_AGAIN_SECONDS: Final = 1.0  # before a process that ended is started again; connections wait meanwhile
_STOP_SECONDS: Final = 3.0


class Receiver:
    """Receives into an inbox, in a process of its own, from ``start`` to the end of ``with``. key: for the names there.

    Raises UsageError where the address cannot be listened on, or is open to others without a list of them.
    """

    def __init__(self, settings: ReceiverSettings, folder: Path, key: bytes, host: str, port: int) -> None:
        self._settings, self._folder, self._key = settings, folder, key
        if not is_loopback(host) and not settings.allow:
            raise UsageError(
                f"{host} can be reached by others, so say who may send: --allow MODALITY1@10.1.2.3, --allow 10.1.2.0/24"
            )
        _check_tls(settings)
        self._socket = listen(host, port, BACKLOG)
        self.address = f"{f'[{host}]' if ':' in host else host}:{self._socket.getsockname()[1]}"
        self._ended, self._now = Counter[str](), Counter[str]()  # counts of processes that ended, of this one
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start the process; whoever has connected since this was made is served then."""
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        process = self._process
        if process is not None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()

    def counts(self) -> dict[str, int]:
        """What was received and refused so far, by what it is called (``settings.REFUSALS``)."""
        return dict(self._ended + self._now)

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            self._receive()
            self._ended, self._now = self._ended + self._now, Counter()
            if not self._stopped.is_set():
                self._ended["restarts"] += 1
                self._stopped.wait(max(0.0, began + _AGAIN_SECONDS - time.monotonic()))

    def _receive(self) -> None:
        process = self._started()
        self._process = process
        if self._stopped.is_set():  # it was not there yet to be told
            process.terminate()
        for line in process.stdout or ():
            with suppress(ValueError):
                self._now = Counter(json.loads(line))
        process.wait()
        del self._now["associations"]
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            # -P: modules in the current folder must not be imported.
            [sys.executable, "-P", "-m", "lookalike.receiving.process", str(self._socket.fileno())],
            pass_fds=[self._socket.fileno()],
            env=plain_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        told = {"settings": asdict(self._settings), "folder": str(self._folder), "key": self._key.hex()}
        with suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.write(json.dumps(told).encode() + b"\n")
                process.stdin.flush()
        return process


def _check_tls(settings: ReceiverSettings) -> None:
    try:
        tls_context(settings)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UsageError(
            f"TLS cannot be had with these files ({why}); --tls-cert, --tls-key and --tls-ca take PEM files"
        ) from None
