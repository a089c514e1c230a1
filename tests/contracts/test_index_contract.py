"""What every index kind must do, third-party kinds included: they are found through the entry points."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines import KeptInEngine, index_in
from lookalike.indexes import Index
from lookalike.indexes.choice import choose
from lookalike.indexes.files import load_index, save_index
from lookalike.plugins import load_plugin, plugin_names
from lookalike.types import Keys, Scores, Vectors

KINDS: Final = plugin_names("lookalike.indexes")
ENGINES: Final = ["milvus", "milvus-graph"]
"""Of processes outside, which have no files here."""
SLOW_ENGINES: Final = [pytest.param(each, marks=pytest.mark.slow) for each in ENGINES]
ONE_ENGINE: Final = [ENGINES[0], *SLOW_ENGINES[1:]]
EXACT: Final = {"flat", "flat-l2", *ENGINES}
CHOSEN: Final = {choose(count, dim)[0] for count in (10**3, 10**5, 10**7) for dim in (16, 384, 2048)}
COUNT, DIM, CLUSTERS, K = 4000, 64, 60, 10
FEW: Final = (0, 1, 5, 39, 1500)  # vectors of small collections
CHANGES: Final = ((20, 30, 40), (0, 1, 0), (700, 0, 900), (1000, 1000, 2500))  # replaced, added, removed
MADE_OF: Final = {"space": "base", "version": 3}


def clustered(count: int, dim: int = DIM, seed: int = 0) -> Vectors:
    """Unit vectors around the same ``CLUSTERS`` centres whatever the seed."""
    centres = np.random.default_rng(99).standard_normal((CLUSTERS, dim))
    rng = np.random.default_rng(seed)
    spread = rng.standard_normal((count, dim)) * 0.8
    return unit(centres[rng.integers(CLUSTERS, size=count)] + spread)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def oracle(queries: Vectors, k: int, keys: Keys, vectors: Vectors, among: Keys | None = None) -> tuple[Keys, Scores]:
    """The definition, in float64, one query at a time."""
    known = np.ones(len(keys), bool) if among is None else np.isin(keys, among)
    keys, vectors = keys[known], vectors[known]
    found = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for i, query in enumerate(queries.astype(np.float64)):
        cosines = (vectors.astype(np.float64) * query).sum(axis=1).astype(np.float32)
        order = np.lexsort((keys, -cosines))[:k]
        found[i, : len(order)], scores[i, : len(order)] = keys[order], cosines[order]
    return found, scores


def recall(expected: Keys, found: Keys) -> float:
    """Share of the expected keys that were found; padding is not expected."""
    pairs = [(set(row[row >= 0].tolist()), set(hits.tolist())) for row, hits in zip(expected, found, strict=True)]
    return sum(len(row & hits) for row, hits in pairs) / max(1, sum(len(row) for row, _ in pairs))


def assert_same(found: tuple[Keys, Scores], expected: tuple[Keys, Scores]) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], atol=1e-6)


@dataclass(frozen=True, eq=False)
class World:
    """A collection with its queries; the keys are shuffled and have gaps."""

    keys: Keys
    vectors: Vectors
    queries: Vectors

    @cache  # noqa: B019  one World lives as long as the tests
    def truth(self, k: int = K, among: str = "") -> tuple[Keys, Scores]:
        return oracle(self.queries, k, self.keys, self.vectors, self.matching(among) if among else None)

    def matching(self, among: str) -> Keys:
        """A named filter's keys: a random share, or one side of a plane, which splits clusters from clusters."""
        if among == "one side":
            return self.keys[self.vectors[:, 0] > 0]
        rng = np.random.default_rng(7)
        return rng.permutation(self.keys[rng.random(len(self.keys)) < float(among)])


@pytest.fixture(scope="session")
def world() -> World:
    keys = np.random.default_rng(1).permutation(3 * COUNT)[:COUNT].astype(np.int64)
    return World(keys, clustered(COUNT, seed=2), clustered(60, seed=3))


