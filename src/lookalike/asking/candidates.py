"""Who may answer a query: the one place that knows.

A record may answer if the filter allows it, if none of its patients asks, and if it is no example of what the
hits should be unlike; a region, if it has patches too. Search, regions, classification, evaluation and every protocol
take the rule from here: from the store, where a gallery answers (``candidates``), and in memory, where labelled
records ask each other (``may_answer``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, Filter, fields, parse
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import record_id
from lookalike.store.patches import patched_records
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
        """Which of the vector keys that an index found among ``among`` may answer, (any shape); -1 may not."""
        open_: NDArray[np.bool_] = (keys != -1) & ~np.isin(keys, self.closed)
        return open_

    def records(self, gallery: Gallery, these: Keys) -> Keys:
        """Of some record keys those that may answer, ascending."""
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
    """Who may answer a query of some patient groups. same_patient: these groups too. unlike: records that are no
    hits, as they say what the query is not. patches: only records that have them, for a region.

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
    """The same, with the records among them that have patches: those may answer a region."""
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
    """``may_answer`` of rows whose patients are numbered once, for some queries after others."""
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


def patients_of_file(
    gallery: Gallery, sha256: str, frame: int, named: Iterable[str]
) -> tuple[frozenset[str], Record | None]:
    """The patient groups of a query that is a file, and its record where its very bytes are in the gallery.

    named: the patients that the file, or a table, names. The gallery may know the file under another one, which a
    label table gave: that patient asks too.
    """
    groups = {gallery.store.patient_group(patient) for patient in named if patient}
    known = gallery.store.find(record_id(sha256, frame)) if sha256 else None
    return frozenset(groups if known is None else {*groups, known.patient}), known


def one_a_group(ranked: Callable[[int], Sequence[_One]], group_of: Callable[[_One], str], k: int) -> list[_One]:
    """The best answer of each of the k best groups. ranked: the so many best answers, best first."""
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
    """A filter as a tree. Raises UsageError for one that cannot be read, or for a field that no record has."""
    tree = parse(where) if isinstance(where, str) else where
    for name in sorted(fields(tree).difference(TEXT_FIELDS)) if tree is not None else ():
        if not gallery.store.has_field(name):
            known = [*TEXT_FIELDS, *gallery.store.field_names()]
            raise UsageError(f"no record has a field {name!r}.{suggestion(name, known)}")
    return tree
