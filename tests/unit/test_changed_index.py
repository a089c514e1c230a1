"""An index keeps step with what changes, answers as one that is made anew, and leaves those alone who search in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes import Searchable
from lookalike.indexes.changed import ChangedIndex
from lookalike.indexes.flat import FlatIndex
from lookalike.store import Batch, NewRecord
from lookalike.types import Keys, Vectors
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.records import remove

DIM, MANY = 6, 1200


def unit(seed: int, many: int, dim: int = DIM) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(many, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


KEYS = st.lists(st.integers(1, 60), max_size=25, unique=True)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(KEYS, KEYS, st.integers(0, 999)), max_size=5), st.integers(1, 30), KEYS | st.none())
def test_it_finds_what_a_new_index_finds(steps: list[tuple[list[int], list[int], int]], k: int, among: object) -> None:
    first = np.arange(1, 41)
    base = FlatIndex(DIM)
    base.upsert(first, unit(0, 40))
    there = dict(zip(first.tolist(), unit(0, 40), strict=True))
    index = ChangedIndex(base, 40, np.empty(0, np.int64), FlatIndex(0))
    for gone, new, seed in steps:
        vectors = unit(seed, len(new))
        there = {key: vector for key, vector in there.items() if key not in gone}
        there |= dict(zip(new, vectors, strict=True))
        struck, keys = np.array([*gone, *new], np.int64), np.array(new, np.int64)
        index = index.changed(len(there), struck, keys, vectors)
    anew = FlatIndex(DIM)
    anew.upsert(np.array(list(there), np.int64), np.array(list(there.values()), np.float32).reshape(-1, DIM))
    only = None if among is None else np.array(among, np.int64)
    for found, wanted in zip(index.search(unit(7, 3), k, only), anew.search(unit(7, 3), k, only), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert len(index) == len(anew)
    if (first_at := base.vectors_at(first)) is not None:
        np.testing.assert_array_equal(first_at, unit(0, 40))  # it was not touched


def new(number: int, dim: int) -> NewRecord:
    sha256 = f"{number:064x}"
    source, patient = f"/data/{number}", f"patient-{number % 50}"
    return NewRecord(source, sha256, 0, patient, ("seen",), {}, unit(number, 1, dim), b"")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = open_gallery(tmp_path / "g", create=True)
    add(gallery, range(MANY))
    return gallery


def add(gallery: Gallery, numbers: range) -> None:
    gallery.store.write(Batch([new(number, gallery.spec.dim) for number in numbers]))


def found(index: Searchable, queries: Vectors, among: Keys | None = None) -> tuple[list[object], list[object]]:
    keys, scores = index.search(queries, 40, among)
    return keys.tolist(), scores.tolist()


def test_it_is_not_made_anew_for_a_few_changes_by_anyone(gallery: Gallery) -> None:
    queries, ids = unit(5, 4, gallery.spec.dim), sorted(record.id for record in gallery.store.records().values())
    made = gallery.index_base()
    for step, change in enumerate(
        [
            lambda other: remove(other, ids[:3]),
            lambda other: add(other, range(MANY, MANY + 20)),
            lambda other: label(other, ids[10:20], add=["more"]),
            lambda other: remove(other, [max(other.store.records().values(), key=lambda record: record.key).id]),
            lambda other: add(
                other, range(2 * MANY, 2 * MANY + 1)
            ),  # it may be given the keys of the one that has gone
            lambda other: add(other, range(3)),  # the three come back
        ]
    ):
        with open_gallery(gallery.folder) as other:
            change(other if step % 2 else gallery)
        with open_gallery(gallery.folder) as other:
            assert found(gallery.index(), queries) == found(other.index(), queries), step
            assert len(gallery.index()) == len(other.index()) == gallery.store.count()
        assert gallery.index_base() is made


def test_it_is_made_anew_once_an_eighth_has_changed(gallery: Gallery) -> None:
    made, kept = gallery.index_base(), gallery.index()
    before = found(kept, unit(5, 4, gallery.spec.dim))
    add(gallery, range(MANY, MANY + MANY // 8 + 1))
    assert gallery.index_base() is not made
    assert len(gallery.index()) == MANY + MANY // 8 + 1
    assert found(kept, unit(5, 4, gallery.spec.dim)) == before  # for whoever searches in it
