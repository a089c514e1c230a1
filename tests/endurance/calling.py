"""Who asks a service for one thing after another, and checks afterwards what was acknowledged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
from served import API, Server

from conftest import texture


class Caller:
    """Asks for one thing after another until the server is gone, or it is stopped; keeps what was acknowledged."""

    def __init__(self, server: Server, root: Path, number: int) -> None:
        self.server, self.root, self.number = server, root, number
        self.labelled: dict[str, int] = {}
        self.removed: set[str] = set()
        self.jobs: list[str] = []
        self.indexed: list[str] = []
        self.stopped = threading.Event()
        self.ids = [each["id"] for each in server.get("/records", params={"limit": 50}).json()["items"]]

    def run(self) -> None:
        with suppress(httpx.TransportError):
            for step, act in enumerate(self.acts() * 50):
                if not self.stopped.is_set():
                    act(step)

    def acts(self) -> list[Callable[[int], None]]:
        return [self.label, self.evaluate, self.index, self.label, self.remove]

    def label(self, step: int) -> None:
        identity = self.ids[step % 6]
        answer = self.server.http.post(f"{API}/labels", json={"ids": [identity], "set": [f"said {step}"]})
        if answer.status_code == 200:
            self.labelled[identity] = step

    def evaluate(self, step: int) -> None:
        self.job(self.server.http.post(f"{API}/evaluate", json={"k": [3]}))

    def index(self, step: int) -> None:
        picture = self.root / f"up-{self.number}-{step}.png"
        PIL.Image.fromarray(texture(1000 + 50 * self.number + step)).save(picture)
        upload = self.server.http.post(f"{API}/uploads", files=[("file", (picture.name, picture.read_bytes()))])
        if upload.status_code == 201:
            asked = self.server.http.post(f"{API}/index", json={"uploads": [upload.json()["id"]]})
            self.indexed += [picture.name] * self.job(asked)

    def remove(self, step: int) -> None:
        if len(self.ids) <= 6:  # the first six are labelled; all others were removed in earlier rounds
            return
        identity = self.ids[6:][step % len(self.ids[6:])]
        answer = self.server.http.delete(f"{API}/records/{identity}")
        if answer.status_code in (200, 204):
            self.removed.add(identity)

    def job(self, answer: httpx.Response) -> bool:
        """Whether a job was taken on."""
        assert answer.status_code not in (400, 422), answer.text
        if taken := answer.status_code == 202:
            self.jobs.append(answer.headers["location"])
        return taken

    def told(self) -> str:
        """What was acknowledged, in numbers."""
        return f"{len(self.jobs)} jobs, {len(self.labelled)} labelled, {len(self.removed)} removed"

    def check(self, server: Server, removed: Collection[str]) -> int:
        """What was acknowledged is there, once, and every job is done. removed: ids, by whoever asked. How many records
        there are.
        """
        jobs = [server.wait(where, _ended) for where in self.jobs]
        records = server.get("/records", params={"limit": 200}).json()["items"]
        assert not [(job["kind"], job["error"]) for job in jobs if job["state"] != "done"]
        ids = [record["id"] for record in records]
        assert len(ids) == len(set(ids))
        assert not self.removed.union(removed).intersection(ids)
        labels = {record["id"]: record["labels"] for record in records}
        for identity, step in self.labelled.items():  # or what was asked for last, and not acknowledged
            (said,) = labels[identity]
            assert int(said.removeprefix("said ")) >= step, (identity, said, step)
        names = Counter(record["source"].rsplit("/")[-1] for record in records)
        assert {names[name] for name in self.indexed} <= {1}
        return len(ids)


def _ended(job: dict[str, Any]) -> bool:
    return job["state"] not in ("queued", "running")
