"""Run the application under uvicorn: listen, open the browser, shut down cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import webbrowser
from collections.abc import Callable
from functools import partial
from typing import Final

from hypercorn.asyncio import serve as run
from hypercorn.config import Config

from lookalike.server.app import service_app
from lookalike.server.galleries import Galleries
from lookalike.server.settings import ServerSettings
from lookalike.sockets import listen

_BACKLOG: Final = 512
_POLITE: Final = 2.0  # seconds of grace beyond the time allowed to requests under way


def serve(settings: ServerSettings, *, browser: bool = False, say: Callable[[str], None] = print) -> None:
    """Serve galleries until the process is told to stop. say: called with the address. browser: open the page.

    Raises as ``service_app``, and UsageError where the address cannot be used.
    """
    app = service_app(settings)
    try:
        listening = listen(settings.host, settings.port, _BACKLOG)  # an early request waits and is not refused
        address = _address(settings, listening.getsockname()[1])
        say(address)
        if browser:
            webbrowser.open(address)
        asyncio.run(_run(app, _config(settings, listening), partial(_leave, app.state.galleries)))
    finally:
        app.state.galleries.close()


async def _run(app: object, config: Config, leave: Callable[[], None]) -> None:
    """Run until a signal says stop. Clients that keep a TLS connection open without closing it are not waited for."""
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)

    async def stop() -> None:
        await stopped.wait()
        asyncio.get_running_loop().call_later(config.graceful_timeout + _POLITE, leave)

    await run(app, config, shutdown_trigger=stop)  # type: ignore[arg-type]


def _leave(galleries: Galleries) -> None:
    galleries.close()
    os._exit(0)


def _address(settings: ServerSettings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{settings.scheme}://{host}:{port}/"


def _config(settings: ServerSettings, listening: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = None
    config.backlog = _BACKLOG
    config.keep_alive_timeout = 10  # seconds within which the head of a request must arrive
    config.keep_alive_max_requests = 1_000_000
    config.graceful_timeout = 3
    config.ssl_handshake_timeout = 10
    if settings.tls_cert and settings.tls_key:
        config.certfile, config.keyfile = str(settings.tls_cert), str(settings.tls_key)
    return config
