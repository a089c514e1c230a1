"""SIGTERM while everything goes on: answers that are under way come, new ones are refused, jobs are taken up again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import psutil
import pytest
from endless import endless
from served import API, COMMAND, PATIENCE, RECORDS, Server, eventually, make_gallery, serving

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.verbs.jobs import list_jobs
from peers.dicomweb import radiograph
from peers.dicomweb import serving as serving_pacs

MANY = 400
VECTOR = [1.0] * 384


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for i in range(MANY):
        PIL.Image.fromarray(texture(1000 + i)).save(folder / f"m{i:03}.png")
    return folder


def told_to_end(process: psutil.Process, family: list[psutil.Process]) -> int:
    """The exit status of a process that is told to end, with everything that it started. In how many seconds it does
    is measured by ``benchmarks.graceful_stop``.
    """
    process.send_signal(signal.SIGTERM)
    status = process.wait(PATIENCE)
    _, left = psutil.wait_procs(family, PATIENCE)
    assert not left
    return int(status or 0)


def ended(job: dict[str, Any]) -> bool:
    return job["state"] not in ("queued", "running")


class Callers:
    """Threads that ask until they are refused. broken: answers that were begun and did not come whole."""

    def __init__(self, server: Server, upload: Path) -> None:
        self.server, self.upload = server, upload
        self.answered, self.refused, self.broken = 0, 0, 0
        self.threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(6)]

    def _ask(self, number: int) -> None:
        base = f"http://127.0.0.1:{self.server.port}{API}"
        while True:
            try:
                if number < 4:
                    answer = httpx.post(f"{base}/search", json={"query": {"vector": VECTOR}}, timeout=PATIENCE)
                else:
                    files = [("file", (self.upload.name, self.upload.read_bytes()))]
                    answer = httpx.post(f"{base}/uploads", files=files, timeout=PATIENCE)
            except httpx.ConnectError:
                self.refused += 1
                return
            except httpx.TransportError:  # a connection that was taken and never answered
                self.broken += 1
                return
            assert answer.status_code in (200, 201, 422, 429, 503), answer.text  # 422: a decoder was too slow
            self.answered += 1


@pytest.mark.slow  # everything at once; one by one below
def test_with_searches_uploads_and_a_running_job(tmp_path: Path, many: Path) -> None:
    folder = make_gallery(tmp_path)
    picture = next(many.iterdir())
    with endless(many / "n.png"), serving(folder, "--import", f"more={many}", cold=True) as server:
        callers = Callers(server, picture)
        for thread in callers.threads:
            thread.start()
        where = server.post("/index", {"import": "more"}).headers["location"]
        waiting = server.post("/map", {"method": "tsne"}).headers["location"]
        server.wait(where, lambda job: job["progress"]["done"] > 0)
        eventually(lambda: callers.answered, lambda count: count > 20)
        family = server.process.children(recursive=True)
        assert family
        assert told_to_end(server.process, family) == 0
        for thread in callers.threads:
            thread.join()
    assert callers.refused + callers.broken == len(callers.threads)
    with open_gallery(folder) as gallery:
        states = {job.kind: job.state for job in list_jobs(gallery).items}
        assert states == {"index": "queued", "map": "queued"}
    with serving(folder) as server:
        for each in (where, waiting):
            assert server.wait(each, ended)["state"] == "done"
        assert server.get("/gallery").json()["records"] == RECORDS + MANY


def test_what_is_under_way_is_answered(tmp_path: Path) -> None:
    """A request of which half has come when the service is told to end; the next one is refused."""
    body = json.dumps({"query": {"vector": VECTOR}, "k": 3}).encode()
    head = f"POST {API}/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with serving(make_gallery(tmp_path)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
            assert server.get("/gallery").status_code == 200  # what came before it was seen
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(body[20:])
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["hits"]) == 3
        assert server.process.wait(PATIENCE) in (0, None)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_a_training_is_taken_up_again(tmp_path: Path) -> None:
    """Also what cannot be repeated after a crash, behind a job that runs until then: it waits for its turn to write."""
    folder, more = make_gallery(tmp_path), f"more={tmp_path / 'pictures'}"
    with open_gallery(folder) as other, other.writing(), serving(folder, "--import", more, cold=True) as server:
        first = server.post("/index", {"import": "more"}).headers["location"]
        second = server.post("/adapt", {"name": "s", "kind": "linear"}).headers["location"]
        server.wait(first, lambda job: job["state"] == "running")
        assert told_to_end(server.process, server.process.children(recursive=True)) == 0
    with serving(folder) as server:
        for where in (first, second):
            assert server.wait(where, ended)["state"] == "done"


def test_clients_that_hang_on_are_not_waited_for(tmp_path: Path) -> None:
    """One says nothing, one half a head, one half a body."""
    folder = make_gallery(tmp_path)
    heads = (
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
    )
    with serving(folder, cold=True) as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in heads]
        for connection, head in zip(held, heads, strict=True):
            connection.sendall(head)
        assert server.get("/gallery").status_code == 200  # what came before it was seen
        assert told_to_end(server.process, server.process.children(recursive=True)) == 0
        for connection in held:
            connection.close()


def test_a_pull_that_follows(tmp_path: Path) -> None:
    with serving_pacs() as pacs:
        for number in range(6):
            pacs.store(radiograph(number))
        words = ["pull", pacs.uri, "--gallery", str(tmp_path / "g"), "--follow", "--every", "1", "--stable", "0"]
        process = psutil.Popen([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert "added" in process.stdout.readline()
        family = process.children(recursive=True)
        assert told_to_end(process, family) == 0
    with open_gallery(tmp_path / "g") as gallery:
        assert gallery.store.count() == 6
