"""The parts of deploy/cluster.yaml on this machine: two services that answer, two that do the jobs, each by the file's
command and variables, behind a real nginx with its file, over a real PostgreSQL and a real Milvus. Each is killed with
SIGKILL in turn while pictures are indexed and asked for, and started again as Compose or a kubelet would; then the
encoder is changed under them.

What stands for what: a thread for the restart policy, Debian's PostgreSQL and PyPI's Milvus (whose etcd and object
store are within it) for those of the images. ``pytest -s`` shows the figures.
"""

from __future__ import annotations

import itertools
import os
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
from boxes import skip_without
from composed import DEPLOY, compose_file
from served import API, COMMAND

from awaited import PATIENCE, eventually
from conftest import texture
from lookalike.gallery import open_gallery
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.verbs.doctor import doctor
from peers.milvus import Milvus
from peers.ports import held_port
from peers.postgresql import PostgreSQL, postgresql

pytestmark = pytest.mark.slow
SERVICES = compose_file("cluster.yaml")["services"]
BATCH, SLOW, PASSWORD = 48, 600.0, "of-anybody"
USERS = ("admin", "reader")
TOKEN = "a-token-of-the-scraper"
VICTIMS = ("postgresql", "milvus", "api-1", "api-2", "worker")
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
    proxy: str = ""

    def ready(self) -> None:
        """Until every service is, in whose processes nobody has a hand."""
        for each in self.services.values():
            eventually(each.is_ready, bool, SLOW)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What is answered, asked again until it is."""
        end = time.monotonic() + SLOW
        while True:
            with suppress(httpx.HTTPError):
                if (said := self.asked(method, path, body)).status_code < 400:
                    return said.json()
            assert time.monotonic() < end, f"{method} {path}: nobody answers"
            time.sleep(0.5)

    def asked(self, method: str, path: str, body: Any = None, user: str = "admin") -> httpx.Response:
        """An answer through the proxy, which hands the two users that are asked for to one service each, or to one."""
        known = {"auth": (user, PASSWORD), "headers": {"Host": "look.localhost"}, "verify": False, "timeout": 60}
        return httpx.request(method, f"{self.proxy}{API}{path}", json=body, **known)

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job once it has ended."""
        look: Callable[[], Any] = lambda: self.ask("GET", f"/jobs/{job['id']}")  # noqa: E731
        return dict(eventually(look, lambda seen: seen["state"] not in ("queued", "running"), SLOW))


@pytest.fixture(scope="module")
def cluster(milvus_server: Milvus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    skip_without("nginx", "openssl")
    base = tmp_path_factory.mktemp("cluster")
    imports = {f"part-{number}": _pictures(base, number) for number in range(6)}
    with postgresql() as database, pytest.MonkeyPatch.context() as patched:
        patched.setenv("LOOKALIKE_STORE", database.url())
        patched.setenv("LOOKALIKE_ENGINE", milvus_server.address)
        patched.setenv("LOOKALIKE_ENGINE_FALLBACK", "true")
        patched.setenv("LOOKALIKE_GALLERY", str(base / "all"))
        subprocess.run([COMMAND, "receive", "--once"], check=True, capture_output=True, timeout=SLOW)
        found = Cluster(base / "all", imports, database, milvus_server)
        with _started(found, base):
            found.ready()
            with _proxied(found, base):
                yield found
        with open_gallery(base / "all") as gallery:
            gallery.engine.name("embedded")  # which takes its collections out of the engine


@contextmanager
def _started(cluster: Cluster, base: Path) -> Iterator[None]:
    own = [word for name, folder in cluster.imports.items() for word in ("--import", f"{name}={folder}")]
    with ExitStack() as stack:
        for name in NAMES:
            port = held_port()
            told = [word for word in SERVICES[name]["command"] if word != "--host=0.0.0.0"]
            words = [str(COMMAND), *told, "--port", str(port), *own]
            kept = Kept(words, port, _environment(name, base), base / f"{name}.log")
            stack.callback(kept.end)
            cluster.services[name] = kept
        yield


def _environment(name: str, base: Path) -> dict[str, str]:
    """The file's, with its places moved."""
    moved = {
        "LOOKALIKE_CONFIG": os.environ["LOOKALIKE_CONFIG"],
        "LOOKALIKE_GALLERY": os.environ["LOOKALIKE_GALLERY"],
        "LOOKALIKE_STORE": os.environ["LOOKALIKE_STORE"],
        "LOOKALIKE_ENGINE": os.environ["LOOKALIKE_ENGINE"],
        "LOOKALIKE_MODELS": str(base / "models"),
        "LOOKALIKE_METRICS_TOKEN_FILE": str(base / "metrics"),
        "LOOKALIKE_TRUSTED_PROXIES": "127.0.0.1",
    }
    (base / "metrics").write_text(TOKEN)
    return {**os.environ, **SERVICES[name]["environment"], **moved}


@contextmanager
def _proxied(cluster: Cluster, base: Path) -> Iterator[None]:
    """nginx with the cluster's file, its places moved."""
    port, text = held_port(), (DEPLOY / "cluster-nginx.conf").read_text(encoding="utf-8")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=look.localhost"]
    subprocess.run([*made, "-keyout", base / "key", "-out", base / "pem"], check=True, capture_output=True)
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True, text=True)
    (base / "passwords").write_text("".join(f"{user}:{hashed.stdout}" for user in USERS))
    text = text.replace(" /tmp/", f" {base}/").replace("/dev/stdout", f"{base}/proxy.log").replace("8443", str(port))
    for name, file in (("tls_certificate", "pem"), ("tls_key", "key"), ("passwords", "passwords")):
        text = text.replace(f"/run/secrets/{name}", str(base / file))
    for name in NAMES[:2]:
        text = text.replace(f"{name}:8765", cluster.services[name].url.removeprefix("http://"))
    (base / "nginx.conf").write_text(f"user root;\n{text}")
    cluster.proxy = f"https://127.0.0.1:{port}"
    with subprocess.Popen(["nginx", "-c", base / "nginx.conf", "-g", "daemon off;"]) as nginx:
        try:
            cluster.ask("GET", "/gallery")
            yield
        finally:
            nginx.terminate()


