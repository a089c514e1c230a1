"""Searches in an index engine beside those in the gallery's own index, over the same records in one run.

``LOOKALIKE_ENGINE=milvus://HOST:PORT`` names the engine. Every hit is compared with the own index's, and what the
engine counts with the store, before any time is taken.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.by_id import sha256_of
from benchmarks.filtered import fill, filters
from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import record_id
from lookalike.store.edit import change_labels
from lookalike.verbs.search import search

RECORDS, QUERIES, ROUNDS, K = 20_000, 8, 15, 10
SETTLED: Final = 11.0  # seconds after which no search waits for what was written last


def run(_data: Path | None) -> list[Figure]:
    """Both galleries are open, as a service holds them. Raises UsageError where no engine is named."""
    address = os.environ.get("LOOKALIKE_ENGINE", "")
    if not address:
        raise UsageError("the benchmark of index engines needs one: LOOKALIKE_ENGINE=milvus://HOST:PORT")
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_gallery(Path(scratch) / "own", create=True, engine="embedded") as own,
        open_gallery(Path(scratch) / "engine", create=True, engine=address) as engine,
    ):
        try:
            return _measured(own, engine)
        finally:
            engine.engine.name("embedded")


def _measured(own: Gallery, engine: Gallery) -> list[Figure]:
    for each in (own, engine):
        fill(each, RECORDS)
        each.store.hold()
    began = time.perf_counter()
    said = engine.check_engine()
    figures = [Figure("vectors a second, into the engine", RECORDS / (time.perf_counter() - began), unit="/s")]
    assert said.endswith(f"{RECORDS} vectors in base"), said
    rows = np.random.default_rng(1).integers(0, RECORDS, QUERIES).tolist()
    for where in (None, *filters()):
        for row in rows:
            assert _asking(engine, [row], where)() == _asking(own, [row], where)(), (row, where)
    time.sleep(SETTLED)
    for where in (None, *filters()):
        timings = interleave(ROUNDS, own=_asking(own, rows, where), engine=_asking(engine, rows, where))
        mine, theirs = timings["own"].seconds, timings["engine"].seconds
        notes = (f"engine {theirs * 1000:.1f} ms, own {mine * 1000:.1f} ms (medians)", busy_note(timings))
        figures.append(Figure(f"{where or 'no filter'}: of the own index's time", theirs / mine, notes=notes))
    return [*figures, _after_a_change(engine)]


def _asking(gallery: Gallery, rows: list[int], where: str | None) -> Callable[[], list[str]]:
    left = itertools.cycle(rows)

    def ask() -> list[str]:
        hits = search(gallery, id=record_id(sha256_of(next(left)), 0), k=K, where=where, pictures=False).hits
        return [hit.id for hit in hits]

    return ask


def _after_a_change(gallery: Gallery) -> Figure:
    """One record's labels change, and the next filtered search has to know."""
    seconds = []
    for number in range(QUERIES):
        named = record_id(sha256_of(number), 0)
        change_labels(gallery.store, [named], add=[f"new-{number}"])
        began = time.perf_counter()
        found = _asking(gallery, [5000], f"label=new-{number}")()
        seconds.append(time.perf_counter() - began)
        assert found == [named], found
    return Figure("the first search after a change", float(np.median(seconds)), unit="s")
