"""A FAISS structure that is built once, with the keys and the float32 vectors of its rows."""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.indexes import VectorStream
from lookalike.indexes.exact import best, merged, nearest, padding
from lookalike.indexes.mapped import MappedFile
from lookalike.indexes.native import (
    Builder,
    alive_of,
    bits_of,
    build,
    clear_codes,
    from_faiss_bytes,
    held_by_lists,
    kept_vectors,
    likely_numbers,
    lists_of,
    narrowed_lists,
    write_faiss,
)
from lookalike.indexes.packing import PackedFile, mapping_of, overwritten, replaced
from lookalike.indexes.recipes import Recipe
from lookalike.types import Keys, Scores, Vectors

_BLOCK: Final = 4096  # rows read from the file at once
_DENSE: Final = 16  # of so many rows one or more: they are read through the mapping
_FILTERS: Final = 16  # whose rows are kept, a bit a row
_SPARSE: Final = 8  # numbers a key, up to which a table of all numbers is made
_FEW: Final = 500  # rows that are scanned faster than searched
_COPIED: Final = 1 / 8  # share of the rows, up to which a filter's are copied,
_COPIES: Final = 1 / 4  # and up to which those of all filters are


class Structure:
    """Rows may be struck off, nothing else changes. Keys (n,) in any order; row i is FAISS's number i."""

    def __init__(self, recipe: Recipe, index: Any, keys: Keys, alive: NDArray[np.bool_], vectors: Vectors) -> None:
        self._recipe, self._index, self._keys, self._alive = recipe, index, keys, alive
        self._vectors = kept_vectors(index) if recipe.keeps_vectors else vectors
        mapping = mapping_of(self._vectors)
        self._source = mapping if isinstance(mapping, MappedFile) else None
        self._let_go()
        self._all = _Selected(None, bits_of(alive), int(np.count_nonzero(alive)))
        self._selected: tuple[_Selected, ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, keys: Keys, vectors: Vectors) -> Structure:
        """Build it. keys (n,) distinct, vectors (n, dim) float32."""
        return cls(recipe, build(recipe, vectors), keys.copy(), np.ones(len(keys), np.bool_), vectors)

    @classmethod
    def unpacked(cls, recipe: Recipe, parts: dict[str, NDArray[Any]]) -> Structure:
        """The structure that was written; vectors that lie in a memory-mapped file stay there."""
        keys, alive = parts["keys"].copy(), parts["alive"].copy()
        return cls(recipe, from_faiss_bytes(parts["faiss"]), keys, alive, parts["vectors"])

    def write(self, packed: PackedFile) -> None:
        """Everything, as arrays."""
        packed.add("keys", self._keys)
        packed.add("alive", self._alive)
        packed.add("vectors", self._vectors[:0] if self._recipe.keeps_vectors else self._vectors)
        packed.add_bytes("faiss", partial(write_faiss, self._index))

    @staticmethod
    def write_from(recipe: Recipe, stored: VectorStream, packed: PackedFile) -> None:
        """As ``write``, of vectors that come in blocks and are held nowhere."""
        builder, keys = Builder(recipe, stored.count, stored.dim), [np.empty(0, np.int64)]
        if builder.sample:
            builder.train(stored.sample(builder.sample))

        def added() -> Iterator[Vectors]:
            for some, vectors in stored.blocks():
                builder.add(vectors)
                keys.append(some)
                yield vectors[:0] if recipe.keeps_vectors else vectors

        packed.add_blocks("vectors", "<f4", stored.dim, added())
        packed.add("keys", every := np.concatenate(keys))
        packed.add("alive", np.ones(len(every), np.bool_))
        packed.add_bytes("faiss", partial(write_faiss, builder.index))

    @staticmethod
    def erased(data: Any, parts: dict[str, NDArray[Any]], gone: Keys) -> Iterator[tuple[int, bytes]]:
        """Where in a buffer with written arrays what is to be written so that it holds nothing of some keys."""
        rows, index = np.flatnonzero(np.isin(parts["keys"], gone)), from_faiss_bytes(parts["faiss"])
        kept = parts["vectors"] if len(parts["vectors"]) else kept_vectors(index)
        clear_codes(index, rows, np.ascontiguousarray(kept[rows]))
        yield from overwritten(data, parts["alive"], rows, False)
        yield from overwritten(data, parts["vectors"], rows if len(parts["vectors"]) else rows[:0], 0)
        written = bytearray()
        write_faiss(index, written.extend)
        yield from replaced(data, parts["faiss"], np.frombuffer(written, np.uint8))

    def __len__(self) -> int:
        return self._all.matching

    @property
    def struck(self) -> int:
        """How many rows are struck off."""
        return len(self._keys) - len(self)

    def strike(self, keys: Keys) -> None:
        """Strike off these keys: they are never found again."""
        self._alive = self._alive & ~np.isin(self._keys, keys)
        self._all = _Selected(None, bits_of(self._alive), int(np.count_nonzero(self._alive)))
        self._selected = ()

    def remaining(self) -> tuple[Keys, Vectors]:
        """The keys and vectors that are not struck off."""
        rows = np.flatnonzero(self._alive)
        return self._keys[rows], self._read(rows)

    def search(self, queries: Vectors, k: int, among: Keys | None, effort: float) -> tuple[Keys, Scores]:
        """(q, k) keys and cosines; exact where few rows match, or where FAISS finds fewer than match."""
        chosen = self._all if among is None else self._select(among)
        count, matching = len(self._keys), chosen.matching
        few = 0 if among is None else self._recipe.exact_share * count
        if matching <= max(_FEW, few) or k >= matching / 2:
            return self._scan(queries, k, chosen)
        numbers = likely_numbers(
            self._index,
            self._recipe,
            queries,
            k,
            effort=effort,
            live=matching,
            bits=None if matching == count else chosen.bits,
            held=chosen.held,
            narrowed=chosen.narrowed,
        )
        keys, scores = padding(len(queries), k)
        for i, row in enumerate(numbers):
            found = np.sort(row[row >= 0])
            if len(found) < k:
                keys[i : i + 1], scores[i : i + 1] = self._scan(queries[i : i + 1], k, chosen)
            else:
                keys[i], scores[i] = best(queries[i], k, self._keys[found], self._read(found))
        return keys, scores

    def _select(self, among: Keys) -> _Selected:
        """Which rows have one of these keys. Those of the last filters are kept, by the array itself, as long as
        somebody has that.
        """
        for known in self._selected:
            if known.among is not None and known.among() is among:
                return known if known.narrowed is not None else self._copied(known)
        alive = self._alive & self._among(among)
        held = None if self._lists is None else held_by_lists(self._index, self._lists, alive)
        found = _Selected(weakref.ref(among), bits_of(alive), int(np.count_nonzero(alive)), held)
        others = [each for each in self._selected if each.among is not None and each.among() is not None]
        self._selected = (found, *others[: _FILTERS - 1])
        return found

    def _copied(self, known: _Selected) -> _Selected:
        """The rows of a filter that is asked again, with copies of their codes unless these are too many."""
        copies = sum(each.matching for each in self._selected if each.narrowed is not None)
        count, matching = len(self._keys), known.matching
        if matching > _COPIED * count or copies + matching > _COPIES * count:
            return known
        narrowed = narrowed_lists(self._index, alive_of(known.bits, count))
        if narrowed is None:
            return known
        found = replace(known, narrowed=narrowed[0], held=narrowed[1])
        self._selected = tuple(found if each is known else each for each in self._selected)
        return found

    @cached_property
    def _lists(self) -> NDArray[np.int32] | None:
        return lists_of(self._index)

    def _among(self, keys: Keys) -> NDArray[np.bool_]:
        """(n,): which rows have one of these keys; by a table, where the keys lie close together."""
        last = int(self._keys.max(initial=0))
        if last > _SPARSE * len(self._keys) or self._keys.min(initial=0) < 0:
            return np.isin(self._keys, keys)
        table = np.zeros(last + 1, np.bool_)
        table[keys[(keys >= 0) & (keys <= last)]] = True
        return table[self._keys]

    def _scan(self, queries: Vectors, k: int, chosen: _Selected) -> tuple[Keys, Scores]:
        rows = np.flatnonzero(alive_of(chosen.bits, len(self._keys)))
        if self._source is None:
            return nearest(queries, k, self._keys, self._vectors, rows)
        answer = padding(len(queries), k)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            answer = merged(answer, nearest(queries, k, self._keys[block], self._read(block)))
        return answer

    def _read(self, rows: NDArray[np.int64]) -> Vectors:
        if self._source is not None and len(rows) * _DENSE < len(self._keys):
            return self._source.rows_of(self._vectors, rows)
        vectors: Vectors = self._vectors[rows]
        self._let_go()
        return vectors

    def _let_go(self) -> None:
        """What was read of the file stays in the system's cache, but no longer counts as this process's memory."""
        if self._source is not None:
            self._source.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True, eq=False)
class _Selected:
    """bits: of which rows may be found (``bits_of``); matching: how many; held: of them by each list, None where there
    are none. among: for which keys; None: for all. narrowed: an index of these rows alone (``narrowed_lists``).
    """

    among: weakref.ref[Keys] | None
    bits: NDArray[np.uint8]
    matching: int
    held: NDArray[np.int64] | None = None
    narrowed: Any | None = None
