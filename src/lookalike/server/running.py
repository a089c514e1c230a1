"""Run the application: take connections, and end within five seconds of being told to.

On SIGTERM or SIGINT no connection is taken any more, jobs are ended (the next service takes them up) and requests under
way have some seconds to be answered. Then the process ends with 0, whatever is still going on.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from hypercorn.asyncio import serve as run
from hypercorn.config import Config

from lookalike.server.galleries import Galleries
from lookalike.server.settings import WAITING_CONNECTIONS, ServerSettings

_YOUNG: Final = 10_000  # new objects, after which the garbage collector looks through those
_GRACE: Final = 3.0  # seconds for requests under way, once the service is to end,
_END: Final = 4.7  # and until the process does: clients that keep a connection open are not waited for


def settle() -> None:
    """Have the garbage collector leave alone what has been loaded, most of which stays for good. To look through it
    all, as it does once a minute while others write, holds up every thread: with 20,000 records for a tenth of a
    second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)


def run_app(app: FastAPI, settings: ServerSettings, listening: socket.socket, own: Path | None = None) -> None:
    """Answer until a signal says stop. own: a socket at which other processes of the service are answered, too."""
    same = listening.dup()
    asyncio.run(_run(app, _config(settings, listening, own), app.state.galleries, same))


async def _run(app: FastAPI, config: Config, galleries: Galleries, listening: socket.socket) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)

    async def stop() -> None:
        listening.listen(WAITING_CONNECTIONS)  # of which asyncio has made its own
        listening.close()
        await stopped.wait()
        _end_soon(galleries)

    await run(app, config, shutdown_trigger=stop)  # type: ignore[arg-type]


def _end_soon(galleries: Galleries) -> None:
    """End the jobs now, and the process after a while, however busy its threads are."""
    end = threading.Timer(_END, _leave, (galleries,))
    end.daemon = True
    end.start()
    threading.Thread(target=galleries.stop_jobs, daemon=True).start()


def _leave(galleries: Galleries) -> None:
    galleries.note_stop()
    os._exit(0)


def _config(settings: ServerSettings, listening: socket.socket, own: Path | None) -> Config:
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    # With several processes each takes one connection at a time, or the first to look would take all that wait.
    config.backlog = WAITING_CONNECTIONS if settings.processes == 1 else 1
    config.keep_alive_timeout = 10  # seconds within which the head of a request must arrive
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = _GRACE
    config.ssl_handshake_timeout = 10
    if settings.tls_cert and settings.tls_key:
        config.certfile, config.keyfile = str(settings.tls_cert), str(settings.tls_key)
    if own is not None:
        bound = config.insecure_bind if config.ssl_enabled else config.bind
        bound.append(f"unix:{own}")
    return config
