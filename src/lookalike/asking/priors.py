"""Earlier studies of a query's own patient: when the query was taken, and before when another study must lie.

A gallery keeps days that are moved by another number for each patient, so that all here is said of one patient at a
time. Which records follow from it is the rule of ``candidates``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from lookalike.asking.patients import NAME_PATIENTS, known_patient
from lookalike.days import Before, day_number
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.store.identities import dicom_identities
from lookalike.store.series_in_time import days_of_records
from lookalike.types import Record


@dataclass(frozen=True, slots=True)
class PatientTime:
    """When a query was taken, in the days of one of its patients. day: of its study, as the gallery keeps days; None
    where the date is not known. moved: by how many days the patient's dates are moved there; None where that is not.
    """

    day: int | None
    moved: int | None = None


Times: TypeAlias = Mapping[str, PatientTime]
"""By patient group."""
Cutoffs: TypeAlias = Mapping[str, int]
"""Of each patient group the first day, as the gallery keeps days, that is not earlier."""

_NO_DATE: Final = (
    "the study date of the query is not known, so whether a study is earlier cannot be said: its file has no "
    "StudyDate, or it was indexed by an earlier version (run `lookalike index` on its files again)"
)
_NO_PATIENT: Final = (
    "earlier studies are those of the query's own patient, who is not known; ask with a file or a record of a known "
    f"patient, or name the patients: {NAME_PATIENTS}"
)
_NO_KEY: Final = (
    "earlier studies are those of the query's own patient, who cannot be recognised: the secret key that this "
    "gallery's patients are grouped by is not here; give it: lookalike gallery adopt G --key-file FILE, or ask with a "
    "record"
)
_NO_CALENDAR: Final = (
    "this gallery is anonymous and keeps no dates that a date could be compared with; give days before the query's "
    "study (--before 30), or ask with the file, whose own StudyDate is read"
)


def times_of_records(gallery: Gallery, records: Iterable[Record]) -> dict[str, PatientTime]:
    """When records were taken: of several of one patient the earliest counts. In a linked gallery with its key dates
    are known, too. Raises DamagedFileError.
    """
    own: dict[str, list[int]] = {}
    for record in records:
        if known_patient(record.patient, record.id):
            own.setdefault(record.patient, []).append(record.key)
    keys = [key for some in own.values() for key in some]
    days, dates = days_of_records(gallery.store, keys), _dates(gallery, keys)
    return {patient: _time(some, days, dates) for patient, some in own.items()}


def _time(records: Iterable[int], days: Mapping[int, int], dates: Mapping[int, int]) -> PatientTime:
    known = [key for key in records if key in days]
    moved = [days[key] - dates[key] for key in known if key in dates]
    return PatientTime(min((days[key] for key in known), default=None), moved[0] if moved else None)


def _dates(gallery: Gallery, records: Iterable[int]) -> dict[int, int]:
    """The dates of records, by their keys, where the gallery keeps any and its key is here."""
    if not (gallery.linked and gallery.owned):
        return {}
    found = dicom_identities(gallery.store, records).items()
    return {key: date for key, identity in found if (date := day_number(identity.study_date)) is not None}


def times_of_file(gallery: Gallery, frame: Frame, known: Record | None) -> dict[str, PatientTime]:
    """When a file was taken, by the patient whom it names and by the one under whom the gallery knows it. frame: its
    first; known: its record.
    """
    store, times = gallery.store, {} if known is None else times_of_records(gallery, [known])
    date = None if frame.identity is None else day_number(frame.identity.study_date)
    if date is not None:
        times = {group: replace(time, moved=_less(time.day, date)) for group, time in times.items()}
    if group := store.patient_group(frame.patient):
        moved = store.identity.moved_by(frame.patient)
        times[group] = PatientTime(None if date is None or moved is None else date + moved, moved)
    return times


def _less(day: int | None, date: int) -> int | None:
    return None if day is None else day - date


def earliest(times: Iterable[Times]) -> dict[str, PatientTime]:
    """The times of several pictures as those of one query: of each patient the earliest that is known."""
    found: dict[str, PatientTime] = {}
    for patient, time in (item for each in times for item in each.items()):
        before = found.get(patient, time)
        days = [day for day in (before.day, time.day) if day is not None]
        found[patient] = PatientTime(min(days, default=None), before.moved if time.moved is None else time.moved)
    return found


def cutoffs(gallery: Gallery, times: Times, *, priors: bool = True, before: Before | None = None) -> dict[str, int]:
    """The first day of each patient that is not earlier: than the query (priors), and than a time (before).

    Raises UsageError where nothing can be said of any patient.
    """
    if not times:
        raise UsageError(_NO_PATIENT if gallery.store.identity.names_patients else _NO_KEY)
    of = {patient: _cutoff(time, before, priors=priors) for patient, time in times.items()}
    found = {patient: day for patient, day in of.items() if day is not None}
    if not found:
        dated = before is not None and before.date is not None and any(time.day is not None for time in times.values())
        raise UsageError(_NO_CALENDAR if dated else _NO_DATE)
    return found


def _cutoff(time: PatientTime, before: Before | None, *, priors: bool) -> int | None:
    own = [time.day] if priors or before is None else []
    if before is not None and before.date is None:
        own = [None if time.day is None else time.day - before.days + 1]
    elif before is not None and before.date is not None:
        own.append(None if time.moved is None else time.moved + before.date)
    days = [day for day in own if day is not None]
    return min(days) if len(days) == len(own) else None
