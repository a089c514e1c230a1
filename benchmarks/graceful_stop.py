"""How long a busy service takes to end once it is told to: searches and uploads on their way, and an index job."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import PIL.Image

from benchmarks.report import Figure
from benchmarks.server_load import serving
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index
from lookalike.verbs.jobs import list_jobs

RUNS, CLIENTS, PICTURES = 5, 8, 600
LIMIT = 5.0  # seconds
_VECTOR = {"query": {"vector": [1.0] * 384}}


class _Client(threading.Thread):
    """Searches until it is refused. cut: requests that were begun and got no answer."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.url, self.answered, self.cut = f"http://127.0.0.1:{port}/api/v1/search", 0, 0

    def run(self) -> None:
        body = json.dumps(_VECTOR).encode()
        while True:
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    self.answered += bool(answer.read())
            except (urllib.error.URLError, ConnectionError) as error:
                refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
                self.cut += not refused
                return


def run(_data: Path | None) -> list[Figure]:
    """Start, load, end; so many times."""
    seconds, answered, cut = list[float](), 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "pictures"
        pictures.mkdir()
        chance = np.random.default_rng(0)
        for number in range(PICTURES):
            PIL.Image.fromarray(chance.integers(0, 256, (96, 96), np.uint8)).save(pictures / f"{number:03}.png")
        for number in range(RUNS):
            folder = Path(scratch) / f"g{number}"
            with open_gallery(folder, create=True) as gallery:
                index(gallery, [pictures / "000.png"])
            took, clients = _ended(folder, pictures)
            seconds.append(took)
            answered += sum(client.answered for client in clients)
            cut += sum(client.cut for client in clients)
            with open_gallery(folder) as gallery:
                assert [job.state for job in list_jobs(gallery).items] == ["queued"], "the job is not taken up again"
    notes = (f"{RUNS} runs: {', '.join(f'{each:.2f}' for each in seconds)} s; {answered} answers, {cut} cut off",)
    return [Figure("graceful stop, slowest", max(seconds), LIMIT, "s", at_least=False, notes=notes)]


def _ended(folder: Path, pictures: Path) -> tuple[float, list[_Client]]:
    with serving(folder, "--import", f"more={pictures}") as (port, process):
        clients = [_Client(port) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        base = f"http://127.0.0.1:{port}/api/v1"
        body, head = json.dumps({"import": "more"}).encode(), {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{base}/index", body, head)) as answer:
            where = f"http://127.0.0.1:{port}{answer.headers['Location']}"
        while not _progress(where):
            time.sleep(0.05)
        family, started = process.children(recursive=True), time.monotonic()
        process.send_signal(signal.SIGTERM)
        for each in (process, *family):
            each.wait(60)
        took = time.monotonic() - started
        for client in clients:
            client.join()
    return took, clients


def _progress(where: str) -> int:
    with urllib.request.urlopen(where) as answer:
        return int(json.loads(answer.read())["progress"]["done"])
