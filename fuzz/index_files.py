"""Files of a gallery that somebody else made, whose checksums fit whatever they hold: indexes, adapters, maps and more.

They are made again, or refused by an error of ``errors``; nothing else may come out, and no process may end. An input
is a byte that chooses the kind of file, and the file's content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from fuzz.opened import scratch
from lookalike.adapters import Adapter, AdapterNetwork, load_adapter, save_adapter, transform
from lookalike.adapters.layers import Layer
from lookalike.asking import background, kept
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.files import load_index, save_index
from lookalike.mapping import kept as kept_maps
from lookalike.plugins import load_plugin
from lookalike.store import BASE, Batch, NewRecord
from lookalike.verbs import map as maps

KINDS: Final = ("flat", "hnsw", "lsh", "ivf-flat", "ivf-pq", "ivf-rabitq", "sq8")
OTHERS: Final = ("adapter", "background", "map")
WORDS: Final = (
    '"keys" "vectors" "alive" "faiss" "tail" "dim" "<f4" "<i8" "|b1" "|O" "|V8" [0] null -1 1e999 NaN [[[[ {} '
    "dense norm relu "
    'gelu hidden probabilities "scores" "nearest" "ids" "x" "y" "parameters" "classes" "head" "body" "direct" '
    "IHNf IwFl IxF2 "
    "IwPQ \0\0\0\0 \xff\xff\xff\xff \0\0\0\0\0\0\0\x7f"
)
_DIM, _MADE_OF = 4, {"version": 1}


@dataclass
class _Forged:
    """An index whose file holds what somebody wants it to hold."""

    kind: str
    data: bytes

    def serialise(self) -> bytes:
        return self.data


@cache
def prepare() -> Gallery:
    """A gallery of records with given vectors, its index, background and map."""
    gallery = open_gallery(scratch() / "g", create=True)
    random, batch = np.random.default_rng(0), Batch()
    for number in range(12):
        vector = random.normal(size=(1, gallery.spec.dim)).astype(np.float32)
        vector /= np.linalg.norm(vector)
        batch.records.append(NewRecord(f"{number}.png", f"{number:064x}", 0, f"p{number % 4}", (), {}, vector, b""))
    gallery.store.write(batch)
    background.space_background(gallery, BASE)
    maps.map_gallery(gallery, method="tsne")
    return gallery


def _check_one_line(message: str) -> None:
    assert "\n" not in message


def check(data: bytes) -> None:
    """Forge the file, then ask as the service does."""
    gallery, number = prepare(), data[0] % (len(KINDS) + len(OTHERS)) if data else 0
    try:
        if number < len(KINDS):
            _index(gallery.folder / "forged", KINDS[number], data[1:])
        else:
            (_adapter, _background, _map)[number - len(KINDS)](gallery, data[1:])
    except LookalikeError as error:
        _check_one_line(str(error))


def _index(folder: Path, kind: str, data: bytes) -> None:
    save_index(_Forged(kind, data), folder, "forged", _MADE_OF)  # type: ignore[arg-type]
    index = load_index(folder, "forged", _MADE_OF, "")  # as of a gallery that is not one's own
    if index is None:
        return
    queries = np.eye(2, _DIM, dtype=np.float32)
    for among in (None, np.arange(3)):
        keys, scores = index.search(queries, 3, among)
        assert keys.shape == scores.shape == (2, 3)
    index.vectors_at(np.arange(2))
    index.remove(np.arange(1))


def _adapter(gallery: Gallery, data: bytes) -> None:
    text, _, arrays = data.partition(b"\n\n")
    try:
        header = json.loads(text)
        header["sha256"] = hashlib.sha256(arrays).hexdigest()
        text = json.dumps(header).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    sha256, folder = hashlib.sha256(text).hexdigest(), gallery.folder / "forged"
    folder.mkdir(exist_ok=True)
    files = {"json": text, "safetensors": arrays}
    for ending, content in files.items():
        (folder / f"m.{sha256[:16]}.{ending}").write_bytes(content)
    try:
        adapter = load_adapter(folder, "m", sha256)
        assert transform(adapter, np.eye(2, _DIM, dtype=np.float32)).shape[0] == 2
    finally:
        for ending in files:
            (folder / f"m.{sha256[:16]}.{ending}").unlink()


def _background(gallery: Gallery, data: bytes) -> None:
    path = gallery.folder / "indexes" / f"{BASE}.background.json"
    before = path.read_bytes()
    fields = _parsed(data)
    if fields is None:
        path.write_bytes(data)
    else:
        whole = {**fields, "made_of": json.loads(before)["made_of"]}
        path.write_text(json.dumps({**whole, "sha256": kept._digest(whole)}), "utf-8")
    try:
        background._KEPT.clear()
        found = background.space_background(gallery, BASE)
        found.percentile(0.5), found.nearness(0.5), found.unlike(0.5), found.histogram()
    finally:
        path.write_bytes(before)


def _map(gallery: Gallery, data: bytes) -> None:
    path = next((gallery.folder / "maps").glob("tsne-*.map"))
    before = path.read_bytes()
    told = json.loads(before.partition(b"\n")[0])
    digest = kept_maps._digest(
        told["made_of"], told["parameters"], data
    )  # somebody else's file has a checksum that fits
    path.write_bytes(json.dumps({**told, "sha256": digest}).encode() + b"\n" + data)
    try:
        found = maps.kept_map(gallery, method="tsne")
        if found is not None:
            assert len(found.ids) == len(found.x) == len(found.y)
            assert all(isinstance(one, float) for one in (*found.x, *found.y))
            assert all(isinstance(one, str) for one in found.ids)
    finally:
        path.write_bytes(before)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def seeds() -> Iterator[bytes]:
    """A file of every kind; those of an index with few vectors, and with as many as make a structure."""
    random = np.random.default_rng(1)
    for number, kind in enumerate(KINDS):
        for count in (3, 1001):
            index = load_plugin("lookalike.indexes", kind)(_DIM)
            vectors = random.normal(size=(count, _DIM)).astype(np.float32)
            index.upsert(np.arange(count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            yield bytes([number]) + index.serialise()
    gallery, first = prepare(), len(KINDS)
    yield bytes([first]) + _adapter_file(gallery.folder / "seed")
    sound = {"scores": [0.1, 0.2, 0.9], "nearest": [0.5, 0.6]}
    for fields in (
        sound,
        {},
        {**sound, "nearest": [[0.5]]},
        {**sound, "scores": [float("nan")]},
        {**sound, "scores": {}},
    ):
        yield bytes([first + 1]) + json.dumps(fields).encode()
    drawn = {"ids": ["a"], "x": [0.5], "y": [1.0], "parameters": {"records": 1}}
    for fields in (drawn, {}, {**drawn, "ids": [1]}, {**drawn, "x": [2.5]}, {**drawn, "y": []}, {**drawn, "ids": "a"}):
        yield bytes([first + 2]) + json.dumps(fields).encode()


def _adapter_file(folder: Path) -> bytes:
    weight, bias = np.ones((1, _DIM, 2), np.float32), np.zeros((1, 1, 2), np.float32)
    network = AdapterNetwork((), (Layer("dense", weight, bias),), (), "probabilities", 0.5)
    sha256 = save_adapter(Adapter("linear", ("a", "b"), False, {"name": "x"}, {"seed": 0}, network), folder, "m")
    parts = ((folder / f"m.{sha256[:16]}.{ending}").read_bytes() for ending in ("json", "safetensors"))
    return b"\n\n".join(parts)