@pytest.fixture(scope="session")
def new_index(request: pytest.FixtureRequest) -> Callable[[str, int], Index]:
    """An empty index of a kind or in an engine, which is a real one."""
    small: dict[tuple[str, int], KeptInEngine] = {}

    def new(kind: str, dim: int) -> Index:
        if kind not in ENGINES:
            return load_plugin("lookalike.indexes", kind)(dim)
        if dim == DIM or (kind, dim) not in small:
            made = index_in(request.getfixturevalue("milvus_server"), dim, graph="graph" in kind)
            return small.setdefault((kind, dim), made) if dim != DIM else made
        small[kind, dim].clear()  # making one takes seconds
        return small[kind, dim]

    return new


@pytest.fixture(scope="session")
def build(new_index: Callable[[str, int], Index]) -> Callable[[str, World], Index]:
    def made(kind: str, world: World) -> Index:
        index = new_index(kind, DIM)
        index.upsert(world.keys, world.vectors)
        return index

    return made


@pytest.fixture(scope="session", params=[*KINDS, *ONE_ENGINE])
def built(request: pytest.FixtureRequest, world: World, build: Callable[[str, World], Index]) -> Index:
    """Every kind in turn, over the whole collection; tests only search it."""
    return build(request.param, world)


@pytest.fixture(scope="session", params=KINDS)
def filed(request: pytest.FixtureRequest, world: World, build: Callable[[str, World], Index]) -> Index:
    """The same, of those that have a file."""
    return build(request.param, world)


def reloaded(index: Index) -> Index:
    """The index as another process sees it."""
    return index.again() if isinstance(index, KeptInEngine) else type(index).deserialise(index.serialise())


def test_the_eight_kinds_are_here() -> None:
    expected = {"flat", "flat-l2", "hnsw", "lsh", "ivf-flat", "ivf-pq", "ivf-rabitq", "sq8"}
    assert expected <= set(KINDS)


def test_finds_the_nearest(built: Index, world: World) -> None:
    found = built.search(world.queries, K)
    assert len(built) == COUNT
    assert recall(world.truth()[0], found[0]) >= (0.99 if built.kind in CHOSEN else 0.95)
    if built.kind in EXACT:
        assert_same(found, world.truth())


def test_scores_are_cosines_and_fall(built: Index, world: World) -> None:
    keys, scores = built.search(world.queries, 100)
    assert keys.shape == scores.shape == (len(world.queries), 100)
    assert keys.dtype == np.int64
    assert scores.dtype == np.float32
    rows = {int(key): row for row, key in enumerate(world.keys)}
    for query, hits, row in zip(world.queries, keys, scores, strict=True):
        assert len(set(hits.tolist())) == 100
        cosines = world.vectors[[rows[int(key)] for key in hits]].astype(np.float64) @ query
        np.testing.assert_allclose(row, cosines, atol=1e-6)
        assert (np.diff(row) <= 0).all()


def test_a_query_is_answered_alike_alone_and_in_a_batch(built: Index, world: World) -> None:
    keys, scores = built.search(world.queries, K)
    for i in range(0, len(world.queries), 7):
        alone = built.search(world.queries[i : i + 1], K)
        np.testing.assert_array_equal(alone[0][0], keys[i])
        np.testing.assert_array_equal(alone[1][0], scores[i])


@pytest.mark.parametrize("among", ["0.01", "0.1", "0.5", "0.9", "one side"])
def test_filters_keep_recall(built: Index, world: World, among: str) -> None:
    matching = world.matching(among)
    unknown = np.arange(4 * COUNT, 5 * COUNT)
    keys, scores = built.search(world.queries, K, np.concatenate([matching, unknown, matching[:5]]))
    assert np.isin(keys, matching).all()
    assert np.isfinite(scores).all()
    assert recall(world.truth(K, among)[0], keys) >= (1.0 if built.kind in EXACT else 0.99)


@pytest.mark.parametrize("size", [0, 1, 4])
def test_fewer_matches_than_k_are_padded(built: Index, world: World, size: int) -> None:
    matching = np.sort(world.keys)[:size]
    keys, scores = built.search(world.queries[:3], K, matching)
    assert_same((keys, scores), oracle(world.queries[:3], K, world.keys, world.vectors, matching))
    assert (keys[:, size:] == -1).all()
    assert (scores[:, size:] == -np.inf).all()


