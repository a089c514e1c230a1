"""Read a gallery's records again for another one: with the vectors that they have, and patients as files name them.

Galleries have keys of their own, so that the pseudonym of one says nothing in another. A file that is read again says
who its patient is. Whom only a label table named is known by a pseudonym alone: the records that bear it stay together,
and are matched with others where a file of either gallery bears the name behind it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DamagedFileError
from lookalike.gallery import SOURCES, Gallery
from lookalike.readers.events import Finished, Frame
from lookalike.sources.again import Again, SeriesOfFolder, again
from lookalike.sources.reading import ReadEvent
from lookalike.sources.s3.listed import ListedBuckets
from lookalike.sources.source import Source
from lookalike.store import Store, record_id
from lookalike.store.kept_out import KeptOut
from lookalike.store.patches import kept, patches_of
from lookalike.text import file_name
from lookalike.types import Item, PatchMap, Record

NOT_TAKEN: Final = "erased"
"""Why a record is not brought along whose patient was erased in one of the galleries, and is not to be taken again."""

_Encoded = Mapping[int, tuple[NDArray[np.float32], tuple[PatchMap, ...]]]  # by the slice's number


@dataclass
class MergedGallery:
    """A gallery whose records are read again for ``target``. reused, encoded: pictures and slices whose vectors were
    there, or are to be made. names: patients as the files that were read name them. kept_out: which records are
    not taken; names_kept_out: whose.
    """

    gallery: Gallery
    target: Gallery
    reused: int = 0
    encoded: int = 0
    names: set[str] = field(default_factory=set)
    kept_out: set[str] = field(default_factory=set)
    names_kept_out: set[str] = field(default_factory=set)
    _brought: set[str] = field(default_factory=set)  # SHA-256 of files that a record was made from

    def __post_init__(self) -> None:
        self.records = {record.id: record for record in self.gallery.store.records().values()}
        self._held: tuple[int, _Encoded] = (-1, {})
        self._with_patches = kept(self.target.store)
        self._comparable = (
            self.gallery.identity == self.target.identity
            and self.gallery.volume_recipe == self.target.volume_recipe
            and (kept(self.gallery.store) or not self._with_patches)
        )

    @property
    def name(self) -> str:
        """The gallery's: its folder's."""
        return self.gallery.folder.name

    @cached_property
    def found(self) -> Again:
        """The items that hold the records' pictures, and why others cannot be read."""
        gallery = self.gallery
        series = SeriesOfFolder(self.target.readers, gallery.places.may_open)
        buckets = ListedBuckets(gallery.places.buckets)
        return again(self.records.values(), gallery.places.place_of, gallery.places.may_open, series, buckets)

    def items(self) -> list[tuple[Source, Item]]:
        """The items to be read. Files that the gallery keeps itself are copied: it may be removed one day."""
        return [(source, self._own(item)) for source, item in self.found.items]

    def _own(self, item: Item) -> Item:
        kept_files = [self.gallery.places.kept_file(file) for file in item.files]
        if item.in_array or not any(kept_files):
            return item
        root = Path(self.gallery.folder).resolve() / SOURCES
        place = self.target.folder / SOURCES / self.gallery.store.id
        copies = []
        for file in filter(None, kept_files):
            copy = place / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not copy.exists():
                shutil.copyfile(file, copy)
            copies.append(str(copy))
        self.found.names.update(
            {id: names | {*map(file_name, copies)} for id, names in self.found.names.items() if item.name in names}
        )
        return Item(file_name(copies[0]), tuple(copies))

    def events(self, events: Iterable[ReadEvent], stores: Sequence[tuple[Store, KeptOut]]) -> Iterator[ReadEvent]:
        """What is read, of the gallery's records only, as it knows them: their vectors, patients and attributes. What
        is of somebody whom one of some stores keeps out is left out.
        """
        for event in events:
            if isinstance(event, Frame):
                record = self.records.get(record_id(event.sha256, event.frame))
                if record is not None and not self._is_kept_out(event, record, stores):
                    self._brought.add(event.sha256)
                    yield self._known(event, record)
            elif not isinstance(event, Finished):
                yield event
            elif event.known or event.sha256 in self._brought:  # else index shall find it new
                self.names |= {event.named.patient} - {""} if event.named is not None else set()
                yield event

    def _is_kept_out(self, frame: Frame, record: Record, stores: Sequence[tuple[Store, KeptOut]]) -> bool:
        found = any(
            erased.holds(store.patient_group(frame.patient), store.study_group(frame.study))
            for store, erased in stores
            if erased
        )
        self.kept_out |= {record.id} if found else set()
        self.names_kept_out |= {frame.patient} - {""} if found else set()
        return found

    def of_kept_out(self, names: Iterable[str]) -> set[str]:
        """Which records are of patients of these names, as a table told, so that no file could say it."""
        groups = {self.gallery.store.patient_group(name) for name in names}
        return {id for id, record in self.records.items() if record.patient in groups}

    def _known(self, frame: Frame, record: Record) -> Frame:
        vector, patches = self._encoded(record.key).get(frame.view, (None, ()))
        if vector is None:
            self.encoded += 1
        else:
            self.reused += 1
        attributes = {**frame.attributes, **record.attributes}
        return replace(
            frame, vector=vector, patches=patches, patient=self._patient(frame, record), attributes=attributes
        )

    def _encoded(self, key: int) -> _Encoded:
        """The vectors and patches of a record, those of its last slice's record at hand; none where they may not stand
        in the target, lack or are damaged: they are made anew.
        """
        if self._held[0] != key:
            self._held = key, self._stored(key) if self._comparable else {}
        return self._held[1]

    def _stored(self, key: int) -> _Encoded:
        store = self.gallery.store
        try:
            views, vectors = store.slices_of_each([key]).get(key, ((), ()))
            patches = patches_of(store, key) if self._with_patches else {}
        except DamagedFileError:
            return {}
        return {
            view: (vector, (patches[view],) if self._with_patches else ())
            for view, vector in zip(views, vectors, strict=True)
            if view in patches or not self._with_patches
        }

    def _patient(self, frame: Frame, record: Record) -> str:
        """As the file names him, unless the gallery knows the record under another, whom a table named."""
        self.names |= {frame.patient} - {""}
        group, known = self.gallery.store.patient_group(frame.patient), record.patient
        if known == record.id or (frame.patient and (group == known or not self._tells_patients)):
            return frame.patient
        return self.alias(known)

    @property
    def _tells_patients(self) -> bool:
        return self.gallery.store.identity.names_patients

    def alias(self, pseudonym: str) -> str:
        """What stands for the name of a patient, or of a study, of whom only this gallery's pseudonym is known."""
        return f"{self.gallery.store.id} {pseudonym}"

    def left_out(self, refused: dict[str, str]) -> dict[str, str]:
        """Why records are not in the target, by their ids. refused: reason codes by the names of items."""
        there = {record.id for record in self.target.store.records().values()}
        return {
            id: NOT_TAKEN if id in self.kept_out else self.found.reason(record, refused)
            for id, record in self.records.items()
            if id not in there
        }


