"""Indexing small objects of a real object store (SeaweedFS) behind a delay: some at a time and the next ones while
these are read, beside eight at a time, and one by one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image

from benchmarks.report import Figure
from benchmarks.timing import busy_note, interleave
from lookalike.gallery import open_gallery
from lookalike.sources import fetching
from lookalike.verbs.index import index

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the store that the tests start

PICTURES = 96
SIDE = 256
ROUNDS = 2
DELAYS = (0.02, 0.1)
TARGET = 3.0
WAYS = {"one by one": {"FETCHED_AT_ONCE": 1, "SMALL": -1}, "eight at a time": {"SMALL": -1}, "some ahead": {}}


def run(_data: Path | None) -> list[Figure]:
    """Every round indexes the same objects into a new gallery, in each way; a delay of so many seconds a request."""
    from peers.s3 import object_store  # type: ignore[import-not-found, import-untyped, unused-ignore]

    with tempfile.TemporaryDirectory() as scratch, object_store(Path(scratch)) as store:
        _pictures(Path(scratch) / "ward")
        store.put(Path(scratch) / "ward")
        os.environ.update(store.environment)
        made = iter(range(1000))

        def indexed(way: str, delay: float) -> None:
            def late(_key: str) -> None:
                time.sleep(delay)

            store.fail = late
            with _as(WAYS[way]), open_gallery(Path(scratch) / f"g{next(made)}", create=True) as gallery:
                assert index(gallery, [store.uri]).added == PICTURES

        def measured(delay: float) -> Figure:
            timings = interleave(ROUNDS, **{way: lambda way=way: indexed(way, delay) for way in WAYS})  # type: ignore[misc, unused-ignore]
            seconds = {way: timings[way].seconds for way in WAYS}
            told = [f"{way}: {PICTURES / took:.1f} images/s, {took:.1f} s" for way, took in seconds.items()]
            told.append(
                f"beside eight at a time: {seconds['eight at a time'] / seconds['some ahead']:.2f} times as fast"
            )
            name = f"objects with {1000 * delay:.0f} ms of delay each, beside one by one"
            target = TARGET if delay == max(DELAYS) else None
            ratio = seconds["one by one"] / seconds["some ahead"]
            return Figure(name, ratio, target, "times as fast", notes=(*told, busy_note(timings)))

        indexed("some ahead", 0.0)  # the encoder and the decoding processes are there
        return [measured(delay) for delay in DELAYS]


@contextmanager
def _as(way: dict[str, int]) -> Iterator[None]:
    before = {name: getattr(fetching, name) for name in way}
    for name, value in way.items():
        setattr(fetching, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(fetching, name, value)


def _pictures(folder: Path) -> None:
    folder.mkdir()
    chance = np.random.default_rng(0)
    for number in range(PICTURES):
        coarse = chance.integers(0, 256, (8, 8), dtype=np.uint8)
        PIL.Image.fromarray(coarse).resize((SIDE, SIDE)).save(folder / f"{number:03}.png")