def test_all_that_is_there_is_found_when_k_asks_for_more(built: Index, world: World) -> None:
    keys, scores = built.search(world.queries[:2], COUNT + 5)
    assert (np.sort(keys[:, :COUNT], axis=1) == np.sort(world.keys)).all()
    assert (keys[:, COUNT:] == -1).all()
    assert (scores[:, COUNT:] == -np.inf).all()


def test_no_queries_and_no_hits_wanted(built: Index, world: World) -> None:
    assert built.search(world.queries[:0], K)[0].shape == (0, K)
    assert built.search(world.queries, 0)[0].shape == (len(world.queries), 0)


def test_searches_may_run_side_by_side(built: Index, world: World) -> None:
    expected = [built.search(world.queries[i : i + 1], K)[0] for i in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: built.search(world.queries[i % 60 : i % 60 + 1], K)[0], range(240)))
    for i, keys in enumerate(found):
        np.testing.assert_array_equal(keys, expected[i % 60])


def test_vectors_that_are_held_are_the_very_vectors(built: Index, world: World) -> None:
    """Or None: a kind may leave them in its file. What is not there is never made up."""
    for rows in ([0], [7, 3, 3], list(range(50, 90))):
        held = built.vectors_at(world.keys[rows])
        assert held is None or np.array_equal(held, world.vectors[rows])
    for unknown in (np.array([10**9]), np.array([int(world.keys[0]), -1])):
        assert built.vectors_at(unknown) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["ascending", "replaced", "nothing"])
def test_a_small_collection_gives_its_vectors_or_none(kind: str, order: str) -> None:
    vectors, keys = clustered(20), np.arange(10, 30)
    index: Index = load_plugin("lookalike.indexes", kind)(DIM)
    if order != "nothing":
        index.upsert(keys, vectors)
    if order == "replaced":
        index.upsert(keys[:5], vectors[::-1][:5])
        vectors = np.concatenate([vectors[::-1][:5], vectors[5:]])
    for rows in ([3], [4, 0, 19]):
        held = index.vectors_at(keys[rows])
        assert held is None or (order != "nothing" and np.array_equal(held, vectors[rows]))
    if order == "ascending" and kind in EXACT:
        assert index.vectors_at(keys) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_make_the_same_index(kind: str, world: World, build: Callable[[str, World], Index]) -> None:
    assert build(kind, world).serialise() == build(kind, world).serialise()


@pytest.mark.parametrize("kind", [*KINDS, *SLOW_ENGINES])
@pytest.mark.parametrize("reload", [False, True])
def test_changes_are_found_at_once(
    kind: str, reload: bool, world: World, tmp_path: Path, build: Callable[[str, World], Index]
) -> None:
    """Few changes leave a trained structure as it is; many make it anew: both are walked through here."""
    index = build(kind, world)
    if reload:
        index = reloaded(index) if kind in ENGINES else save_index(index, tmp_path, "base", MADE_OF)
    keys, vectors = world.keys, world.vectors
    for round_, (replaced, added, removed) in enumerate(CHANGES):
        fresh, more = clustered(replaced, seed=10 + round_), clustered(added, seed=20 + round_)
        new_keys = np.arange(added) + keys.max() + 1
        index.upsert(np.concatenate([keys[:replaced], new_keys]), np.concatenate([fresh, more]))
        index.remove(np.concatenate([keys[10 : 10 + removed], [10**9]]))
        keys = np.delete(np.concatenate([keys, new_keys]), slice(10, 10 + removed))
        vectors = np.concatenate([fresh, vectors[replaced:], more])
        vectors = np.delete(vectors, slice(10, 10 + removed), axis=0)
        assert len(index) == len(keys)
        # What was replaced or removed is not found again, neither by its old vector nor among others.
        for among in (world.keys[:60], world.keys):
            asked = world.vectors[:24:2]
            hits, scores = index.search(asked, K, among)
            expected = oracle(asked, K, keys, vectors, among)
            assert recall(expected[0], hits) >= (1.0 if kind in EXACT else 0.9)
            current = dict(zip(keys.tolist(), vectors, strict=True))
            for query, row, said in zip(asked, hits, scores, strict=True):
                cosines = [float(current[int(key)] @ query) for key in row if key >= 0]
                np.testing.assert_allclose(said[row >= 0], cosines, atol=1e-6)
        found, _ = index.search(world.queries, K)
        assert np.isin(found, keys).all()
        assert recall(oracle(world.queries, K, keys, vectors)[0], found) >= (1.0 if kind in EXACT else 0.95)
        own = index.search(vectors[:10], 1)
        np.testing.assert_array_equal(own[0][:, 0], keys[:10])
        np.testing.assert_allclose(own[1], 1, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", FEW)
def test_small_collections_are_exact_and_quiet(
    kind: str, count: int, capfd: pytest.CaptureFixture[str], new_index: Callable[[str, int], Index]
) -> None:
    index = new_index(kind, DIM)
    assert_small_is_exact(kind, index, clustered(count, seed=6))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ONE_ENGINE)
