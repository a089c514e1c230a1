"""The exact ranking that every evaluation uses: by cosine, among the records that may answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import voting
from lookalike.asking.candidates import open_rows
from lookalike.errors import UsageError
from lookalike.metrics import Bools
from lookalike.ranking import reciprocal_rank_fusion
from lookalike.types import Vectors
from lookalike.voting import RowNumbers

DEEPEST: Final = 1000  # the largest depth k
_CELLS: Final = 1 << 24  # similarities in memory at once: 64 MB of float32


@dataclass(frozen=True, slots=True, eq=False)
class RankedBlock:
    """A block of queries. rows: their numbers. open (q, n): the gallery rows that may answer. order (q, depth): the
    nearest of them, best first, equal scores in gallery order; -1 pads.
    """

    rows: slice
    open: Bools
    order: RowNumbers


def rank(
    queries: Vectors, gallery: Vectors, asking: Sequence[Collection[str]], owners: Sequence[str], depth: int
) -> Iterator[RankedBlock]:
    """Rank a gallery (n, dim) for queries (q, dim), a block of them at a time.

    asking: the patients of each query; owners: the patient of each gallery row, which never answers its own patient.
    """
    opened = open_rows(owners)
    at_once = max(1, min(voting.BLOCK, _CELLS // max(1, len(gallery))))
    for start in range(0, len(queries), at_once):
        rows = slice(start, start + at_once)
        free = opened(asking[rows])
        order, _ = voting.nearest_rows(queries[rows], gallery, depth, allowed=free.__getitem__)
        yield RankedBlock(rows, free, order)


def fused(blocks: Sequence[RankedBlock], depth: int) -> RankedBlock:
    """Several rankings of the same queries and rows as one, by reciprocal rank (``ranking.reciprocal_rank_fusion``),
    the ``depth`` best. Each should be ``ranking.FUSED_DEPTH`` deep.
    """
    order = np.full((len(blocks[0].order), depth), -1, np.int64)
    for row, rankings in enumerate(zip(*(block.order for block in blocks), strict=True)):
        best = reciprocal_rank_fusion([each[each >= 0].tolist() for each in rankings], limit=depth)
        order[row, : len(best)] = [item for item, _ in best]
    return RankedBlock(blocks[0].rows, blocks[0].open, order)


def checked_depths(k: Sequence[int]) -> tuple[int, ...]:
    """The depths, ascending, each once. Raises UsageError if there are none, or any is not from 1 to ``DEEPEST``."""
    depths = tuple(sorted(set(k)))
    if not depths or depths[0] < 1 or depths[-1] > DEEPEST:
        raise UsageError(f"k must be numbers from 1 to {DEEPEST}, got {list(k)}")
    return depths
