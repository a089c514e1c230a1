"""The parts of deploy/cluster.yaml on this machine: two services that answer, two that do the jobs, a PostgreSQL and a
Milvus, real ones, each killed with SIGKILL in turn while pictures are indexed and asked for, and started again as
Compose or a kubelet would; then the encoder is changed under them.

What stands for what: a thread for the restart policy, Debian's PostgreSQL and PyPI's Milvus (whose etcd and object
store are within it) for those of the images. ``pytest -s`` shows the figures.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import pytest
from served import API, COMMAND, PATIENCE, eventually

from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.verbs.doctor import doctor
from peers.milvus import Milvus
from peers.postgresql import PostgreSQL, postgresql

pytestmark = pytest.mark.slow
BATCH, SLOW = 48, 600.0
NAMES = ("api-1", "api-2", "worker-1", "worker-2")


class Kept:
    """A process that is started again whenever it has ended."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str], log: Path) -> None:
        self.url, self.starts, self._ended = f"http://127.0.0.1:{port}", 0, False
        self._command, self._environment, self._log = command, environment, log
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _keep(self) -> None:
        while not self._ended:
            with self._log.open("ab") as lines:
                self.process = subprocess.Popen(self._command, env=self._environment, stdout=lines, stderr=lines)
            self.starts += 1
            self.process.wait()
            time.sleep(0.5)

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> None:
        self._ended = True
        self.process.terminate()
        self._thread.join()

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200
        return False


@dataclass
class Cluster:
    folder: Path
    imports: dict[str, Path]
    database: PostgreSQL
    engine: Milvus
    services: dict[str, Kept] = field(default_factory=dict)

    def ready(self) -> None:
        """Until every service is, in whose processes nobody has a hand."""
        for each in self.services.values():
            eventually(each.is_ready, bool, SLOW)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What one of those answers that answer, whichever does, as behind a proxy that tries the next one."""
        end = time.monotonic() + SLOW
        name, *others = NAMES[:2]
        while (said := self._asked(name, method, path, body)) is None:
            assert time.monotonic() < end, f"{method} {path}: nobody answers"
            others.append(name)
            name = others.pop(0)
            time.sleep(0.5)
        return said

    def _asked(self, name: str, method: str, path: str, body: Any) -> Any:
        with suppress(httpx.HTTPError):
            said = httpx.request(method, f"{self.services[name].url}{API}{path}", json=body, timeout=60)
            return said.json() if said.status_code < 400 else None
        return None

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job once it has ended."""
        look: Callable[[], Any] = lambda: self.ask("GET", f"/jobs/{job['id']}")  # noqa: E731
        return dict(eventually(look, lambda seen: seen["state"] not in ("queued", "running"), SLOW))