class _Groups:
    """Groups of patients that are one; ``real``: those that files name."""

    def __init__(self, real: set[str]) -> None:
        self._real, self._above = real, dict[str, str]()

    def one(self, group: str) -> str:
        """The group that stands for all that are one with it."""
        while (above := self._above.get(group, group)) != group:
            group = above
        return group

    def join(self, group: str, other: str) -> None:
        """Make two groups one, unless files name both."""
        first, second = self.one(group), self.one(other)
        if first != second and not {first, second} <= self._real:
            keep, gone = (first, second) if first in self._real else (second, first)
            self._above[gone] = keep

    def same(self, group: str, other: str) -> bool:
        """Whether the two groups of a record are one: they are from now on, where no file names either."""
        if not {self.one(group), self.one(other)} & self._real:
            self.join(group, other)
        return self.one(group) == self.one(other)


def group_here(each: MergedGallery, names: Iterable[str]) -> Callable[[str], str]:
    """What gives the target's group of a pseudonym of a gallery. names: patients as files of any of them name them."""
    ours, theirs = each.target.store, each.gallery.store
    told = {theirs.patient_group(name): ours.patient_group(name) for name in names}
    return lambda group: told.get(group) or ours.patient_group(each.alias(group))


def patients_in_common(target: Gallery, merged: Sequence[MergedGallery]) -> tuple[dict[str, str], int]:
    """The groups into which records of the target are to be put, by their ids, so that a patient whom two galleries
    know is one; and of how many records the galleries name different patients.
    """
    names = sorted(set().union(*(each.names for each in merged)))
    there = {record.id: record.patient for record in target.store.records().values()}
    groups = _Groups({target.store.patient_group(name) for name in names})
    told = [_told(each, names, groups) for each in merged]
    found, differ = dict[str, str](), set[str]()
    for each, of_files in zip(merged, told, strict=True):
        for id, record in each.records.items():
            if record.patient == id or id not in there:
                continue
            own = of_files.get(record.patient) or target.store.patient_group(each.alias(record.patient))
            if there[id] == id:
                found.setdefault(id, own)
            elif not groups.same(there[id], own):
                differ.add(id)
    moved = {id: groups.one(found.get(id, group)) for id, group in there.items()}
    return {id: group for id, group in moved.items() if group != there[id]}, len(differ)


def _told(each: MergedGallery, names: Sequence[str], groups: _Groups) -> dict[str, str]:
    """The target's group of each pseudonym of a gallery behind which one of the names is that files bear. They are
    joined with what stood for the pseudonym.
    """
    ours, theirs = each.target.store, each.gallery.store
    told = {theirs.patient_group(name): ours.patient_group(name) for name in names}
    told.pop("", None)
    for pseudonym, group in told.items():
        groups.join(ours.patient_group(each.alias(pseudonym)), group)
    return told
