"""An answer that comes before the whole body of its request has come: the rest is read before the connection ends.

Whoever is refused early is still sending. A connection that is closed while bytes of it wait to be read is reset by the
kernel, and the reset makes the client lose the answer (RFC 9112, 9.6). So the last word of such an answer waits until
the body has come, for a while.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS: Final = 20.0  # for which one connection is read on,
_QUIET: Final = 5.0  # and while nothing comes
_ANNOUNCED: Final = 1 << 30  # bytes of a body that says how long it is,
_UNANNOUNCED: Final = 8 << 20  # and of one that may never end
_EACH: Final = 32  # connections of one address that are read on at once,
_ALL: Final = 256  # and of all; more are closed at once


class Lingering:
    """Pure ASGI, around the others: waits for the rest of a body before the end of its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, Headers(scope=scope))

        async def send_and_linger(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if last and not body.over and scope["http_version"].startswith("1"):  # HTTP/2 ends its streams alone
                await send({**message, "more_body": True})
                await self._linger((scope.get("client") or ("",))[0], body)
                message = {"type": "http.response.body", "body": b""}
            if last:
                body.drop()
            await send(message)

        await self._app(scope, body.receive, send_and_linger)

    async def _linger(self, address: str, body: _Body) -> None:
        if self._open[address] >= _EACH or self._open.total() >= _ALL:
            return
        self._open[address] += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await body.read_on()
        finally:
            self._open[address] -= 1
            self._open += Counter()  # forgets those that have none


class _Body:
    """A body as it comes. over: whether nothing of it is to come."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._most = _ANNOUNCED if "content-length" in headers else _UNANNOUNCED
        self._dropping: asyncio.Task[None] | None = None
        self.over = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"

    async def receive(self) -> Message:
        """The next part."""
        message = await self._receive()
        self.over = self.over or not message.get("more_body", False)
        return message

    async def read_on(self) -> None:
        """Read the rest for nobody, within bounds. Raises TimeoutError."""
        read = 0
        while not self.over and read <= self._most:
            read += len((await asyncio.wait_for(self.receive(), _QUIET)).get("body", b""))

    def drop(self) -> None:
        """Discard what else comes until the connection or the stream ends, which would wait for a reader."""
        if not self.over:
            self._dropping = asyncio.create_task(self._drop())

    async def _drop(self) -> None:
        while not self.over:
            await self.receive()
