"""cohorts: records chosen by a filter, a search or by hand, saved by name, combined, listed, shown, removed."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.asking.candidates import checked_filter
from lookalike.errors import NotFoundError, UsageError
from lookalike.evaluation.splits import hash_of
from lookalike.gallery import Gallery
from lookalike.listed import ListResult
from lookalike.sources.tables import read_table, spelt
from lookalike.store.cohorts import (
    StoredCohort,
    StoredMember,
    chosen_records,
    cohort_members,
    put_cohort,
    remove_cohort_rows,
    stored_cohort,
    stored_cohorts,
)
from lookalike.text import absolute, plain_text
from lookalike.types import BASE, Record
from lookalike.verbs.cohorts.definition import (
    EVERY_RECORD,
    ByChoice,
    ByFilter,
    BySearch,
    Combined,
    Definition,
    Forgotten,
    as_stored,
    from_stored,
    in_words,
    members_by,
)
from lookalike.verbs.search import MAX_K

PARTS: Final = ("train", "val", "test")
_NAME: Final = re.compile(r"\w[\w .+-]{0,63}")
_SIGNED: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class CohortInfo:
    """version: counts the changes to its members. members: how many there are; erased: how many were removed from the
    gallery since it was saved. definition: in words; "" for who sees a part of the gallery. digest: of members, labels
    and parts: equal where these are, in any gallery of the same files. parts: how many are in train, val, test. by: who
    saved it. created, changed: seconds since 1970.
    """

    name: str
    version: int
    members: int
    erased: int
    definition: str
    digest: str
    parts: Mapping[str, int]
    by: str
    created: float
    changed: float


@dataclass(frozen=True, slots=True, repr=False)
class CohortList(ListResult[CohortInfo]):
    """items: by name. next_cursor: None, since there is one page."""

    items: tuple[CohortInfo, ...]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class CohortMember:
    """A member as it was saved. part: train, val or test, "" for none."""

    id: str
    labels: tuple[str, ...]
    part: str


@dataclass(frozen=True, slots=True)
class Relabelled:
    """A member whose labels are others than when the cohort was saved."""

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortChanges:
    """What the definition gives other than what was saved. added, removed: ids. erased: members that are not in the
    gallery any more, which nothing names.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    relabelled: tuple[Relabelled, ...] = ()
    erased: int = 0

    @property
    def same(self) -> bool:
        """Whether members and labels are as they were saved."""
        return not (self.added or self.removed or self.relabelled or self.erased)


@dataclass(frozen=True, slots=True)
class CohortSaved:
    """changes: from the version before; None for a new cohort."""

    cohort: CohortInfo
    changes: CohortChanges | None


@dataclass(frozen=True, slots=True, repr=False)
class CohortShown(ListResult[CohortMember]):
    """changes: what the definition gives now other than what was saved; None where that is not known, and ``note``
    says why. items: the first members by id.
    """

    cohort: CohortInfo
    changes: CohortChanges | None
    items: tuple[CohortMember, ...]
    note: str


@dataclass(frozen=True, slots=True)
class CohortRemoved:
    """name: of the cohort that is gone. members: of how many records; these stay."""

    name: str
    members: int


def save_cohort(
    gallery: Gallery,
    name: str,
    *,
    every: bool = False,
    where: str | None = None,
    ids: Sequence[str] = (),
    table: str | os.PathLike[str] | None = None,
    like: Sequence[str] = (),
    text: str | None = None,
    k: int = 100,
    space: str = BASE,
    replace: bool = False,
    by: str = "",
) -> CohortSaved:
    """Save records under a name, with what chose them, so that the same can be asked again.

    One of: every record; where, the records that satisfy a filter; ids, or table, a CSV file with a column id: these
    records; like, text: the k records that are most similar to some records (of other patients) or to a text, in a
    space, among those that ``where`` allows. Without any of them the definition that is stored is evaluated again, and
    what has changed is saved as the next version. replace: there may be a cohort of that name, which gets another
    definition. by: who.

    Raises UsageError, NotFoundError (a record, a space, a cohort), SlowFilterError.
    """
    _check_name(name)
    definition = _asked_for(gallery, where, _ids_of(ids, table), tuple(like), text, k, space)
    if every:
        if definition is not None:
            raise UsageError("every record, or some that are chosen; not both")
        definition = EVERY_RECORD
    if definition is None:
        if replace:
            raise UsageError("say what takes the place of the definition: every, where, ids, like or text")
        definition, replace = _definition(gallery, stored_cohort(gallery.store, name)), True
    return _saved(gallery, name, definition, by, replace=replace)


def combine_cohorts(
    gallery: Gallery,
    name: str,
    *,
    all_of: Sequence[str] = (),
    any_of: Sequence[str] = (),
    none_of: Sequence[str] = (),
    replace: bool = False,
    by: str = "",
) -> CohortSaved:
    """Save the records that are in all of some cohorts, in any of others, and in none of others, by their names. The
    definitions of these are taken over as they stand now. replace, by: as in ``save_cohort``.

    Raises UsageError, NotFoundError, SlowFilterError.
    """
    _check_name(name)
    if not (all_of or any_of or none_of):
        raise UsageError("say which cohorts: --all-of, --any-of or --none-of NAME")
    parts = [
        tuple(_definition(gallery, stored_cohort(gallery.store, each)) for each in names)
        for names in (all_of, any_of, none_of)
    ]
    return _saved(gallery, name, Combined(*parts), by, replace=replace)


