"""Who is refused before the whole body has come learns why: the rest is read on, within bounds, before the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from served import API, PATIENCE, Server, make_gallery, serving

from lookalike.gallery import open_gallery
from lookalike.server import lingering
from lookalike.server.lingering import Lingering
from lookalike.verbs.keys import add_key

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    with open_gallery(folder) as gallery:
        return add_key(gallery, "anna", role="reader").key


@pytest.fixture(scope="module", params=[1, 2])
def server(folder: Path, key: str, request: pytest.FixtureRequest) -> Iterator[Server]:
    """In one process, and in two, of which one hands uploads over to the other."""
    with serving(folder, "--max-upload-mb", "1", "--processes", str(request.param), key=key) as running:
        yield running


def told(connection: socket.socket, path: str, length: int, headers: Mapping[str, str]) -> HTTPResponse:
    """What a request is answered whose body comes only once its answer is there."""
    lines = [f"POST {API}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode())
    assert connection.recv(1, socket.MSG_PEEK), "no answer"
    block = bytes(1 << 16)
    for _ in range(length // len(block)):
        connection.sendall(block)
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer


@pytest.mark.parametrize(
    ("path", "length", "headers", "status"),
    [
        ("/uploads", 12 << 20, FORM, 413),
        ("/uploads", 1 << 20, {**FORM, "Authorization": "Bearer wrong"}, 401),
        ("/uploads", 1 << 20, JSON, 415),
        ("/uploads", 1 << 20, {**FORM, "Host": "elsewhere.example"}, 421),
        ("/uploads", 1 << 20, {**FORM, "Origin": "https://elsewhere.example"}, 403),
        ("/search", 12 << 20, JSON, 413),
        ("/records", 1 << 20, JSON, 405),
    ],
)
def test_a_refusal_reaches_who_is_still_sending(
    server: Server, key: str, path: str, length: int, headers: dict[str, str], status: int
) -> None:
    about = {"Host": "127.0.0.1", "Authorization": f"Bearer {key}", **headers}
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        for _ in range(2):  # and then may ask again
            assert told(connection, path, length, about).status == status


# The bounds


class Endless:
    """A body that does not end, and what is done with it. client: its address. quiet: nothing comes, either."""

    def __init__(self, client: str = "192.0.2.1", *, quiet: bool = False) -> None:
        self.client, self.quiet = client, quiet
        self.read = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.quiet or self.ended:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        self.read += 1 << 20
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def told(self) -> bool:
        """Whether the whole answer was sent, but for its end."""
        return b"".join(each.get("body", b"") for each in self.sent) == b"no"

    @property
    def ended(self) -> bool:
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)

    async def refused(self, app: Lingering) -> None:
        scope = {"type": "http", "http_version": "1.1", "headers": [(b"transfer-encoding", b"chunked")]}
        await app({**scope, "client": (self.client, 1)}, self.receive, self.send)  # type: ignore[arg-type]


async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 429, "headers": []})
    await send({"type": "http.response.body", "body": b"no"})


def test_a_body_that_does_not_end_is_not_read_for_ever() -> None:
    endless = Endless()
    asyncio.run(endless.refused(Lingering(refuse)))
    assert endless.ended
    assert 8 << 20 <= endless.read <= 10 << 20


@pytest.mark.parametrize("bound", ["_SECONDS", "_QUIET"])
def test_a_body_that_does_not_come_is_not_waited_for_long(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, bound, 0.01)
    endless = Endless(quiet=True)
    asyncio.run(endless.refused(Lingering(refuse)))
    assert endless.told
    assert endless.ended


def test_one_address_keeps_so_many_connections_open_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("_SECONDS", "_QUIET"):
        monkeypatch.setattr(lingering, bound, 3600.0)  # none is closed because this takes long

    async def ask() -> None:
        app = Lingering(refuse)
        mine = [Endless(quiet=True) for _ in range(lingering._EACH + 3)]
        theirs = Endless("192.0.2.2", quiet=True)
        asked = [asyncio.create_task(each.refused(app)) for each in (*mine, theirs)]
        while not all(each.told for each in (*mine, theirs)):
            await asyncio.sleep(0)
        await asyncio.wait(asked[lingering._EACH : -1])
        assert [each.ended for each in mine] == [False] * lingering._EACH + [True] * 3
        assert not theirs.ended
        for task in asked:
            task.cancel()

    asyncio.run(ask())
