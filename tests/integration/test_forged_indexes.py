"""An index file is a cache: what somebody else put in its place, checksum and all, is made again and never believed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import write_pictures
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes import files
from lookalike.indexes.approximate import HNSWIndex
from lookalike.indexes.flat import FlatIndex
from lookalike.verbs.index import index
from lookalike.verbs.search import search


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("forged")
    pictures = write_pictures(root / "pictures")
    with open_gallery(root / "g", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
    return root / "g"


def answers(gallery: Gallery) -> list[tuple[str, float]]:
    identity = sorted(record.id for record in gallery.store.records().values())[0]
    return [(hit.id, hit.score) for hit in search(gallery, id=identity, k=12, same_patient=True).hits]


def forge(folder: Path, kind: str, data: bytes, **made_of: Any) -> None:
    """Files whose checksum is right for what they hold."""
    said = json.loads((folder / "indexes" / "base.json").read_bytes())["made_of"]
    about = files._about(kind, {**said, **made_of})
    (folder / "indexes" / "base.index").write_bytes(data)
    header = files._header_of(about, files._digests(BytesIO(data)))
    (folder / "indexes" / "base.json").write_text(json.dumps(header))


def flat(keys: list[int], vectors: Any) -> bytes:
    made = FlatIndex(len(vectors[0]))
    made.upsert(np.array(keys, np.int64), np.array(vectors, np.float32))
    return made.serialise()


DIM = 384


def forgeries() -> Iterator[tuple[str, str, bytes]]:
    unit = np.eye(12, DIM)
    keys = [*range(1, 13)]
    yield "other vectors", "flat", flat(keys, unit)
    yield "keys that are not there", "flat", flat([key + 1000 for key in keys], unit)
    yield "negative keys", "flat", flat([-key for key in keys], unit)
    yield "not a number", "flat", flat(keys, np.full((12, DIM), np.nan))
    yield "another dimension", "flat", flat(keys, np.eye(12, 16))
    yield "fewer", "flat", flat(keys[:3], unit[:3])
    yield "none", "flat", FlatIndex(DIM).serialise()
    yield "another kind", "hnsw", flat(keys, unit)
    yield "no such kind", "os:system", flat(keys, unit)
    yield "no index", "flat", b"nothing"
    chance = random.Random(0)
    large = HNSWIndex(8)
    vectors = np.random.default_rng(0).normal(size=(1200, 8)).astype(np.float32)
    large.upsert(np.arange(1200), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    data = large.serialise()
    yield "a graph", "hnsw", data
    for number in range(30):
        at = chance.randrange(len(data) // 4)
        yield (
            f"a graph with a byte changed {number}",
            "hnsw",
            data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
        )
        yield f"a graph cut {number}", "hnsw", data[: chance.randrange(len(data))]


def test_a_forged_index_is_made_again(folder: Path) -> None:
    with open_gallery(folder) as gallery:
        sound = answers(gallery)
        assert len(sound) == 12
    kept = (folder / "indexes" / "base.index").read_bytes()
    for name, kind, data in forgeries():
        forge(folder, kind, data)
        with open_gallery(folder) as gallery:
            assert answers(gallery) == sound, name
            assert len(gallery.index()) == 12
        assert (
            hashlib.sha256((folder / "indexes" / "base.index").read_bytes()).digest() == hashlib.sha256(kept).digest()
        )


@pytest.mark.parametrize(
    "damage",
    [
        lambda said: {**said, "kind": 5},
        lambda said: {**said, "layout": 99},
        lambda said: {**said, "more": 1},
        lambda said: {key: value for key, value in said.items() if key != "kind"},
        lambda said: [said],
        lambda said: None,
        lambda said: said["made_of"],
    ],
)
def test_what_stands_beside_an_index_may_be_anything(folder: Path, damage: Callable[[Any], Any]) -> None:
    with open_gallery(folder) as gallery:
        sound = answers(gallery)
    path = folder / "indexes" / "base.json"
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with open_gallery(folder) as gallery:
        assert answers(gallery) == sound
    path.write_text("[" * 100_000)
    with open_gallery(folder) as gallery:
        assert answers(gallery) == sound


def test_a_loader_that_fails_gives_no_index(tmp_path: Path) -> None:
    """Without a seal too, as the files of a benchmark are."""
    made_of = {"any": 1}
    for name, kind, data in forgeries():
        about = files._about(kind, made_of)
        (tmp_path / "x.index").write_bytes(data)
        (tmp_path / "x.json").write_text(json.dumps(files._header_of(about, files._digests(BytesIO(data)))))
        if name.startswith("a graph with") or name in ("no index", "no such kind", "another kind") or "cut" in name:
            files.load_index(tmp_path, "x", made_of)  # an index or None, and no exception
