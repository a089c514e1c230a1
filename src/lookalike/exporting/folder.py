"""Records as a new folder of files made anew, without identity, and a table of labels."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from lookalike.atomic import write_atomically
from lookalike.errors import REASONS, NotFoundError, UnreadableImageError, UsageError
from lookalike.exporting.names import export_key, exported_columns, exported_name
from lookalike.gallery import Gallery
from lookalike.pictures import Pictures
from lookalike.progress import Progress, followed_by, tracked
from lookalike.readers.burned_in import BurnedIn, check_reader_of_text
from lookalike.readers.deidentified_header import Deidentification, deidentification_methods
from lookalike.readers.faces import may_show_a_face
from lookalike.readers.pairs import files_of
from lookalike.secret_key import days_moved
from lookalike.sources.vector_files.told import SPLIT
from lookalike.text import absolute
from lookalike.types import Record

_FILES: Final = "images"
_LONG_SIDE: Final = 4096  # pixels of a picture that is drawn
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


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A record whose file was written. file: in the folder, or the folder of a series. patient: the pseudonym. part: of
    a split, "" for none. told: of each column what the table says.
    """

    record: Record
    file: str
    patient: str
    part: str
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """As in ``export_records``. parts: of a split, by id; then the table has a column ``split``. only: "pictures" are
    drawn where a file is none that any program shows, and volumes are left out; of others than "dicom" nothing is
    written. apart: pictures of each part lie in ``PART/data``, and not in ``images``.
    """

    burned_in: BurnedIn = "mask"
    dates: Literal["removed", "shifted"] = "removed"
    characteristics: bool = False
    columns: Sequence[str] = ()
    defaced: bool = False
    parts: Mapping[str, str] | None = None
    only: Literal["any", "pictures", "dicom"] = "any"
    apart: bool = False


def export_chosen(
    gallery: Gallery,
    out: str | os.PathLike[str],
    choose: Callable[[], Sequence[Record]],
    options: ExportOptions,
    progress: Progress | None = None,
) -> tuple[ExportResult, tuple[ExportedRecord, ...]]:
    """As ``export_records``, of the records that ``choose`` gives once all else is known to be in order; and what was
    written of each. Raises likewise.
    """
    check_reader_of_text(options.burned_in)
    key, names = export_key(gallery), exported_columns(gallery, options.columns, options.characteristics)
    files = _by_source(choose())
    run = _Export(_new_folder(out), key, options, names)
    with followed_by(progress), closing(Pictures(gallery)) as pictures:
        for records in tracked(files):
            run.take(records, pictures)
    return run.finish(), tuple(run.exported)


def _new_folder(out: str | os.PathLike[str]) -> Path:
    folder = absolute(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty; name a new folder for the export")
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); name a new folder for the export") from None
    return folder


