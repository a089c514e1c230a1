"""SIGKILL of a server that is busy: what it has acknowledged is there when it starts again, once, and no job hangs."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import psutil
import pytest
from served import API, Server, make_gallery, serving

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.store.damage import damage_of

pytestmark = pytest.mark.slow
KILLS = max(2, int(os.environ.get("LOOKALIKE_ENDURANCE", "24")) // 20)
SEED = int(os.environ.get("LOOKALIKE_ENDURANCE_SEED", "0"))


class Caller:
    """Asks for one thing after another until the server is gone; keeps what was acknowledged."""

    def __init__(self, server: Server, root: Path, number: int) -> None:
        self.server, self.root, self.number = server, root, number
        self.labelled: dict[str, int] = {}
        self.removed: set[str] = set()
        self.jobs: list[str] = []
        self.ids = [each["id"] for each in server.get("/records", params={"limit": 50}).json()["items"]]

    def run(self) -> None:
        with suppress(httpx.TransportError):
            for step, act in enumerate(self.acts() * 50):
                act(step)

    def acts(self) -> list[Callable[[int], None]]:
        return [self.label, self.evaluate, self.index, self.label, self.remove]

    def label(self, step: int) -> None:
        identity = self.ids[step % 6]
        answer = self.server.http.post(f"{API}/labels", json={"ids": [identity], "set": [f"said {step}"]})
        if answer.status_code == 200:
            self.labelled[identity] = step

    def evaluate(self, step: int) -> None:
        self.job(self.server.http.post(f"{API}/evaluate", json={"samples": 5}))

    def index(self, step: int) -> None:
        picture = self.root / f"up-{self.number}-{step}.png"
        PIL.Image.fromarray(texture(1000 + 50 * self.number + step)).save(picture)
        upload = self.server.http.post(f"{API}/uploads", files=[("file", (picture.name, picture.read_bytes()))])
        if upload.status_code == 201:
            self.job(self.server.http.post(f"{API}/index", json={"upload": upload.json()["id"]}))

    def remove(self, step: int) -> None:
        if len(self.ids) <= 6:  # the first six are labelled; all others were removed in earlier rounds
            return
        identity = self.ids[6:][step % len(self.ids[6:])]
        answer = self.server.http.delete(f"{API}/records/{identity}")
        if answer.status_code in (200, 204):
            self.removed.add(identity)

    def job(self, answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.jobs.append(answer.headers["location"])


def killed_while_busy(folder: Path, root: Path, number: int, delay: float) -> Caller:
    callers: list[Caller] = []
    with suppress(AssertionError, httpx.TransportError), serving(folder, cold=True) as server:
        callers.append(Caller(server, root, number))
        thread = threading.Thread(target=callers[0].run)
        thread.start()
        thread.join(delay)
        for process in [server.process, *server.process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        thread.join()
    return callers[0]


def ended(job: dict[str, Any]) -> bool:
    return job["state"] not in ("queued", "running")


def test_what_a_killed_server_has_acknowledged_is_there(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    chance = random.Random(SEED)
    removed: set[str] = set()
    for number in range(KILLS):
        caller = killed_while_busy(folder, tmp_path, number, 0.3 + 5 * chance.random())
        removed |= caller.removed
        with serving(folder) as server:
            jobs = [server.wait(where, ended) for where in caller.jobs]
            assert not [job for job in jobs if job["state"] == "failed" and "interrupted" not in job["error"]]
            records = server.get("/records", params={"limit": 200}).json()["items"]
        ids = [record["id"] for record in records]
        assert len(ids) == len(set(ids))
        assert not removed.intersection(ids)
        labels = {record["id"]: record["labels"] for record in records}
        for identity, step in caller.labelled.items():  # or what was asked for last, and not acknowledged
            (said,) = labels[identity]
            assert int(said.removeprefix("said ")) >= step, (identity, said, step)
        with open_gallery(folder) as gallery:
            assert not damage_of(gallery.store).read_again
            assert len(gallery.index()) == len(ids)
