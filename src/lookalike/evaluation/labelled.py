"""Labelled records: what adapters learn from, and the queries and galleries of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters import Criterion
from lookalike.adapters.samples import whole_patients
from lookalike.asking.candidates import candidates
from lookalike.asking.pooling import pooled_vectors, record_slices
from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, Filter
from lookalike.gallery import Gallery
from lookalike.metrics import numbered
from lookalike.plugins import suggestion
from lookalike.store import StoredVectors
from lookalike.store.described import state_of
from lookalike.text import quoted
from lookalike.types import Keys, Record, Vectors

_BY_LABEL: Final = Criterion()


class NobodyVotesError(UsageError):
    """No labelled record may answer a query: a vote is then without a voice, and a method has nothing to learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """vectors: (n, dim) base vectors, one a record. labels, patients, ids: of the n records. slices: of each record
    those (n_i, dim) that its vector is the mean of; () if no record is a volume.
    """

    vectors: Vectors
    labels: tuple[tuple[str, ...], ...]
    patients: tuple[str, ...]
    ids: tuple[str, ...]
    slices: tuple[Vectors, ...] = ()

    def take(self, rows: NDArray[np.int64]) -> Labelled:
        """Some of the records, in the order of the row numbers."""
        return Labelled(
            self.vectors[rows],
            tuple(self.labels[i] for i in rows),
            tuple(self.patients[i] for i in rows),
            tuple(self.ids[i] for i in rows),
            tuple(self.slices[i] for i in rows) if self.slices else (),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Labelled queries. patients: all patient groups of each query, whose records may not answer it; the one group in
    ``data`` is the unit of the bootstrap. thumbnails, names: JPEGs and sources of queries from outside; a gallery's
    records have theirs in its store.
    """

    data: Labelled
    patients: tuple[frozenset[str], ...]
    thumbnails: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()

    def take(self, rows: NDArray[np.int64]) -> Queries:
        """Some of the queries, in the order of the row numbers."""
        thumbnails = tuple(self.thumbnails[i] for i in rows) if self.thumbnails else ()
        return Queries(self.data.take(rows), tuple(self.patients[i] for i in rows), thumbnails)


def labelled(gallery: Gallery, criterion: Criterion = _BY_LABEL) -> Labelled:
    """Every record of which a criterion says something, by ascending key, with its values as labels. Raises UsageError
    if there is none.
    """
    found = every_record(gallery, criterion)
    rows = np.array([i for i, labels in enumerate(found.labels) if labels], np.int64)
    if not len(rows):
        raise UsageError(_nothing_labelled(criterion))
    return found.take(rows)


_HELD: WeakKeyDictionary[Gallery, tuple[object, Labelled]] = WeakKeyDictionary()
_MOST_HELD: Final = 256 << 20  # bytes of vectors


def held_labelled(gallery: Gallery, criterion: Criterion = _BY_LABEL) -> Labelled:
    """As ``labelled``, read once until the records change: every new query asks for them. More than 256 MiB of vectors
    are read each time.
    """
    state = state_of(gallery.store), gallery.spec.identity, criterion  # of before the records are read
    kept = _HELD.get(gallery)
    if kept is not None and kept[0] == state:
        return kept[1]
    _HELD.pop(gallery, None)  # never two at once
    found = labelled(gallery, criterion)
    if found.vectors.nbytes + sum(each.nbytes for each in found.slices) <= _MOST_HELD:
        _HELD[gallery] = state, found
    return found


def chosen_criterion(gallery: Gallery, field: str, labels: Sequence[str]) -> Criterion:
    """What somebody says to learn: a field, and the values of it to tell apart, all if there are none. Raises
    UsageError, with the nearest there is, for a field that no record has or a value that none bears.
    """
    criterion = Criterion(field, tuple(dict.fromkeys(labels)))
    if criterion != _BY_LABEL:
        _check_criterion(gallery, criterion)
    return criterion


def _check_criterion(gallery: Gallery, criterion: Criterion) -> None:
    by = criterion.field
    if by != "label" and (by in TEXT_FIELDS or not gallery.store.has_field(by)):
        raise UsageError(
            f"no record has a field {quoted(by)!r}.{suggestion(by, ['label', *gallery.store.field_names()])}"
        )
    borne = {value for record in gallery.store.records().values() for value in Criterion(by).of(record)}
    for value in criterion.labels:
        if value not in borne:
            raise UsageError(f"of no record the field {by!r} says {quoted(value)!r}.{suggestion(value, sorted(borne))}")


def _nothing_labelled(criterion: Criterion) -> str:
    if criterion == _BY_LABEL:
        return "no record of this gallery bears a label; index with --labels TABLE.csv"
    told = f" one of {', '.join(criterion.labels)}" if criterion.labels else " anything"
    return f"of no record the field {quoted(criterion.field)!r} says{told}; train another space: lookalike adapt"


def allowed(gallery: Gallery, data: Labelled, where: str | Filter | None) -> Labelled:
    """The records that satisfy a filter. Raises NobodyVotesError if there are none, UsageError for a filter that cannot
    be read."""
    among = candidates(gallery, where=where).among
    if among is None:
        return data
    owners = np.unique(gallery.store.owner_keys(among))
    ids = {record.id for record in gallery.store.records(owners.tolist()).values()}
    rows = np.array([i for i, identity in enumerate(data.ids) if identity in ids], np.int64)
    if not len(rows):
        raise NobodyVotesError("the filter leaves no labelled record that could vote")
    return data.take(rows)


def every_record(gallery: Gallery, criterion: Criterion = _BY_LABEL) -> Labelled:
    """Every record, labelled or not, by ascending key: a volume by the mean of its slices."""
    return _of_stored(gallery, gallery.store.vectors(), gallery.store.records(), criterion)


def records_of(gallery: Gallery, keys: Keys) -> Labelled:
    """As ``every_record``, of some records only: no more than these are read. keys (n,): their keys."""
    found = sorted(gallery.store.slices_of_each(keys.tolist()).items())
    owners = np.array([key for key, (views, _) in found for _ in views], np.int64)
    views = np.array([view for _, (views, _) in found for view in views], np.int64)
    vectors = np.concatenate([np.empty((0, gallery.spec.dim), np.float32), *(each for _, (_, each) in found)])
    stored = StoredVectors(np.arange(len(owners)), owners, views, vectors, np.zeros_like(owners))
    return _of_stored(gallery, stored, gallery.store.records([key for key, _ in found]), _BY_LABEL)


def _of_stored(gallery: Gallery, every: StoredVectors, records: Mapping[int, Record], criterion: Criterion) -> Labelled:
    stored = pooled_vectors(gallery, stored=every)
    found = [records[int(key)] for key in stored.records]
    vectors = stored.vectors if found else np.empty((0, gallery.spec.dim), np.float32)
    return replace(
        labelled_records(vectors, found, [criterion.of(record) for record in found]), slices=record_slices(every)
    )


def some_patients(data: Labelled, most: int, seed: int) -> Labelled:
    """The records of some patients at random, about so many; all of them where there are no more."""
    return data.take(np.flatnonzero(whole_patients(numbered(data.patients), most, seed))) if len(data.ids) else data


def labelled_records(vectors: Vectors, records: Sequence[Record], labels: Sequence[tuple[str, ...]]) -> Labelled:
    """Records with their vectors (n, dim) and the labels to use for each."""
    return Labelled(vectors, tuple(labels), tuple(r.patient for r in records), tuple(r.id for r in records))


def asking(data: Labelled) -> Queries:
    """Records of the gallery as queries: each is of its own patient."""
    return Queries(data, tuple(frozenset([patient]) for patient in data.patients))