def _by_source(records: Sequence[Record]) -> list[list[Record]]:
    """The records of one file together."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.source, []).append(record)
    return list(found.values())


@dataclass
class _Export:
    folder: Path
    key: bytes = field(repr=False)
    options: ExportOptions
    columns: Sequence[str]
    exported: list[ExportedRecord] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    files: int = 0

    def take(self, records: Sequence[Record], pictures: Pictures) -> None:
        """Write the file of some records, or leave them out."""
        if not self.options.defaced and any(
            may_show_a_face(each.attributes, each.depth, len(records)) for each in records
        ):
            self._leave_out(records, "head-volume")
            return
        try:
            places = self._written(records, pictures)
        except (NotFoundError, UnreadableImageError) as error:
            self._leave_out(records, error.reason)
        else:
            self.exported += [self._told(each, place) for each, place in zip(records, places, strict=True)]

    def _leave_out(self, records: Sequence[Record], reason: str) -> None:
        self.left_out += [LeftOut(each.id, reason) for each in records]

    def _written(self, records: Sequence[Record], pictures: Pictures) -> list[str]:
        """The name of each record's file, or of the folder of a series."""
        if self.options.only == "pictures":
            return self._drawn(records, pictures)
        made = self._made(records[0], pictures)
        if self.options.only == "dicom" and {suffix for suffix, _ in made} != {".dcm"}:
            raise UnreadableImageError("not-dicom")
        name = f"{_FILES}/{self._pseudonym('record', records[0].id)}"
        names = [name] if len(made) == 1 else [f"{name}/{number:05}" for number in range(len(made))]
        for each, (suffix, data) in zip(names, made, strict=True):
            self._write(each + suffix, data)
        return [f"{name}{made[0][0] if len(made) == 1 else ''}"] * len(records)

    def _made(self, record: Record, pictures: Pictures) -> list[tuple[str, bytes]]:
        """The suffix and the content of each file of a record, without identity."""
        how, files = self._how(record), pictures.files_of(record.id)
        if len(files) > 1 and set(files) <= set(files_of(files[0])):
            files = files[:1]  # a header with its data
        return [pictures.without_identity(file, how) for file in files]

    def _drawn(self, records: Sequence[Record], pictures: Pictures) -> list[str]:
        """A picture of each record, a JPEG where what was made of its file is not one that any program shows."""
        if any(record.depth > 1 for record in records):
            raise UnreadableImageError("not-a-picture")
        ((suffix, data),) = self._made(records[0], pictures)
        names = [f"{self._place(each)}/{self._pseudonym('record', each.id)}" for each in records]
        if suffix == ".png":
            return [self._write(f"{name}.png", data) for name in names]
        whole = self.folder / f"drawn{suffix}"
        write_atomically(whole, data)
        try:
            frames = [record.frame for record in records]
            drawn = [pictures.of_files([whole], slice=frame, size=_LONG_SIDE).jpeg for frame in frames]
        finally:
            whole.unlink()
        return [self._write(f"{name}.jpg", jpeg) for name, jpeg in zip(names, drawn, strict=True)]

    def _write(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        self.files += 1
        return name

    def _part(self, record: Record) -> str:
        return (self.options.parts or {}).get(record.id, "")

    def _place(self, record: Record) -> str:
        """The folder of a picture."""
        return f"{self._part(record)}/data".lstrip("/") if self.options.apart else _FILES

    def _how(self, record: Record) -> Deidentification:
        days = 1 + days_moved(self.key, record.patient) % _MOST_DAYS
        return Deidentification(
            self.key,
            self._pseudonym("patient", record.patient),
            days if self.options.dates == "shifted" else None,
            self.options.characteristics,
            self.options.burned_in,
        )

    def _pseudonym(self, kind: str, name: str) -> str:
        return exported_name(self.key, kind, name)

    def _told(self, record: Record, place: str) -> ExportedRecord:
        told = {name: str(record.attributes.get(name, "")) for name in self.columns}
        return ExportedRecord(record, place, self._pseudonym("patient", record.patient), self._part(record), told)

    def _rows(self) -> Iterator[list[str]]:
        """The header, and a row of each record."""
        names = [name for name in self.columns if name != SPLIT or self.options.parts is None]
        split = [SPLIT] if self.options.parts is not None else []
        yield ["file", "frame", "label", "patient_id", *split, *names]
        for each in self.exported:
            part = [each.part] if split else []
            record, told = each.record, [each.told[name] for name in names]
            yield [each.file, str(record.frame), "|".join(record.labels), each.patient, *part, *told]

    def finish(self) -> ExportResult:
        """Write the tables and what was done."""
        self._write_table("table.csv", list(self._rows()))
        reasons = [[each.id, each.reason, REASONS.get(each.reason, "")] for each in self.left_out]
        self._write_table("left-out.csv", [["record", "reason", "advice"], *reasons])
        write_atomically(self.folder / "deidentification.json", json.dumps(self._said(), indent=2).encode())
        masked = self.options.burned_in == "mask"
        return ExportResult(
            str(self.folder),
            len(self.exported),
            self.files,
            len({each.patient for each in self.exported}),
            tuple(self.left_out),
            masked,
            self._notes(),
        )

    def _write_table(self, name: str, rows: Sequence[Sequence[str]]) -> None:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        write_atomically(self.folder / name, out.getvalue().encode())

    def _said(self) -> dict[str, object]:
        how = replace(Deidentification(b""), days=0 if self.options.dates == "shifted" else None)
        how = replace(how, characteristics=self.options.characteristics, burned_in=self.options.burned_in)
        return {
            "profile": [{"code": code, "meaning": meaning} for code, meaning in deidentification_methods(how)],
            "burned_in": self.options.burned_in,
            "dates": self.options.dates,
            "records": len(self.exported),
            "left_out": len(self.left_out),
            "columns": list(self.columns),
        }

    def _notes(self) -> tuple[str, ...]:
        heads = sum(each.reason == "head-volume" for each in self.left_out)
        return tuple(
            filter(
                None,
                [
                    "text in the pixels stays" if self.options.burned_in == "keep" else "",
                    f"{heads} records were left out, since a face can be made from them: {REASONS['head-volume']}"
                    if heads
                    else "",
                    "labels and columns that were asked for are written as they stand in the gallery",
                ],
            )
        )
