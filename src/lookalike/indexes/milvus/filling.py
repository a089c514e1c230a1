"""Putting what a store holds into a collection: all of it, or what has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeAlias

import numpy as np

from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.indexes.milvus.expression import said_of
from lookalike.store import Store
from lookalike.store.described import DescribedVectors, described_after, described_records
from lookalike.types import Keys, Vectors

_TOGETHER: Final = 4096  # vectors that are read from the store at once
_EXACT_BYTES: Final = 1 << 30  # of float32 vectors, which the engine compares with one by one

Project: TypeAlias = Callable[[Vectors], Vectors]
"""Base vectors -> those of a space."""


def wants_graph(count: int, dim: int) -> bool:
    """Whether a graph is to be searched: comparing with every vector would take too long."""
    return count * dim * 4 > _EXACT_BYTES


def unprojected(vectors: Vectors) -> Vectors:
    """The base vectors themselves."""
    return vectors


def fill(
    index: MilvusIndex,
    store: Store,
    project: Project = unprojected,
    *,
    beside: bool = False,
    moment: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Put every vector into an empty collection. beside: of the vectors beside; moment: within, what was read may be
    put.
    """
    last: int | None = -1
    while last is not None:
        with moment():
            last = _put(index, described_after(store, last, _TOGETHER, beside=beside), project)
    index.settle()


def change(
    index: MilvusIndex, store: Store, changed: Keys, project: Project = unprojected, *, beside: bool = False
) -> None:
    """Bring some records in step: those that were removed, too."""
    for start in range(0, len(changed), _TOGETHER):
        some = changed[start : start + _TOGETHER]
        block = described_records(store, some.tolist(), beside=beside)
        remove_gone(index, some, block)
        _put(index, block, project)


def remove_gone(index: MilvusIndex, records: Keys, there: DescribedVectors) -> None:
    """Take out what the collection has of some records and the store has not."""
    index.remove(np.setdiff1d(index.keys_of_records(records), there.stored.keys))


def _put(index: MilvusIndex, block: DescribedVectors, project: Project) -> int | None:
    """The last key of a block that was put; None for an empty one."""
    stored = block.stored
    if not len(stored.keys):
        return None
    said = {
        key: {"id": raw.said[0], "patient": raw.said[4], "said": said_of(raw.labels, raw.attributes)}
        for key, raw in block.records.items()
    }
    index.upsert(stored.keys, project(stored.vectors), stored.records, said)
    return int(stored.keys[-1])
