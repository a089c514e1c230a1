"""timeline: the studies of a patient in the order of time, each with the record that is most similar to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lookalike.asking.answers import answers
from lookalike.asking.candidates import of_patient
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.query import in_space, of_record
from lookalike.asking.ranked import Ranked
from lookalike.asking.studies import kind_of_series
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store import BASE
from lookalike.store.series_in_time import Standing, members, standings
from lookalike.types import Record

_MOST: Final = 1000  # studies


@dataclass(frozen=True, slots=True)
class TimelineStudy:
    """A study of a patient. day: days since the patient's first study in the gallery; None where it is not known.
    records: how many it has; kinds: of what kinds of series they are; labels: that they bear. nearest: the id of the
    one that is most similar to the record that is compared with, score: how similar (1: itself).
    """

    study_id: str
    day: int | None
    records: int
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    nearest: str
    score: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The studies of a patient. id: the record that was asked about, of the study study_id and of that day; like: the
    record that the studies are compared with, in a space. studies: by day, those of unknown days last.
    """

    id: str
    patient: str
    study_id: str
    day: int | None
    like: str
    space: str
    studies: tuple[TimelineStudy, ...]


@of_one_encoder
def timeline(gallery: Gallery, id: str, *, like: str | None = None, space: str = BASE, k: int = 100) -> Timeline:
    """The studies of a record's patient in the order of time, each with its record that is most similar to another
    record, ``like``; to itself without one. k: the most similar studies are told, if there are more.

    Raises NotFoundError (unknown id, no such space), UsageError, DamagedFileError.
    """
    if not 1 <= k <= _MOST:
        raise UsageError(f"k must be from 1 to {_MOST}, got {k}")
    record = gallery.store.record(id)
    query = in_space(gallery, of_record(gallery, like or id), space)
    best = answers(gallery, [query], of_patient(gallery, record.patient), k, per="study")
    where = standings(gallery.store, [record, *(one.record for one in best)])
    own = where[record.key]
    studies = sorted(_studies(gallery, best, where), key=lambda study: (study.day is None, study.day or 0))
    return Timeline(record.id, record.patient, own.study, own.day, like or id, space, tuple(studies))


def _studies(gallery: Gallery, best: Sequence[Ranked], where: Mapping[int, Standing]) -> Iterable[TimelineStudy]:
    of = members(gallery.store, "study", [where[one.record.key].study for one in best])
    for one in best:
        standing = where[one.record.key]
        records = _records(gallery, of.get(standing.study, [one.record.key]))
        yield TimelineStudy(
            standing.study,
            standing.day,
            len(records),
            tuple(sorted({kind_of_series(record.attributes) for record in records} - {""})),
            tuple(sorted({label for record in records for label in record.labels})),
            one.record.id,
            one.score,
        )


def _records(gallery: Gallery, keys: Sequence[int]) -> list[Record]:
    return list(gallery.store.records(keys).values())
