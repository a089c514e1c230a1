"""An index that grows: the first of a million vectors, searches with filters and without, 5,000 more, one removed.

Each step is done by processes of their own, whose largest size is told. With ``--data FOLDER`` the gallery is made as
FOLDER/grows, kept, and used by the next run, which adds to what is there. Speed counts only after the answers were
compared with brute force.
"""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.by_id import sha256_of
from benchmarks.filtered import Made, drawn, filters, record_of, store_all
from benchmarks.recall import nearest
from benchmarks.report import Figure
from lookalike.gallery import open_gallery
from lookalike.store import Batch, record_id
from lookalike.types import Vectors
from lookalike.verbs.gallery import adopt
from lookalike.verbs.records import remove
from lookalike.verbs.search import search

RECORDS, CHANGED = 1_000_000, 5000
QUERIES, ROUNDS, K, LIKELY = 40, 21, 10, 200
FIRST_SECONDS, FIRST_MB = 60.0, 2000.0
RECALL, SEARCH_MS = 0.99, 25.0
WRONG: Final = 0.9  # with less recall than that no time counts
FOUND_SECONDS, GROWN_MB = 2.0, 200.0
_PATIENCE: Final = 900.0  # seconds
_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of processors; bytes of memory before, and at most."""

    wall: float
    cpu: float
    before: int
    most: int


def run(data: Path | None) -> Iterator[Figure]:
    """The gallery is in a folder that is removed at the end, unless one is named."""
    if data is not None:
        yield from measured(data / "grows", RECORDS)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield from measured(Path(scratch) / "grows", RECORDS)


def measured(folder: Path, records: int) -> Iterator[Figure]:
    """The figures of a gallery of so many records, and of what earlier runs have added."""
    made = drawn(records)
    prepare(folder, lambda: made)
    with open_gallery(folder) as gallery:
        there = gallery.store.count()
    yield from _first(folder, there)
    if there == records:
        yield from _searched(folder, made)
    yield from _grown(folder, there)


def prepare(folder: Path, draw: Callable[[], Made]) -> None:
    """Make a gallery, or take the one that a run has made whose configuration is gone."""
    if folder.exists():
        adopt(folder)
        return
    with open_gallery(folder, create=True) as gallery:
        store_all(gallery, draw())


def _alone(work: Callable[..., Any], *given: Any) -> Any:
    """In a process of its own."""
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as process:
        return process.submit(work, *given).result()


def _first(folder: Path, there: int) -> Iterator[Figure]:
    spent, kind = _alone(_make, folder, there)
    size = sum(path.stat().st_size for path in (folder / "indexes").iterdir())
    notes = (f"{kind}, {size / 1e6:.0f} MB of files; processor time {spent.cpu:.1f} s",)
    yield Figure(f"first index of {there:,}", spent.wall, FIRST_SECONDS, "s", at_least=False, notes=notes)
    yield Figure("first index, largest process", spent.most / 1e6, FIRST_MB, "MB", at_least=False)
    again, _ = _alone(_open, folder, there)
    told = f"opened again in {again.wall:.1f} s with {again.most / 1e6:.0f} MB"
    yield Figure("opened, of the time of making it", again.wall / spent.wall, 0.5, at_least=False, notes=(told,))


def _make(folder: Path, there: int) -> tuple[Spent, str]:
    shutil.rmtree(folder / "indexes", ignore_errors=True)
    return _open(folder, there)


def _open(folder: Path, there: int) -> tuple[Spent, str]:
    with open_gallery(folder) as gallery:
        before, began, worked = _most(), time.perf_counter(), time.process_time()
        index = gallery.index()
        spent = Spent(time.perf_counter() - began, time.process_time() - worked, before, _most())
        assert len(index) == there, len(index)
        return spent, index.kind


def _searched(folder: Path, made: Made) -> Iterator[Figure]:
    """The median of searches, and the recall, without a filter and with each."""
    rows = np.random.default_rng(1).integers(0, len(made.vectors), QUERIES).tolist()
    asked = [None, *filters()]
    for where, (found, seconds, cpu, first) in zip(asked, _alone(_ask, folder, asked, rows), strict=True):
        share = 1.0 if where is None else float(made.allowed(where).mean())
        pairs = zip(found, rows, strict=True)
        hits = [np.isin(_wanted(made, row, where), ids).mean() for ids, row in pairs]
        notes = (f"leaves {share:.2%}; the first search {first:.2f} s", f"processor time {1000 * cpu:.1f} ms")
        assert np.mean(hits) >= WRONG, (where, np.mean(hits))
        yield Figure(f"recall@{K}, {where or 'no filter'}", float(np.mean(hits)), RECALL, "")
        yield Figure(f"search, {where or 'no filter'}", 1000 * seconds, SEARCH_MS, "ms", at_least=False, notes=notes)


def _ask(folder: Path, asked: list[str | None], rows: list[int]) -> list[tuple[list[list[str]], float, float, float]]:
    answers = []
    with open_gallery(folder) as gallery:
        gallery.store.hold()
        gallery.index()
        for where in asked:
            found, seconds, worked = [], [], []
            for number in range(len(rows) + ROUNDS):
                began, used = time.perf_counter(), time.process_time()
                result = search(gallery, id=_id(rows[number % len(rows)]), k=K, where=where)
                seconds.append(time.perf_counter() - began)
                worked.append(time.process_time() - used)
                found.append([hit.id for hit in result.hits])
            answers.append((found[: len(rows)], median(seconds[len(rows) :]), median(worked[len(rows) :]), seconds[0]))
    return answers


def _wanted(made: Made, row: int, where: str | None) -> list[str]:
    """The ids that a query by a row should find: none of its own patient."""
    scores = made.vectors @ made.vectors[row]
    scores[np.arange(len(scores)) // 2 == row // 2] = -np.inf
    if where is not None:
        scores[~made.allowed(where)] = -np.inf
    likely = np.sort(np.argpartition(-scores, LIKELY)[:LIKELY])
    likely = likely[np.isfinite(scores[likely])]
    return [_id(each) for each in nearest(made.vectors[likely], likely, made.vectors[row], K)]


def _id(row: int) -> str:
    return record_id(sha256_of(row), 0)


def _grown(folder: Path, there: int) -> Iterator[Figure]:
    """A reader looks for the last of many new records, and then for it to be gone; another process writes."""
    new = drawn(CHANGED, seed=there)
    own, end = _SPAWN.Pipe()
    reader = _SPAWN.Process(target=_read, args=(folder, there + CHANGED - 1, new.vectors[-1], end))
    reader.start()
    own.recv()
    written, spent = _alone(_write, folder, there, new)
    seen, reading = own.recv()
    assert seen is not None, "what was added was not found"
    notes = (
        f"the reader had {reading.before / 1e6:.0f} MB and at most {reading.most / 1e6:.0f} MB",
        f"the writer took {spent.wall:.1f} s with its index, processor time {spent.cpu:.1f} s",
    )
    yield Figure(f"{CHANGED:,} more, found after", seen - written, FOUND_SECONDS, "s", at_least=False, notes=notes)
    more = (reading.most - reading.before) / 1e6
    yield Figure("memory for them, the reader's", more, GROWN_MB, "MB", at_least=False)
    began, ended = _alone(_remove, folder, there + CHANGED - 1)
    gone, _ = own.recv()
    assert gone is not None, "what was removed was still found"
    erased = f"removed from the disk after {ended - began:.1f} s"
    yield Figure("one removed, not found after", gone - began, FOUND_SECONDS, "s", at_least=False, notes=(erased,))
    reader.join()
    again, _ = _alone(_open, folder, there + CHANGED - 1)
    told = f"with {again.most / 1e6:.0f} MB; processor time {again.cpu:.1f} s"
    yield Figure("opened after that", again.wall, FIRST_SECONDS / 2, "s", at_least=False, notes=(told,))


def _read(folder: Path, row: int, vector: Vectors, pipe: Connection) -> None:
    with open_gallery(folder) as gallery:
        gallery.store.hold()
        _looked_for(gallery, row, vector)
        before = _resident()
        _forget_most()  # of opening it
        pipe.send(None)
        for there in (True, False):
            end = time.monotonic() + _PATIENCE
            while _looked_for(gallery, row, vector) != there and time.monotonic() < end:
                time.sleep(0.01)
            seen = time.time() if time.monotonic() < end else None
            pipe.send((seen, Spent(0, 0, before, max(before, _most()))))


def _looked_for(gallery: Any, row: int, vector: Vectors) -> bool:
    return any(hit.id == _id(row) for hit in search(gallery, vector=vector, k=1).hits)


def _write(folder: Path, start: int, new: Made) -> tuple[float, Spent]:
    with open_gallery(folder) as gallery:
        records = [replace(record_of(new, i), sha256=sha256_of(start + i)) for i in range(CHANGED)]
        before, began, worked = _most(), time.perf_counter(), time.process_time()
        gallery.store.write(Batch(records=records))
        written = time.time()
        gallery.index()
        return written, Spent(time.perf_counter() - began, time.process_time() - worked, before, _most())


def _remove(folder: Path, row: int) -> tuple[float, float]:
    with open_gallery(folder) as gallery:
        began = time.time()
        remove(gallery, [_id(row)])
        return began, time.time()


def _most() -> int:
    return _held("VmHWM")  # of this program; ru_maxrss is at least what its parent had as it was started


def _forget_most() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _resident() -> int:
    return _held("VmRSS")


def _held(name: str) -> int:
    """Bytes, as /proc/self/status tells them."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition(f"{name}:")[2].split()[0])
