"""export_cohort: a cohort as files that tell nobody who it is, in the format of the program that is to read them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from lookalike.atomic import write_atomically
from lookalike.errors import UsageError
from lookalike.exporting.folder import ExportOptions, LeftOut, export_chosen
from lookalike.exporting.formats import ExportedCohort, write_coco, write_fiftyone, write_key_objects, write_monai
from lookalike.exporting.names import export_key, exported_columns, exported_name
from lookalike.flat import csv_text, parquet_bytes
from lookalike.gallery import Gallery
from lookalike.progress import Progress
from lookalike.readers.burned_in import BurnedIn
from lookalike.readers.display import Display
from lookalike.sending.terms import highdicom
from lookalike.sources.vector_files.told import SPLIT
from lookalike.store.cohorts import StoredMember, cohort_members, stored_cohort
from lookalike.text import absolute
from lookalike.types import Record
from lookalike.verbs.cohorts.cohorts import CohortInfo, cohort_info

CohortFormat: TypeAlias = Literal["folder", "csv", "parquet", "kos", "fiftyone", "coco", "monai"]
COHORT_FORMATS: Final[tuple[CohortFormat, ...]] = get_args(CohortFormat)
COHORT_TABLES: Final = ("csv", "parquet")
"""The formats that are one file."""
_WRITERS: Final[Mapping[str, Callable[[ExportedCohort], None]]] = {
    "kos": write_key_objects,
    "fiftyone": write_fiftyone,
    "coco": write_coco,
    "monai": write_monai,
}
_ONLY: Final[Mapping[str, Literal["any", "pictures", "dicom"]]] = {
    "kos": "dicom",
    "fiftyone": "pictures",
    "coco": "pictures",
}


@dataclass(frozen=True, slots=True)
class CohortExported:
    """cohort: as it was exported. out: the folder, or the table. records: how many are there, in ``files`` files, of
    ``patients`` different ones. parts: how many are in train, val, test. left_out: which records are not there.
    """

    cohort: CohortInfo
    format: CohortFormat
    out: str
    records: int
    files: int
    patients: int
    parts: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def export_cohort(
    gallery: Gallery,
    name: str,
    out: str | os.PathLike[str],
    *,
    format: CohortFormat = "folder",
    burned_in: BurnedIn = "mask",
    dates: Literal["removed", "shifted"] = "removed",
    characteristics: bool = False,
    columns: Sequence[str] = (),
    defaced: bool = False,
    progress: Progress | None = None,
) -> CohortExported:
    """Write the members of a cohort as they were saved, with their labels of then, without identity (``export_records``
    says how; the pseudonyms are the same).

    format: of the new folder ``out``: "folder", files and ``table.csv`` with the column ``split``; and beside these for
    other programs "kos" (a DICOM key object selection for each study and part; DICOM files alone), "fiftyone", "coco"
    (pictures alone, drawn as JPEG where they are no PNG) or "monai" (a data list). "csv" and "parquet" write the new
    file ``out``, a table without files. The other arguments are as in ``export_records``.

    Raises UsageError (a folder that is not empty, a member of no part, an option that a table has no use for),
    NotFoundError, MissingExtraError, GalleryError (the gallery's secret key is not here).
    """
    if format not in COHORT_FORMATS:
        raise UsageError(f"a cohort is exported as {', '.join(COHORT_FORMATS)}, got {format!r}")
    stored = stored_cohort(gallery.store, name)
    info = cohort_info(gallery, stored)
    if info.parts and sum(info.parts.values()) < info.members:
        raise UsageError("the cohort has members of no part, which came since it was split; split it again")
    saved = cohort_members(gallery.store, stored.number)
    parts = {each.id: each.part for each in saved} if info.parts else None
    only = _ONLY.get(format, "any")
    options = ExportOptions(
        burned_in, dates, characteristics, columns, defaced, parts, only=only, apart=format == "fiftyone"
    )
    run = _Run(gallery, info, format, absolute(out), options, progress)
    return run.table(saved) if format in COHORT_TABLES else run.files(saved)


@dataclass(frozen=True)
class _Run:
    gallery: Gallery
    info: CohortInfo
    format: CohortFormat
    out: Path
    options: ExportOptions
    progress: Progress | None

    def files(self, saved: Sequence[StoredMember]) -> CohortExported:
        """Write a folder."""
        if self.format == "kos":
            highdicom()  # before anything is written
        result, exported = export_chosen(
            self.gallery, self.out, lambda: self._records(saved), self.options, self.progress
        )
        with closing(Display(self.gallery.spec.preprocessing, self.gallery.volume_recipe)) as display:
            cohort = ExportedCohort(
                *(self.out, self.info.name, self.info.version, self.info.digest, exported),
                header=lambda file: display.source_image([file]).header,
            )
            if self.format in _WRITERS:
                _WRITERS[self.format](cohort)
        counts = Counter(each.part for each in exported if each.part)
        told: dict[str, Any] = {"name": self.info.name, "version": self.info.version, "digest": self.info.digest}
        told |= {"format": self.format, "records": len(exported), "parts": counts}
        write_atomically(self.out / "cohort.json", json.dumps(told, indent=1, ensure_ascii=False).encode())
        files = result.files
        return self._result(len(exported), files, result.patients, counts, result.left_out, result.notes, saved)

    def table(self, saved: Sequence[StoredMember]) -> CohortExported:
        """Write a file."""
        if self.options != replace(ExportOptions(), **self._of_tables()):
            raise UsageError("a table holds no pixels and no dates: leave burned_in, dates and defaced out")
        if self.out.exists() or not self.out.parent.is_dir():
            raise UsageError(
                f"{self.out} {'is there already' if self.out.exists() else 'has no folder'}; name a new file"
            )
        key = export_key(self.gallery)
        names = exported_columns(self.gallery, self.options.columns, self.options.characteristics)
        records = self._records(saved)
        patients = [exported_name(key, "patient", each.patient) for each in records]
        columns: dict[str, list[Any]] = {
            "id": [each.id for each in records],
            "label": ["|".join(each.labels) for each in records],
            "patient_id": patients,
            **{name: _of_one_kind([each.attributes.get(name) for each in records]) for name in names},
        }
        parts = self.options.parts
        if parts is not None:
            columns[SPLIT] = [parts[each.id] for each in records]
        data = parquet_bytes(columns) if self.format == "parquet" else csv_text(columns).encode()
        write_atomically(self.out, data)
        counts = Counter((parts or {}).values())
        notes = ("labels and columns that were asked for are written as they stand in the gallery",)
        return self._result(len(records), 1, len({*patients}), counts, (), notes, saved)

    def _of_tables(self) -> dict[str, Any]:
        """The options that a table heeds."""
        return {name: getattr(self.options, name) for name in ("characteristics", "columns", "parts")}

    def _records(self, saved: Sequence[StoredMember]) -> list[Record]:
        """The members with their labels as they were saved. Raises UsageError if there are none."""
        if not saved:
            raise UsageError("the cohort has no members to export")
        records = {each.id: each for each in self.gallery.store.records().values()}
        return [replace(records[each.id], labels=each.labels) for each in saved if each.id in records]

    def _result(
        self,
        records: int,
        files: int,
        patients: int,
        parts: Mapping[str, int],
        left_out: tuple[LeftOut, ...],
        notes: Sequence[str],
        saved: Sequence[StoredMember],
    ) -> CohortExported:
        now = {each.id: each.labels for each in self.gallery.store.records().values()}
        other = sum(now.get(each.id, each.labels) != each.labels for each in saved)
        told = f"{other} members have other labels now; save the cohort again to take them over" if other else ""
        return CohortExported(
            self.info,
            self.format,
            str(self.out),
            records,
            files,
            patients,
            dict(parts),
            left_out,
            tuple(filter(None, [*notes, told])),
        )


def _of_one_kind(values: list[Any]) -> list[Any]:
    """Numbers, or texts where one of them is a text."""
    if any(isinstance(each, str) for each in values):
        return [None if each is None else f"{each:g}" if isinstance(each, float) else each for each in values]
    return values
