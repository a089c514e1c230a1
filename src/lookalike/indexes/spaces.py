"""The indexes of a gallery's spaces: held in memory, read from their files, kept in step with the store, made anew."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.errors import GalleryError, LookalikeError
from lookalike.indexes.chain import Chain, ReadChain, begin_chain, chain_without, longer_chain, read_chain
from lookalike.indexes.changed import ChangedIndex
from lookalike.indexes.choice import choose
from lookalike.indexes.files import followed, names_of, remove_files, write_file
from lookalike.indexes.held import LEAST_TO_GROW, HeldIndex
from lookalike.indexes.making import StoredStream, write_index
from lookalike.plugins import load_plugin
from lookalike.store import SpaceRow, Store
from lookalike.store.since import VectorLayout, changes_since, layout_fits, layout_of
from lookalike.types import Vectors

AUTO: Final = "auto"
_WORTH: Final = 1000  # changed vectors for which a segment is written; fewer are read from the store in a moment
_PATIENCE: Final = 2.0  # seconds that files may be overwritten by another process before they are given up
_LOOK_EVERY: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class SpaceIndexes:
    """folder: of the files. kind: of indexes, or AUTO. project: base vectors into a space, by its name. made_of: what
    indexes are made of besides; dim: of the encoder's vectors. is_erased: whether another process erases, and may be
    at the files. making: held by who changes what is in memory; rewriting: by the erasure that writes the files anew,
    for which no search waits.
    """

    folder: Path
    store: Store
    kind: str
    project: Callable[[Vectors, str], Vectors]
    made_of: Callable[[], Mapping[str, Any]]
    dim: Callable[[], int]
    is_erased: Callable[[], bool]
    making: threading.RLock = field(default_factory=threading.RLock)
    rewriting: threading.Lock = field(default_factory=threading.Lock)
    _held: dict[str, HeldIndex] = field(default_factory=dict)

    def held(self, row: SpaceRow) -> HeldIndex:
        """The index of a space: from memory, from its files, or made from the store."""
        state = row.version, row.adapter
        held = self._held.get(row.name)
        if held is None or held.state != state:
            with self.making:  # one thread makes it, the others wait
                held = self._held.get(row.name)
                if held is None or held.state != state:
                    self._held[row.name] = held = self._current(held, row)
        return held

    def _current(self, held: HeldIndex | None, row: SpaceRow) -> HeldIndex:
        found = self._caught_up(held, row)
        if found is None:
            found = self._caught_up(self._loaded(row), row)
        return self._made(row) if found is None else self._kept(found, row)

    def _caught_up(self, held: HeldIndex | None, row: SpaceRow) -> HeldIndex | None:
        state = row.version, row.adapter
        if held is None or held.state == state:
            return held
        return held.caught_up(self.store, state, self._projection(row))

    def _projection(self, row: SpaceRow) -> Callable[[Vectors], Vectors]:
        return lambda vectors: self.project(vectors, row.name)

    def _made_of(self, row: SpaceRow) -> dict[str, Any]:
        return {**self.made_of(), "adapter": row.adapter, "kind": self.kind}

    def _loaded(self, row: SpaceRow) -> HeldIndex | None:
        """As the files have it; None where there are none of this space as it is."""
        read = self._read(row)
        return None if read is None else self._from(read, row)

    def _read(self, row: SpaceRow) -> ReadChain | None:
        # No native library reads what somebody else made: their index is made again, in memory.
        if not self.store.identity.owned:
            return None
        found, sealed, end = None, "", time.monotonic() + _PATIENCE
        while found is None:  # who makes it anew removes the files of before, and who erases overwrites them
            now = self.store.index_seal(row.name)
            if now == sealed:
                if not self.is_erased() or time.monotonic() > end:
                    break
                time.sleep(_LOOK_EVERY)
            found, sealed = read_chain(self.folder, row.name, now), now
        if found is None or {**found.made.made_of, **self._made_of(row)} != found.made.made_of:
            return None
        return found

    def _from(self, read: ReadChain, row: SpaceRow) -> HeldIndex | None:
        if read.chain is not None:
            layout = read.chain.layout
        else:
            layout = layout_of(self.store)
            said = read.made.made_of
            if (layout.version, list(layout.total)) != (said.get("version"), said.get("keys")):
                return None
        if not layout_fits(self.store, layout):
            return None
        return HeldIndex((layout.version, row.adapter), layout, read.base, read.index, read.chain)

    def _made(self, row: SpaceRow) -> HeldIndex:
        """Made from the store; by way of files, if they can be written, so that no vector stays in memory."""
        # The file only saves time: the disk may be full.
        with suppress(OSError, GalleryError):
            if self.store.writable:
                return self._made_in_files(row)
        buffer = BytesIO()
        with self._stored(row) as (kind, stored):
            write_index(kind, stored, buffer)
        index = load_plugin("lookalike.indexes", kind).deserialise(buffer.getbuffer())
        return HeldIndex((stored.version, row.adapter), stored.layout, index, index)

    def _made_in_files(self, row: SpaceRow) -> HeldIndex:
        known = self.store.index_seal(row.name)
        with self._stored(row) as (kind, stored):
            made_of = {**self._made_of(row), "version": stored.version, "keys": list(stored.total)}
            fill, small = partial(write_index, kind, stored), stored.count < LEAST_TO_GROW
            made = write_file(self.folder, row.name, kind, made_of, fill, over=small)
        layout, index = stored.layout, made.index()
        chain = None if small else begin_chain(self.folder, row.name, made, layout)
        sealed = self._seal(row, (made.sha256,) if chain is None else chain.files, known, layout)
        return HeldIndex((stored.version, row.adapter), layout, index, index, chain if sealed else None)

    @contextmanager
    def _stored(self, row: SpaceRow) -> Iterator[tuple[str, StoredStream]]:
        """The kind that suits what is stored, and all of it."""
        with self.store.begin_long() as connection:
            stored = StoredStream(connection, self._projection(row), self.dim())
            yield choose(stored.count, stored.dim)[0] if self.kind == AUTO else self.kind, stored

    def _kept(self, held: HeldIndex, row: SpaceRow) -> HeldIndex:
        """After writing what has changed into a segment, if it is worth it."""
        if held.chain is None or held.unkept < _WORTH or not isinstance(held.index, ChangedIndex):
            return held
        if self.rewriting.locked():  # what it writes would not be what others read, and the next change will do
            return held
        with suppress(OSError, GalleryError):
            if self.store.writable:
                chain = longer_chain(self.folder, row.name, held.chain, held.index, held.layout)
                sealed = self._seal(row, chain.files, held.chain.head, held.layout)
                return replace(held, chain=chain if sealed else None, unkept=0)
        return held

    def _seal(self, row: SpaceRow, files: tuple[str, ...], known: str, layout: VectorLayout) -> bool:
        """Let files be what others read, and remove all others; not if another process was faster, or if something that
        they hold was removed meanwhile: it must not stay in a file.
        """
        if not self.store.seal_index(row.name, files[-1], known):
            remove_files(self.folder, row.name, followed(self.folder, row.name, self.store.index_seal(row.name)))
            return False
        gone = self.store.edits() != layout.edits and self._has_lost(layout)
        remove_files(self.folder, row.name, () if gone else files)
        return not gone

    def _has_lost(self, layout: VectorLayout) -> bool:
        """Whether a vector of a layout has been removed or replaced since."""
        since = changes_since(self.store, layout, _WORTH)  # at the cost of what has changed
        if since is None:
            return len(layout.difference(layout_of(self.store))[0]) > 0
        return bool(np.isin(since.gone, layout.keys).any())

    def erase(self) -> None:
        """Leave nothing in the folder but indexes of what is stored now. Raises OSError, GalleryError."""
        with self.rewriting:
            kept = {name for row in self.store.spaces().values() for name in self._erased(row)}
            if not kept:
                shutil.rmtree(self.folder)
            for path in self.folder.iterdir() if kept else ():
                if path.name not in kept:
                    path.unlink()

    def _erased(self, row: SpaceRow) -> list[str]:
        """The names of the files that stay of a space."""
        before, chain = self._held.get(row.name), None
        with suppress(OSError, LookalikeError):
            chain = self._rewritten(row)
        with self.making:
            held = self._held.get(row.name)
            if held is not None and before is not None and held.base is before.base:  # else made anew meanwhile
                self._held[row.name] = replace(held, chain=chain, unkept=0)
        return [] if chain is None else names_of(row.name, chain.files)

    def _rewritten(self, row: SpaceRow) -> Chain | None:
        if not self.store.writable or (read := self._read(row)) is None or read.chain is None:
            return None
        held = self._caught_up(self._from(read, row), row)
        chain = None if held is None else chain_without(self.folder, row.name, read, held.index, held.layout)
        if held is None or chain is None or not self._seal(row, chain.files, read.chain.head, held.layout):
            return None
        return chain
