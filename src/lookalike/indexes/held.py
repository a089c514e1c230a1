"""An index that a process holds, and how it keeps step with the store without being made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike.indexes import Index, Searchable
from lookalike.indexes.changed import ChangedIndex
from lookalike.indexes.flat import FlatIndex
from lookalike.store import Store
from lookalike.store.since import VectorLayout, changes_since
from lookalike.types import Vectors

_SMALLEST: Final = 1000  # vectors; fewer are indexed in a moment
_LOOSE: Final = 1 / 8  # share of the vectors after whose change an index is made anew

State = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class HeldIndex:
    """state: the vectors' version and the adapter that it stands for. base: the index that was made; index: as it is
    after what has changed since; layout: the vectors that it knows of.
    """

    state: State
    layout: VectorLayout
    base: Index
    index: Searchable

    def caught_up(self, store: Store, state: State, project: Callable[[Vectors], Vectors]) -> HeldIndex | None:
        """This index after what has changed in the store, at the cost of the changes; None if it is better made anew.
        project: base vectors into the space. Raises DamagedFileError.
        """
        most = int(_LOOSE * len(self.base))
        if len(self.base) < _SMALLEST or self.state[1] != state[1]:
            return None
        since = changes_since(store, self.layout, most)
        if since is None or since.layout.version < state[0]:
            return None
        before = self.index if isinstance(self.index, ChangedIndex) else _unchanged(self.base)
        vectors = project(since.vectors) if len(since.keys) else since.vectors
        index = before.changed(len(since.layout.keys), since.gone, since.keys, vectors)
        if index.loose > most:
            return None
        return HeldIndex((since.layout.version, state[1]), since.layout, self.base, index)


def _unchanged(base: Index) -> ChangedIndex:
    return ChangedIndex(base, len(base), np.empty(0, np.int64), FlatIndex(0))