def test_a_small_collection_of_an_engine_is_exact_and_quiet_as_it_grows(
    kind: str, capfd: pytest.CaptureFixture[str], new_index: Callable[[str, int], Index]
) -> None:
    """One, since to make one takes an engine seconds."""
    index = new_index(kind, DIM)
    capfd.readouterr()  # what the engine's start may say
    for count in FEW:
        assert_small_is_exact(kind, index, clustered(max(FEW), seed=6)[:count])
    assert capfd.readouterr() == ("", "")


def assert_small_is_exact(kind: str, index: Index, vectors: Vectors) -> None:
    keys, queries = np.arange(len(vectors)), clustered(5, seed=7)
    index.upsert(keys, vectors)
    index = reloaded(index)
    found = index.search(queries, K)
    assert len(index) == len(vectors)
    if len(vectors) < 1000 or kind in EXACT:
        assert_same(found, oracle(queries, K, keys, vectors))


@pytest.mark.parametrize("kind", [*KINDS, *ONE_ENGINE])
def test_one_key_keeps_the_last_vector(kind: str, new_index: Callable[[str, int], Index]) -> None:
    vectors = clustered(3)
    index = new_index(kind, DIM)
    index.upsert(np.array([5, 2, 5]), vectors)
    assert len(index) == 2
    assert_same(index.search(vectors, 2), oracle(vectors, 2, np.array([2, 5]), vectors[1:]))


grid = st.integers(-2, 2)
step = st.tuples(
    st.sampled_from(["upsert", "remove", "reload"]), st.lists(st.tuples(st.integers(0, 30), grid, grid), max_size=12)
)


@pytest.mark.parametrize("kind", [*KINDS, *SLOW_ENGINES])
@given(steps=st.lists(step, max_size=8), k=st.integers(1, 40), among=st.none() | st.lists(st.integers(0, 40)))
@settings(max_examples=40, deadline=None)
def test_any_history_of_a_small_collection_equals_the_oracle(
    kind: str,
    steps: list[tuple[str, list[tuple[int, int, int]]]],
    k: int,
    among: list[int] | None,
    new_index: Callable[[str, int], Index],
) -> None:
    """Vectors from a coarse grid: many are equal, so ties are everywhere."""
    index = new_index(kind, 3)
    model: dict[int, Vectors] = {}
    for what, rows in steps:
        keys = np.array([row[0] for row in rows], np.int64)
        vectors = unit(np.array([(*row[1:], 1.0) for row in rows]).reshape(-1, 3))
        if what == "upsert":
            index.upsert(keys, vectors)
            model |= dict(zip(keys.tolist(), vectors, strict=True))
        elif what == "remove":
            index.remove(keys)
            model = {key: vector for key, vector in model.items() if key not in keys}
        else:
            index = reloaded(index)
    keys, vectors = np.array(list(model), np.int64), np.array(list(model.values()), np.float32).reshape(-1, 3)
    queries = unit(np.array([[1.0, 1, 1], [-2, 0.5, 1], [0, 0, 1]]))
    only = None if among is None else np.array(among, np.int64)
    assert len(index) == len(model)
    assert_same(index.search(queries, k, only), oracle(queries, k, keys, vectors, only))


