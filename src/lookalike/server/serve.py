"""Serve galleries: in this process, or in several that this one starts and watches."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable

from lookalike.server.logs import writing_log
from lookalike.server.settings import WAITING_CONNECTIONS, ServerSettings
from lookalike.sockets import listen


def serve(settings: ServerSettings, *, browser: bool = False, say: Callable[[str], None] = print) -> None:
    """Serve galleries until the process is told to stop. say: called with the address. browser: open the page.

    Raises as ``service_app``, and UsageError where the address cannot be used.
    """

    def say_and_open(port: int) -> None:
        say(address := _address(settings, port))
        if browser:
            webbrowser.open(address)

    with writing_log(settings.log_format, settings.log_level):
        if settings.processes > 1:
            from lookalike.server.processes.watching import serve_in_processes

            serve_in_processes(settings, listen(settings.host, settings.port, WAITING_CONNECTIONS), say_and_open)
        else:
            _serve_alone(settings, say_and_open)


def _serve_alone(settings: ServerSettings, say: Callable[[int], None]) -> None:
    # Who only watches other processes needs none of the application.
    from lookalike.server.app import service_app
    from lookalike.server.running import run_app, settle

    app = service_app(settings, settle)
    try:
        listening = listen(
            settings.host, settings.port, WAITING_CONNECTIONS
        )  # an early request waits and is not refused
        say(listening.getsockname()[1])
        run_app(app, settings, listening)
    finally:
        app.state.galleries.close()


def _address(settings: ServerSettings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{settings.scheme}://{host}:{port}/"
