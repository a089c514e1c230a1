"""Candidates: which records may answer a query. The rule is written here and nowhere else.

A record may answer if the filter allows it, if it is not of the query's own patient (or, on request, only if it is an
earlier one of that patient), and if it is not an example of what the hits should be unlike; for a region it must have
patches too. Search, regions, classification, evaluation and
every protocol take the rule from here: from the store, for a whole gallery (``candidates``), and in memory, where
labelled records are queries to each other (``may_answer``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters import criterion_of
from lookalike.errors import UsageError
from lookalike.filters import TEXT_FIELDS, And, Compare, Filter, Not, Or, fields, tree_of
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.store import record_id
from lookalike.store.decisions import groups_joined_to
from lookalike.store.patches import patched_records
from lookalike.store.series_in_time import days_of_records
from lookalike.text import quoted
from lookalike.types import Keys, Record

_One = TypeVar("_One")
_NONE: Final = np.empty(0, np.int64)


class Filtered:
    """The vector keys that a filter allows, ascending, looked up when they are first asked for. tree: the filter; None
    where the keys are told by something else.
    """

    def __init__(self, find: Callable[[], Keys], tree: Filter | None = None) -> None:
        self._find, self.tree = find, tree
        self._found: Keys | None = None

    @property
    def keys(self) -> Keys:
        """(n,) vector keys."""
        if self._found is None:  # a cached_property of Python 3.11 would have every other filter's wait for these
            self._found = self._find()
        return self._found


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """filtered: what the filter allows; None where there is no filter. closed: vector keys that may not answer whatever
    the filter says, ascending: the query's own patients, the disliked examples. barred: the same as filters.

    patched: the keys of the records that may answer a region, ascending; None where patches are not asked for.
    unpatched: how many records the filter allows that have none. undated: how many records of the query's own patient
    are left out since their day is not known, where days decide. own: whether only that patient's may answer.
    """

    filtered: Filtered | None
    closed: Keys
    barred: tuple[Filter, ...] = ()
    patched: Keys | None = None
    unpatched: int = 0
    undated: int = 0
    own: bool = False

    @property
    def among(self) -> Keys | None:
        """The vector keys that the filter allows, ascending; None where there is no filter."""
        return None if self.filtered is None else self.filtered.keys

    @property
    def rule(self) -> Keys | Filter | None:
        """Who may answer, for an index that takes filters: the filter and what is closed in one; None: everybody."""
        if self.filtered is not None and self.filtered.tree is None:
            return self.filtered.keys[self.open(self.filtered.keys)]
        parts = [] if self.filtered is None or self.filtered.tree is None else [self.filtered.tree]
        parts += [Not(Or(self.barred))] if self.barred else []
        return And(tuple(parts)) if parts else None

    def open(self, keys: Keys) -> NDArray[np.bool_]:
        """Which vector keys (any shape) that an index found among ``among`` may answer; -1 may not."""
        open_: NDArray[np.bool_] = (keys != -1) & ~np.isin(keys, self.closed)
        return open_

    def records(self, gallery: Gallery, these: Keys) -> Keys:
        """Those of some record keys that may answer, ascending."""
        kept = np.setdiff1d(these, _owners(gallery, self.closed))
        return kept if self.among is None else np.intersect1d(kept, _owners(gallery, self.among))

    def records_among(self, gallery: Gallery) -> Keys:
        """All records that may answer where a filter says which, ascending."""
        return _NONE if self.among is None else _owners(gallery, self.among[self.open(self.among)])

    def few_records(self, gallery: Gallery, these: Iterable[int]) -> Keys:
        """As ``records``, at the cost of these alone."""
        keys = gallery.store.keys_of_records(these)
        kept = keys[self.open(keys)]
        return _owners(gallery, kept if self.among is None else np.intersect1d(kept, self.among))


def candidates(
    gallery: Gallery,
    patients: Iterable[str] = (),
    *,
    where: str | Filter | None = None,
    same_patient: bool = False,
    unlike: Iterable[Record] = (),
    patches: bool = False,
    earlier: Mapping[str, int] | None = None,
    not_earlier: Mapping[str, int] | None = None,
) -> Candidates:
    """The records that may answer a query of some patient groups. same_patient: these groups may, too. unlike: negative
    examples, which are no hits. patches: only records that have them, for a region.

    earlier, not_earlier: of each of the groups a day as the gallery keeps days (``priors.cutoffs``). earlier: only
    records of these groups with an earlier day may answer. not_earlier: with same_patient, those may not. A record
    whose day is not known may in neither case, and is counted.

    Raises UsageError for a filter that cannot be read or that names a field no record has.
    """
    tree = checked_filter(gallery, where)
    filtered = allowed = None if tree is None else _filtered(gallery, tree)
    groups = () if same_patient and earlier is None and not_earlier is None else sorted(set(patients))
    own = np.concatenate([_NONE, *(gallery.store.keys_of_patient(group) for group in groups)])
    closed, undated = _NONE if same_patient else own, _NONE
    barred: list[Filter] = [] if same_patient else [Compare("patient", "=", group) for group in groups]
    if earlier is not None:
        sooner, undated = _by_day(gallery, own, earlier)
        filtered = _these(sooner if allowed is None else np.intersect1d(sooner, allowed.keys))
        closed, barred = _NONE, []
    elif not_earlier is not None and same_patient:
        sooner, undated = _by_day(gallery, own, not_earlier)
        closed = np.union1d(sooner, undated)
        barred = _by_ids(gallery.store.owners(closed))
    told = _count(gallery, undated, allowed)
    who = Candidates(filtered, np.unique(closed), tuple(barred), undated=told, own=earlier is not None)
    who = without(gallery, who, list(unlike))
    return with_patches(gallery, who) if patches else who


def without(gallery: Gallery, who: Candidates, records: Sequence[Record]) -> Candidates:
    """The candidates but for some records."""
    if not records:
        return who
    keys = gallery.store.keys_of_records([record.key for record in records])
    return replace(who, closed=np.union1d(who.closed, keys), barred=(*who.barred, *_by_ids(records)))


def _filtered(gallery: Gallery, tree: Filter) -> Filtered:
    """What a filter allows: looked up now, but where an engine is asked, which looks itself."""
    found = Filtered(lambda: gallery.store.keys_where(tree), tree)
    if not gallery.engine.address:
        _ = found.keys
    return found


def _these(keys: Keys) -> Filtered:
    return Filtered(lambda: keys)


def _by_ids(records: Iterable[Record | None]) -> list[Filter]:
    return [Compare("id", "=", name) for name in sorted({record.id for record in records if record is not None})]


def _count(gallery: Gallery, keys: Keys, allowed: Filtered | None) -> int:
    """How many records some vector keys are of, of those that a filter allows."""
    if not len(keys):
        return 0
    kept = keys if allowed is None else np.intersect1d(keys, allowed.keys)
    return len(_owners(gallery, kept))


def of_patient(gallery: Gallery, patient: str) -> Candidates:
    """The records of one patient group, whoever asks."""
    return Candidates(_these(np.unique(gallery.store.keys_of_patient(patient))), _NONE, own=True)


def _by_day(gallery: Gallery, keys: Keys, cutoffs: Mapping[str, int]) -> tuple[Keys, Keys]:
    """Those of some vector keys whose record is of an earlier day than its patient's cutoff, ascending; and those of
    which that is not known.
    """
    owners = gallery.store.owner_keys(keys)
    records = gallery.store.records(np.unique(owners[owners >= 0]).tolist())
    days = days_of_records(gallery.store, records)
    known = {key for key, record in records.items() if key in days and record.patient in cutoffs}
    sooner = [key for key in known if days[key] < cutoffs[records[key].patient]]
    unknown = records.keys() - known
    return np.sort(keys[np.isin(owners, sooner)]), np.sort(keys[np.isin(owners, list(unknown))])


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
    label table gave: the query is of that patient too, and of whom it was decided to be the same.
    """
    groups = {group for patient in named if (group := gallery.store.patient_group(patient))}
    groups |= groups_joined_to(gallery.store, groups)
    known = gallery.store.find(record_id(sha256, frame)) if sha256 else None
    return frozenset(groups if known is None else {*groups, known.patient}), known


def one_a_group(
    ranked: Callable[[int], Sequence[_One]], groups_of: Callable[[Sequence[_One]], Sequence[str]], k: int
) -> list[_One]:
    """The best answer of each of the k best groups. ranked: n -> the n best answers, best first."""
    depth = k
    while True:
        found = ranked(depth)
        first: dict[str, _One] = {}
        for group, answer in zip(groups_of(found), found, strict=True):
            first.setdefault(group, answer)
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
