"""index: read files, encode them, store them, and make them findable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from lookalike.datasets.labels import LabelRow, LabelTable, read_label_table
from lookalike.gallery import Gallery
from lookalike.readers import beside_images, walk
from lookalike.readers.pool import Event, Finished, Frame
from lookalike.store import Batch, NewRecord, Relabel
from lookalike.types import Attribute, Refusal

_ENCODED: Final = 16  # pictures encoded at once, while the decoding processes prepare as many
_STORED: Final = 64  # files and records stored in one transaction

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""


@dataclass(frozen=True, slots=True)
class IndexResult:
    """added: records that are new. skipped: files whose content was there already. refused: files that
    could not be read, with reason codes. ignored: tables and notes that lie beside images. unmatched:
    rows of the label table that no file bears. records: how many the gallery now holds.
    """

    added: int
    skipped: int
    refused: tuple[Refusal, ...]
    seconds: float
    files: int
    ignored: int
    unmatched: int
    records: int


def index(
    gallery: Gallery,
    sources: Iterable[str | os.PathLike[str]],
    *,
    labels: str | os.PathLike[str] | LabelTable | None = None,
    label_columns: Sequence[str] = (),
    patient_column: str = "patient_id",
    progress: Progress | None = None,
) -> IndexResult:
    """Index files and folders (walked recursively) into a gallery.

    What is there already (by SHA-256 of the file) is skipped, so a run that was cut short is finished by
    running it again; with a label table, the labels of skipped files are brought up to date. A file that
    cannot be read is refused with a reason code and the rest go on.

    Raises UsageError (a source or a label table that cannot be used), GalleryError (another process is
    writing), DamagedFileError (encoder weights).
    """
    started = time.monotonic()
    paths = [path for path in walk(sources) if not gallery.owns(path)]
    table = labels if isinstance(labels, LabelTable) or labels is None else read_label_table(
        Path(labels), label_columns, patient_column
    )  # fmt: skip
    with gallery.writing():
        run = _Run(gallery, table)
        done = gallery.store.files() - gallery.store.damaged_files()
        for event in gallery.readers.read(paths, done.__contains__):
            run.take(event)
            if progress and not isinstance(event, Frame):
                progress(run.files, len(paths))
        run.flush()
        gallery.index()
    return IndexResult(
        added=run.added, skipped=run.skipped, refused=tuple(run.refused), files=run.files, ignored=run.ignored,
        unmatched=0 if table is None else table.unused(), records=gallery.store.count(),
        seconds=time.monotonic() - started,
    )  # fmt: skip


@dataclass
class _Run:
    """One run: what has come in and is not stored yet, and the counts."""

    gallery: Gallery
    table: LabelTable | None
    frames: list[Frame] = field(default_factory=list)
    batch: Batch = field(default_factory=Batch)
    files: int = 0
    added: int = 0
    finished: list[str] = field(default_factory=list)  # SHA-256 of every file read to its end
    brought: set[str] = field(default_factory=set)  # and of those that brought new records
    relabelled: set[str] = field(default_factory=set)
    ignored: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A table of patients or attributes alone must not take the labels away that another one gave.
        self.table_labels = self.table is not None and self.table.label_count > 0

    def take(self, event: Event) -> None:
        if isinstance(event, Frame):
            self.frames.append(event)
        else:
            self.files += 1
            if isinstance(event, Refusal):
                self._refuse(event)
            else:
                self.finished.append(event.sha256)
                self._finish(event)
        if len(self.frames) >= _ENCODED:
            self._encode()
        if len(self.batch.records) + len(self.batch.relabels) >= _STORED:
            self.flush()

    def _refuse(self, refusal: Refusal) -> None:
        if refusal.reason == "not-an-image" and beside_images(Path(refusal.source)):
            self.ignored += 1
            return
        self.refused.append(refusal)
        self.batch.refused.append(refusal)

    def _finish(self, event: Finished) -> None:
        if not event.known:
            self.batch.finished[event.sha256] = event.source
            return
        row = self._row(event.source)
        # Of files with the same bytes the first one counts, as when they were stored.
        if row is not None and event.sha256 not in self.relabelled:
            self.relabelled.add(event.sha256)
            labels = row.labels if self.table_labels else None
            self.batch.relabels.append(Relabel(event.sha256, row.patient, labels, row.attributes or {}))

    @property
    def skipped(self) -> int:
        """Files read to their end that brought nothing new: known before, or the same bytes twice."""
        return len(self.finished) - len(self.brought.intersection(self.finished))

    def flush(self) -> None:
        """Encode and store what has come in: one transaction."""
        if self.frames:
            self._encode()
        new = self.gallery.store.write(self.batch)
        self.added += len(new)
        self.brought.update(new)
        self.batch = Batch()

    def _encode(self) -> None:
        vectors = self.gallery.encoder.encode_inputs(np.stack([frame.input for frame in self.frames]))
        self.batch.records += [self._record(frame, vectors[i : i + 1]) for i, frame in enumerate(self.frames)]
        self.frames = []

    def _row(self, source: str) -> LabelRow | None:
        return None if self.table is None else self.table.row(Path(source))

    def _record(self, frame: Frame, vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> NewRecord:
        row = self._row(frame.source) or LabelRow()
        attributes: dict[str, Attribute] = {**frame.attributes, **(row.attributes or {})}
        if frame.frames > 1:
            attributes["frame"] = float(frame.frame)
        return NewRecord(
            source=frame.source, sha256=frame.sha256, frame=frame.frame, vectors=vectors,
            patient=row.patient or frame.patient, labels=row.labels, attributes=attributes,
            thumbnail=frame.thumbnail,
        )  # fmt: skip
