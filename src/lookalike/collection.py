"""A part of an open gallery: as it is seen by who may see the records that satisfy a filter, and no others.

It is a ``Gallery``: whatever is asked of galleries can be asked of it, and a record outside is not there, is counted
nowhere and is nobody's neighbour (``store.within``). The encoder, the decoding processes and the indexes are those of
the whole gallery; nothing can be written through it.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from lookalike.encoders import Encoder
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.indexes import AnyIndex, FilteringIndex
from lookalike.indexes.milvus.part import PartOfEngine
from lookalike.indexes.narrowed import NarrowedIndex
from lookalike.store import BASE
from lookalike.store.since import vector_keys
from lookalike.types import Keys, VolumeRecipe

if TYPE_CHECKING:
    from lookalike.readers.pool import ReaderPool

_NOT_YET: Final = (-1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """state: edits and version of the vectors, as of which these vector keys are there, ascending. part: their name."""

    state: tuple[int, int]
    keys: Keys
    part: str


class Collection(Gallery):
    """whole: an open gallery, which must stay open. tree: a filter as ``store.within.checked_part`` gives it."""

    def __init__(self, whole: Gallery, tree: Filter) -> None:
        self._whole, self._tree = whole, tree
        self._narrowed: dict[str, tuple[AnyIndex, _Members, NarrowedIndex | PartOfEngine]] = {}
        self._counting, self._changes = threading.Lock(), -1
        self._members = _Members(_NOT_YET, np.empty(0, np.int64), "")
        super().__init__(whole.folder, within=tree)

    @property
    def part(self) -> str:
        """The name of the records that are there: another one when they change."""
        return self._there().part

    @property
    def engine_away(self) -> bool:
        """Whether the whole gallery's own index answered last, in the place of an engine."""
        return self._whole.engine_away

    @property
    def keeps_maps(self) -> bool:
        """Whether maps may be kept in the folder: those of a part are named by it."""
        return self._whole.store.writable

    @property
    def encoder(self) -> Encoder:
        """The loaded encoder of the whole gallery."""
        return self._whole.encoder

    @property
    def readers(self) -> ReaderPool:
        """The decoding processes of the whole gallery."""
        return self._whole.readers

    @property
    def volume_recipe(self) -> VolumeRecipe:
        """How volumes are sliced in the whole gallery."""
        return self._whole.volume_recipe

    def index(self, space: str = BASE) -> AnyIndex:
        """The whole gallery's index of a space, in which only the vectors that are there are found."""
        return self._narrow(space, self._whole.index(space))

    def index_base(self, space: str = BASE) -> AnyIndex:
        """As ``index``: another object whenever other vectors are there."""
        return self._narrow(space, self._whole.index(space))

    def close(self) -> None:
        """Close the database; the whole gallery stays open."""
        self.store.close()

    def _narrow(self, space: str, index: AnyIndex) -> AnyIndex:
        members, held = self._there(), self._narrowed.get(space)
        if held is None or held[0] is not index or held[1] is not members:
            self._narrowed[space] = held = index, members, self._part_of(index, members.keys)
        return held[2]

    def _part_of(self, index: AnyIndex, keys: Keys) -> NarrowedIndex | PartOfEngine:
        if isinstance(index, FilteringIndex):
            return PartOfEngine(index, self._tree, keys)
        return NarrowedIndex(index, keys)

    def _there(self) -> _Members:
        """The vectors that are there, read again when records or vectors have changed."""
        changes = self.store.changes()
        if changes != self._changes:
            with self._counting:
                state = self.store.edits(), self.store.version()
                if state != self._members.state:
                    keys = vector_keys(self.store)
                    told = f"{self._tree!r} {state}".encode() + keys.tobytes()
                    self._members = _Members(state, keys, hashlib.sha256(told).hexdigest())
                self._changes = changes
        return self._members
