"""A service in use: 16 clients search, upload, label, undo, look and remove, while jobs index, evaluate, map and audit.

``python -m benchmarks soak [--seconds 600]``. Each client has a key of its own and looks at an answer for .2 s on
average before it asks again. Every answer must be what was asked for, or a refusal that says why. At the end the
gallery must hold what was there, plus what was indexed, minus what was removed, the labels that were set last, and be
sound.
"""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import psutil

from benchmarks.by_id import fill
from benchmarks.report import Figure
from benchmarks.server_load import serving
from benchmarks.soak_clients import Caller, Seen, jobs, person, sampled
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.doctor import doctor
from lookalike.verbs.index import index
from lookalike.verbs.keys import add_key

SECONDS = 600
CLIENTS, RECORDS, PICTURES, FRESH = 16, 20_000, 200, 600
WARM = 0.2  # share of the time, after which memory and descriptors must be flat
P99, GROWTH, DESCRIPTORS = 150.0, 10.0, 16.0
SIDE = 256


def run(_data: Path | None, seconds: int = SECONDS) -> list[Figure]:
    """A gallery of random unit vectors and of drawn pictures, then a service of its own process."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TMPDIR"] = scratch  # for the uploads
        folder = Path(scratch) / "g"
        with open_gallery(folder, create=True) as gallery:
            ids, keys = _prepared(gallery, Path(scratch) / "pictures")
        with serving(folder) as (port, process):
            seen, samples, took = asyncio.run(_soak(port, process, keys, ids, seconds))
        with open_gallery(folder) as gallery:
            _check(gallery, len(ids), seen)
    return _figures(seen, samples, took)


def _prepared(gallery: Gallery, pictures: Path) -> tuple[list[str], list[str]]:
    """Fill a gallery; returns the ids of its records and a key for each client and for the one that runs jobs."""
    fill(gallery, RECORDS)
    pictures.mkdir()
    for number in range(PICTURES):
        (pictures / f"{number}.png").write_bytes(_picture(number))
    index(gallery, [pictures])
    gallery.index()
    keys = [add_key(gallery, f"client-{number}", role="admin").key for number in range(CLIENTS + 1)]
    return sorted(record.id for record in gallery.store.records().values()), keys


def _picture(seed: int) -> bytes:
    """Smooth structure with noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = np.sin(random.uniform(2, 9) * x + seed) * np.cos(random.uniform(2, 9) * y)
    grey = 120 + 90 * waves + random.normal(0, 8, (SIDE, SIDE))
    out = io.BytesIO()
    PIL.Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


async def _soak(
    port: int, process: psutil.Process, keys: Sequence[str], ids: Sequence[str], seconds: int
) -> tuple[Seen, list[tuple[int, ...]], float]:
    seen, started = Seen(), time.perf_counter()
    shares = [ids[number::CLIENTS] for number in range(CLIENTS)]
    pictures = [_picture(PICTURES + number) for number in range(40)]
    fresh = [[_picture(10_000 + 3 * turn + number) for number in range(3)] for turn in range(FRESH // 3)]
    end = started + seconds
    async with sampled(1.0, lambda: (process.memory_info().rss, process.num_fds())) as samples:
        await asyncio.gather(
            *(person(Caller(port, keys[number], seen), number, end, shares, pictures) for number in range(CLIENTS)),
            jobs(Caller(port, keys[-1], seen), end, fresh),
        )
    return seen, samples, time.perf_counter() - started


def _check(gallery: Gallery, before: int, seen: Seen) -> None:
    """Raise AssertionError unless the gallery holds what it must."""
    assert not seen.errors, f"{len(seen.errors)} errors: {seen.errors[:5]}"
    expected = before + seen.indexed - seen.removed
    held = gallery.store.count()
    assert held == expected, f"{held} records, not {before} + {seen.indexed} - {seen.removed}"
    records = {record.id: record for record in gallery.store.records().values()}
    for identity, labels in seen.labels.items():
        record = records.get(identity)
        assert record is None or sorted(record.labels) == sorted(labels), f"the labels of {identity} are not as set"
    assert not [identity for identity in seen.taken if identity in records and not _refusals(seen)]
    unsound = [check for check in doctor(gallery).checks if check.state == "failed"]
    assert not unsound, unsound


def _refusals(seen: Seen) -> int:
    return sum(seen.refused.values())


def _figures(seen: Seen, samples: Sequence[tuple[int, ...]], took: float) -> list[Figure]:
    searches = (
        np.array([one for what, some in seen.seconds.items() if what.startswith("search") for one in some]) * 1000
    )
    p50, p99 = (float(np.percentile(searches, q)) for q in (50, 99))
    memory, descriptors = np.array(samples[int(WARM * len(samples)) :], np.float64).T
    part = max(1, len(memory) // 4)
    first, last = np.median(memory[:part]), np.median(memory[-part:])
    opened, open_ = np.median(descriptors[:part]), np.median(descriptors[-part:])
    notes = [
        f"{seen.requests()} answers to {CLIENTS} clients in {took:.0f} s, {_refusals(seen)} refusals",
        f"{seen.indexed} records indexed, {seen.removed} removed; jobs: {_counted(seen.jobs)}",
        f"refusals: {_counted({f'{what}: {why}': n for (what, why), n in seen.refused.items()}) or 'none'}",
    ]
    for what, some in sorted(seen.seconds.items()):
        q50, q99 = (1000 * float(np.percentile(some, q)) for q in (50, 99))
        notes.append(f"{what}: {len(some)}, p50 {q50:.0f} ms, p99 {q99:.0f} ms, slowest {1000 * max(some):.0f} ms")
    resident = f"the service held {first / 1e6:.0f} MB after {WARM:.0%} of the time, {last / 1e6:.0f} MB at the end"
    return [
        Figure("soak, searches p99", p99, P99, "ms", at_least=False, notes=(f"p50 {p50:.1f} ms", *notes)),
        Figure("soak, errors", len(seen.errors), 0, "errors", at_least=False),
        Figure("soak, resident growth", 100 * (last / first - 1), GROWTH, "%", at_least=False, notes=(resident,)),
        Figure("soak, descriptors more", open_ - opened, DESCRIPTORS, "descriptors", at_least=False),
    ]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
