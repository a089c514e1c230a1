"""A real server process over a small gallery."""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from declared import holds

from awaited import PATIENCE, eventually
from conftest import write_pictures
from lookalike.configuration.setting import GalleryPlace
from lookalike.gallery import open_gallery
from lookalike.server.decoding import Decoding
from lookalike.server.metrics import Metrics
from lookalike.server.service import Service, Shared, open_service
from lookalike.server.settings import ServerSettings
from lookalike.server.wrong_keys import WrongKeys
from lookalike.store.postgresql import PostgreSQLDatabase
from lookalike.verbs.index import index
from started import Started

COMMAND = Path(__import__("sys").executable).with_name("lookalike")
API = "/api/v1"
RECORDS = 12


@dataclass
class Server:
    """process: of the service. http: a client of it."""

    process: psutil.Process
    port: int
    http: httpx.Client
    folder: Path
    lines: Callable[[], str]

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(API + path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return (
            self.http.post(API + path, json=body, **options)
            if body is not None
            else self.http.post(API + path, **options)
        )

    def upload(self, *paths: Path) -> str:
        """The id of an upload of these files."""
        files = [("file", (path.name, path.read_bytes())) for path in paths]
        answer = self.http.post(f"{API}/uploads", files=files)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, answer: httpx.Response, seconds: float = PATIENCE) -> dict[str, Any]:
        """A job once it has ended."""
        assert answer.status_code == 202, answer.text
        where = answer.headers["location"]
        return self.wait(where, lambda job: job["state"] not in ("queued", "running"), seconds)

    def wait(self, where: str, done: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE) -> dict[str, Any]:
        return dict(eventually(lambda: self.http.get(where).json(), done, seconds))


def make_gallery(folder: Path) -> Path:
    """Twelve pictures of four patients and two classes; the pictures lie beside the gallery."""
    pictures = write_pictures(folder / "pictures")
    with open_gallery(folder / "g", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
    return folder / "g"


def opened(folder: Path) -> Service:
    """A gallery's service without any routes; to be closed."""
    shared = Shared(Metrics(), Decoding(), None, WrongKeys(), None)
    return open_service(GalleryPlace(folder.name, folder), ServerSettings(), shared)


@contextmanager
def serving(
    folder: Path, *options: str, key: str = "", code: int = 0, verify: Path | None = None, cold: bool = False
) -> Iterator[Server]:
    """``lookalike serve`` on a free port, ready; told to end at the end. code: with which it must end. cold: what it
    starts are its own children (``Started``).

    Every answer must be one that the OpenAPI document declares.
    """
    log = folder.parent / "server.log"
    with log.open("w") as errors:
        process = Started(
            "serve", "--gallery", folder, "--port", "0", "--no-browser", *options, stderr=errors, cold=cold
        )
    line = process.stdout.readline()
    found = re.search(r"(https?)://127\.0\.0\.1:(\d+)/", line)
    assert found, line + log.read_text()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = f"{found[1]}://127.0.0.1:{found[2]}"
    trusted = ssl.create_default_context(cafile=verify) if verify else True
    hooks = {"response": [holds]}
    with httpx.Client(base_url=base, headers=headers, timeout=PATIENCE, verify=trusted, event_hooks=hooks) as http:
        try:
            eventually(lambda: http.get("/readyz").status_code, lambda status: status == 200)
            yield Server(psutil.Process(process.pid), int(found[2]), http, folder, log.read_text)
        finally:
            process.terminate()
            ended = process.wait(PATIENCE)
    assert ended == code, log.read_text()


def problem(answer: httpx.Response, status: int, reason: str) -> None:
    """An RFC 9457 answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert {"type", "title", "status", "detail", "reason"} <= said.keys()
    assert (said["status"], said["reason"]) == (status, reason), said


def whole(records: int) -> dict[str, object]:
    """What is said of so many records that have gone without a trace."""
    beyond = PostgreSQLDatabase.beyond if os.environ.get("LOOKALIKE_STORE") else ""
    return {"records": records, "erased": True, "beyond": beyond}


def to_json(value: Any) -> Any:
    """As it looks after a way through JSON."""
    return json.loads(json.dumps(value))