def _pictures(base: Path, number: int) -> Path:
    folder = base / f"part-{number}"
    folder.mkdir()
    for each in range(BATCH):
        PIL.Image.fromarray(texture(number * BATCH + each)).save(folder / f"p{number}-{each:03}.png")
    return folder


@contextmanager
def searching(cluster: Cluster, query: dict[str, Any]) -> Iterator[Counter[str]]:
    """Search without end, as two users in turn. Gives how many were answered, and why others were not."""
    counts: Counter[str] = Counter()
    stopped, twice = threading.Event(), set[str]()

    def search() -> None:
        for user in itertools.cycle(USERS):
            if stopped.is_set():
                return
            try:
                said = cluster.asked("POST", "/search", {"query": query, "k": 500}, user)
                counts["answered" if said.status_code == 200 else f"status {said.status_code}"] += 1
                ids = [hit["id"] for hit in said.json()["hits"]] if said.status_code == 200 else []
                twice.update(identity for identity in ids if ids.count(identity) > 1)
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
    assert not twice


def at(cluster: Cluster, name: str, method: str, path: str, **options: Any) -> httpx.Response:
    """An answer of one service, asked as the proxy asks."""
    who = {"X-Forwarded-User": "admin", "X-Forwarded-Groups": "admin"}
    return httpx.request(method, f"{cluster.services[name].url}{API}{path}", headers=who, timeout=60, **options)


def _whole(cluster: Cluster, count: int) -> None:
    """Every record is there once: in the store, in the engine, in answers of both services."""
    with open_gallery(cluster.folder) as gallery:
        stored, held = gallery.store.vectors(), eventually(gallery.index, lambda each: each.kind == MilvusIndex.kind)
        assert isinstance(held, MilvusIndex)
        assert gallery.store.count() == len(stored.keys) == len(set(stored.records.tolist())) == count
        assert len(held) == held.count() == count
    for name in NAMES[:2]:
        asked = {"query": {"vector": [1.0] * 384}, "k": 500}
        hits = at(cluster, name, "POST", "/search", json=asked).json()["hits"]
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


@pytest.mark.parametrize("number", range(5), ids=VICTIMS)
def test_a_part_that_is_killed_costs_nothing(cluster: Cluster, number: int) -> None:
    victim = VICTIMS[number]
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
    assert cluster.done(cluster.ask("POST", "/index", {"import": "part-5"}))["state"] == "done"
    count = cluster.ask("GET", "/gallery")["records"]
    with searching(cluster, {"ids": [cluster.ask("GET", "/records")["items"][0]["id"]]}) as counts:
        started = time.monotonic()
        job = cluster.ask("POST", "/migrate", {"encoder": "lite0-last"})
        ended = cluster.done(job)
        seconds = time.monotonic() - started
        time.sleep(3)
    assert ended["state"] == "done", ended
    for name in NAMES[:2]:
        told = at(cluster, name, "GET", "/gallery").json()
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
        where = f"{cluster.services[name].url}/metrics"
        assert httpx.get(where, timeout=PATIENCE).status_code == 401
        said = httpx.get(where, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE).text
        assert "lookalike_records{" in said, name
        assert "process_resident_memory_bytes" in said, name
