"""export: a cohort as a folder that tells nobody who it is: files made anew, and a table of labels."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from lookalike.asking.candidates import candidates
from lookalike.atomic import write_atomically
from lookalike.errors import REASONS, GalleryError, NotFoundError, UnreadableImageError, UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.plugins import suggestion
from lookalike.progress import Progress, followed_by, tracked
from lookalike.readers.burned_in import BurnedIn, check_reader_of_text
from lookalike.readers.deidentified_header import Deidentification, deidentification_methods
from lookalike.readers.faces import may_show_a_face
from lookalike.readers.kept import KEPT
from lookalike.readers.pairs import files_of
from lookalike.secret_key import days_moved, sign
from lookalike.text import absolute, quoted
from lookalike.types import Record
from lookalike.verbs.pictures import Pictures

_FILES: Final = "images"
_OF_PATIENTS: Final = ("PatientSex", "PatientAge")
_MOST_DAYS: Final = 3650  # that dates are moved back by


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that was not exported, and the reason code why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportResult:
    """folder: where the cohort is. records: of how many the files are there. files: how many files. patients: of how
    many different ones. left_out: which records are not there. masked: whether text in pixels was looked for and
    masked.
    """

    folder: str
    records: int
    files: int
    patients: int
    left_out: tuple[LeftOut, ...]
    masked: bool
    notes: tuple[str, ...]


def export_records(
    gallery: Gallery,
    out: str | os.PathLike[str],
    *,
    where: str | Filter | None = None,
    burned_in: BurnedIn = "mask",
    dates: Literal["removed", "shifted"] = "removed",
    characteristics: bool = False,
    columns: Sequence[str] = (),
    defaced: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the records that a filter allows into a new folder, freed of identity (PS3.15 E, Basic Profile): each file
    made anew, ``table.csv`` with labels and pseudonyms, ``left-out.csv`` with what is not there, and
    ``deidentification.json``, which says what was done.

    Pseudonyms and UIDs are hashed with a key of the gallery: another export gives the same ones. burned_in: text in
    pixels is masked, files with some are left out ("refuse"), or it stays ("keep"). dates: removed, or moved back by a
    number of days that is the patient's own. characteristics: age, sex, size and weight stay. columns: further
    attributes for the table, such as columns of a label table: they are written as they stand. defaced: heads were
    defaced, as who exports them says; without it a volume of CT, MR or PET from which a face can be made is left out.
    progress: called with how many files are done, of how many.

    Raises UsageError (a folder that is not empty, a filter, no such column), MissingExtraError (nothing that reads text
    in pixels is installed), GalleryError (the gallery's secret key is not here).
    """
    check_reader_of_text(burned_in)
    key, names = export_key(gallery), exported_columns(gallery, columns, characteristics)
    files = _by_source(gallery, where)
    run = _Export(_new_folder(out), key, burned_in, dates, characteristics, names)
    with followed_by(progress), closing(Pictures(gallery)) as pictures:
        for records in tracked(files):
            run.take(records, pictures, defaced=defaced)
    return run.finish()


def _new_folder(out: str | os.PathLike[str]) -> Path:
    folder = absolute(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; name a new folder for the export")
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); name a new folder for the export") from None
    return folder


def export_key(gallery: Gallery) -> bytes:
    """The key of exports, which tells nothing of the gallery's own. Raises GalleryError where that is not here."""
    key = gallery.store.identity.key
    if key is None or not gallery.owned:
        raise GalleryError(f"pseudonyms are made with the gallery's secret key: {gallery.store.identity.closed}")
    return hmac.digest(key, b"pseudonyms of exports", hashlib.sha256)


def exported_name(key: bytes, kind: str, name: str) -> str:
    """The name that a patient or a record has in every export under a key."""
    return sign(key, kind, name)[:16]


def exported_columns(gallery: Gallery, asked: Sequence[str], characteristics: bool) -> list[str]:
    """The attributes that go out: those of known values, and what is asked for. Raises UsageError for another."""
    known = gallery.store.field_names()
    for name in asked:
        if name not in known:
            raise UsageError(f"no record has a field {quoted(name)!r}.{suggestion(name, known)}")
    own = [name for name in KEPT if name in known and (characteristics or name not in _OF_PATIENTS)]
    return [*own, *(name for name in asked if name not in own)]


