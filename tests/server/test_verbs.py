"""The verbs that the server brought: refine, group, several ids, background, browse, facets, label, remove."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import PATIENCE, eventually

import lookalike
from conftest import write_pictures
from lookalike.asking.background import space_background
from lookalike.asking.examples import AWAY, TOWARDS, refined
from lookalike.erasing import Removed
from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.indexes.exact import nearest
from lookalike.indexes.flat import FlatIndex
from lookalike.together import Together
from lookalike.types import Vectors
from lookalike.verbs.curation.labelling import label, relabel
from lookalike.verbs.gallery import drop_space
from lookalike.verbs.records import browse, facets, remove
from lookalike.verbs.search import search

COUNT = 12


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "g", create=True) as opened:
        lookalike.index(opened, [pictures], labels=pictures / "labels.csv")
        yield opened


def unit(seed: int, *shape: int) -> Vectors:
    made = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return made / np.linalg.norm(made, axis=-1, keepdims=True)


def vectors_of(gallery: Gallery) -> dict[str, Vectors]:
    stored, records = gallery.store.vectors(), gallery.store.records()
    return {records[int(key)].id: vector for key, vector in zip(stored.records, stored.vectors, strict=True)}


def test_rocchio_against_the_formula(gallery: Gallery) -> None:
    vectors = vectors_of(gallery)
    asked, good, better, bad = sorted(vectors)[:4]
    moved = (vectors[asked] + TOWARDS * (vectors[good] + vectors[better]) / 2 - AWAY * vectors[bad]).astype(np.float64)
    moved /= np.linalg.norm(moved)
    found = search(gallery, id=asked, positive=[good, better], negative=[bad], k=COUNT, same_patient=True)
    expected = {identity: float(moved @ vectors[identity]) for identity in vectors if identity != bad}
    assert {hit.id: hit.score for hit in found.hits} == pytest.approx(expected, abs=1e-5)
    assert [hit.id for hit in found.hits] == sorted(expected, key=lambda identity: -expected[identity])
    with pytest.raises(NotFoundError, match="nobody"):
        search(gallery, id=asked, positive=["nobody"])


def test_what_cancels_out_stays_what_it_was() -> None:
    query = unit(0, 1, 8)
    nothing = np.empty((0, 8), np.float32)
    for towards in (nothing, -query / np.float32(TOWARDS)):
        assert np.allclose(refined(query, towards, nothing), query, atol=1e-6)


def test_several_ids_ask_as_their_mean_and_none_of_their_patients_answers(gallery: Gallery) -> None:
    vectors, patients = vectors_of(gallery), {r.id: r.patient for r in gallery.store.records().values()}
    ids = sorted(vectors)[:2]
    mean = np.mean([vectors[identity] for identity in ids], axis=0)
    mean /= np.linalg.norm(mean)
    found = search(gallery, ids=ids, k=COUNT)
    own = {patients[identity] for identity in ids}
    expected = {i: float(mean @ vector) for i, vector in vectors.items() if patients[i] not in own}
    assert {hit.id: hit.score for hit in found.hits} == pytest.approx(expected, abs=1e-5)
    by_vector = search(gallery, vector=7 * mean, k=COUNT)
    assert {hit.id for hit in by_vector.hits} == set(vectors)
    with pytest.raises(UsageError, match="384 finite numbers"):
        search(gallery, vector=[float("nan")] * 384)


@pytest.mark.parametrize("k", [1, 2, 3, 4, COUNT])
def test_one_hit_a_patient_is_the_best_of_each(gallery: Gallery, k: int) -> None:
    everything = search(gallery, vector=[1.0] * 384, k=COUNT).hits
    best: dict[str, str] = {}
    for hit in everything:
        best.setdefault(hit.patient, hit.id)
    found = search(gallery, vector=[1.0] * 384, k=k, group_by="patient").hits
    assert [hit.id for hit in found] == list(best.values())[:k]
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    with pytest.raises(UsageError, match="grouped"):
        search(gallery, vector=[1.0] * 384, group_by="site")


def test_percentiles_are_shares_of_pairs_of_different_patients(gallery: Gallery) -> None:
    vectors, patients = vectors_of(gallery), {r.id: r.patient for r in gallery.store.records().values()}
    others = [(a, b) for a in vectors for b in vectors if patients[a] != patients[b]]
    pairs = np.array([float(vectors[a] @ vectors[b]) for a, b in others])
    known = space_background(gallery, "base")
    for score in (-1.0, float(np.median(pairs)), float(pairs.max()) + 1e-3):
        assert known.percentile(score) == pytest.approx(100 * (pairs < score).mean(), abs=0.5)
    found = search(gallery, vector=next(iter(vectors.values())), k=3, explain=True)
    assert [hit.percentile for hit in found.hits] == [known.percentile(hit.score) for hit in found.hits]
    assert found.background == known.histogram()


def test_it_abstains_where_nothing_is_similar(gallery: Gallery) -> None:
    centre = np.mean(list(vectors_of(gallery).values()), axis=0)
    assert search(gallery, vector=-centre).abstained
    assert not search(gallery, vector=centre).abstained


def test_the_background_is_kept_until_the_vectors_change(gallery: Gallery) -> None:
    first = space_background(gallery, "base")
    assert space_background(gallery, "base") is first
    with open_gallery(gallery.folder) as again:
        assert np.array_equal(space_background(again, "base").scores, first.scores)
    remove(gallery, [browse(gallery).items[0].id])
    assert space_background(gallery, "base") is not first


@pytest.mark.parametrize("held", [False, True])
def test_removed_labelled_and_indexed_again(gallery: Gallery, tmp_path: Path, held: bool) -> None:
    if held:
        gallery.store.hold()
    page = browse(gallery, limit=5)
    first, second = page.items[:2]
    assert label(gallery, [first.id, second.id], add=["new"], remove=["even"]).changed == 2
    assert relabel(gallery, second.id, ["b", "a"]).labels == ("a", "b")
    assert [one.id for one in browse(gallery, where="label=new").items] == [first.id]
    with pytest.raises(UsageError, match="label is text"):
        label(gallery, [first.id], add=["\x00"])
    same = [one for one in browse(gallery).items if one.patient == second.patient]
    removed = {first.id, *(one.id for one in same)}
    assert remove(gallery, [first.id]) == Removed(1, True, gallery.store.database.beyond)
    assert remove(gallery, patient=second.patient) == Removed(len(same), True, gallery.store.database.beyond)
    assert {one.id for one in browse(gallery).items}.isdisjoint(removed)
    assert gallery.store.count() == len(gallery.index()) == COUNT - len(removed)
    assert {hit.id for hit in search(gallery, vector=[1.0] * 384, k=COUNT).hits}.isdisjoint(removed)
    pictures = tmp_path / "pictures"
    assert lookalike.index(gallery, [pictures], labels=pictures / "labels.csv").added == len(removed)
    assert {one.id for one in browse(gallery).items} >= removed
    assert len(search(gallery, vector=[1.0] * 384, k=COUNT).hits) == COUNT


def test_another_process_is_seen_in_a_moment(gallery: Gallery) -> None:
    gallery.store.hold()
    first = browse(gallery, limit=1).items[0]
    assert len(gallery.store.records()) == COUNT
    with open_gallery(gallery.folder) as other:
        label(other, [first.id], add=["theirs"])
        eventually(lambda: gallery.store.record(first.id).labels, lambda labels: "theirs" in labels)
        remove(other, [first.id])
    eventually(lambda: gallery.store.find(first.id), lambda found: found is None)
    assert len(search(gallery, vector=[1.0] * 384, k=COUNT).hits) == COUNT - 1


def test_facets_count_what_a_filter_leaves(gallery: Gallery) -> None:
    counts = {one.field: {v.value: v.count for v in one.values} for one in facets(gallery, where="label=odd")}
    assert counts == {"label": {"odd": 6}, "site": {"north": 3, "south": 3}}
    with pytest.raises(UsageError, match="no record has a field"):
        facets(gallery, where="nothing=1")


def test_a_space_is_dropped_with_its_files(gallery: Gallery) -> None:
    lookalike.adapt(gallery, "s", kind="linear")
    search(gallery, vector=[1.0] * 384, space="s")
    drop_space(gallery, "s")
    assert not list(gallery.folder.rglob("s.*"))
    with pytest.raises(NotFoundError, match="no space"):
        gallery.index("s")
    with pytest.raises(UsageError, match="own space"):
        drop_space(gallery, "base")


def test_many_threads_get_what_each_would_get_alone() -> None:
    index, queries = FlatIndex(16), unit(1, 64, 16)
    index.upsert(np.arange(5000), unit(2, 5000, 16))
    alone = [index.search(query[None], 3 + i % 7) for i, query in enumerate(queries)]
    answers: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(queries)

    def ask(i: int) -> None:
        answers[i] = index.search(queries[i][None], 3 + i % 7)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(queries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for got, expected in zip(answers, alone, strict=True):
        assert got is not None
        assert np.array_equal(got[0], expected[0])
        assert np.array_equal(got[1], expected[1])


def test_an_error_reaches_every_thread_and_the_next_is_answered() -> None:
    def fails(asked: Sequence[int]) -> Sequence[int]:
        if 13 in asked:
            raise ValueError("thirteen")
        return asked

    together = Together(fails)
    with pytest.raises(ValueError, match="thirteen"):
        together(13)
    assert together(2) == 2


def test_a_faulty_question_fails_alone() -> None:
    """As when a gallery is switched to another encoder: one caller still asks with a vector of the old width."""
    begun, waiting = threading.Event(), threading.Event()
    failed: list[int] = []

    def search_slowly(asked: Sequence[Vectors]) -> list[tuple[np.ndarray, np.ndarray]]:
        if not begun.is_set():
            begun.set()
            waiting.wait(PATIENCE)  # the others come together meanwhile
        return [nearest(np.concatenate(asked), 2, np.arange(9), unit(2, 9, 4))] * len(asked)

    together = Together(search_slowly)

    def ask(width: int) -> None:
        try:
            together(unit(width, 1, width))
        except ValueError:
            failed.append(width)

    threads = [threading.Thread(target=ask, args=(width,)) for width in (4, 4, 6, 4)]
    threads[0].start()
    assert begun.wait(PATIENCE)
    for thread in threads[1:]:
        thread.start()
    eventually(lambda: len(together._waiting), lambda count: count == 3)
    waiting.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == [6]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 3000), k=st.integers(1, 20), ties=st.booleans())
def test_the_bound_loses_no_neighbour(seed: int, count: int, k: int, ties: bool) -> None:
    vectors = unit(seed, count, 4)
    if ties:
        vectors = vectors[np.random.default_rng(seed).integers(0, max(count // 50, 1), count)]
    query = unit(seed + 1, 1, 4)
    keys, scores = nearest(query, k, np.arange(count), vectors)
    exact = np.einsum("ij,j->i", vectors, query[0], dtype=np.float64).astype(np.float32)
    order = np.lexsort((np.arange(count), -exact))[:k]
    assert keys[0][: len(order)].tolist() == order.tolist()
    assert np.array_equal(scores[0][: len(order)], exact[order])
