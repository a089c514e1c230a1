"""merge: the records of several galleries in one, read again from their sources, with the vectors that they have."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Final

from lookalike.asking.reports import bring_reports
from lookalike.asking.reports_of_run import RunReports
from lookalike.errors import LookalikeError, UsageError
from lookalike.gallery import Gallery, gallery_folder, gallery_to_fill, is_gallery, open_gallery
from lookalike.ingest import IndexRun
from lookalike.merging import MergedGallery, group_here, patients_in_common
from lookalike.ownership import ownership_of
from lookalike.progress import Progress
from lookalike.sources.item_labels import ItemLabels
from lookalike.sources.reading import Listing, read_items
from lookalike.store import Batch, Store
from lookalike.store.brought import DifferingLabels, bring_said, regroup, said_of_records
from lookalike.store.cohorts import StoredCohort, chosen_records, cohort_members, put_cohort, stored_cohorts
from lookalike.store.decisions import bring_decisions, stored_decisions
from lookalike.store.kept_out import KeptOut, kept_out
from lookalike.store.patches import keep, kept
from lookalike.store.readings import StoredReading, bring_readings, started_round, stored_readings, stored_rounds
from lookalike.store.reports import count_reports
from lookalike.store.studies import files_of_studies
from lookalike.text import absolute
from lookalike.types import BASE
from lookalike.verbs.records import remove

ROUND: Final = "merge"
"""The round of readings that holds what galleries said of a record whose labels differ."""
_NOT_OF_NAMES: Final = re.compile(r"[^\w .+-]")
_LONGEST: Final = 64  # characters of a cohort's name, and of a reader's


@dataclass(frozen=True, slots=True)
class NotMerged:
    """A record that was not brought along, and why: a key of ``NOT_AGAIN`` or ``REASONS``, or "erased"."""

    gallery: str
    id: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class LabelsDiffer:
    """A record whose labels differ. labels: that count. other: what the other of the two galleries said."""

    gallery: str
    id: str
    labels: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortMerged:
    """A cohort. merged_as: what it is called now. members: how many it has there. note: what lacks, or ""."""

    gallery: str
    name: str
    merged_as: str
    members: int
    note: str


@dataclass(frozen=True, slots=True)
class MergeResult:
    """records: in the merged gallery. added: new ones; there: records that were there already. reused, encoded:
    pictures and slices whose vectors were taken over, and that were encoded anew. left_out: records that are not there.
    labels_differ: records of which two galleries say different labels. patients_differ, attributes_differ: records
    with another patient, or another value of an attribute, in a gallery named later. readings, decisions, reports: how
    many were brought.
    """

    folder: str
    records: int
    added: int
    there: int
    reused: int
    encoded: int
    left_out: tuple[NotMerged, ...]
    labels_differ: tuple[LabelsDiffer, ...]
    patients_differ: int
    attributes_differ: int
    cohorts: tuple[CohortMerged, ...]
    readings: int
    notes: tuple[str, ...]
    seconds: float
    decisions: int = 0
    reports: int = 0


def merge_galleries(
    galleries: Sequence[str | os.PathLike[str]], into: str | os.PathLike[str], *, progress: Progress | None = None
) -> MergeResult:
    """Bring the records of some galleries into one, new or there, which answers as if their files had been indexed into
    it. Every file is read again, since galleries name patients by keys of their own; vectors are taken over where
    encoder and cutting of volumes are the same, else made anew. What was cut short is finished by running it again.

    Of a record that two galleries hold, the one named first has the last word, but a person's labels outweigh a
    table's; what the other said stands in a round of readings called "merge". A patient is one person where files say
    the same name, or where a record that both hold was given to both. Cohorts come with their definitions, to be
    evaluated again; readings, decisions and reports come as they are. The cohorts' splits, adapted spaces and the
    history of labels stay behind, and the notes say so and what to do.

    galleries: their folders. into: a new one is made as the first of them: encoder, volumes, patches, kind of identity.
    progress: called with how many items are done, of how many.

    Raises UsageError, GalleryError (no gallery, or one that is not yours), LockedError.
    """
    with ExitStack() as stack:
        opened = _opened(galleries, into, stack)
        return _merged(opened, stack.enter_context(_target(opened[0], into)), progress)


def merge_into(
    target: Gallery, galleries: Sequence[str | os.PathLike[str]], *, progress: Progress | None = None
) -> MergeResult:
    """``merge_galleries`` into one that is open. Raises as that."""
    with ExitStack() as stack:
        return _merged(_opened(galleries, target.folder, stack), target, progress)


def _opened(
    galleries: Sequence[str | os.PathLike[str]], into: str | os.PathLike[str], stack: ExitStack
) -> list[Gallery]:
    folders = list(dict.fromkeys(map(gallery_folder, galleries)))
    if not folders or absolute(into) in folders:
        raise UsageError("name galleries to be merged, and with --into another one, new or there")
    return [stack.enter_context(open_gallery(folder)) for folder in folders]


def _merged(opened: Sequence[Gallery], target: Gallery, progress: Progress | None) -> MergeResult:
    started = time.monotonic()
    if kept(opened[0].store) and not target.store.count():
        keep(target.store)
    run = _Merge(target, [MergedGallery(each, target) for each in opened])
    run.read(progress)
    run.match_patients()
    target.index()
    run.bring_readings()
    run.bring_decisions()
    run.bring_reports()
    cohorts = tuple(cohort for each in run.merged for cohort in _cohorts(each.gallery, target))
    return run.result(cohorts, time.monotonic() - started)


def _target(first: Gallery, into: str | os.PathLike[str]) -> AbstractContextManager[Gallery]:
    """The gallery to merge into; a new one is as the first."""
    if is_gallery(absolute(into)):
        return gallery_to_fill(into)
    name = first.spec.name
    return gallery_to_fill(into, encoder=name, volumes=first.volume_recipe, index=first.index_kind, linked=first.linked)


@dataclass
class _Merge:
    """One merge: what has come, and what differs."""

    target: Gallery
    merged: Sequence[MergedGallery]
    added: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    differing: list[tuple[MergedGallery, DifferingLabels]] = field(default_factory=list)
    attributes_differ: int = 0
    patients_differ: int = 0
    readings: int = 0
    decisions: int = 0
    reports: int = 0
    notes: list[str] = field(default_factory=list)

    def read(self, progress: Progress | None) -> None:
        """Read and store the records of each gallery, then what else it says of them. Raises as ``merge_galleries``."""
        store = self.target.store
        stores = [(each, kept_out(each)) for each in (store, *(one.gallery.store for one in self.merged))]
        before = {record.id for record in store.records().values()}
        total, done = sum(len(each.found.items) for each in self.merged), 0
        for each in self.merged:
            self.target.places.allow(ownership_of(each.gallery.store.id).roots)
            self.target.places.allow_buckets(each.gallery.places.buckets)
            self.refused |= self._read(each, stores, _after(progress, done, total))
            done += len(each.found.items)
            self._bring_said(each)
        self._take_out(before)

    def _take_out(self, before: Set[str]) -> None:
        """Take out what has come of patients who are kept out and whom no file names. before: what was there."""
        names = set().union(*(each.names_kept_out for each in self.merged))
        for each in self.merged:
            each.kept_out |= each.of_kept_out(names) - before
        there = {record.id for record in self.target.store.records().values()}
        if come := sorted(there & set().union(*(each.kept_out for each in self.merged))):
            remove(self.target, come)

    def _read(
        self, each: MergedGallery, stores: Sequence[tuple[Store, KeptOut]], progress: Progress | None
    ) -> dict[str, str]:
        """Read the files of one gallery; why items were refused, by their names."""
        with self.target.writing() as turn:
            listing, nothing = Listing(tuple(each.items()), ()), Listing((), ())
            words = RunReports(self.target, nothing, None, (), None)
            run = IndexRun(self.target, ItemLabels(None, nothing), words, tell_all=True)
            events = read_items(self.target.readers, listing.items, run.items)
            run.read(each.events(events, stores), turn, len(listing.items), progress)
            self.added += run.added
            return {refusal.source: refusal.reason for refusal in run.refused}

    def _bring_said(self, each: MergedGallery) -> None:
        """Labels, attributes, and studies that only a table named."""
        theirs, ours = each.gallery.store, self.target.store
        said = said_of_records(theirs, {record.key: record for record in each.records.values()})
        differing, others = bring_said(ours, said, by=f"merged from {each.name}")
        self.differing += [(each, one) for one in differing]
        self.attributes_differ += others
        known = set().union(*files_of_studies(ours).values())
        studies = {
            sha256: each.alias(study) for study, files in files_of_studies(theirs).items() for sha256 in files - known
        }
        ours.write(Batch(studies=studies))

    def match_patients(self) -> None:
        """Let a patient whom several galleries know be one."""
        groups, self.patients_differ = patients_in_common(self.target, self.merged)
        regroup(self.target.store, groups)

    def bring_readings(self) -> None:
        """Bring rounds of readings along, and keep what was said of records whose labels differ as another round."""
        store = self.target.store
        for each in self.merged:
            for name in stored_rounds(each.gallery.store):
                read, started = stored_readings(each.gallery.store, name), started_round(each.gallery.store, name)
                self.readings += bring_readings(store, name, read, started)
        now = time.time()
        for each, one in self.differing:
            said = {"here before": one.here, f"from {each.name}"[:_LONGEST]: one.theirs}
            bring_readings(store, ROUND, [StoredReading(one.id, who, what, "merge", now) for who, what in said.items()])

    def bring_decisions(self) -> None:
        """What was decided of what audits had found, and whose records were whose until then."""
        names = set().union(*(each.names for each in self.merged))
        for each in self.merged:
            decided = stored_decisions(each.gallery.store)
            came, otherwise = bring_decisions(self.target.store, decided, group_here(each, names))
            self.decisions += came
            if otherwise:
                self.notes.append(
                    f"{otherwise} accepted values of {each.name} are other ones here, and their decisions stay there; "
                    "audit again: lookalike audit metadata"
                )

    def bring_reports(self) -> None:
        """The words of reports, where there are none of the same file here."""
        for each in self.merged:
            if not count_reports(each.gallery.store):
                continue
            try:
                came, differ = bring_reports(self.target, each.gallery)
            except LookalikeError as error:
                self.notes.append(f"reports of {each.name} stay there: {error}")
                continue
            self.reports += came
            if differ:
                self.notes.append(f"{differ} reports of {each.name} are other ones here, and these were kept")

    def result(self, cohorts: tuple[CohortMerged, ...], seconds: float) -> MergeResult:
        """What came, and what did not."""
        left_out = [
            NotMerged(each.name, id, each.records[id].source, why)
            for each in self.merged
            for id, why in each.left_out(self.refused).items()
        ]
        brought = sum(len(each.records) for each in self.merged) - len(left_out)
        return MergeResult(
            folder=str(self.target.folder),
            records=self.target.store.count(),
            added=self.added,
            there=brought - self.added,
            reused=sum(each.reused for each in self.merged),
            encoded=sum(each.encoded for each in self.merged),
            left_out=tuple(left_out),
            labels_differ=tuple(_differing(each, one) for each, one in self.differing),
            patients_differ=self.patients_differ,
            attributes_differ=self.attributes_differ,
            cohorts=cohorts,
            readings=self.readings,
            notes=(*(note for each in self.merged for note in _left_behind(each.gallery, self.target)), *self.notes),
            seconds=seconds,
            decisions=self.decisions,
            reports=self.reports,
        )


def _differing(each: MergedGallery, one: DifferingLabels) -> LabelsDiffer:
    labels, other = (one.theirs, one.here) if one.theirs_count else (one.here, one.theirs)
    return LabelsDiffer(each.name, one.id, labels, other)


def _after(progress: Progress | None, done: int, total: int) -> Progress | None:
    """Progress of one of several galleries."""
    return None if progress is None else lambda ended, _of: progress(done + ended, total)


def _left_behind(gallery: Gallery, target: Gallery) -> Iterator[str]:
    """What of a gallery is not in the merged one, a sentence each."""
    name = gallery.folder.name
    if gallery.identity != target.identity:
        text = "; words ask in the language of that one alone" if gallery.spec.text else ""
        yield f"{name} was encoded by {gallery.spec.name}: its pictures were encoded anew by {target.spec.name}{text}"
    elif gallery.volume_recipe != target.volume_recipe:
        yield f"{name} cuts volumes or windows pictures otherwise: its pictures were encoded anew"
    if spaces := sorted(set(gallery.store.spaces()) - {BASE}):
        yield f"adapted spaces of {name} stay there: {', '.join(spaces)}; train them anew (lookalike adapt)"
    if kept(gallery.store) and not kept(target.store):
        yield f"{name} keeps patches and {target.folder.name} does not: lookalike index --patches makes them"
    if gallery.linked and not target.linked:
        yield f"{name} is linked and {target.folder.name} is anonymous: UIDs and dates were not brought along"
    if kept_out(gallery.store):
        yield f"who was erased from {name} was left out, and {target.folder.name} does not know whom not to take"


def _cohorts(gallery: Gallery, target: Gallery) -> Iterator[CohortMerged]:
    """Bring a gallery's cohorts along: their definitions, and the members that are here."""
    there, store = {record.id for record in target.store.records().values()}, target.store
    for cohort in stored_cohorts(gallery.store):
        members = {each.id: each.labels for each in cohort_members(gallery.store, cohort.number)}
        come = {id: labels for id, labels in members.items() if id in there}
        definition = _definition(gallery.store, cohort, there)
        name, before = cohort.name, {each.name: each for each in stored_cohorts(store)}
        if name in before and _definition(store, before[name], there) != definition:
            name = _NOT_OF_NAMES.sub("-", f"{name} of {gallery.folder.name}")[:_LONGEST]
        if name in before:
            come |= {each.id: each.labels for each in cohort_members(store, before[name].number)}
        put_cohort(store, name, *definition, come, by=cohort.by, replace=name in before)
        missing = len(members.keys() - there)
        note = [f"{missing} of its members are not here"] if missing else []
        note += ["it was split, and is not here"] if cohort.split else []
        yield CohortMerged(gallery.folder.name, cohort.name, name, len(come), " and ".join(note))


def _definition(store: Store, cohort: StoredCohort, there: Set[str]) -> tuple[str, list[list[str]]]:
    """A cohort's definition, and the records that it names by place, those that are there."""
    chosen = chosen_records(store, cohort.number)
    return cohort.definition, [
        [id for id in chosen.get(leaf, ()) if id in there] for leaf in range(max(chosen, default=-1) + 1)
    ]
