"""SIGKILL of the index engine, and of what it keeps its vectors in, while a gallery fills it and asks it: nothing is
lost, nothing is there twice, and once it is started again it answers again, with nobody doing anything. ``pytest -s``
shows the figures.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from filled import unit
from lookalike.errors import EngineError
from lookalike.filters import parse
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.store import Batch, NewRecord
from lookalike.verbs.records import remove
from lookalike.verbs.search import search
from peers.milvus import ETCD, OBJECTS, Milvus, milvus

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


def waited_for_an_answer(asked: list[int]) -> None:
    """Until one question more was answered: nobody did anything that it would be."""
    end, before = time.monotonic() + SECONDS, asked[0]
    while asked[0] == before:
        assert time.monotonic() < end, "no question is answered"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def in_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    """With an etcd and an object store of its own, as it is deployed."""
    with milvus(tmp_path_factory.mktemp("parts"), apart=True) as server:
        yield server


def test_a_killed_engine_loses_and_doubles_nothing(milvus_server: Milvus, tmp_path: Path) -> None:
    assert killed_in_turn(milvus_server, ["milvus"] * KILLS, tmp_path) > 0, "no search met a dead engine"


def test_nor_does_one_whose_etcd_or_object_store_is_killed(in_parts: Milvus, tmp_path: Path) -> None:
    killed_in_turn(in_parts, [ETCD, OBJECTS, "milvus", ETCD, OBJECTS], tmp_path)


def killed_in_turn(server: Milvus, parts: list[str], tmp_path: Path) -> int:
    """How many questions met a dead engine."""
    chance, stopped, failures = random.Random(3), threading.Event(), [0]
    asked, killed, away = [0], list[tuple[float, int]](), list[float]()

    def kill(part: str) -> None:
        killed.append((time.monotonic(), server.kill(part)))

    def ask() -> None:
        with open_gallery(tmp_path / "engine") as asking:
            while not stopped.is_set():
                failures[0] += patiently(lambda: search(asking, id=chance.choice(kept), where="Modality=CT"))
                asked[0] += 1

    with (
        open_gallery(tmp_path / "engine", create=True, engine=server.address) as gallery,
        open_gallery(tmp_path / "own", create=True, engine="embedded") as own,
    ):
        written(gallery, 0)
        written(own, 0)
        patiently(gallery.index)
        kept = [record.id for record in own.store.records().values()][:20]
        asking = threading.Thread(target=ask)
        asking.start()
        for number, part in enumerate(parts, 1):
            killing = threading.Timer(chance.uniform(0, 1.5), kill, [part])
            killing.start()
            for each in (gallery, own):
                written(each, number * BATCH)
                gone = sorted(record.id for record in each.store.records().values())[number::50]
                remove(each, ids=[identity for identity in gone if identity not in kept])
            patiently(gallery.index)
            killing.join()
            server.wait()
            patiently(gallery.index)
            waited_for_an_answer(asked)
            away.append(time.monotonic() - killed[-1][0])
        stopped.set()
        asking.join()
        held = gallery.index()
        assert isinstance(held, MilvusIndex)
        stored, wrong = gallery.store.count(), 0
        assert stored == own.store.count() == len(own.index()) == len(held)
        there = held.few(parse("number>=0"), 10_000)
        assert there is not None
        for i, record in enumerate([*own.store.records().values()][::97]):
            for where in (None, "Modality=CT", f"number<{200 * i}"):
                mine, theirs = (search(each, id=record.id, k=10, where=where).hits for each in (own, gallery))
                wrong += [hit.id for hit in mine] != [hit.id for hit in theirs]
        lost, doubled = stored - len(np.unique(there)), held.count() - len(np.unique(there))
        print(
            f"\n{parts} killed: of {stored} lost {lost}, doubled {doubled}; {wrong} answers wrong; {asked[0]} answered"
        )
        print(f"meanwhile, {failures[0]} not; back by itself after {', '.join(f'{each:.1f}' for each in away)} s")
        assert (lost, doubled, wrong) == (0, 0, 0)
        assert all(processes for _, processes in killed)
        gallery.engine.name("embedded")
    return failures[0]