def list_cohorts(gallery: Gallery) -> CohortList:
    """Every cohort. Of who sees a part of the gallery those that have a member there, as far as they have."""
    return CohortList(tuple(cohort_info(gallery, each) for each in stored_cohorts(gallery.store)))


def show_cohort(gallery: Gallery, name: str, *, limit: int = 50) -> CohortShown:
    """A cohort, its first members, and what its definition gives now other than what was saved. limit: of members; 0:
    all of them. Nothing is changed. Raises NotFoundError, UsageError, SlowFilterError.
    """
    if limit < 0:
        raise UsageError(f"a list has at least one member, or all of them with 0, got {limit}")
    stored = stored_cohort(gallery.store, name)
    members = cohort_members(gallery.store, stored.number)
    changes, note = _changes_now(gallery, stored, members)
    items = tuple(CohortMember(each.id, each.labels, each.part) for each in members[: limit or None])
    return CohortShown(_info(gallery, stored, members), changes, items, note)


def remove_cohort(gallery: Gallery, name: str) -> CohortRemoved:
    """Remove a cohort; its records stay. Raises NotFoundError."""
    return CohortRemoved(name, remove_cohort_rows(gallery.store, name))


def check_cohort(gallery: Gallery, name: str) -> str:
    """The name of a cohort that is there. Raises NotFoundError."""
    return stored_cohort(gallery.store, name).name


def cohort_info(gallery: Gallery, stored: StoredCohort) -> CohortInfo:
    """What is told of a cohort."""
    return _info(gallery, stored, cohort_members(gallery.store, stored.number))


def _info(gallery: Gallery, stored: StoredCohort, members: Sequence[StoredMember]) -> CohortInfo:
    counts = Counter(each.part for each in members)
    told = [f"{each.id} {each.part} {'|'.join(each.labels)}" for each in members]
    return CohortInfo(
        stored.name,
        stored.version,
        len(members),
        0 if gallery.part else stored.size - len(members),
        "" if gallery.part else in_words(_definition(gallery, stored)),
        hash_of(told),
        {part: counts[part] for part in PARTS if counts[part]},
        stored.by,
        stored.created,
        stored.changed,
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"a cohort's name has 1 to 64 letters, digits, spaces and . + - _, got {name[:70]!r}")


def _ids_of(ids: Sequence[str], table: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """Those given, or of a table. Raises UsageError."""
    if table is None:
        return tuple(dict.fromkeys(ids))
    read = read_table(absolute(table))
    column = spelt(read.columns, ("id", "record"))
    if ids or column is None or not read.rows:
        why = (
            "give ids or a table" if ids else f"the table needs a column id, it has {', '.join(read.columns) or 'none'}"
        )
        raise UsageError(why if ids or column is None else "the table has no rows")
    return tuple(dict.fromkeys(row[column] for row in read.rows))


def _asked_for(
    gallery: Gallery,
    where: str | None,
    ids: tuple[str, ...],
    like: tuple[str, ...],
    text: str | None,
    k: int,
    space: str,
) -> Definition | None:
    checked_filter(gallery, where)
    if ids and (where or like or text):
        raise UsageError("records by their ids, or a filter or a search; save both and combine them")
    if ids:
        return ByChoice(ids)
    if like or text:
        if not 1 <= k <= MAX_K:
            raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
        return BySearch(tuple(dict.fromkeys(like)), text, k, where, space)
    return None if where is None else ByFilter(where)


def _definition(gallery: Gallery, stored: StoredCohort) -> Definition:
    return from_stored(stored.definition, chosen_records(gallery.store, stored.number))


def _saved(gallery: Gallery, name: str, definition: Definition, by: str, *, replace: bool) -> CohortSaved:
    gallery.store.check_writable()
    before = {each.name: each for each in stored_cohorts(gallery.store)}.get(name)
    was = [] if before is None else cohort_members(gallery.store, before.number)
    if isinstance(definition, Forgotten):
        raise UsageError(f"the definition {in_words(definition)}; give another one")
    found = members_by(gallery, definition)
    text, chosen = as_stored(definition)
    labels = {id: record.labels for id, record in found.items()}
    stored = put_cohort(gallery.store, name, text, chosen, labels, by=plain_text(by, _SIGNED), replace=replace)
    changes = None if before is None else _changes(before, was, found)
    return CohortSaved(cohort_info(gallery, stored), changes)


def _changes_now(
    gallery: Gallery, stored: StoredCohort, members: Sequence[StoredMember]
) -> tuple[CohortChanges | None, str]:
    if gallery.part:
        return None, "what has changed is told to who sees the whole gallery"
    try:
        return _changes(stored, members, members_by(gallery, _definition(gallery, stored))), ""
    except NotFoundError as error:
        return None, str(error)


def _changes(stored: StoredCohort, members: Sequence[StoredMember], found: Mapping[str, Record]) -> CohortChanges:
    was = {each.id: each for each in members}
    relabelled = (
        Relabelled(id, was[id].labels, found[id].labels)
        for id in sorted(was.keys() & found.keys())
        if was[id].labels != found[id].labels
    )
    return CohortChanges(
        tuple(sorted(found.keys() - was.keys())),
        tuple(sorted(was.keys() - found.keys())),
        tuple(relabelled),
        stored.size - len(members),
    )
