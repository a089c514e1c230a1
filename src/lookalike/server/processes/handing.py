"""Hand a request over to the writer as it came, and its answer to the caller as it comes; HTTP/1.1 by h11."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import h11
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.server.problems import problem
from lookalike.server.processes.looks import asks_stored, is_health, is_search, looks

_FROM: Final = b"x-lookalike-from"
_OF_THE_CONNECTION: Final = frozenset({b"connection", b"keep-alive", b"te", b"upgrade", b"proxy-connection", _FROM})
_OF_THE_ANSWER: Final = (b"connection", b"keep-alive", b"transfer-encoding", b"date")
_MOST: Final = 4 << 20  # bytes of a search
_READ: Final = 1 << 16
_SECONDS: Final = 20.0  # for the body of a search; a slower one is the writer's to refuse
_BODILESS: Final = ("GET", "HEAD", "DELETE", "OPTIONS")


class HandingOver:
    """Pure ASGI, around the application of a reader. writer: the socket of the writer. knows: whether this process
    knows who asks; whoever it does not is the writer's to let in or to count.
    """

    def __init__(self, app: ASGIApp, writer: Path, knows: Callable[[HTTPConnection], bool]) -> None:
        self._app, self._writer, self._knows = app, writer, knows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or is_health(scope):
            await self._app(scope, receive, send)
        elif not (looks(scope) or is_search(scope)) or not self._knows(HTTPConnection(scope)):
            await self._hand_over(scope, receive, send)
        elif looks(scope):
            await self._app(scope, receive, send)
        else:
            read, whole = await _start_of(receive)
            again = _replayed(read, receive)
            stored = whole and asks_stored(b"".join(each.get("body", b"") for each in read))
            await (self._app if stored else self._hand_over)(scope, again, send)

    async def _hand_over(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._writer))
        except OSError:
            await _away(scope, receive, send)
            return
        talk = _Talk(reader, writer)
        sending = asyncio.create_task(talk.ask(scope, receive))
        try:
            if not await talk.answer(send):
                await _away(scope, receive, send)
        finally:
            sending.cancel()
            writer.close()


class HandedOver:
    """Pure ASGI, around the application of the writer: what readers hand over comes from who asked them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope.get("client") is None:  # over the private socket: others have an address
            told = [value for name, value in scope["headers"] if name == _FROM]
            others = [(name, value) for name, value in scope["headers"] if name != _FROM]
            client, scheme = json.loads(told[0]) if told else (None, scope["scheme"])
            scope = {**scope, "headers": others, "client": client and tuple(client), "scheme": scheme}
        await self._app(scope, receive, send)


class _Talk:
    """One request and its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = h11.Connection(h11.CLIENT)

    async def ask(self, scope: Scope, receive: Receive) -> None:
        """Send the request, its body as it comes; a caller who goes ends it."""
        with suppress(OSError, h11.LocalProtocolError):  # it may be answered before all of it has come
            await self._ask(scope, receive)

    async def _ask(self, scope: Scope, receive: Receive) -> None:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self._send(h11.Request(method=scope["method"], target=target, headers=list(_headers(scope))))
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self._writer.close()
                return
            self._send(h11.Data(data=message.get("body", b"")))
            await self._writer.drain()
            more = message.get("more_body", False)
        self._send(h11.EndOfMessage())
        while (await receive())["type"] != "http.disconnect":
            pass
        self._writer.close()

    def _send(self, event: Any) -> None:
        self._writer.write(self._protocol.send(event) or b"")

    async def answer(self, send: Send) -> bool:
        """Pass the answer on; False where none came. Raises ConnectionError where it ends before it is whole."""
        begun = False
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                data = await self._received()
                if not data and not begun:
                    return False
                self._protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                begun = True
                headers = [(name, value) for name, value in event.headers if name not in _OF_THE_ANSWER]
                await send({"type": "http.response.start", "status": event.status_code, "headers": headers})
            elif isinstance(event, h11.Data):
                await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
            elif isinstance(event, h11.EndOfMessage):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return True

    async def _received(self) -> bytes:
        try:
            return await self._reader.read(_READ)
        except OSError:
            return b""


def _headers(scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    """Those of the request, but for those of its connection; and from whom it came."""
    names = set()
    for name, value in _given(scope["headers"]):
        names.add(name)
        yield name, value
    if not names & {b"content-length", b"transfer-encoding"} and scope["method"] not in _BODILESS:
        yield b"transfer-encoding", b"chunked"  # HTTP/2 need not say either
    yield _FROM, json.dumps([scope.get("client"), scope["scheme"]]).encode()
    yield b"connection", b"close"


def _given(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if name not in _OF_THE_CONNECTION)


async def _start_of(receive: Receive) -> tuple[list[Message], bool]:
    """The messages of a body, and whether that is all of it; not much more than a search may have."""
    read, size = list[Message](), 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS):
            while size <= _MOST:
                read.append(message := await receive())
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return read, message["type"] == "http.request"
    return read, False


def _replayed(read: list[Message], receive: Receive) -> Receive:
    left = iter(read)

    async def again() -> Message:
        for message in left:
            return message
        return await receive()

    return again


async def _away(scope: Scope, receive: Receive, send: Send) -> None:
    told = "a process of the service is being started again; ask again in a moment"
    await problem(503, told, "restarting", {"Retry-After": "2"})(scope, receive, send)
