"""reminder: how many records came since something was trained on a gallery. Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lookalike.adapters import Criterion, criterion_of
from lookalike.encoders import tuned_parts
from lookalike.encoders.families.tuned import called_in_tuned, read_tuned
from lookalike.errors import DamagedFileError, ManifestMismatchError
from lookalike.gallery import Gallery

_SHARE: Final = 0.2  # of what was learnt from; from so many new ones on it is worth another look


@dataclass(frozen=True, slots=True)
class TrainedSince:
    """Something that was trained on this gallery. name: of a space, or of the tuned encoder. then, now: how many
    records said something of ``field`` when it was trained, and say so now. due: whether a fifth came since.
    """

    name: str
    field: str
    then: int
    now: int
    due: bool


@dataclass(frozen=True, slots=True)
class TrainingReminder:
    """trained: each thing that was trained. due: whether any is worth training anew. note: what to do then."""

    trained: tuple[TrainedSince, ...]
    due: bool
    note: str


def count_untrained(gallery: Gallery) -> TrainingReminder:
    """How many labelled records came since each adapter and the tuned encoder was trained."""
    found = (*_adapters(gallery), *_encoders(gallery))
    late = [each for each in found if each.due]
    names = ", ".join(f"{each.name} ({each.now - each.then} new of {each.now})" for each in late)
    note = f"train again, and keep what is better: lookalike adapt, lookalike tune; {names}" if late else ""
    return TrainingReminder(found, bool(late), note)


def _adapters(gallery: Gallery) -> Iterator[TrainedSince]:
    for name, row in sorted(gallery.store.spaces().items()):
        if row.adapter is None:
            continue
        try:
            adapter = gallery.adapter(name)
        except (DamagedFileError, ManifestMismatchError):
            continue  # it answers nothing; lookalike doctor tells of it
        if adapter is not None:
            yield _since(gallery, name, criterion_of(adapter), adapter.training.get("samples"))


def _encoders(gallery: Gallery) -> Iterator[TrainedSince]:
    for name, folder in tuned_parts(str(gallery.encoding["name"])):
        try:
            described = read_tuned(folder)
        except DamagedFileError:
            continue
        training, called = described["training"], called_in_tuned(gallery.folder.name, gallery.store.id)
        if called in described["trained_on"]:
            judged = (training.get("judgement") or {}).get("queries", 0)
            then = training.get("records", 0) + judged
            yield _since(gallery, name, Criterion(str(training.get("field", "label"))), then)


def _since(gallery: Gallery, name: str, criterion: Criterion, then: Any) -> TrainedSince:
    now = sum(bool(criterion.of(record)) for record in gallery.store.records().values())
    before = then if isinstance(then, int) else now  # it was trained by an earlier version, which did not count
    return TrainedSince(name, criterion.field, before, now, now - before >= max(1, _SHARE * before))
