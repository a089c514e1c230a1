"""The only module that calls FAISS, which numbers vectors 0, 1, 2, ... in the order they were added."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.indexes.recipes import FILTERED_SHARE, HELD_PER_HIT, LEAST_PROBES, PROBED_SHARE, Recipe
from lookalike.machine import usable_processors
from lookalike.types import Vectors

_TRAINING: Final = 64  # vectors a list in the k-means sample
_ROUNDS: Final = 10  # of k-means
_SHARE_OF_A_THREAD: Final = 1 << 22  # numbers
_ALL_COUNTED: Final = 100_000  # vectors
_QUERY_BITS: Final = 8  # of a query's component in RaBitQ: float queries take 50 times as long

_processors: Final = cache(usable_processors)  # a search may take no longer than asking that


def _faiss() -> Any:
    """FAISS, imported on first use. Its own type stubs lack most of its functions."""
    import faiss

    return faiss


class Builder:
    """Builds a FAISS index of a recipe from blocks of vectors: trained on a sample, then added to. The same vectors in
    the same blocks give the same index.
    """

    def __init__(self, recipe: Recipe, count: int, dim: int) -> None:
        """count: about how many vectors there will be."""
        faiss = _faiss()
        self._lists = max(1, round(math.sqrt(count)))
        factory = recipe.factory.format(lists=self._lists, bits=recipe.bits or 2 * dim, parts=_parts(dim))
        self.index = faiss.index_factory(dim, factory, getattr(faiss, recipe.metric))
        _configure(self.index, recipe)

    @property
    def sample(self) -> int:
        """How many vectors it wants to be trained on; 0 if none."""
        return 0 if self.index.is_trained else _TRAINING * self._lists

    def train(self, sample: Vectors) -> None:
        """Learn from a sample (n, dim), which is drawn without order."""
        with _threads(self._of(sample)):
            self.index.train(sample)

    def add(self, vectors: Vectors) -> None:
        """Add vectors (n, dim), numbered on from those before."""
        with _threads(self._of(vectors)):
            self.index.add(np.ascontiguousarray(vectors))

    def _of(self, vectors: Vectors) -> int:
        """Threads: with several the links of a graph depend on their timing; for a small task they do not pay."""
        return 1 if hasattr(self.index, "hnsw") else vectors.size // _SHARE_OF_A_THREAD


def build(recipe: Recipe, vectors: Vectors) -> Any:
    """A FAISS index of (n, dim) vectors, which are all there."""
    builder = Builder(recipe, *vectors.shape)
    if builder.sample:
        rows = np.random.default_rng(0).permutation(len(vectors))[: builder.sample]
        builder.train(vectors[np.sort(rows)])
    builder.add(vectors)
    return builder.index


@contextmanager
def _threads(most: int) -> Iterator[None]:
    """Limit FAISS to this many threads, for the calling thread only."""
    faiss = _faiss()
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(max(1, min(most, usual, _processors())))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def _configure(index: Any, recipe: Recipe) -> None:
    if hasattr(index, "hnsw"):
        index.hnsw.efConstruction = recipe.ef_construction
    for trained in (index, getattr(index, "pq", index)):
        if hasattr(trained, "cp"):
            trained.cp.min_points_per_centroid = 1  # below 39, FAISS warns on the terminal
            trained.cp.max_points_per_centroid = _TRAINING
            trained.cp.niter = _ROUNDS
    if hasattr(index, "qb"):
        index.qb = _QUERY_BITS


def likely_numbers(
    index: Any,
    recipe: Recipe,
    queries: Vectors,
    k: int,
    *,
    effort: float,
    live: int,
    bits: NDArray[np.uint8] | None,
    held: NDArray[np.int64] | None = None,
    narrowed: Any | None = None,
) -> NDArray[np.int64]:
    """The numbers of more than k vectors likely near each query, (q, some) padded with -1.

    live: how many may be found; bits: which (``bits_of``), None: all. held: about how many of these each list holds,
    where a filter may have left them anywhere (``held_by_lists``). narrowed: an index of these alone, if there is one.
    """
    faiss = _faiss()
    count = min(k + math.ceil(effort * (recipe.depth + k)), live)
    if isinstance(index, faiss.IndexLSH):
        with _threads(len(queries)):
            return _hashed(index, queries, count, None if bits is None else alive_of(bits, index.ntotal))
    selector = None if bits is None or narrowed is not None else faiss.IDSelectorBitmap(bits)
    parameters: Any = faiss.SearchParameters(sel=selector)
    if hasattr(index, "hnsw"):
        parameters = faiss.SearchParametersHNSW(efSearch=max(count, round(effort * recipe.ef_search)), sel=selector)
    elif hasattr(index, "nprobe"):
        enough = HELD_PER_HIT * k * index.nlist / index.ntotal
        probes = max(1, round(effort * max(LEAST_PROBES, PROBED_SHARE * index.nlist, enough)))
        if held is not None:
            wanted = max(effort * FILTERED_SHARE * index.ntotal * (live / index.ntotal) ** 0.25, HELD_PER_HIT * k)
            probes = max(probes, _lists_with(index, queries, held, wanted))
        probes = min(probes, index.nlist)
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
    with _threads(len(queries)):
        searched = index if narrowed is None else narrowed
        numbers: NDArray[np.int64] = searched.search(queries, count, params=parameters)[1]
    return numbers


def narrowed_lists(index: Any, alive: NDArray[np.bool_]) -> tuple[Any, NDArray[np.int64]] | None:
    """An index of the vectors that may be found alone, by copies of their codes, and how many each list holds; None for
    a kind that is not searched much faster so. It finds what ``index`` does with a selector, which is asked about every
    code that it leaves out. It lasts no longer than ``index``, whose centres it has.
    """
    faiss = _faiss()
    if not isinstance(index, faiss.IndexIVFRaBitQ):
        return None
    lists, whole = faiss.ArrayInvertedLists(index.nlist, index.code_size), index.invlists
    held = np.zeros(index.nlist, np.int64)
    for number in range(index.nlist):
        if size := whole.list_size(number):
            ids = faiss.rev_swig_ptr(whole.get_ids(number), size)
            kept = np.flatnonzero(alive[ids])
            codes = faiss.rev_swig_ptr(whole.get_codes(number), size * index.code_size).reshape(size, -1)
            own = ids[kept], codes[kept]  # FAISS is given addresses, which keep nothing alive
            lists.add_entries(number, len(kept), *map(faiss.swig_ptr, own))
            held[number] = len(kept)
    found = faiss.IndexIVFRaBitQ(index.quantizer, index.d, index.nlist, index.metric_type, False, index.rabitq.nb_bits)
    found.qb, found.by_residual, found.is_trained = index.qb, index.by_residual, True
    found.replace_invlists(lists, True)
    lists.this.disown()  # the index frees them
    found.ntotal = int(held.sum())
    return found, held


def bits_of(alive: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Which of some rows (n,) may be found, eight in a byte, as FAISS takes it."""
    return np.packbits(alive, bitorder="little")