def _by_source(gallery: Gallery, where: str | Filter | None) -> list[list[Record]]:
    """The records that a filter allows, those of one file together. Raises UsageError if there are none."""
    records = gallery.store.records()
    among = candidates(gallery, where=where).records(gallery, np.array(sorted(records), np.int64))
    found: dict[str, list[Record]] = {}
    for key in among.tolist():
        found.setdefault(records[key].source, []).append(records[key])
    if not found:
        raise UsageError("the filter leaves no record to export")
    return list(found.values())


@dataclass
class _Export:
    folder: Path
    key: bytes = field(repr=False)
    burned_in: BurnedIn
    dates: Literal["removed", "shifted"]
    characteristics: bool
    columns: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    files: int = 0
    patients: set[str] = field(default_factory=set)

    def take(self, records: Sequence[Record], pictures: Pictures, *, defaced: bool) -> None:
        """Write the file of some records, or leave them out."""
        if not defaced and any(may_show_a_face(each.attributes, each.depth, len(records)) for each in records):
            self._leave_out(records, "head-volume")
            return
        try:
            place = self._write(records[0], pictures)
        except (NotFoundError, UnreadableImageError) as error:
            self._leave_out(records, error.reason)
        else:
            self.rows += [self._row(each, place) for each in records]

    def _leave_out(self, records: Sequence[Record], reason: str) -> None:
        self.left_out += [LeftOut(each.id, reason) for each in records]

    def _write(self, record: Record, pictures: Pictures) -> str:
        """The name of the file, or of the folder of a series."""
        how, name = self._how(record), self._pseudonym("record", record.id)
        files = pictures.files_of(record.id)
        if len(files) > 1 and set(files) <= set(files_of(files[0])):
            files = files[:1]  # a header with its data
        made = [pictures.without_identity(file, how) for file in files]
        (self.folder / _FILES).mkdir(exist_ok=True)
        names = [name] if len(made) == 1 else [f"{name}/{number:05}" for number in range(len(made))]
        for each, (suffix, data) in zip(names, made, strict=True):
            path = self.folder / _FILES / (each + suffix)
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, data)
        self.files += len(made)
        return f"{_FILES}/{name}{made[0][0] if len(made) == 1 else ''}"

    def _how(self, record: Record) -> Deidentification:
        days = 1 + days_moved(self.key, record.patient) % _MOST_DAYS
        return Deidentification(
            self.key,
            self._pseudonym("patient", record.patient),
            days if self.dates == "shifted" else None,
            self.characteristics,
            self.burned_in,
        )

    def _pseudonym(self, kind: str, name: str) -> str:
        return exported_name(self.key, kind, name)

    def _row(self, record: Record, place: str) -> list[str]:
        patient = self._pseudonym("patient", record.patient)
        self.patients.add(patient)
        told = [str(record.attributes.get(name, "")) for name in self.columns]
        return [place, str(record.frame), "|".join(record.labels), patient, *told]

    def finish(self) -> ExportResult:
        """Write the tables and what was done."""
        header = ["file", "frame", "label", "patient_id", *self.columns]
        self._write_table("table.csv", [header, *self.rows])
        reasons = [[each.id, each.reason, REASONS.get(each.reason, "")] for each in self.left_out]
        self._write_table("left-out.csv", [["record", "reason", "advice"], *reasons])
        write_atomically(self.folder / "deidentification.json", json.dumps(self._said(), indent=2).encode())
        masked = self.burned_in == "mask"
        return ExportResult(
            str(self.folder),
            len(self.rows),
            self.files,
            len(self.patients),
            tuple(self.left_out),
            masked,
            self._notes(),
        )

    def _write_table(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        write_atomically(self.folder / name, out.getvalue().encode())

    def _said(self) -> dict[str, object]:
        how = replace(Deidentification(b""), days=0 if self.dates == "shifted" else None)
        how = replace(how, characteristics=self.characteristics, burned_in=self.burned_in)
        return {
            "profile": [{"code": code, "meaning": meaning} for code, meaning in deidentification_methods(how)],
            "burned_in": self.burned_in,
            "dates": self.dates,
            "records": len(self.rows),
            "left_out": len(self.left_out),
            "columns": list(self.columns),
        }

    def _notes(self) -> tuple[str, ...]:
        heads = sum(each.reason == "head-volume" for each in self.left_out)
        return tuple(
            filter(
                None,
                [
                    "text in the pixels stays" if self.burned_in == "keep" else "",
                    f"{heads} records were left out, since a face can be made from them: {REASONS['head-volume']}"
                    if heads
                    else "",
                    "labels and columns that were asked for are written as they stand in the gallery",
                ],
            )
        )
