"""index: read files, encode them, store records and vectors, and build the indexes."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.asking.reports_of_run import RunReports
from lookalike.cluster.address import HERE, checked_address
from lookalike.cluster.readers import NO_AUTHENTICATION, readers_on
from lookalike.configuration.resolve import setting_value
from lookalike.encoders import PatchEncoder
from lookalike.erasing import is_erasing, tidy
from lookalike.errors import GalleryError, UsageError
from lookalike.filters import Filter, tree_of
from lookalike.gallery import Gallery, gallery_folder
from lookalike.locks import Turn
from lookalike.progress import Progress
from lookalike.readers.events import Finished, Frame, ReportRead
from lookalike.roots import folders_of
from lookalike.sources.as_read import without_erased
from lookalike.sources.encoded_volumes import OpenVolumes, encode_frames, frames_at_once
from lookalike.sources.files import FileSource
from lookalike.sources.item_labels import ItemLabels, LabelMatch, NamedSource, tables_beside
from lookalike.sources.kinds import counted_kinds
from lookalike.sources.labels import LabelRow, LabelTable, named_by, read_label_table
from lookalike.sources.left_out import check_source_filter, leave_out
from lookalike.sources.reading import BatchRead, Listing, Readers, ReadEvent, VolumesFound, list_items, read_items
from lookalike.sources.remarks import Remarks
from lookalike.sources.reports import STRUCTURED
from lookalike.sources.source import NamedByGallery, Source, source_of
from lookalike.sources.stored_items import StoredItems
from lookalike.sources.vector_files.source import VectorSource, check_ids, check_vectors, encoder_of_vectors, vectors_in
from lookalike.store import Batch, NewRecord, Relabel, record_id
from lookalike.store import patches as stored_patches
from lookalike.store.edit import digests_of_records, labels_by_hand
from lookalike.store.kept_out import kept_out
from lookalike.store.studies import files_of_studies
from lookalike.types import Attribute, PatchMap, Refusal, SetApart, Vectors

_PARTS: Final = (Frame, BatchRead, VolumesFound, ReportRead)  # events of items that go on
_CLUSTER: Final = "cluster"  # the fact that names the cluster that encoded last
_STORED: Final = 64  # files or records stored in one transaction
_NAMED_STORED: Final = 512  # files whose identity is stored in one transaction
_VOLUMES_STORED: Final = 8  # complete volumes stored in one transaction


@dataclass(frozen=True, slots=True)
class IndexResult:
    """added: new records. skipped: files whose content was there already. refused: files that could not be read,
    with reason codes. ignored: how many were passed over since they are no images: masks, reports and other
    objects, tables; kinds: how many of each kind; set_apart: which. unmatched: rows of the label table that match
    no file. records: how many the gallery now holds. labels: what the label table's rows and the images met, None
    without a table. unread_tables: tables among the files that could be given as the label table. notes: how the
    label table was read, and what it lacks; what of the files' headers was not kept, and whose pixels show text;
    which encoder was chosen, and whether it was tuned on another gallery. moved: files that lie elsewhere now.
    labels_kept: records whose labels a person set and the table says others: the person's count.
    reports: files whose records have got the words of a report, or others than before. kept_out: files of patients who
    were erased and are not taken again.
    """

    added: int
    skipped: int
    refused: tuple[Refusal, ...]
    seconds: float
    files: int
    ignored: int
    unmatched: int
    records: int
    kinds: dict[str, int]
    set_apart: tuple[SetApart, ...]
    labels: LabelMatch | None = None
    unread_tables: tuple[NamedSource, ...] = ()
    notes: tuple[str, ...] = ()
    moved: int = 0
    labels_kept: int = 0
    reports: int = 0
    kept_out: int = 0


def index(
    gallery: Gallery,
    sources: Iterable[str | os.PathLike[str] | Source],
    *,
    labels: str | os.PathLike[str] | LabelTable | None = None,
    label_columns: Sequence[str] = (),
    patient_column: str | None = None,
    overwrite_labels: bool = False,
    patches: bool = False,
    where_source: str | Filter | None = None,
    vectors: str | os.PathLike[str] | VectorSource | None = None,
    reports: str | os.PathLike[str] | None = None,
    report_columns: Sequence[str] = (),
    sentences: str | None = None,
    on: str | None = None,
    progress: Progress | None = None,
) -> IndexResult:
    """Index files, folders (walked recursively), and other sources named by a URI, into a gallery.

    What is there already (by SHA-256 of the file; in a remote source by the item's name) is skipped, so an
    interrupted run is finished by running it again; with a label table, the labels of skipped files are brought
    up to date, but not those that a person set. Content whose old place is gone gets its new place. A file that cannot
    be read is refused with a reason code and the rest go on.

    labels: a table, or its file; without one, a source that has labels of its own is asked for them.
    patient_column: by default the one that is called ``patient_id`` or a usual spelling of it.
    overwrite_labels: the table's labels count, whoever set others.
    patches: keep the patch vectors too, for searches of a region, from now on; those that the sources' records
    lack are made. With lite0 they take 38 kB a picture or slice.
    where_source: a filter on what the files' headers say (``Modality!=SR``), on ``source`` (the path) and ``kind``
    (picture, volume); what does not satisfy it is left out and counted.
    vectors: a file of vectors that were made elsewhere (.parquet, .npz, .npy, .h5, .csv, a flat FAISS index), as the
    source ``vectors:FILE``, with its keys or without.

    reports, report_columns: keep the words of reports beside the images, which are patients' data: "sr" for the DICOM
    Structured Reports among the sources, whose TEXT items are joined with the images of their study; or a folder of
    text files called as their picture, or as the folder of their study; columns of the label table. sentences: the
    encoder that reads them from now on, "minilm" by default, or the name of a model of sentence-transformers.
    on: where images are decoded and encoded: "here", "ray" (the cluster that this process or this machine is in) or
    "ray://HOST:PORT"; by default as LOOKALIKE_RAY says, else here.

    Records may be removed while it runs, and do not come back by it; other files that it reads later are new arrivals,
    whoever's they are, but for patients who were erased (``verbs.erase``): they are left out.

    Raises UsageError (a source or a label table that cannot be used, or that fits several files
    equally well), LockedError (another process is writing), DamagedFileError (encoder weights),
    ClusterError (a cluster that gives no answer, or whose nodes take no images), MissingExtraError.
    """
    started = time.monotonic()
    tree = tree_of(where_source)
    if tree is not None:
        check_source_filter(tree)
    gallery.store.check_writable()
    on = checked_address(on or setting_value("ray.address") or HERE)
    given = [_named(source_of(source), gallery, reports) for source in sources]
    given += [] if vectors is None else [vectors_in(vectors)]
    check_ids(given)
    listing = list_items(given, gallery.owns)
    table = _table(labels, label_columns, patient_column, report_columns)
    words = RunReports(gallery, listing, reports, report_columns, sentences)
    if is_erasing(gallery):
        tidy(gallery, gallery.patience)
    told = [note for source in given if (note := check_vectors(source, gallery.spec))]
    tuned = encoders.tuned_elsewhere(gallery.spec.name, gallery.store.id)
    with gallery.writing() as turn:
        gallery.allow(_local_roots(given, listing))
        if patches:
            _keep_patches(gallery)
        run = _Run(gallery, ItemLabels(table, listing), overwrite_labels, words, apart=[*listing.apart])
        ended, total = 0, len(listing.items)
        with _readers(gallery, on, run) as readers:
            for event in leave_out(read_items(readers, listing.items, run.items, reports=words.structured), tree):
                if turn.is_awaited:
                    run.give_way(turn)
                run.take(event)
                if progress and not isinstance(event, _PARTS) and ended < total:
                    ended += 1  # volumes are counted once their slices are known
                    progress(ended, total)
        run.flush()
        gallery.store.write(Batch(reports=words.of_studies()))
        turn.leave()
        gallery.index()
    match = run.labels.match()
    return IndexResult(
        added=run.added,
        skipped=run.skipped,
        refused=tuple(run.refused),
        files=listing.files,
        ignored=len(run.apart),
        unmatched=0 if match is None else match.rows - match.rows_met,
        records=gallery.store.count(),
        seconds=time.monotonic() - started,
        kinds=counted_kinds(run.apart),
        set_apart=tuple(run.apart),
        labels=match,
        unread_tables=tables_beside(listing) if match is None else (),
        notes=(
            *filter(None, [gallery.encoder_note, tuned, *told]),
            *(note for source in given for note in getattr(source, "notes", ())),
            *(*run.labels.notes, *run.remarks.notes, *run.notes),
        ),
        moved=run.moved,
        labels_kept=run.labels_kept,
        reports=words.given,
        kept_out=len(run.left_out),
    )


@contextmanager
def _readers(gallery: Gallery, on: str, run: _Run) -> Iterator[Readers]:
    """What reads: this machine's decoding processes, or the workers of a cluster."""
    if on == HERE:
        yield gallery.readers
        return
    with readers_on(on, gallery.spec, gallery.volume_recipe, patches=run.patches) as readers:
        yield readers
        run.notes += readers.notes
    if gallery.store.noted(_CLUSTER) != on:
        run.notes.append(NO_AUTHENTICATION)
        gallery.store.note(_CLUSTER, on)


def encoder_of_new(folder: str | os.PathLike[str], sources: Sequence[str | os.PathLike[str] | Source]) -> str | None:
    """The encoder that a new gallery of imported vectors has in place of the default one; None where there is a gallery
    already, or no vectors are among the sources. Raises UsageError.
    """
    try:
        gallery_folder(folder)
    except GalleryError:
        return encoder_of_vectors([source_of(source) for source in sources])
    return None


def _named(source: Source, gallery: Gallery, reports: str | os.PathLike[str] | None) -> Source:
    if not isinstance(source, NamedByGallery):
        return source
    return source.named_by(gallery.store.identity.group, reports=reports == STRUCTURED)


def _local_roots(given: Sequence[Source], listing: Listing) -> set[str]:
    """The real files and folders that are given, and the few to which links in them lead."""
    roots = {os.path.realpath(source.path) for source in given if isinstance(source, FileSource)}
    files = list(listing.real_files())
    roots |= {file for each in files if roots.intersection(each) for file in each}  # a header's data
    return roots | folders_of((file for each in files for file in each), roots)


def _table(
    labels: str | os.PathLike[str] | LabelTable | None,
    label_columns: Sequence[str],
    patient_column: str | None,
    report_columns: Sequence[str],
) -> LabelTable | None:
    if labels is None and report_columns:
        raise UsageError("columns of reports are of a label table; give that with --labels, or a folder with --reports")
    if labels is None or isinstance(labels, LabelTable):
        return labels
    return read_label_table(Path(labels), label_columns, patient_column, report_columns)


def _keep_patches(gallery: Gallery) -> None:
    if not isinstance(gallery.encoder, PatchEncoder):
        raise UsageError(
            f"the encoder {gallery.spec.name!r} gives no patch vectors (an ensemble gives none, lite0 does); "
            "leave --patches out, or index into a new gallery with another --encoder"
        )
    stored_patches.keep(gallery.store)


@dataclass
class _Run:
    """One run: what has been read and is not stored yet, and the counts."""

    gallery: Gallery
    labels: ItemLabels
    overwrite_labels: bool
    words: RunReports
    frames: list[Frame] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)
    volumes: OpenVolumes = field(default_factory=OpenVolumes)
    added: int = 0
    finished: Counter[str] = field(default_factory=Counter)  # by SHA-256, files read to their end
    parts: Counter[str] = field(default_factory=Counter)  # by SHA-256 of files of arrays, arrays read
    fetched: dict[str, str] = field(default_factory=dict)  # files read to their end whose items have further files
    ended: list[str] = field(default_factory=list)  # sources read to their end since the last flush
    brought: Counter[str] = field(default_factory=Counter)  # new records by SHA-256 of their file
    relabelled: set[str] = field(default_factory=set)
    moved: int = 0
    labels_kept: int = 0
    apart: list[SetApart] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    remarks: Remarks = field(default_factory=Remarks)
    notes: list[str] = field(default_factory=list)  # of where it was read
    erased: set[str] = field(default_factory=set)  # SHA-256 of what was removed while this ran, or is kept out
    left_out: set[str] = field(default_factory=set)  # sources of what is kept out

    def __post_init__(self) -> None:
        self.stored = self.gallery.store.files()  # before this run
        self.kept_out = kept_out(self.gallery.store)
        self.patches = stored_patches.kept(self.gallery.store)
        self.batch = self._empty_batch()
        self.items = StoredItems(
            self.gallery.store, self.gallery.is_there, with_patches=self.patches, named=self.labels.names_studies
        )
        self.studied = set().union(*files_of_studies(self.gallery.store).values())  # what a header says stays
        self.by_hand = {} if self.overwrite_labels else labels_by_hand(self.gallery.store)
        # A table of patients or attributes alone must not remove the labels that another table gave.
        self.table_labels = self.labels.names_labels

    def give_way(self, turn: Turn) -> None:
        """Let erasures go first. What has been read is stored, so that they find it, and what they remove does not come
        back: a second copy of its bytes is passed over for the rest of the run.
        """
        self.flush()
        before = digests_of_records(self.gallery.store)
        turn.give_way()
        self.erased |= before - digests_of_records(self.gallery.store)
        self.kept_out = kept_out(self.gallery.store)
        self.fetched = {sha256: source for sha256, source in self.fetched.items() if sha256 not in self.erased}

    def take(self, event: ReadEvent) -> None:
        if getattr(event, "sha256", "") in self.erased or (isinstance(event, Frame) and self._is_kept_out(event)):
            return
        if isinstance(event, Frame):
            self.remarks.take(event)
            self._keep(event)
        elif isinstance(event, BatchRead):
            # An item of several files is recognised by any one of them: none is recorded before all are stored.
            self.flush()
            self.batch.finished.update(self.fetched)
            self.batch.fetched += without_erased(event.files, self.erased)
            self.fetched = {}
        elif isinstance(event, ReportRead):
            self.words.take(event)
        elif isinstance(event, VolumesFound):
            self.labels.note_volumes(event.items)
        elif isinstance(event, Refusal):
            self._refuse(event)
        elif isinstance(event, SetApart):
            self.apart.append(event)
        elif isinstance(event, Finished):
            self._finish(event)
        if len(self.frames) >= frames_at_once(self.gallery.spec):
            self._encode()
        if (
            len(self.batch.records) + len(self.batch.relabels) + len(self.batch.moved) >= _STORED
            or len(self.volumes) >= _VOLUMES_STORED
            or len(self.batch.identities) >= _NAMED_STORED
        ):
            self.flush()

    def _is_kept_out(self, frame: Frame) -> bool:
        """Whether a picture is of a patient who is not taken; nothing of its file is then noted."""
        if not self.kept_out:
            return False
        store, row = self.gallery.store, self.labels.row(frame) or LabelRow()
        patient = store.patient_group(row.patient or frame.patient) or record_id(frame.sha256, frame.frame)
        if not self.kept_out.holds(patient, store.study_group(frame.study)):
            return False
        self.left_out.add(frame.source)
        self.erased |= set() if frame.part else {frame.sha256}
        return True

    def _keep(self, frame: Frame) -> None:
        if frame.vector is None:
            self.frames.append(frame)
        else:
            self._take_encoded(frame, frame.vector, frame.patches)

    def _take_encoded(self, frame: Frame, vector: NDArray[np.float32], patches: tuple[PatchMap, ...]) -> None:
        if frame.depth > 1:
            self.volumes.add(frame, vector, patches)
        else:
            self.batch.records.append(self._record(frame, vector[None], (0,), frame.thumbnail, patches))

    def _refuse(self, refusal: Refusal) -> None:
        # A broken volume is refused as a whole; of other files the good frames stay.
        self.volumes.drop(refusal.source)
        self.frames = [frame for frame in self.frames if frame.depth == 1 or frame.source != refusal.source]
        self.refused.append(refusal)
        self.batch.refused.append(refusal)

    def _finish(self, event: Finished) -> None:
        (self.parts if event.part else self.finished)[event.sha256] += 1
        if not event.known:
            noted = self.fetched if event.fetched else self.batch.finished
            noted[event.sha256] = event.file if event.part else event.source
            self.ended.append(event.source)
        if not (event.known or event.sha256 in self.stored):
            return
        if (place := self.items.moved_to(event)) is not None:
            self.moved += 1
            self.batch.moved[event.sha256] = place
        row = self.labels.row(event)
        self._tell(event, row)
        # Of files with the same bytes the first one counts, as when storing them.
        if row is not None and not event.part and event.sha256 not in self.relabelled:
            self.relabelled.add(event.sha256)
            labels = row.labels if self.table_labels else None
            self.batch.relabels.append(Relabel(event.sha256, row.patient, labels, row.attributes or {}))
            if labels is not None:
                self.labels_kept += sum(each != {*labels} for each in self.by_hand.get(event.sha256, ()))

    @property
    def skipped(self) -> int:
        """Files and arrays read to their end that brought nothing new: already indexed, or the same bytes twice."""
        files = sum(count - (sha256 in self.brought) for sha256, count in self.finished.items())
        arrays = sum(count - min(count, self.brought[sha256]) for sha256, count in self.parts.items())
        return files + arrays

    def flush(self) -> None:
        """Encode and store what has been read, in one transaction."""
        if self.frames:
            self._encode()
        for volume in self.volumes.take(self.ended):
            vectors, views, patches = np.stack(volume.vectors), tuple(volume.views), tuple(volume.patches)
            self.batch.records.append(self._record(volume.first, vectors, views, volume.thumbnail, patches))
        self.batch.reports = self.words.encoded()
        new = self.gallery.store.write(self.batch)
        self.added += len(new)
        self.brought.update(new)
        self.batch, self.ended = self._empty_batch(), []

    def _empty_batch(self) -> Batch:
        return Batch(overwrite=self.overwrite_labels, change=self.batch.change, encoder=self.gallery.identity)

    def _encode(self) -> None:
        for frame, vector, patches in encode_frames(self.gallery.encoder, self.frames, patches=self.patches):
            self._take_encoded(frame, vector, patches)
        self.frames = []

    def _tell(self, event: Frame | Finished, row: LabelRow | None) -> None:
        """Note the report of a file, and the study that its records are of."""
        if event.part:  # one of many pictures in a file
            return
        self.words.note(event, row)
        if (named := named_by(event.named, row)) is not None:
            self.batch.identities[event.sha256] = named
        study = "" if named is None else named.identity.study_instance_uid
        if study or (row is not None and row.study and event.sha256 not in self.studied):
            self.studied.add(event.sha256)
            self.batch.studies[event.sha256] = study or (row.study if row else "")

    def _record(
        self, frame: Frame, vectors: Vectors, views: tuple[int, ...], thumbnail: bytes, patches: tuple[PatchMap, ...]
    ) -> NewRecord:
        row = self.labels.row(frame) or LabelRow()
        self._tell(frame, row)
        attributes: dict[str, Attribute] = {**frame.attributes, **(row.attributes or {})}
        if frame.frames > 1:
            attributes["frame"] = float(frame.frame)
        if frame.depth > 1:
            attributes["slices"] = float(frame.depth)
        if frame.plane:
            attributes.setdefault("plane", frame.plane)
        return NewRecord(
            source=frame.file if frame.part else frame.source,
            sha256=frame.sha256,
            frame=frame.frame,
            vectors=vectors,
            views=views,
            patient=row.patient or frame.patient,
            labels=row.labels,
            attributes=attributes,
            thumbnail=thumbnail,
            patches=patches,
        )
