"""What the index kinds are made of, and the benchmark that compares them."""

from __future__ import annotations

import mmap
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from lookalike.errors import LookalikeError, UsageError
from lookalike.evaluation.benchmarks import indexes as bench
from lookalike.evaluation.benchmarks.indexes import clustered
from lookalike.indexes import exact
from lookalike.indexes.approximate import SMALLEST, HNSWIndex, IVFRaBitQIndex, LSHIndex
from lookalike.indexes.choice import choose
from lookalike.indexes.exact import best, last_of_each, merged, nearest, padding
from lookalike.indexes.files import load_index, save_index
from lookalike.indexes.flat import FlatIndex, FlatL2Index
from lookalike.indexes.native import _parts
from lookalike.indexes.packing import pack, unpack
from lookalike.plots import save_recall_latency
from lookalike.types import Keys, Vectors
from lookalike.verbs.benchmark_index import benchmark_index


def recall(expected: Keys, found: Keys) -> float:
    return float(np.mean([np.isin(row, hits).mean() for row, hits in zip(expected, found, strict=True)]))


# --- exact scan -------------------------------------------------------------------------------------


@given(
    count=st.integers(0, 60),
    queries=st.integers(0, 5),
    k=st.integers(0, 70),
    seed=st.integers(0, 99),
    share=st.none() | st.floats(0, 1),
    cells=st.sampled_from([1, 100, 1 << 24]),
    block=st.sampled_from([1, 7, 512]),
)
@settings(deadline=None)
def test_nearest_is_a_sort_of_all_cosines(
    count: int, queries: int, k: int, seed: int, share: float | None, cells: int, block: int
) -> None:
    """Whatever is hidden and however the queries are cut into blocks."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-1, 2, (count, 4)).astype(np.float32)  # many are equal
    asked = rng.integers(-1, 2, (queries, 4)).astype(np.float32)
    keys = rng.permutation(1000)[:count]
    among = None if share is None else rng.random(count) < share
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_CELLS", cells)
        patch.setattr(exact, "_BLOCK", block)
        found, scores = nearest(asked, k, keys, vectors, None if among is None else np.flatnonzero(among))
    assert found.shape == scores.shape == (queries, k)
    for query, hits, row in zip(asked, found, scores, strict=True):
        pairs = sorted(
            (-float(v @ query), int(key))
            for i, (key, v) in enumerate(zip(keys, vectors, strict=True))
            if among is None or among[i]
        )[:k]
        padded = [key for _, key in pairs] + [-1] * (k - len(pairs))
        assert hits.tolist() == padded
        assert row.tolist() == [-score for score, _ in pairs] + [-np.inf] * (k - len(pairs))


def test_flat_finds_what_faiss_finds() -> None:
    import faiss

    vectors, asked = clustered(3000, 40), clustered(50, 40, draw=1, clusters_of=3000)
    for ours, theirs in ((FlatIndex(40), faiss.IndexFlatIP(40)), (FlatL2Index(40), faiss.IndexFlatL2(40))):
        ours.upsert(np.arange(3000), vectors)
        theirs.add(vectors)
        keys, scores = ours.search(asked, 10)
        distances, numbers = theirs.search(asked, 10)
        np.testing.assert_array_equal(keys, numbers)
        expected = distances if ours.kind == "flat" else 1 - distances / 2
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_scores_are_summed_in_float64() -> None:
    rng = np.random.default_rng(0)
    vectors = clustered(500, 700)
    query = vectors[3] + rng.normal(0, 0.01, 700).astype(np.float32)
    keys, scores = best(query, 500, np.arange(500), vectors)
    true = vectors.astype(np.float64) @ query.astype(np.float64)
    np.testing.assert_array_equal(scores, true[keys].astype(np.float32))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), unique_by=lambda pair: pair[0]), st.integers(1, 6))
def test_merging_equals_one_answer(pairs: list[tuple[int, int]], k: int) -> None:
    keys = np.array([key for key, _ in pairs], np.int64)
    vectors = np.array([[score] for _, score in pairs], np.float32).reshape(-1, 1)
    query, half = np.ones((1, 1), np.float32), len(keys) // 2
    parts = [nearest(query, k, keys[rows], vectors[rows]) for rows in (slice(half), slice(half, None))]
    for got, expected in zip(merged(padding(1, k), *parts), nearest(query, k, keys, vectors), strict=True):
        np.testing.assert_array_equal(got, expected)


@given(st.lists(st.integers(0, 9)))
def test_last_of_each(keys: list[int]) -> None:
    last = {key: row for row, key in enumerate(keys)}
    assert last_of_each(np.array(keys, np.int64)).tolist() == [last[key] for key in sorted(last)]


# --- packing ----------------------------------------------------------------------------------------

arrays = st.dictionaries(
    st.text(max_size=5),
    st.sampled_from([np.float32, np.int64, np.uint8, np.bool_]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9))
    ),
    max_size=4,
)


@given(arrays)
def test_packed_arrays_come_back_aligned(before: dict[str, NDArray[np.generic]]) -> None:
    after = unpack(pack(before))
    assert list(after) == list(before)
    for name, array in before.items():
        assert after[name].dtype == array.dtype
        assert after[name].flags.aligned
        np.testing.assert_array_equal(after[name], array)


# --- structures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 7, 8, 64, 254, 257, 384, 768, 1000])
def test_a_product_quantiser_fits_any_dimension(dim: int) -> None:
    assert dim % _parts(dim) == 0
    assert dim / _parts(dim) <= 8


def test_more_effort_finds_more() -> None:
    vectors, asked = clustered(6000, 48), clustered(100, 48, draw=1, clusters_of=6000)
    truth = nearest(asked, 10, np.arange(6000), vectors)[0]
    for kind in (LSHIndex, IVFRaBitQIndex, HNSWIndex):
        index = kind(48)
        index.upsert(np.arange(6000), vectors)
        recalls = []
        for effort in (0.02, 1.0):
            index.effort = effort
            recalls.append(recall(truth, index.search(asked, 10)[0]))
        assert recalls[0] < recalls[1], kind.kind
        assert recalls[1] >= 0.99, kind.kind


def test_a_hit_among_many_removed_ones_is_found() -> None:
    """All that a structure would find near the query is gone: what is left must still fill k."""
    vectors = clustered(4000, 32)
    near = nearest(vectors[:1], 450, np.arange(4000), vectors)[0][0]
    for kind in (LSHIndex, IVFRaBitQIndex, HNSWIndex):
        index = kind(32)
        index.upsert(np.arange(4000), vectors)
        index.remove(near)
        keys, scores = index.search(vectors[:1], 10)
        assert not np.isin(keys, near).any(), kind.kind
        assert np.isfinite(scores).all(), kind.kind


def test_a_filter_that_is_asked_again_finds_the_same() -> None:
    """The first time every code is asked about, from the second on there are copies of those that may be found."""
    keys = 3 * np.random.default_rng(1).permutation(24_000)
    vectors, index = clustered(24_000, 64), IVFRaBitQIndex(64)
    index.upsert(keys, vectors)
    gone = keys[::7]
    index.remove(gone)
    filters = [np.sort(keys[some]) for some in (slice(0, 2900), slice(0, 1200), slice(5000, 5100), slice(9000, 12_000))]
    near = vectors @ vectors[0]
    filters = [
        np.sort(keys[near > np.quantile(near, 0.9)]),
        *filters,
    ]  # all of some lists; more than are copied together
    first = [index.search(vectors[:30], 10, among) for among in filters]
    with ThreadPoolExecutor(8) as threads:  # whoever comes first makes the copies, beside the others
        for again in list(
            threads.map(lambda _: [index.search(vectors[:30], 10, among) for among in filters], range(8))
        ):
            for (found, scores), asked, among in zip(again, first, filters, strict=True):
                np.testing.assert_array_equal(found, asked[0])
                np.testing.assert_array_equal(scores, asked[1])
                assert np.isin(found, np.setdiff1d(among, gone)).all()
    index.remove(first[0][0][0])
    assert not np.isin(index.search(vectors[:30], 10, filters[0])[0], first[0][0][0]).any()


def test_a_collection_that_shrinks_is_exact_again() -> None:
    vectors = clustered(SMALLEST + 500, 16)
    index = LSHIndex(16)
    index.upsert(np.arange(len(vectors)), vectors)
    index.remove(np.arange(100, len(vectors)))
    flat = FlatIndex(16)
    flat.upsert(np.arange(100), vectors[:100])
    assert len(index) == 100
    for mine, theirs in zip(index.search(vectors[:9], 7), flat.search(vectors[:9], 7), strict=True):
        np.testing.assert_array_equal(mine, theirs)


# --- files ------------------------------------------------------------------------------------------


def mapped_share(path: Path) -> float:
    """The share of a mapped file that counts as this process's memory."""
    entry = re.search(
        rf"^\S+ .* {re.escape(str(path))}\n(?:.*\n)*?Size: +(\d+) kB\n(?:.*\n)*?Rss: +(\d+) kB",
        Path("/proc/self/smaps").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert entry, "the file is not mapped"
    return int(entry[2]) / int(entry[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages of a map are resident")
def test_full_vectors_stay_in_the_file(tmp_path: Path) -> None:
    vectors = clustered(8000, 256)
    index = IVFRaBitQIndex(256)
    index.upsert(np.arange(8000), vectors)
    loaded = save_index(index, tmp_path, "base", {})
    path = tmp_path / "base.index"
    assert path.stat().st_size > vectors.nbytes
    for among in (None, np.arange(0, 8000, 2), np.arange(5)):
        for mine, theirs in zip(
            loaded.search(vectors[:20], 10, among), index.search(vectors[:20], 10, among), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
    assert mapped_share(path) < 0.05


def test_an_index_in_use_outlives_its_file(tmp_path: Path) -> None:
    """A rebuild replaces the file under a reader's feet: the reader keeps what it has opened."""
    vectors = clustered(3000, 16)
    index = IVFRaBitQIndex(16)
    index.upsert(np.arange(3000), vectors)
    loaded = save_index(index, tmp_path, "base", {})
    before = loaded.search(vectors[:5], 10)
    index.upsert(np.arange(3000), vectors[::-1])
    save_index(index, tmp_path, "base", {})
    np.testing.assert_array_equal(loaded.search(vectors[:5], 10)[0], before[0])
    loaded.upsert(np.arange(3000, 6000), vectors)
    assert len(loaded) == 6000


def test_a_whole_file_of_another_version_is_rebuilt(tmp_path: Path) -> None:
    class Newer(LSHIndex):
        def serialise(self) -> bytes:
            parts = unpack(super().serialise())
            return pack({**parts, "faiss": np.frombuffer(b"Zz99" + bytes(60), np.uint8)})

    index = Newer(4)
    index.upsert(np.arange(SMALLEST), clustered(SMALLEST, 4))
    assert save_index(index, tmp_path, "base", {}) is index
    assert load_index(tmp_path, "base", {}) is None


def test_an_index_is_read_from_a_map_or_from_bytes(tmp_path: Path) -> None:
    index = FlatIndex(4)
    index.upsert(np.array([3, 1]), np.eye(4, dtype=np.float32)[:2])
    (tmp_path / "data").write_bytes(index.serialise())
    with (tmp_path / "data").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for data in (index.serialise(), mapped):
        assert FlatIndex.deserialise(data).search(np.eye(4, dtype=np.float32)[:1], 2)[0].tolist() == [[3, 1]]


# --- choice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "dim", "kind"),
    [
        (0, 384, "flat"),
        (100_000, 384, "flat"),
        (200_000, 768, "ivf-rabitq"),
        (1_600_000, 384, "ivf-rabitq"),
        (200_000, 64, "flat"),
        (2_000_000, 64, "ivf-flat"),
    ],
)
def test_auto_chooses_by_size_and_says_why(count: int, dim: int, kind: str) -> None:
    chosen, reason = choose(count, dim)
    assert chosen == kind
    assert f"{count:,} vectors of {dim}" in reason
    assert reason.endswith(".")
    assert reason.count(". ") == 0


# --- benchmark --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured() -> bench.IndexBenchmark:
    return benchmark_index([1500], [24], ["lsh"], queries=20, efforts=(0.5, 1))


def test_benchmark_measures_against_flat(measured: bench.IndexBenchmark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # nothing is wrapped
    flat, lsh = measured.rows
    assert (flat.kind, lsh.kind) == ("flat", "lsh")
    assert flat.recall == flat.times_faster == 1
    assert len(flat.curve) == 1
    assert [point.effort for point in lsh.curve] == [0.5, 1.0]
    assert lsh.recall == lsh.curve[1].recall >= 0.95
    assert lsh.p50_ms
    assert flat.p50_ms
    assert lsh.times_faster == pytest.approx(flat.p50_ms / lsh.p50_ms)
    assert flat.file_mb == pytest.approx(1500 * (24 * 4 + 8) / 1e6, rel=0.05)
    lines = measured.tables().splitlines()
    assert len(lines) == 5
    assert all(word in lines[-1] for word in ("lsh", "1500", "24"))


def test_no_speed_is_told_of_an_index_that_finds_too_little(measured: bench.IndexBenchmark) -> None:
    flat, lsh = measured.rows
    poor = bench.beside_flat(bench.replace(lsh, recall=0.94), flat)
    assert poor.times_faster is poor.p50_ms is poor.p99_ms is None
    assert bench._cells(poor)[-3:] == ["-", "-", "-"]


def test_an_index_that_loses_vectors_is_not_measured() -> None:
    class Forgetful(FlatIndex):
        def upsert(self, keys: Keys, vectors: Vectors) -> None:
            super().upsert(keys[1:], vectors[1:])

    vectors = clustered(50, 4)
    with pytest.raises(LookalikeError, match="flat holds 49 of 50 vectors"):
        bench.measure_index(Forgetful(4), vectors, vectors[:3], np.arange(3)[:, None], [1.0])


def test_benchmark_draws_recall_against_latency(measured: bench.IndexBenchmark, tmp_path: Path) -> None:
    with PIL.Image.open(save_recall_latency(measured, tmp_path / "curve.png")) as picture:
        assert min(picture.size) > 500
    with pytest.raises(UsageError, match=r"curve\.png"):
        save_recall_latency(measured, tmp_path / "nowhere" / "curve.png")


def test_benchmark_refuses_what_cannot_be_measured() -> None:
    with pytest.raises(UsageError, match="above 0"):
        benchmark_index([0], [4])
    with pytest.raises(UsageError, match=r"'hnws'.*hnsw"):
        benchmark_index([10], [4], ["hnws"])
