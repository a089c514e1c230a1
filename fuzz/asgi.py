"""Requests to the service within this process: an ASGI application over a small gallery, made again now and then."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
import numpy as np

from fuzz.opened import CANARY, scratch
from lookalike.gallery import open_gallery
from lookalike.server.app import make_app
from lookalike.store import Batch, NewRecord
from lookalike.verbs.records import browse

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "server"))
from declared import holds  # the same check that every test over HTTP makes

API: Final = "/api/v1"
RECORDS: Final = 12
_AGAIN: Final = 2000  # requests, after which the gallery is made again
_METHODS: Final = re.compile(rb"[A-Z]{1,10}")
_TARGET: Final = re.compile(rb"/[!-~]*")  # what an HTTP server lets through: visible ASCII
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([ -~\t\x80-\xff]*)")


class Client:
    """The application and the loop that it runs in."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._template, self._asked = _gallery(scratch() / "template"), 0
        self._folder = scratch() / CANARY.decode() / "gallery"
        self.app: Any = None
        self._open()

    def ask(self, data: bytes) -> httpx.Response | None:
        """Send a request given as text: a line of method and target, lines of headers, an empty line, the body. None
        for what no HTTP server would pass on. Raises AssertionError for an answer that is not declared, a status from
        500 on, and an answer that tells what it must not.
        """
        request = _request(data)
        if request is None:
            return None
        self._asked += 1
        if self._asked % _AGAIN == 0:
            self._open()
        method, target, headers, body = request
        status, said, content = self._runner.run(_asked(self.app, method, target, headers, body))
        path = unquote(target.partition(b"?")[0].decode("ascii"))
        url = "http://127.0.0.1" + quote(path)
        answer = httpx.Response(status, headers=said, content=content, request=httpx.Request(method, url))
        assert status < 500, f"{method} {path}: {status} {content[:200]!r}"
        if method in ("GET", "POST", "PATCH", "DELETE"):
            holds(answer)
        told = content + b"".join(value for _, value in said)
        assert CANARY not in told or CANARY in data, f"{method} {path} tells of what it must not: {told[:200]!r}"
        return answer

    def _open(self) -> None:
        if self.app is not None:
            self.app.state.galleries.service().close()
            self.app.state.galleries.service().uploads.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._template, self._folder, dirs_exist_ok=True)
        self.app = make_app(self._folder)
        self.app.state.galleries.service().warm()


@cache
def client() -> Client:
    """The one client of this process."""
    return Client()


def _gallery(folder: Path) -> Path:
    """Records with given vectors, labels and attributes, whose files, patients and folder nobody may be told of."""
    random = np.random.default_rng(0)
    with open_gallery(folder, create=True) as gallery:
        batch = Batch()
        for number in range(RECORDS):
            vector = random.normal(size=(1, gallery.spec.dim)).astype(np.float32)
            where = f"/nowhere/{CANARY.decode()}/{number}.png"
            about: dict[str, str | float] = {"Modality": "CR", "PatientAge": number * 8.0}
            patient, labels = f"{CANARY.decode()} {number % 4}", (f"class-{number % 2}",)
            vector /= np.linalg.norm(vector)
            batch.records.append(NewRecord(where, f"{number:064x}", 0, patient, labels, about, vector, b""))
        gallery.store.write(batch)
        gallery.index()
    return folder


def ids() -> list[str]:
    """The ids of the records."""
    return [record.id for record in browse(client().app.state.galleries.service().gallery, limit=RECORDS).items]


def _request(data: bytes) -> tuple[str, bytes, list[tuple[bytes, bytes]], bytes] | None:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    if not _METHODS.fullmatch(method) or not _TARGET.fullmatch(target):
        return None
    found = [(match[1].lower(), match[2]) for line in lines if (match := _HEADER.fullmatch(line))]
    named = {name for name, _ in found}
    headers = [*found, *([] if b"host" in named else [(b"host", b"127.0.0.1")])]
    if body and not {b"content-length", b"transfer-encoding"} & named:
        headers.append((b"content-length", str(len(body)).encode()))
    return method.decode("ascii"), target, headers, body


async def _asked(
    app: Any, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What the application answers. The body comes in two parts."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "extensions": {},
        "state": {},
    }
    parts = iter([(body[: len(body) // 2], True), (body[len(body) // 2 :], False)])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        if part is None:
            await asyncio.Event().wait()  # the other side stays
            raise AssertionError
        return {"type": "http.request", "body": part[0], "more_body": part[1]}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), 60)
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return start["status"], list(start["headers"]), content


def requests(*texts: str) -> Iterator[bytes]:
    """Requests written as text; {id} and {other} stand for two records."""
    first, second = ids()[:2]
    for text in texts:
        yield text.replace("{id}", first).replace("{other}", second).encode()
