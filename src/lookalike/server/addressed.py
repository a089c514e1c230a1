"""Which gallery an address names: ``/g/NAME/...`` is that one's, every other address the first one's."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.server.problems import Problem

_PREFIX = "/g/"


class Doors(Protocol):
    """What leads from an address to a gallery's service."""

    def named(self, name: str) -> bool:
        """Whether a gallery has this name, open or not."""

    def service(self, name: str = "") -> Any:
        """The service of a gallery, of the first one without a name; None where it is not open."""

    def refusal(self, name: str = "") -> Problem:
        """Why it is not."""


class Addressed:
    """Pure ASGI, around everything else: inside, each gallery's addresses are the same. ``request.state`` has
    ``service``, ``gallery`` (the name that the address gives, or "") and ``base``, which stands before its addresses.
    """

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app, self._doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name, path = split_address(scope["path"])
        if path and self._doors.named(name):
            base = address_of(name).rstrip("/")
            inside = self._inside({**scope, "path": path}, name, base)
            await self._app(inside, receive, _with_base(send, base))
        else:
            await self._app(self._inside({**scope}, "", ""), receive, send)

    def _inside(self, scope: Scope, name: str, base: str) -> Scope:
        own = {"service": self._doors.service(name), "gallery": name, "base": base}
        scope["state"] = {**scope.get("state", {}), **own}
        return scope


def address_of(name: str) -> str:
    """The path of a gallery's page."""
    return f"{_PREFIX}{quote(name, safe='')}/"


def split_address(path: str) -> tuple[str, str]:
    """The gallery that a path names, and its path inside; "" for both where it names none."""
    name, slash, rest = path.removeprefix(_PREFIX).partition("/") if path.startswith(_PREFIX) else ("", "", "")
    return (name, f"/{rest}") if slash else ("", "")


def service_at(request: Request) -> Any:
    """The service of the gallery that a request is for. Raises Problem 503 where it is not open."""
    found = request.state.service
    if found is None:
        raise request.app.state.galleries.refusal(request.state.gallery)
    return found


def _with_base(send: Send, base: str) -> Send:
    """Addresses of this service in the head of an answer are those of the gallery."""

    async def send_with_base(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            where = headers.get("location", "")
            if where.startswith("/") and not where.startswith("//"):
                headers["location"] = f"{base}{where}"
        await send(message)

    return send_with_base
