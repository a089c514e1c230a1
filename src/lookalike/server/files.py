"""The files behind a record, where they still are."""

from __future__ import annotations

from pathlib import Path

from lookalike.errors import UnreadableImageError
from lookalike.readers.display import Shown
from lookalike.server.problems import Problem, not_found
from lookalike.server.service import Service
from lookalike.sources.volumes import files_behind
from lookalike.types import Record


def record_of(service: Service, identity: str) -> Record:
    """Raises GalleryError, which becomes 404."""
    return service.gallery.store.record(identity)


def files_of(service: Service, record: Record) -> list[Path]:
    """One file, or those of a series. Raises Problem 404 with the reason source-gone."""
    try:
        files = files_behind(Path(record.source), record.depth, service.display.siblings)
    except (OSError, ValueError, UnreadableImageError):
        files = []
    if not files:
        raise not_found("the file that this record was made from is no longer there", "source-gone")
    return files


def file_of(service: Service, identity: str, number: int) -> Path:
    """One of the record's files. Raises Problem 404."""
    files = files_of(service, record_of(service, identity))
    if number >= len(files):
        raise not_found(f"the record has {len(files)} files, counted from 0")
    return files[number]


def drawn(service: Service, identity: str, slice: int | None, size: int) -> Shown:
    """A slice of a record as the encoder is shown it. Raises Problem 404."""
    record = record_of(service, identity)
    try:
        return service.display.draw(files_of(service, record), frame=record.frame, slice=slice, size=size)
    except UnreadableImageError as error:  # it was readable once
        raise Problem(404, "the file that this record was made from cannot be read now", "source-gone") from error
