"""A million records served by several processes: 16 clients, half of the searches filtered, and one who labels.

With ``--data FOLDER`` the gallery is FOLDER/grows, as ``grows`` leaves it; else it is made first. The load generator
and the service share the machine, whose processors are told of. Beside it, what a search in a million takes to one in
10,000.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil

from benchmarks.by_id import sha256_of
from benchmarks.filtered import drawn, fill, filters
from benchmarks.grows import prepare
from benchmarks.report import Figure
from benchmarks.server_load import CLIENTS, K, Load, asked_over, load, serving
from benchmarks.timing import busy_note, interleave
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import record_id
from lookalike.verbs.search import search

RECORDS, FEW = 1_000_000, 10_000
PROCESSES = 3
WARM_SECONDS, SECONDS = 40.0, 60.0
WRITES_EVERY = 0.5  # seconds
RATE, P99, PSS_MB, GROWTH = 200.0, 150.0, 1500.0, 4.0
ROUNDS, QUERIES = 21, 8


def run(data: Path | None) -> Iterator[Figure]:
    """The gallery is in a folder that is removed at the end, unless one is named."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "grows" if data is None else data / "grows"
        prepare(folder, lambda: drawn(RECORDS))
        with open_gallery(folder) as gallery:
            gallery.index()
            gallery.store.verify()  # as it would be once a day
        yield from measured(folder)
        yield from grown(folder, Path(scratch) / "few")


def measured(folder: Path) -> Iterator[Figure]:
    """The figures of a service over a gallery."""
    with serving(folder, "--processes", str(PROCESSES)) as (port, process):
        while len(process.children()) < PROCESSES:
            time.sleep(0.1)
        asyncio.run(_asked(port, WARM_SECONDS))  # each process reads the fields that are asked for
        before, own = _processor_seconds(process), time.process_time()
        seen, labelled = asyncio.run(_asked(port, SECONDS))
        spent, own = _processor_seconds(process) - before, time.process_time() - own
        pss = sum(each.memory_full_info().pss for each in [process, *process.children(recursive=True)]) / 1e6
    assert seen.errors == 0, f"{seen.errors} requests failed: {seen.said}"
    p50, p99 = (1000 * float(np.percentile(seen.seconds, q)) for q in (50, 99))
    many = len(seen.seconds)
    notes = (
        f"{many} searches by {CLIENTS} clients in {seen.took:.0f} s, half of them filtered, {labelled} labels written "
        f"meanwhile, {seen.errors} errors; p50 {p50:.0f} ms, p99 {p99:.0f} ms; {PROCESSES} processes",
        f"the service took {1000 * spent / many:.1f} ms of processor time a search, the clients "
        f"{1000 * own / many:.1f}; there are {psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.1f}",
    )
    yield Figure("served", many / seen.took, RATE, "requests/s", notes=notes)
    yield Figure("served, p99", p99, P99, "ms", at_least=False)
    yield Figure("served, memory of all processes (PSS)", pss, PSS_MB, "MB", at_least=False)


def _processor_seconds(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in [process, *process.children(recursive=True)])


async def _asked(port: int, seconds: float) -> tuple[Load, int]:
    """What the clients saw, and how many labels were written meanwhile."""
    writing = asyncio.create_task(_label(port, seconds))
    seen = await load(port, seconds, _body)
    return seen, await writing


def _body(random: np.random.Generator) -> bytes:
    asked: dict[str, object] = {"query": {"ids": [_identity(int(random.integers(0, RECORDS)))]}, "k": K}
    if random.random() < 0.5:
        asked["where"] = random.choice(list(filters()))
    return json.dumps(asked).encode()


async def _label(port: int, seconds: float) -> int:
    """Change a record's labels again and again."""
    end, many = time.perf_counter() + seconds, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < end:
        body = json.dumps({"labels": [f"served-{many}"]}).encode()
        path = f"/api/v1/records/{_identity(many)}"
        head, answer = await asked_over((reader, writer), "PATCH", path, body)
        assert head.startswith(b"HTTP/1.1 200"), answer
        many += 1
        await asyncio.sleep(WRITES_EVERY)
    writer.close()
    return many


def _identity(row: int) -> str:
    return record_id(sha256_of(row), 0)


def grown(many: Path, few: Path) -> Iterator[Figure]:
    """What a search in all records takes to one in 10,000, with a filter and without."""
    with open_gallery(few, create=True) as small, open_gallery(many) as large:
        fill(small, FEW)
        for gallery in (small, large):
            gallery.store.hold()
        for where in (None, "by_chance<500", "by_chance<100"):
            timings = interleave(ROUNDS, small=_asking(small, where), large=_asking(large, where))
            seconds = timings["small"].seconds, timings["large"].seconds
            told = f"{1000 * seconds[0]:.1f} ms in {FEW:,}, {1000 * seconds[1]:.1f} ms in {RECORDS:,} (medians)"
            name = f"a search{f' with {where}' if where else ''} in x 100"
            yield Figure(name, seconds[1] / seconds[0], GROWTH, at_least=False, notes=(told, busy_note(timings)))


def _asking(gallery: Gallery, where: str | None) -> Callable[[], object]:
    left = itertools.cycle(np.random.default_rng(1).integers(0, FEW, QUERIES).tolist())

    def ask() -> object:
        return search(gallery, id=_identity(next(left)), k=K, where=where)

    ask()
    return ask
