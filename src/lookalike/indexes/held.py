"""An index that a process holds, and how it keeps step with the store without being made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lookalike.indexes import Index, Searchable
from lookalike.indexes.chain import Chain
from lookalike.indexes.changed import ChangedIndex
from lookalike.store import Store
from lookalike.store.since import VectorLayout, changes_since
from lookalike.types import Vectors

LEAST_TO_GROW: Final = 1000
"""Vectors; fewer are indexed in a moment."""
_LOOSE: Final = 1 / 8  # share of the vectors after whose change an index is made anew

State = tuple[int, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class HeldIndex:
    """state: the vectors' version and the adapter that it stands for. base: the index that was made; index: as it is
    after what has changed since; layout: the vectors that it knows of. chain: its files, None where there are none that
    can grow; unkept: how many vectors have gone or come since these.
    """

    state: State
    layout: VectorLayout
    base: Index
    index: Searchable
    chain: Chain | None = None
    unkept: int = 0

    def caught_up(self, store: Store, state: State, project: Callable[[Vectors], Vectors]) -> HeldIndex | None:
        """This index after what has changed in the store, at the cost of the changes; None if it is better made anew.
        project: base vectors into the space. Raises DamagedFileError.
        """
        most = int(_LOOSE * len(self.base))
        if len(self.base) < LEAST_TO_GROW or self.state[1] != state[1]:
            return None
        since = changes_since(store, self.layout, most)
        if since is None or since.layout.version < state[0]:
            return None
        before = self.index if isinstance(self.index, ChangedIndex) else ChangedIndex.unchanged(self.base)
        vectors = project(since.vectors) if len(since.keys) else since.vectors
        index = before.changed(len(since.layout.keys), since.gone, since.keys, vectors)
        if index.loose > most:
            return None
        unkept = self.unkept + len(since.gone) + len(since.keys)
        return HeldIndex((since.layout.version, state[1]), since.layout, self.base, index, self.chain, unkept)
