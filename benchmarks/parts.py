"""What it costs to see a part of a gallery, and to note every answer: 20,000 records, half of them in the part.

Searches of the part are held against those of the whole: its hits in their order. Lines of the log are counted.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.report import Figure
from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog
from lookalike.audit_log.place import audit_place
from lookalike.audit_log.verify import verify_log
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import Batch, NewRecord
from lookalike.verbs.gallery import part_of, warm
from lookalike.verbs.search import search

RECORDS, TOGETHER, ASKED = 20_000, 2_000, 40
NOTED, THREADS = 400, 16


def run(_data: Path | None) -> list[Figure]:
    """A gallery, a part of it, and a log."""
    with tempfile.TemporaryDirectory() as scratch:
        with open_gallery(Path(scratch) / "g", create=True) as gallery:
            vectors = fill(gallery)
            warm(gallery)
            first = time.perf_counter()
            part = part_of(gallery, ["site=0"])
            search(part, vector=vectors[0], k=12, pictures=False)
            first = time.perf_counter() - first
            whole, whole_hits = asked(gallery, vectors)
            inside, part_hits = asked(part, vectors)
            for every, own in zip(whole_hits, part_hits, strict=True):
                there = [identity for identity in every if identity in {*own}]
                assert own[: len(there)] == there
                assert len(own) == 12
            part.close()
        one, many = noted(Path(scratch) / "one", 1), noted(Path(scratch) / "many", THREADS)
    return [
        Figure("a search of all, median", 1000 * whole, unit="ms"),
        Figure("a search of a half, median", 1000 * inside, unit="ms"),
        Figure("the first search of the half", 1000 * first, unit="ms"),
        Figure("a line of the audit log, one thread", 1000 * one, unit="ms"),
        Figure(f"a line of the audit log, {THREADS} threads", 1000 * many, unit="ms"),
    ]


def fill(gallery: Gallery) -> np.ndarray:
    """Records of two sites; their vectors (n, dim)."""
    vectors = np.random.default_rng(0).normal(size=(RECORDS, gallery.spec.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for start in range(0, RECORDS, TOGETHER):
        gallery.store.write(Batch(records=[_record(i, vectors[i]) for i in range(start, start + TOGETHER)]))
    return vectors


def _record(i: int, vector: np.ndarray) -> NewRecord:
    fields = {"site": f"{i % 2}", "Modality": "CR"}
    return NewRecord(f"/data/{i}.dcm", f"{i:064x}", 0, f"p{i // 2}", ("x",), fields, vector[None], b"jpeg")


def asked(gallery: Gallery, vectors: np.ndarray) -> tuple[float, list[list[str]]]:
    """The median seconds of searches, and their hits."""
    seconds, found = [], []
    for number in range(ASKED):
        started = time.perf_counter()
        hits = search(gallery, vector=vectors[number], k=12, pictures=False).hits
        seconds.append(time.perf_counter() - started)
        found.append([hit.id for hit in hits])
    return float(np.median(seconds)), found


def noted(folder: Path, threads: int) -> float:
    """The seconds that a line takes, where so many threads note at once."""
    place = audit_place(folder)
    assert place is not None
    log = AuditLog(place)

    def note() -> None:
        for number in range(NOTED // threads):
            log.note(AuditEvent("search", "somebody", records=tuple(f"{number:016x}" for number in range(12))))

    running = [threading.Thread(target=note) for _ in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    seconds = (time.perf_counter() - started) / NOTED
    found = verify_log(place)
    assert (found.lines, found.faults) == (NOTED, ())
    return seconds
