"""One pass that fills a gallery: what is read becomes records with vectors, a batch a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.reports_of_run import RunReports
from lookalike.gallery import Gallery
from lookalike.locks import Turn
from lookalike.progress import Progress
from lookalike.readers.events import Finished, Frame, ReportRead
from lookalike.sources.as_read import without_erased
from lookalike.sources.encoded_volumes import OpenVolumes, encode_frames, frames_at_once
from lookalike.sources.item_labels import ItemLabels
from lookalike.sources.labels import LabelRow, named_by
from lookalike.sources.reading import BatchRead, ReadEvent, VolumesFound
from lookalike.sources.remarks import Remarks
from lookalike.sources.stored_items import StoredItems
from lookalike.sources.volumes import SeriesInParts
from lookalike.store import Batch, NewRecord, Relabel, record_id
from lookalike.store import patches as stored_patches
from lookalike.store.edit import digests_of_records, labels_by_hand
from lookalike.store.kept_out import kept_out
from lookalike.store.studies import files_of_studies
from lookalike.types import Attribute, PatchMap, Refusal, SetApart, Vectors

_PARTS: Final = (Frame, BatchRead, VolumesFound, ReportRead, SeriesInParts)  # events of items that go on
_STORED: Final = 64  # files or records stored in one transaction
_NAMED_STORED: Final = 512  # files whose identity is stored in one transaction
_VOLUMES_STORED: Final = 8  # complete volumes stored in one transaction


@dataclass
class IndexRun:
    """One run: what has been read and is not stored yet, and the counts. overwrite_labels: the table's labels count,
    whoever set others. tell_all: of every file that is there already it is to be told who it is.
    """

    gallery: Gallery
    labels: ItemLabels
    words: RunReports
    overwrite_labels: bool = False
    tell_all: bool = False
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
            self.gallery.store,
            self.gallery.places.is_there,
            with_patches=self.patches,
            named=self.labels.names_studies or self.tell_all,
        )
        self.studied = set().union(*files_of_studies(self.gallery.store).values())  # what a header says stays
        self.by_hand = {} if self.overwrite_labels else labels_by_hand(self.gallery.store)
        # A table of patients or attributes alone must not remove the labels that another table gave.
        self.table_labels = self.labels.names_labels

    def read(self, events: Iterable[ReadEvent], turn: Turn, total: int, progress: Progress | None) -> None:
        """Take what is read of ``total`` items, and store it."""
        ended = 0
        for event in events:
            if turn.is_awaited:
                self.give_way(turn)
            self.take(event)
            if progress and not isinstance(event, _PARTS) and ended < total:
                ended += 1  # volumes are counted once their slices are known
                progress(ended, total)
        self.flush()

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
        elif isinstance(event, SeriesInParts):
            self.notes.append(_told_of_parts(event.series))
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


def _told_of_parts(series: int) -> str:
    return (
        f"the slices of {series} series were not fetched together, since they lie in several folders or in one that is "
        "too large: each part was read by itself, as pictures or as a volume; put each series into a folder of its own"
    )
