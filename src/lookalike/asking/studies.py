"""Whole studies: the records of one study as a vector for each kind of series in it.

A kind is what a record's attributes say of how it was taken: modality, description (where a label table gives one),
view and plane. The vectors of a kind are its records' own, a volume's the mean of its slices, averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.pooling import pooled_vectors
from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.store.studies import studies_of
from lookalike.types import BASE, Attribute, Record, Vectors

_KIND: Final = ("Modality", "SeriesDescription", "ViewPosition", "plane")


class Member(NamedTuple):
    """One picture or volume of a study. kind: of series; vector: (dim,), pooled."""

    kind: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Studies:
    """Every study of a gallery. names: pseudonyms, or the id of a record whose study is not known. starts (studies,):
    the first row of each. kinds (n,), vectors (n, dim): a row for each kind of series of a study. records: of each
    study the keys of its records, vectors_of: their base vectors (dim,) by key.
    """

    names: tuple[str, ...]
    starts: NDArray[np.int64]
    kinds: tuple[str, ...]
    vectors: Vectors
    records: tuple[tuple[int, ...], ...]
    vectors_of: Mapping[int, NDArray[np.float32]]


def kind_of_series(attributes: Mapping[str, Attribute]) -> str:
    """The kind of series that a record's attributes tell; "" where they tell none."""
    return " ".join(str(attributes[name]) for name in _KIND if attributes.get(name))


def study_of(gallery: Gallery, record: Record) -> str:
    """The pseudonym of a record's study; its own id where none is known."""
    return studies_of(gallery.store).get(record.key, record.id)


def by_kind(members: Iterable[Member]) -> dict[str, Vectors]:
    """A unit vector (1, dim) for each kind of series, in alphabetical order of the kinds."""
    rows: dict[str, list[NDArray[np.float32]]] = {}
    for member in members:
        rows.setdefault(member.kind, []).append(member.vector)
    return {kind: _mean(np.stack(rows[kind])) for kind in sorted(rows)}


def _mean(vectors: Vectors) -> Vectors:
    return pool(vectors, slice_weights("uniform", np.zeros(len(vectors))))


_KEPT: Final[WeakKeyDictionary[Gallery, tuple[tuple[int, int], Studies]]] = WeakKeyDictionary()


def every_study(gallery: Gallery) -> Studies:
    """The studies of a gallery, kept with it until a record changes. Raises DamagedFileError."""
    state = gallery.space(BASE).version, gallery.store.edits()
    kept = _KEPT.get(gallery)
    if kept is None or kept[0] != state:
        _KEPT[gallery] = kept = state, _made(gallery)
    return kept[1]


def _made(gallery: Gallery) -> Studies:
    stored, known = pooled_vectors(gallery), studies_of(gallery.store)
    records = gallery.store.records(stored.records.tolist())
    vectors = {key: row for key, row in zip(stored.records.tolist(), stored.vectors, strict=True) if key in records}
    studies: dict[str, list[int]] = {}
    for key in vectors:
        studies.setdefault(known.get(key, records[key].id), []).append(key)
    rows = [list(_kinds(keys, records, vectors)) for keys in studies.values()]
    starts = np.cumsum([0, *map(len, rows[:-1])], dtype=np.int64)[: len(rows)]
    flat = [row for some in rows for row in some]
    stacked = np.concatenate([vector for _, vector in flat]) if flat else np.empty((0, gallery.spec.dim), np.float32)
    owners = tuple(map(tuple, studies.values()))
    return Studies(tuple(studies), starts, tuple(kind for kind, _ in flat), stacked, owners, vectors)


def _kinds(
    keys: Iterable[int], records: Mapping[int, Record], vectors: Mapping[int, NDArray[np.float32]]
) -> Iterator[tuple[str, Vectors]]:
    members = (Member(kind_of_series(records[key].attributes), vectors[key]) for key in keys)
    yield from by_kind(members).items()
