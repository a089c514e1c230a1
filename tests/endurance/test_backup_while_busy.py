"""Backups of a gallery that sixteen clients ask while a job adds to it; restored elsewhere they answer the same."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from served import API, COMMAND, RECORDS, Server, make_gallery, serving

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.verbs.backup import restore_gallery, verify_gallery
from lookalike.verbs.records import browse
from lookalike.verbs.search import search

pytestmark = pytest.mark.slow
CLIENTS, MANY, BACKUPS, QUERIES = 16, 300, 4, 6


class Client(threading.Thread):
    """Asks and labels until it is told to stop; every answer must be one."""

    def __init__(self, server: Server, number: int, stopped: threading.Event) -> None:
        super().__init__()
        self.base, self.number, self.stopped = f"http://127.0.0.1:{server.port}{API}", number, stopped
        self.asked, self.wrong = 0, list[str]()

    def run(self) -> None:
        chance = np.random.default_rng(self.number)
        with httpx.Client(timeout=120) as http:
            ids = [one["id"] for one in http.get(f"{self.base}/records").json()["items"]][:RECORDS]
            while not self.stopped.is_set():
                body = {"query": {"vector": chance.standard_normal(384).tolist()}, "k": 50}
                answers = [http.post(f"{self.base}/search", json=body)]
                if not self.asked % 5:
                    add = {"ids": [ids[self.number % RECORDS]], "add": [f"seen-{self.number}"]}
                    answers.append(http.post(f"{self.base}/labels", json=add))
                self.wrong += [each.text for each in answers if each.status_code != 200]
                self.asked += 1


def by_command(folder: Path, place: Path) -> dict[str, Any]:
    words = [COMMAND, "gallery", "backup", str(place), "--gallery", str(folder), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_sixteen_clients_and_an_index_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, many = make_gallery(tmp_path), tmp_path / "many"
    many.mkdir()
    for i in range(MANY):
        PIL.Image.fromarray(texture(1000 + i)).save(many / f"m{i:03}.png")
    queries = [np.random.default_rng([7, i]).standard_normal(384).tolist() for i in range(QUERIES)]
    stopped = threading.Event()
    with serving(folder, "--import", f"more={many}") as server:
        clients = [Client(server, number, stopped) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        where = server.post("/index", {"import": "more"}).headers["location"]
        server.wait(where, lambda job: job["progress"]["done"] > 0)
        made = [by_command(folder, tmp_path / f"b{number}") for number in range(BACKUPS)]
        under_way = server.http.get(where).json()["state"]
        assert server.wait(where, lambda job: job["state"] not in ("queued", "running"))["state"] == "done"
        stopped.set()
        for client in clients:
            client.join()
        made.append(by_command(folder, tmp_path / f"b{BACKUPS}"))
        bodies = [{"query": {"vector": query}, "k": 1000} for query in queries]
        final = [server.post("/search", body).json()["hits"] for body in bodies]
    assert not [wrong for client in clients for wrong in client.wrong]
    assert min(client.asked for client in clients) > 0
    assert len(final[0]) == RECORDS + MANY
    counts = [each["counts"]["records"] for each in made]
    print(f"\n{under_way} after {BACKUPS} backups of {counts[:-1]} records; {sum(c.asked for c in clients)} searches")
    assert counts == sorted(counts)
    assert counts[-1] == RECORDS + MANY
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "elsewhere"))
    for number, count in enumerate(counts):
        assert verify_gallery(tmp_path / f"b{number}").sound
        restore_gallery(tmp_path / f"b{number}", tmp_path / f"r{number}")
        with open_gallery(tmp_path / f"r{number}") as gallery:
            assert not gallery.owned
            there = {one.id for one in browse(gallery, limit=1000).items}
            assert len(there) == count
            for query, expected in zip(queries, final, strict=True):
                hits = {hit.id: hit.score for hit in search(gallery, vector=query, k=1000).hits}
                wanted = {hit["id"]: hit["score"] for hit in expected if hit["id"] in there}
                assert hits.keys() == wanted.keys() == there
                assert max(abs(hits[each] - wanted[each]) for each in there) < 1e-6
