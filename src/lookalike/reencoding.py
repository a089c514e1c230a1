"""Encode the records of a gallery again, from their sources, and put the vectors beside those that answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np

from lookalike import encoders
from lookalike.errors import EngineError, ManifestMismatchError
from lookalike.gallery import Gallery
from lookalike.locks import between_erasures
from lookalike.progress import Progress
from lookalike.readers.events import Finished, Frame
from lookalike.readers.pool import ReaderPool
from lookalike.sources.again import SeriesOfFolder, again
from lookalike.sources.encoded_volumes import OpenVolumes, encode_frames, frames_at_once
from lookalike.sources.reading import ReadEvent, read_items
from lookalike.sources.s3.listed import ListedBuckets
from lookalike.store import record_id
from lookalike.store.batch import EncodedRecord
from lookalike.store.patches import kept
from lookalike.store.second_encoder import (
    BesideEncoder,
    begin_beside,
    beside_counts,
    damaged_beside,
    forget_beside,
    pending_records,
    write_beside,
)
from lookalike.types import PatchMap, Record, Refusal, Vectors

TOGETHER: Final = 64
"""Records that are read together, and stored in one transaction at most: a kill loses no more."""
_VOLUMES_STORED: Final = 8  # complete volumes stored in one transaction


@dataclass
class Reencoding:
    """One run that encodes a gallery's records for ``target``: what has been read and is not stored yet. encoded: how
    many records it has encoded; begun: whether with patches; held: whether it is this run's turn to write.
    """

    gallery: Gallery
    target: BesideEncoder
    progress: Progress | None
    encoded: int = 0
    begun: bool = False
    held: bool = False
    frames: list[Frame] = field(default_factory=list)
    volumes: OpenVolumes = field(default_factory=OpenVolumes)
    ended: list[str] = field(default_factory=list)
    ready: list[EncodedRecord] = field(default_factory=list)
    wanted: dict[str, Record] = field(default_factory=dict)  # by id, records to be encoded that are not yet
    refused: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if "readers" in self.__dict__:
            self.readers.close()

    @cached_property
    def encoder(self) -> encoders.Encoder:
        """The encoder to go to. Raises ManifestMismatchError if it is another one than that of the vectors beside."""
        found = encoders.load(self.target.name)
        if found.spec.identity != self.target.identity:
            raise ManifestMismatchError(
                f"the encoder {self.target.name!r} has changed since vectors of it were put beside; remove these "
                "(lookalike gallery migrate --drop), or install the earlier version"
            )
        return found

    @cached_property
    def readers(self) -> ReaderPool:
        """The decoding processes."""
        return ReaderPool(self.encoder.spec.preprocessing, volumes=self.gallery.volume_recipe)

    @cached_property
    def _series(self) -> SeriesOfFolder:
        return SeriesOfFolder(self.readers, self.gallery.places.may_open)

    @cached_property
    def _buckets(self) -> ListedBuckets:
        return ListedBuckets(self.gallery.places.buckets)

    @property
    def patches(self) -> bool:
        """Whether patches are kept: of a former encoder as before, of another one as the gallery does now."""
        if self.target.former:
            return self.target.patches
        return kept(self.gallery.store) and isinstance(self.encoder, encoders.PatchEncoder)

    def begin(self) -> None:
        """Let vectors be put beside, with patches or without, from where an earlier run was interrupted."""
        self.begun = self.patches
        begin_beside(self.gallery.store, self.target.encoder, patches=self.begun)

    def forget_damaged(self) -> bool:
        """Whether there are damaged vectors beside, whose records are then to be encoded again."""
        with self.gallery.store.begin() as connection:
            bad = damaged_beside(connection)
        if bad:
            forget_beside(self.gallery.store, bad)
        return bool(bad)

    def fill_engine(self) -> None:
        """Give the vectors beside to the gallery's index engine, or bring them in step there, so that it answers as
        soon as they do. Raises EngineError, unless the gallery's own index may answer in its place.
        """
        spaces, dim = self.gallery.engine.spaces, int(self.target.encoder["dim"])
        if spaces is None:
            return
        try:
            spaces.prepare(self.target.identity, dim, lambda: between_erasures(self.gallery.locks))
        except EngineError as error:
            self.gallery.engine.leave(error)

    def encode_pending(self) -> None:
        """Encode every record that the encoder beside has not tried."""
        store, last = self.gallery.store, 0
        counts = beside_counts(store)
        done = counts.records - counts.pending
        while keys := pending_records(store, last, TOGETHER):
            last, done = keys[-1], done + len(keys)
            self._encode_records(keys)
            if self.progress:
                self.progress(min(done, counts.records), counts.records)

    def _encode_records(self, keys: Sequence[int]) -> None:
        records = self.gallery.store.records(keys)
        self.wanted, self.refused = {record.id: record for record in records.values()}, {}
        gallery = self.gallery
        found = again(records.values(), gallery.places.place_of, gallery.places.may_open, self._series, self._buckets)
        for event in read_items(self.readers, found.items) if found.items else ():
            self._take(event)
        self._flush()
        missing = {record.key: found.reason(record, self.refused) for record in self.wanted.values()}
        if missing:
            self._write([], missing)

    def _take(self, event: ReadEvent) -> None:
        if isinstance(event, Frame) and record_id(event.sha256, event.frame) in self.wanted:
            self.frames.append(event)
        elif isinstance(event, Refusal):
            self.refused[event.source] = event.reason
            self.volumes.drop(event.source)
            self.frames = [frame for frame in self.frames if frame.depth == 1 or frame.source != event.source]
        elif isinstance(event, Finished):
            self.ended.append(event.source)
        if len(self.frames) >= frames_at_once(self.encoder.spec):
            self._encode()
        if len(self.ready) >= TOGETHER or len(self.volumes) >= _VOLUMES_STORED:
            self._flush()

    def _encode(self) -> None:
        for frame, vector, patches in encode_frames(self.encoder, self.frames, patches=self.begun):
            if frame.depth > 1:
                self.volumes.add(frame, vector, patches)
            else:
                self._encoded(frame, (0,), vector[None], patches)
        self.frames = []

    def _encoded(self, frame: Frame, views: tuple[int, ...], vectors: Vectors, patches: tuple[PatchMap, ...]) -> None:
        record = self.wanted.pop(record_id(frame.sha256, frame.frame), None)
        if record is not None:  # copies of a file are one record
            self.ready.append(EncodedRecord(record.key, record.id, views, vectors, patches))

    def _flush(self) -> None:
        """Encode what has been read, and store what is complete, in one transaction."""
        if self.frames:
            self._encode()
        for volume in self.volumes.take(self.ended):
            self._encoded(volume.first, tuple(volume.views), np.stack(volume.vectors), tuple(volume.patches))
        if self.ready:
            self._write(self.ready, {})
            self.encoded += len(self.ready)
        self.ready, self.ended = [], []

    def _write(self, encoded: Sequence[EncodedRecord], missing: Mapping[int, str]) -> None:
        """Without a turn to write, at a moment when no erasure is under way, which would miss these vectors."""
        moment = nullcontext() if self.held else between_erasures(self.gallery.locks)
        with moment:
            write_beside(self.gallery.store, encoded, missing)