def alive_of(bits: NDArray[np.uint8], count: int) -> NDArray[np.bool_]:
    """What ``bits_of`` was given, of so many rows."""
    return np.unpackbits(bits, count=count, bitorder="little").view(np.bool_)


def lists_of(index: Any) -> NDArray[np.int32] | None:
    """(n,): the list that each vector is in; None for a kind without lists."""
    if not hasattr(index, "nprobe"):
        return None
    faiss = _faiss()
    found = np.empty(index.ntotal, np.int32)
    for number in range(index.nlist):
        if size := index.invlists.list_size(number):
            found[faiss.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    return found


def held_by_lists(index: Any, lists: NDArray[np.int32], alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(lists,): about how many of those that may be found each list holds; of many vectors every eighth is counted."""
    step = 8 if len(lists) > _ALL_COUNTED else 1
    return np.bincount(lists[::step][alive[::step]], minlength=index.nlist) * step


def _lists_with(index: Any, queries: Vectors, held: NDArray[np.int64], wanted: float) -> int:
    """How many lists, the nearest to a query first, hold so many vectors that may be found; the most that one needs."""
    nearest_first = index.quantizer.search(queries, index.nlist)[1]
    reached = np.cumsum(held[nearest_first], axis=1) >= wanted
    return int(np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, index.nlist).max(initial=1))


def kept_vectors(index: Any) -> Vectors:
    """The float32 vectors of a structure that keeps them, (n, dim): FAISS's own memory."""
    faiss = _faiss()
    flat = faiss.downcast_index(index.storage)
    vectors: Vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    return vectors.reshape(flat.ntotal, flat.d)


def clear_codes(index: Any, rows: NDArray[np.int64], vectors: Vectors) -> None:
    """Overwrite what an index holds of some rows, whose vectors (n, dim) are these, by zeros; they keep their number,
    and are not to be found. The links of a graph stay.
    """
    faiss = _faiss()
    if hasattr(index, "nprobe"):
        lists = index.invlists
        for row, where in zip(rows.tolist(), index.quantizer.assign(vectors, 1)[:, 0].tolist(), strict=True):
            ids = faiss.rev_swig_ptr(lists.get_ids(where), lists.list_size(where))
            for place in np.flatnonzero(ids == row).tolist():
                codes = faiss.rev_swig_ptr(lists.get_codes(where), lists.list_size(where) * lists.code_size)
                codes[place * lists.code_size : (place + 1) * lists.code_size] = 0
        return
    flat = faiss.downcast_index(getattr(index, "storage", index))
    codes = faiss.rev_swig_ptr(flat.codes.data(), flat.ntotal * flat.code_size)
    codes.reshape(flat.ntotal, flat.code_size)[rows] = 0


def write_faiss(index: Any, write: Callable[[Any], object]) -> None:
    """FAISS's file format, piece by piece."""
    # serialize_index fails once SimpleITK is imported: the two share SWIG's table of vector types.
    faiss = _faiss()
    faiss.write_index(index, faiss.PyCallbackIOWriter(write))


def from_faiss_bytes(data: NDArray[np.uint8]) -> Any:
    """The index that ``write_faiss`` wrote. The caller has verified the bytes: damaged ones can crash the process."""
    faiss = _faiss()
    return faiss.read_index(faiss.PyCallbackIOReader(io.BytesIO(data.data).read))


def _hashed(index: Any, queries: Vectors, count: int, alive: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Search LSH, which takes no selector: request more until enough of the results are alive."""
    if alive is None:
        found: NDArray[np.int64] = index.search(queries, count)[1]
        return found
    wanted = count
    while True:
        numbers: NDArray[np.int64] = index.search(queries, min(wanted, len(alive)))[1]
        numbers[~alive[numbers]] = -1
        if wanted >= len(alive) or ((numbers >= 0).sum(axis=1) >= count).all():
            first = np.argsort(numbers < 0, axis=1, kind="stable")[:, :count]
            return np.take_along_axis(numbers, first, axis=1)
        wanted *= 2


def _parts(dim: int) -> int:
    """Parts of a product quantiser: the fewest of at most 8 components that divide the dimension."""
    return next(parts for parts in range(math.ceil(dim / 8), dim + 1) if dim % parts == 0)


def nearest_codes(
    codes: NDArray[np.uint8], queries: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The k binary codes (n, bytes) with the fewest different bits from each query (q, bytes): their rows (q, k), -1
    pads, and how many bits differ.
    """
    index = _faiss().IndexBinaryFlat(8 * codes.shape[1])
    index.add(np.ascontiguousarray(codes))
    bits, rows = index.search(np.ascontiguousarray(queries), k)
    return rows, bits.astype(np.int64)
