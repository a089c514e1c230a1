"""The files of a space's index: one that was made, and after it what has changed since, as segments.

A segment names the file that it comes after by its SHA-256, so that the last one stands for all of them; which one
that is says the gallery's database (the seal). A file is changed to overwrite what was removed, and never else. The
first segment only tells the layout of what was made; when there are too many, one takes the place of all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from lookalike.indexes import Index, Searchable
from lookalike.indexes.changed import ChangedIndex
from lookalike.indexes.files import IndexFile, open_file, overwrite_file, write_file
from lookalike.indexes.packing import PackedFile, unpack
from lookalike.plugins import load_plugin
from lookalike.store.since import VectorLayout
from lookalike.types import Keys, Vectors

SEGMENT: Final = "segment"
"""The kind of a file that is none of an index."""
_MOST: Final = 8  # segments with changes
_LONGEST: Final = 64  # files that are followed
_FULL: Final = 7 / 8  # share of what was made that must be left, or it is made anew

MadeOf = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """files: the SHA-256 of each file, the made index's first. layout: what the files hold; first: what was made."""

    files: tuple[str, ...]
    made_of: MadeOf
    first: VectorLayout
    layout: VectorLayout

    @property
    def head(self) -> str:
        """The SHA-256 that stands for all of them."""
        return self.files[-1]


@dataclass(frozen=True, slots=True, eq=False)
class ReadChain:
    """An index as its files hold it. made: the first of them; chain: None where no segment tells the layout: it may
    only be used for the version that ``made`` notes.
    """

    made: IndexFile
    base: Index
    index: Index | ChangedIndex
    chain: Chain | None


def read_chain(folder: Path, space: str, head: str) -> ReadChain | None:
    """The files whose last one has this SHA-256; None where one is missing, damaged or cannot be loaded."""
    found: list[IndexFile] = []
    while head and len(found) < _LONGEST:
        file = open_file(folder, space, head)
        if file is None:
            return None
        found.append(file)
        head = str(file.made_of.get("after", ""))
    try:
        return _joined(found[::-1]) if found and not head else None
    except Exception:  # of a native loader, or a plug-in
        return None


def _joined(files: list[IndexFile]) -> ReadChain | None:
    made, base = files[0], files[0].index()
    if len(files) == 1:
        return ReadChain(made, base, base, None)
    segments = [_Segment.of(file) for file in files[1:]]
    layout = first = segments[0].now
    changed: ChangedIndex | None = None
    for segment in segments[1:]:
        layout = segment.after(layout)
        changed = (changed or ChangedIndex.unchanged(base)).changed(
            len(layout.keys), segment.gone, segment.keys, segment.vectors
        )
    chain = Chain(tuple(file.sha256 for file in files), made.made_of, first, layout)
    return ReadChain(made, base, changed or base, chain)


def begin_chain(folder: Path, space: str, made: IndexFile, layout: VectorLayout) -> Chain:
    """Note the layout of what was made. Raises OSError."""
    nothing = np.empty(0, np.int64)
    first = _Segment(nothing, layout.keys, layout.records, layout.sums, np.empty((0, 0), np.float32), layout)
    file = first.write(folder, space, made.made_of, made.sha256)
    return Chain((made.sha256, file.sha256), made.made_of, layout, layout)


def longer_chain(folder: Path, space: str, chain: Chain, index: ChangedIndex, layout: VectorLayout) -> Chain:
    """The chain with a segment of what has changed since, or with one in the place of all. Raises OSError."""
    kept, before = chain.files, chain.layout
    if len(kept) >= _MOST + 2:
        kept, before = kept[:2], chain.first
    gone, new = before.difference(layout)
    rows = np.flatnonzero(np.isin(layout.keys, new))
    keys = layout.keys[rows]
    segment = _Segment(gone, keys, layout.records[rows], layout.sums[rows], index.newer_at(keys), layout)
    file = segment.write(folder, space, chain.made_of, kept[-1])
    return replace(chain, files=(*kept, file.sha256), layout=layout)


def chain_without(folder: Path, space: str, read: ReadChain, index: Searchable, layout: VectorLayout) -> Chain | None:
    """Files that hold nothing but the vectors of a layout, which is that of the index: what was made is overwritten
    where the others are, the segments are new. None for a kind that cannot be, and where so much is gone that it is
    better made anew. Raises OSError.
    """
    made, first = read.made, read.chain.first if read.chain is not None else layout
    gone, new = first.difference(layout)
    if len(gone):
        kind: Any = load_plugin("lookalike.indexes", made.kind)
        if not hasattr(kind, "erased") or len(first.keys) - len(gone) < _FULL * int(made.made_of["keys"][0]):
            return None
        made = overwrite_file(folder, space, made, kind.erased(made.data, gone))
    chain = begin_chain(folder, space, made, layout.without(new))
    return longer_chain(folder, space, chain, index, layout) if isinstance(index, ChangedIndex) and len(new) else chain


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """gone: keys of vectors that are struck off; keys, records, sums (n,) and vectors (n, dim) of what is new; those of
    the first are none. now: the layout after it, of which it tells the version.
    """

    gone: Keys
    keys: Keys
    records: Keys
    sums: Keys
    vectors: Vectors
    now: VectorLayout

    @classmethod
    def of(cls, file: IndexFile) -> _Segment:
        if file.kind != SEGMENT:
            raise ValueError(file.kind)
        parts = unpack(file.data)
        keys, records, sums = (parts[name].copy() for name in ("keys", "records", "sums"))
        version, edits, encoder = (int(file.made_of[name]) for name in ("version", "edits", "encoder"))
        told = VectorLayout(version, edits, encoder, keys, records, sums)
        return cls(parts["gone"].copy(), keys, records, sums, parts["vectors"].copy(), told)

    def after(self, layout: VectorLayout) -> VectorLayout:
        """A layout with what has changed."""
        return layout.without(self.gone).joined(self.now)

    def write(self, folder: Path, space: str, made_of: MadeOf, after: str) -> IndexFile:
        moment = {name: getattr(self.now, name) for name in ("version", "edits", "encoder")}

        def fill(file: Any) -> None:
            packed = PackedFile(file)
            for name in ("gone", "keys", "records", "sums", "vectors"):
                packed.add(name, getattr(self, name))
            packed.close()

        return write_file(
            folder, space, SEGMENT, {"gallery": made_of["gallery"], "after": after, **moment}, fill, over=False
        )
