"""SIGKILL of the index engine while a gallery fills it and asks it: nothing is lost, nothing is there twice, and once
it is started again it answers again, with nobody doing anything.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from filled import unit
from lookalike.errors import EngineError
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.store import Batch, NewRecord
from lookalike.verbs.records import remove
from lookalike.verbs.search import search
from peers.milvus import Milvus

pytestmark = pytest.mark.slow
KILLS, BATCH, SECONDS = 4, 400, 180.0


def written(gallery: Gallery, start: int, count: int = BATCH) -> None:
    vectors = unit(np.random.default_rng(start).standard_normal((count, 384)))
    batch = Batch()
    for i, vector in enumerate(vectors, start):
        said = {"number": float(i), "Modality": ["CT", "MR"][i % 2]}
        batch.records.append(NewRecord(f"{i}.png", f"{i:064x}", 0, f"p{i // 3}", (), said, vector[None], b""))
    gallery.store.write(batch)


def patiently(act: Callable[[], object]) -> int:
    """Do it until the engine answers; how often it did not."""
    end, failed = time.monotonic() + SECONDS, 0
    while True:
        try:
            act()
        except EngineError:
            assert time.monotonic() < end, "the engine does not come back"
            failed += 1
            time.sleep(0.5)
        else:
            return failed


def test_a_killed_engine_loses_and_doubles_nothing(milvus_server: Milvus, tmp_path: Path) -> None:
    chance, stopped, failures = random.Random(3), threading.Event(), [0]

    def ask() -> None:
        with open_gallery(tmp_path / "engine") as asking:
            known = [record.id for record in asking.store.records().values()][:20]
            while not stopped.is_set():
                failures[0] += patiently(lambda: search(asking, id=chance.choice(known), where="Modality=CT"))

    with (
        open_gallery(tmp_path / "engine", create=True, engine=milvus_server.address) as gallery,
        open_gallery(tmp_path / "own", create=True, engine="embedded") as own,
    ):
        written(gallery, 0)
        written(own, 0)
        patiently(gallery.index)
        asking = threading.Thread(target=ask)
        asking.start()
        for kill in range(1, KILLS + 1):
            killing = threading.Timer(chance.uniform(0, 1.5), milvus_server.kill)
            killing.start()
            for each in (gallery, own):
                written(each, kill * BATCH)
                gone = sorted(record.id for record in each.store.records().values())[kill::50]
                remove(each, ids=gone)
            patiently(gallery.index)
            killing.join()
            milvus_server.wait()
            patiently(gallery.index)
        stopped.set()
        asking.join()
        held = gallery.index()
        assert isinstance(held, MilvusIndex)
        assert failures[0] > 0, "no search met a dead engine: nothing was tried"
        assert held.count() == len(held) == len(own.index()) == own.store.count() == gallery.store.count()
        for i, record in enumerate([*own.store.records().values()][::97]):
            for where in (None, "Modality=CT", f"number<{200 * i}"):
                mine, theirs = (search(each, id=record.id, k=10, where=where).hits for each in (own, gallery))
                assert [hit.id for hit in mine] == [hit.id for hit in theirs]
        gallery.name_engine("embedded")
