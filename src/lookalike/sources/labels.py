"""Label tables: the labels, patient and attributes of each file, and which row a file gets.

A column names the file (``file`` or ``path``). Labels are in one column, several in a cell separated by ``|`` or in
several rows of one file, or in one 0/1 column a label. ``patient_id`` and ``study_id`` group records, and
``study_date`` orders those of a patient; the words of
reports are kept only where they are asked for; every other column is an attribute. Empty cells and what pandas takes
for missing (``NA``, ``N/A``, ``nan``, ``null``, ``None`` ...) say nothing; ``none`` is a label.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.plugins import suggestion
from lookalike.sources.path_tails import Ambiguity, meet, stem_of
from lookalike.sources.tables import LENGTH, cell_text, file_column, file_columns, read_table, spelt
from lookalike.text import one_line, plain_text, report_text
from lookalike.types import Attribute, DicomIdentity, FileIdentity

LABEL_COLUMNS: Final = ("label", "labels", "class")
PATIENT_COLUMNS: Final = ("patientid", "patient", "subjectid", "subject", "participantid", "participant")
EVERY_FLAG: Final = "*"
"""Stands for every column of 0 and 1 as a label column."""
_SET: Final = frozenset(("1", "1.0"))
_FLAGS: Final = frozenset(("0", "0.0", "")) | _SET
STUDY_COLUMNS: Final = ("studyinstanceuid", "studyid", "studyuid")
DATE_COLUMNS: Final = ("studydate",)
REPORT_COLUMNS: Final = ("report", "reports", "reporttext", "radiologyreport", "findings", "impression")
_SHOWN: Final = 3  # candidates of an ambiguity


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One file's labels, patient, attributes, study with its date as the table writes it, and the words of its
    report.
    """

    labels: tuple[str, ...] = ()
    patient: str = ""
    attributes: Mapping[str, Attribute] | None = None
    study: str = ""
    report: str = ""
    study_date: str = ""


@dataclass(frozen=True, slots=True)
class RowsOfFiles:
    """rows: of each file that has any. used_for: the paths in the table of those rows. partial: (path in the table,
    file) where the folders above the common end differ.
    """

    rows: Mapping[str, LabelRow] = field(default_factory=dict)
    used_for: Mapping[str, frozenset[str]] = field(default_factory=dict)
    partial: tuple[tuple[str, str], ...] = ()

    @property
    def used(self) -> frozenset[str]:
        """The paths in the table that are a file's."""
        return frozenset().union(*self.used_for.values())


class LabelTable:
    """Rows by path: relative to the table's folder, or of another machine. notes: what whoever indexes should know."""

    def __init__(self, folder: Path, rows: Mapping[str, LabelRow], notes: Sequence[str] = ()) -> None:
        self._folder, self._rows = Path(os.path.abspath(folder)), dict(rows)  # noqa: PTH100 - links stay
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._rows)

    def items(self) -> Iterator[tuple[str, LabelRow]]:
        """Every path as it is in the table, with its row."""
        yield from self._rows.items()

    @property
    def label_count(self) -> int:
        """How many different labels the table uses."""
        return len({label for row in self._rows.values() for label in row.labels})

    def match(self, files: Iterable[str], *, without: frozenset[str] = frozenset()) -> RowsOfFiles:
        """The row of each file. A path in the table is a file's if it is its name, or the file's path from the
        table's folder, or else by the longest common tail (``path_tails.meet``). without: paths in the table that are
        taken already.

        Raises UsageError where two rows that differ, or two files, fit equally well.
        """
        names = list(dict.fromkeys(files))
        there = set(names)
        texts = [text for stem in sorted({*map(stem_of, names)}) for text in self._by_stem.get(stem, ())]
        texts = [text for text in texts if text not in without]
        rows = [self._rows[text] for text in texts]
        found = meet([self._whole(text, there) for text in texts], names, lambda some: _agree([rows[i] for i in some]))
        if found.ambiguous:
            raise UsageError(_ambiguous(found.ambiguous, texts, names))
        return RowsOfFiles(
            {names[file]: _common([rows[i] for i in some]) for file, some in found.rows_of.items()},
            {names[file]: frozenset(texts[i] for i in some) for file, some in found.rows_of.items()},
            tuple((texts[row], names[file]) for row, file in found.partial),
        )

    def row(self, path: Path) -> LabelRow | None:
        """The row of one file, or None. Raises UsageError, as ``match``, which is quicker for many."""
        return self.match([str(path)]).rows.get(str(path))

    def _whole(self, text: str, there: set[str]) -> str:
        """The path of the file that a row names from the table's folder, if there is such a file."""
        if text in there:
            return text
        beside = os.path.normpath(self._folder / text)
        return beside if beside in there else text

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for text in self._rows:
            found[stem_of(text)].append(text)
        return found


