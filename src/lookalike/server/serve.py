"""Run the application: listen, open the browser, and end within five seconds of being told to.

On SIGTERM or SIGINT no connection is taken any more, jobs are ended (the next service takes them up) and requests under
way have some seconds to be answered. Then the process ends with 0, whatever is still going on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from typing import Final

from hypercorn.asyncio import serve as run
from hypercorn.config import Config

from lookalike.server.app import service_app
from lookalike.server.galleries import Galleries
from lookalike.server.logs import writing_log
from lookalike.server.settings import ServerSettings
from lookalike.sockets import listen

_BACKLOG: Final = 512
_GRACE: Final = 3.0  # seconds for requests under way, once the service is to end,
_END: Final = 4.7  # and until the process does: clients that keep a connection open are not waited for


def serve(settings: ServerSettings, *, browser: bool = False, say: Callable[[str], None] = print) -> None:
    """Serve galleries until the process is told to stop. say: called with the address. browser: open the page.

    Raises as ``service_app``, and UsageError where the address cannot be used.
    """
    with writing_log(settings.log_format, settings.log_level):
        _serve(settings, say, browser=browser)


def _serve(settings: ServerSettings, say: Callable[[str], None], *, browser: bool) -> None:
    app = service_app(settings)
    try:
        listening = listen(settings.host, settings.port, _BACKLOG)  # an early request waits and is not refused
        address = _address(settings, listening.getsockname()[1])
        say(address)
        if browser:
            webbrowser.open(address)
        asyncio.run(_run(app, _config(settings, listening), app.state.galleries))
    finally:
        app.state.galleries.close()


async def _run(app: object, config: Config, galleries: Galleries) -> None:
    """Run until a signal says stop."""
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)

    async def stop() -> None:
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
    config.graceful_timeout = _GRACE
    config.ssl_handshake_timeout = 10
    if settings.tls_cert and settings.tls_key:
        config.certfile, config.keyfile = str(settings.tls_cert), str(settings.tls_key)
    return config