@pytest.fixture(scope="module")
def cluster(milvus_server: Milvus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    base = tmp_path_factory.mktemp("cluster")
    imports = {f"part-{number}": _pictures(base, number) for number in range(5)}
    with postgresql() as database, pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOOKALIKE_STORE", database.url())
        patched.setenv("LOOKALIKE_ENGINE", milvus_server.address)
        patched.setenv("LOOKALIKE_ENGINE_FALLBACK", "true")
        patched.setenv("LOOKALIKE_GALLERY", str(base / "all"))
        subprocess.run([COMMAND, "receive", "--once"], check=True, capture_output=True, timeout=SLOW)
        found = Cluster(base / "all", imports, database, milvus_server)
        with _started(found, base):
            found.ready()
            yield found
        with open_gallery(base / "all") as gallery:
            gallery.name_engine("embedded")  # which takes its collections out of the engine


@contextmanager
def _started(cluster: Cluster, base: Path) -> Iterator[None]:
    own = [word for name, folder in cluster.imports.items() for word in ("--import", f"{name}={folder}")]
    with ExitStack() as stack:
        for name in NAMES:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            jobs = "0" if name.startswith("api") else "2"
            words = [str(COMMAND), "serve", "--no-browser", "--port", str(port), "--workers", jobs, *own]
            kept = Kept(words, port, dict(os.environ), base / f"{name}.log")
            stack.callback(kept.end)
            cluster.services[name] = kept
        yield


def _pictures(base: Path, number: int) -> Path:
    folder = base / f"part-{number}"
    folder.mkdir()
    for each in range(BATCH):
        PIL.Image.fromarray(texture(number * BATCH + each)).save(folder / f"p{number}-{each:03}.png")
    return folder


@contextmanager
def searching(cluster: Cluster, query: dict[str, Any]) -> Iterator[Counter[str]]:
    """Search without end, at both services in turn. Gives how many were answered, and why others were not."""
    counts: Counter[str] = Counter()
    stopped = threading.Event()

    def search() -> None:
        for name in itertools.cycle(NAMES[:2]):
            if stopped.is_set():
                return
            try:
                asked = {"query": query, "k": 500}
                said = httpx.post(f"{cluster.services[name].url}{API}/search", json=asked, timeout=60)
                ids = [hit["id"] for hit in said.json().get("hits", ())]
                assert len(ids) == len(set(ids)), "a record comes twice"
                counts["answered" if said.status_code == 200 else f"status {said.status_code}"] += 1
            except httpx.HTTPError:
                counts["no answer"] += 1
            time.sleep(0.05)

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield counts
    finally:
        stopped.set()
        thread.join()


def _whole(cluster: Cluster, count: int) -> None:
    """Every record is there once: in the store, in the engine, in answers of both services."""
    with open_gallery(cluster.folder) as gallery:
        stored, held = gallery.store.vectors(), eventually(gallery.index, lambda each: each.kind == MilvusIndex.kind)
        assert isinstance(held, MilvusIndex)
        assert gallery.store.count() == len(stored.keys) == len(set(stored.records.tolist())) == count
        assert len(held) == held.count() == count
    for name in NAMES[:2]:
        asked = {"query": {"vector": [1.0] * 384}, "k": 500}
        hits = httpx.post(f"{cluster.services[name].url}{API}/search", json=asked, timeout=60).json()["hits"]
        assert len(hits) == len({hit["id"] for hit in hits}) == count


def _kill(cluster: Cluster, victim: str) -> None:
    if victim == "postgresql":
        cluster.database.stop(kill=True)
        time.sleep(2)
        cluster.database.start()
    elif victim == "milvus":
        cluster.engine.kill()
    else:
        cluster.services[victim].kill()


@pytest.mark.parametrize("number", range(4), ids=["postgresql", "milvus", "api-1", "worker"])
def test_a_part_that_is_killed_costs_nothing(cluster: Cluster, number: int) -> None:
    victim = ("postgresql", "milvus", "api-1", "worker")[number]
    with searching(cluster, {"vector": [1.0] * 384}) as counts:
        job = cluster.ask("POST", "/index", {"import": f"part-{number}"})
        eventually(lambda: cluster.ask("GET", f"/jobs/{job['id']}")["state"], lambda state: state == "running", SLOW)
        time.sleep(1)
        killed = time.monotonic()
        for each in NAMES[2:] if victim == "worker" else [victim]:  # one of the two has the job
            _kill(cluster, each)
        cluster.engine.wait()
        cluster.ready()
        back = time.monotonic() - killed
        ended = cluster.done(job)
        seconds = time.monotonic() - killed
    assert ended["state"] == "done", ended
    eventually(lambda: cluster.ask("GET", "/gallery")["records"], lambda seen: seen == (number + 1) * BATCH, SLOW)
    _whole(cluster, (number + 1) * BATCH)
    print(f"\n{victim} killed: all ready after {back:.1f} s, its job done after {seconds:.1f} s, {dict(counts)}")


def test_the_encoder_is_changed_while_both_answer(cluster: Cluster) -> None:
    """Blue and green: encoded beside what answers, by a worker, and switched at once for every service."""
    assert cluster.done(cluster.ask("POST", "/index", {"import": "part-4"}))["state"] == "done"
    count = cluster.ask("GET", "/gallery")["records"]
    with searching(cluster, {"ids": [cluster.ask("GET", "/records")["items"][0]["id"]]}) as counts:
        started = time.monotonic()
        job = cluster.ask("POST", "/migrate", {"encoder": "lite0-last"})
        ended = cluster.done(job)
        seconds = time.monotonic() - started
        time.sleep(3)
    assert ended["state"] == "done", ended
    for name in NAMES[:2]:
        told = httpx.get(f"{cluster.services[name].url}{API}/gallery", timeout=60).json()
        assert told["encoder"]["name"] == "lite0-last"
    print(f"\n{count} records encoded anew and switched in {seconds:.1f} s, {dict(counts)}")
    assert {*counts} == {"answered"}


def test_doctor_sees_the_whole(cluster: Cluster) -> None:
    with open_gallery(cluster.folder) as gallery:
        told = {check.name: check for check in doctor(gallery).checks}
    assert "PostgreSQL 1" in told["store"].detail
    assert "answers and is in step" in told["engine"].detail
    assert told["jobs"].state == "ok", told["jobs"]
    print("\n" + "\n".join(f"{name}: {told[name].detail}" for name in ("store", "engine", "jobs")))


def test_every_service_tells_its_figures(cluster: Cluster) -> None:
    for name in NAMES:
        said = httpx.get(f"{cluster.services[name].url}/metrics", timeout=PATIENCE).text
        assert "lookalike_records{" in said, name
        assert "process_resident_memory_bytes" in said, name