def _agree(rows: Sequence[LabelRow]) -> bool:
    """Whether several rows that may be one file's say the same of it."""
    return len({(frozenset(row.labels), row.patient, row.study, row.study_date, row.report) for row in rows}) == 1


def _common(rows: Sequence[LabelRow]) -> LabelRow:
    """Rows that agree as one: the attributes are those in which none differs."""
    if len(rows) == 1:
        return rows[0]
    shared = [(name, value) for name, value in (rows[0].attributes or {}).items()]
    kept = {name: value for name, value in shared if all((row.attributes or {}).get(name) == value for row in rows)}
    return replace(rows[0], attributes=kept)


def _ambiguous(found: Sequence[Ambiguity], texts: Sequence[str], names: Sequence[str]) -> str:
    """An error that shows the candidates. Paths are what the user gave."""
    rows, files = [texts[i] for i in found[0].rows], [names[i] for i in found[0].files]
    fit = f"the row{'s' * (len(rows) > 1)} {_some(rows)} and the file{'s' * (len(files) > 1)} {_some(files)}"
    more = f", and {len(found) - 1} more like this" if len(found) > 1 else ""
    return (
        f"the label table is ambiguous: {fit} fit each other equally well{more}. Write so many folders into the table "
        "that only one fits, or leave out the rows or the files that are not meant"
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def read_label_table(
    table: Path,
    label_columns: Sequence[str] = (),
    patient_column: str | None = None,
    report_columns: Sequence[str] = (),
) -> LabelTable:
    """Read a table (``tables.read_table``). label_columns: the label column, or several 0/1 columns, ``*`` for all that
    there are; by default ``label``, ``labels`` or ``class``. patient_column: by default ``patient_id``, ``Patient ID``,
    ``subject``, ``participant_id`` or another spelling of these. report_columns: with the words of reports, of several
    one after the other; without any, columns that are called as reports are (``REPORT_COLUMNS``) are left out, and that
    is noted.

    Raises UsageError, with the names of the columns that there are.
    """
    read = read_table(table)
    return label_table_of(read.columns, read.rows, table, label_columns, patient_column, report_columns, read.note)


def label_table_of(
    there: Sequence[str],
    rows: Iterable[Mapping[str, str]],
    table: Path,
    label_columns: Sequence[str] = (),
    patient_column: str | None = None,
    report_columns: Sequence[str] = (),
    note: str = "",
) -> LabelTable:
    """The label table that rows of text are, by the rules of ``read_label_table``. there: the columns. rows: gone
    through up to three times, missing cells as "". table: where they come from. Raises UsageError.
    """
    if tuple(label_columns) == (EVERY_FLAG,):
        label_columns = _flags(there, rows, table)
    columns = _columns(there, label_columns, patient_column, report_columns, table)
    _check_flags(rows, columns.labels)
    found: dict[str, LabelRow] = {}
    for cells in rows:
        if file := _as_path(cells[columns.file]):
            row = _row(cells, columns)
            found[file] = together(found[file], row) if file in found else row
    notes = note, _without_labels(table, columns), _without_reports(table, columns)
    return LabelTable(table.parent, found, [each for each in notes if each])


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the columns of a table are. patient, study, date: "" if there is none. left_out: with reports nobody asked
    for.
    """

    file: str
    labels: tuple[str, ...]
    patient: str
    study: str
    date: str
    reports: tuple[str, ...]
    left_out: tuple[str, ...]
    attributes: tuple[str, ...]


def _columns(
    there: Sequence[str], labels: Sequence[str], patient: str | None, reports: Sequence[str], table: Path
) -> _Columns:
    file = file_column(there)
    if file is None:
        raise UsageError(
            f"{table.name} has no column that names the file (one of {file_columns()}); "
            f"it has: {', '.join(there) or 'none'}"
        )
    for name in (*labels, *reports, *([] if patient is None else [patient])):
        _check_there(name, there, table)
    usual = spelt(there, LABEL_COLUMNS)
    chosen = tuple(dict.fromkeys(labels)) or (() if usual is None else (usual,))
    rest = [name for name in there if name not in chosen]
    patients, study = patient or spelt(rest, PATIENT_COLUMNS) or "", spelt(rest, STUDY_COLUMNS) or ""
    date = spelt(rest, DATE_COLUMNS) or ""
    taken = {file, patients, study, date, *chosen, *reports}
    words = tuple(name for name in there if name not in taken and spelt([name], REPORT_COLUMNS))
    attributes = tuple(name for name in there if name not in {*taken, *words})
    return _Columns(file, chosen, patients, study, date, tuple(reports), words, attributes)


def _row(cells: Mapping[str, str], columns: _Columns) -> LabelRow:
    texts = {name: plain_text(cells[name], LENGTH) for name in columns.attributes}
    return LabelRow(
        _labels(cells, columns.labels),
        cells.get(columns.patient, ""),
        {name: text for name, text in texts.items() if text},
        cells.get(columns.study, ""),
        report_text("\n".join(cells[name] for name in columns.reports)),
        cells.get(columns.date, ""),
    )


def _as_path(text: str) -> str:
    """With the slashes of this machine: tables from Windows have others."""
    path = text.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _check_there(name: str, columns: Sequence[str], table: Path) -> None:
    if name not in columns:
        hint = suggestion(name, columns)
        there = "" if hint.startswith(" Known") else f" It has: {', '.join(columns)}."
        raise UsageError(f"{table.name} has no column {name!r}.{hint}{there}")


def _without_labels(table: Path, columns: _Columns) -> str:
    usual = f"{', '.join(LABEL_COLUMNS[:-1])} or {LABEL_COLUMNS[-1]}"
    why = f"{table.name} has no label column ({usual}): it gives no labels. Name one with --label-column."
    return "" if columns.labels else why


def _without_reports(table: Path, columns: _Columns) -> str:
    why = (
        f"{table.name} has words of reports ({', '.join(columns.left_out)}), which are patients' data: they were left "
        "out. Keep them with --report-column."
    )
    return why if columns.left_out else ""


def together(first: LabelRow, second: LabelRow) -> LabelRow:
    """Two rows of one image as one: the labels of both; where they contradict each other the first one counts."""
    return LabelRow(
        labels=tuple(dict.fromkeys((*first.labels, *second.labels))),
        patient=first.patient or second.patient,
        study=first.study or second.study,
        study_date=first.study_date or second.study_date,
        report=first.report or second.report,
        attributes={**(second.attributes or {}), **(first.attributes or {})},
    )


def named_by(file: FileIdentity | None, row: LabelRow | None) -> FileIdentity | None:
    """Who a file is by itself and by a table: the table's patient counts, and its date where the file says none."""
    row = row or LabelRow()
    if file is None and not row.study_date:
        return None
    file = file or FileIdentity(DicomIdentity(), "")
    identity = replace(file.identity, study_date=file.identity.study_date or row.study_date)
    return replace(file, identity=identity, patient=row.patient or file.patient)


def _flags(there: Sequence[str], rows: Iterable[Mapping[str, str]], table: Path) -> tuple[str, ...]:
    """Every column that holds 0 and 1 and nothing else. Raises UsageError if there are fewer than two."""
    left, used = dict.fromkeys(there), set[str]()
    for row in rows:
        for name in [name for name in left if row[name] not in _FLAGS]:
            del left[name]
        used.update(name for name in left if row[name] in _SET)
    found = tuple(name for name in left if name in used)
    if len(found) < 2:
        raise UsageError(f"{table.name} has no columns of 0 and 1; it has: {', '.join(there) or 'none'}")
    return found


def _check_flags(rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Several label columns are one a label."""
    several = columns if len(columns) > 1 else ()
    for row in rows if several else ():
        for name in [name for name in several if row[name] not in _FLAGS]:
            raise UsageError(
                f"several label columns must hold 0 and 1 only; {name!r} does not; "
                "name one column, its values split by '|', or 0/1 columns"
            )


def _labels(row: Mapping[str, str], columns: Sequence[str]) -> tuple[str, ...]:
    if len(columns) > 1:
        return tuple(plain_text(name, LENGTH) for name in columns if row[name] in _SET)
    parts = (plain_text(cell_text(part), LENGTH) for name in columns for part in row[name].split("|"))
    return tuple(dict.fromkeys(part for part in parts if part))


def labels_of_folders(root: Path, files: Iterable[Path]) -> LabelTable:
    """Every file labelled with the name of the folder right under ``root`` that holds it."""
    rows = {}
    for file in files:
        inside = file.relative_to(root)
        if len(inside.parts) > 1:
            rows[str(inside)] = LabelRow(labels=(inside.parts[0],), attributes={})
    return LabelTable(root, rows)
