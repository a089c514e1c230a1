"""Candidates: which records may answer a query. The rule is written here and nowhere else.

A record may answer if the filter allows it, if it is not of the query's own patient, and if it is not an example of
what the hits should be unlike; for a region it must have patches too. Search, regions, classification, evaluation and
every protocol take the rule from here: from the store, for a whole gallery (``candidates``), and in memory, where
labelled records are queries to each other (``may_answer``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters import criterion_of
from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, Filter, fields, tree_of
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import record_id
from lookalike.store.patches import patched_records
from lookalike.text import quoted
from lookalike.types import Keys, Record

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """among: the vector keys that the filter allows, ascending; None where there is no filter. closed: vector keys
    that may not answer whatever the filter says, ascending: the query's own patients, the disliked examples.

    patched: the keys of the records that may answer a region, ascending; None where patches are not asked for.
    unpatched: how many records the filter allows that have none.
    """

    among: Keys | None
    closed: Keys
    patched: Keys | None = None
    unpatched: int = 0

    def open(self, keys: Keys) -> NDArray[np.bool_]:
        """Which vector keys (any shape) that an index found among ``among`` may answer; -1 may not."""
        open_: NDArray[np.bool_] = (keys != -1) & ~np.isin(keys, self.closed)
        return open_

    def records(self, gallery: Gallery, these: Keys) -> Keys:
        """Those of some record keys that may answer, ascending."""
        kept = np.setdiff1d(these, _owners(gallery, self.closed))
        return kept if self.among is None else np.intersect1d(kept, _owners(gallery, self.among))


def candidates(
    gallery: Gallery,
    patients: Iterable[str] = (),
    *,
    where: str | Filter | None = None,
    same_patient: bool = False,
    unlike: Iterable[Record] = (),
    patches: bool = False,
) -> Candidates:
    """The records that may answer a query of some patient groups. same_patient: these groups may, too. unlike: negative
    examples, which are no hits. patches: only records that have them, for a region.

    Raises UsageError for a filter that cannot be read or that names a field no record has.
    """
    tree = checked_filter(gallery, where)
    among = None if tree is None else gallery.store.keys_where(tree)
    groups = () if same_patient else sorted(set(patients))
    closed = [np.empty(0, np.int64), *(gallery.store.keys_of_patient(group) for group in groups)]
    if disliked := [record.key for record in unlike]:
        closed.append(gallery.store.keys_of_records(disliked))
    who = Candidates(among, np.unique(np.concatenate(closed)))
    return with_patches(gallery, who) if patches else who


def with_patches(gallery: Gallery, who: Candidates) -> Candidates:
    """The candidates restricted to records that have patches, which a region needs."""
    if who.patched is not None:
        return who
    patched = patched_records(gallery.store)
    if who.among is None:
        unpatched = gallery.store.count() - len(patched)
    else:
        unpatched = len(np.setdiff1d(_owners(gallery, who.among), patched))
    return replace(who, patched=who.records(gallery, patched), unpatched=unpatched)


def _owners(gallery: Gallery, keys: Keys) -> Keys:
    """The keys of the records that vectors belong to, ascending."""
    owners: Keys = np.unique(gallery.store.owner_keys(keys))
    return owners[owners >= 0]


def may_answer(asking: Sequence[Collection[str]], owners: Sequence[str]) -> NDArray[np.bool_]:
    """(q, n): whether row n, of the patient ``owners[n]``, may answer query q, which is of the patients ``asking[q]``.

    A query may be of several patients: the one that its file names and the one that a table names.
    """
    return open_rows(owners)(asking)


def open_rows(owners: Sequence[str]) -> Callable[[Sequence[Collection[str]]], NDArray[np.bool_]]:
    """``may_answer`` for rows whose patients are numbered once, to be called for one batch of queries after another."""
    names, codes = np.unique(np.asarray(owners, np.str_), return_inverse=True)
    number = {name: code for code, name in enumerate(names.tolist())}

    def of(asking: Sequence[Collection[str]]) -> NDArray[np.bool_]:
        open_ = np.ones((len(asking), len(owners)), np.bool_)
        for row, patients in enumerate(asking):
            for patient in patients:
                if (code := number.get(patient)) is not None:
                    open_[row] &= codes != code
        return open_

    return of


def of_known_patients(asking: Sequence[Collection[str]], known: Collection[str]) -> NDArray[np.bool_]:
    """(q,): whether each query, of these patients, is of one of the known ones."""
    return np.asarray((~may_answer(asking, sorted(set(known)))).any(axis=1), np.bool_)


def trained_on(gallery: Gallery, space: str, patients: Collection[str]) -> bool:
    """Whether a space's adapter, which is trained on every record that its criterion says something of, has learnt from
    records of these patients: the record that asks, the one with the bytes of the file that asks, and others of its
    patient.
    """
    if gallery.space(space).adapter is None:
        return False
    criterion = criterion_of(gallery.adapter(space))
    keys = [gallery.store.keys_of_patient(patient) for patient in sorted(patients)]
    records = [record for each in keys for record in gallery.store.owners(each) if record is not None]
    return bool(of_known_patients([patients], [record.patient for record in records if criterion.of(record)]).any())


def patients_of_file(
    gallery: Gallery, sha256: str, frame: int, named: Iterable[str]
) -> tuple[frozenset[str], Record | None]:
    """The patient groups of a query that is a file, and its record if the gallery holds the same bytes.

    named: the patients that the file, or a table, names. The gallery may know the file under another patient, whom a
    label table gave: the query is of that patient too.
    """
    groups = {group for patient in named if (group := gallery.store.patient_group(patient))}
    known = gallery.store.find(record_id(sha256, frame)) if sha256 else None
    return frozenset(groups if known is None else {*groups, known.patient}), known


def one_a_group(ranked: Callable[[int], Sequence[_One]], group_of: Callable[[_One], str], k: int) -> list[_One]:
    """The best answer of each of the k best groups. ranked: n -> the n best answers, best first."""
    depth = k
    while True:
        found = ranked(depth)
        first: dict[str, _One] = {}
        for answer in found:
            first.setdefault(group_of(answer), answer)
        if len(first) >= k or len(found) < depth:
            return list(first.values())[:k]
        depth *= 4


def checked_filter(gallery: Gallery, where: str | Filter | None) -> Filter | None:
    """A filter as a tree. Raises UsageError for one that cannot be read or is too large, or for a field that no record
    has.
    """
    tree = tree_of(where)
    for name in sorted(fields(tree).difference(TEXT_FIELDS)) if tree is not None else ():
        if not gallery.store.has_field(name):
            known = [*TEXT_FIELDS, *gallery.store.field_names()]
            raise UsageError(f"no record has a field {quoted(name)!r}.{suggestion(name, known)}")
    return tree