@pytest.mark.parametrize("kind", [*sorted(EXACT - {*ENGINES}), *ONE_ENGINE])
def test_ties_across_the_last_place_go_to_the_lowest_keys(
    kind: str, world: World, build: Callable[[str, World], Index]
) -> None:
    """More equal vectors than places, in rows that a matrix product sums in different ways."""
    copies = np.random.default_rng(8).permutation(COUNT)[:50]
    vectors = world.vectors.copy()
    vectors[copies] = world.queries[0]
    index = build(kind, World(world.keys, vectors, world.queries))
    for batch in (1, 60):
        found = index.search(world.queries[:batch], K)[0][0]
        np.testing.assert_array_equal(found, np.sort(world.keys[copies])[:K])


def test_saved_and_loaded_it_answers_alike(filed: Index, world: World, tmp_path: Path) -> None:
    saved = save_index(filed, tmp_path, "base", MADE_OF)
    loaded = load_index(tmp_path, "base", MADE_OF)
    assert loaded is not None
    for index in (saved, loaded):
        assert index.kind == filed.kind
        assert len(index) == COUNT
        for among in (None, world.matching("0.1"), world.matching("0.5")):
            for mine, theirs in zip(
                index.search(world.queries, K, among), filed.search(world.queries, K, among), strict=True
            ):
                np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(params=KINDS)
def unnoticed(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, float, int], bool]:
    """Whether a saved index is loaded after one byte of one of its files was changed, though it says another thing.

    White space in JSON says nothing: a tab for a space is no damage.
    """
    index: Index = load_plugin("lookalike.indexes", request.param)(8)
    index.upsert(np.arange(1200), clustered(1200, 8))
    save_index(index, tmp_path, "base", MADE_OF)

    def damage(name: str, place: float, change: int) -> bool:
        path = tmp_path / name
        whole = path.read_bytes()
        spot = int(place * (len(whole) - 1))
        changed = whole[:spot] + bytes([whole[spot] ^ change]) + whole[spot + 1 :]
        path.write_bytes(changed)
        try:
            loaded = load_index(tmp_path, "base", MADE_OF)
        finally:
            path.write_bytes(whole)
        return loaded is not None and not (name == "base.json" and json.loads(changed) == json.loads(whole))

    assert load_index(tmp_path, "base", MADE_OF) is not None
    return damage


@given(name=st.sampled_from(["base.index", "base.json"]), place=st.floats(0, 1), change=st.integers(1, 255))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@example(name="base.json", place=0.0, change=1)
@example(name="base.index", place=1.0, change=128)
def test_a_changed_byte_is_found(
    unnoticed: Callable[[str, float, int], bool], name: str, place: float, change: int
) -> None:
    assert not unnoticed(name, place, change)


def test_a_tab_for_a_space_is_no_damage(unnoticed: Callable[[str, float, int], bool], tmp_path: Path) -> None:
    whole = (tmp_path / "base.json").read_bytes()
    space = next(spot for spot in range(len(whole)) if whole[spot : spot + 1] == b" ")
    assert not unnoticed("base.json", (space + 0.5) / (len(whole) - 1), ord(" ") ^ ord("\t"))


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_cut_or_missing_file_is_found(filed: Index, tmp_path: Path, keep: int) -> None:
    save_index(filed, tmp_path, "base", MADE_OF)
    for name in ("base.index", "base.json"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:keep])
        assert load_index(tmp_path, "base", MADE_OF) is None
        (tmp_path / name).unlink()
        assert load_index(tmp_path, "base", MADE_OF) is None
        (tmp_path / name).write_bytes(whole)
    assert load_index(tmp_path, "base", {**MADE_OF, "version": 4}) is None
    assert load_index(tmp_path, "base", MADE_OF) is not None
