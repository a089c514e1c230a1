"""ASGI middleware: checks on every request before it is read, and security headers on every answer."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.pacs_links import pacs_addresses, viewer_origin
from lookalike.server.callers import Caller
from lookalike.server.logs import log_request
from lookalike.server.metrics import Metrics, route_of
from lookalike.server.origins import refused_origin
from lookalike.server.page import PANEL
from lookalike.server.problems import Problem, problem
from lookalike.server.settings import ServerSettings

API: Final = "/api/v1"
POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# A viewer's page may be isolated from others (HTML, cross-origin isolation): what it frames must be too.
_FRAMED: Final = {
    **{name: value for name, value in _HEADERS.items() if name != "X-Frame-Options"},  # which knows no origin
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_BODY: Final = 4 << 20  # bytes: the limit of every body except an upload
_AROUND: Final = 1 << 20  # bytes that multipart may add to the files of an upload
_SECONDS: Final = 20.0  # a body may take this long to arrive,
_BYTES_A_SECOND: Final = 50_000  # and longer by what has arrived at this rate


class Guard:
    """Pure ASGI: no malformed address, no foreign host, no request of another site's page, bodies limited in bytes and
    time while they stream in, security headers, and the time that each route takes.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        viewer = viewer_origin(pacs_addresses())
        policy = POLICY.replace("frame-ancestors 'none'", f"frame-ancestors {viewer}")
        self._framed = {PANEL: {**_FRAMED, "Content-Security-Policy": policy}} if viewer else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started, status = time.perf_counter(), 500
        headers = Headers(scope=scope)
        body = _Body(receive, headers, self._most(scope))

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope, message)
            await send(message)

        refusal = self._refusal(scope, headers)
        try:
            if refusal is not None:
                answer = problem(refusal.status_code, str(refusal.detail), refusal.reason)
                await answer(scope, receive, send_with_headers)
            else:
                await self._app(scope, body.receive, send_with_headers)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answered request, and log it."""
        route, method = route_of(scope)
        self._metrics.request(route, method, status, seconds)
        state = scope.get("state", {})
        caller: Caller | None = state.get("caller")
        who = None if caller is None else caller.name if caller.means == "key" else caller.means
        log_request(method, route, status, seconds, who, getattr(state.get("service"), "name", None))

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        if (refusal := refused_origin(scope, headers, self._settings.allowed_hosts, self._framed)) is not None:
            return refusal
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most(scope):
            return _too_large(self._most(scope))
        return None

    def _most(self, scope: Scope) -> int:
        return self._settings.max_upload + _AROUND if scope["path"] == f"{API}/uploads" else _BODY

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._framed.get(scope["path"], _HEADERS).items():
            headers.setdefault(name, value)
        if scope["path"].startswith(API):
            headers.setdefault("Cache-Control", "no-store")
        if self._settings.tls_cert:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")


class _Body:
    """A body as it arrives: no more than ``most`` bytes, and not too slowly."""

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive, self._most, self._came = receive, most, 0
        self._started, self._over = time.monotonic(), not ({"content-length", "transfer-encoding"} & {*headers})

    async def receive(self) -> Message:
        """The next part. Raises Problem 408 or 413."""
        if self._over:
            return await self._receive()  # only a disconnect can follow
        left = self._started + _SECONDS + self._came / _BYTES_A_SECOND - time.monotonic()
        try:
            async with asyncio.timeout(max(left, 0.01)):  # wait_for would make a task of it
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "the body came too slowly", "slow") from None
        self._came += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        if self._came > self._most:
            raise _too_large(self._most)
        return message


def _too_large(most: int) -> Problem:
    return Problem(413, f"a body may have {most} bytes here", "too-large")
