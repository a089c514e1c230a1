"""Read a table of text whatever program wrote it: its encoding, its separator, its columns."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.text import plain_text

LENGTH: Final = 200  # characters kept of a column's name
_MAX_BYTES: Final = 512 << 20
_HEADER_BYTES: Final = 1 << 16
_SEPARATORS: Final = (",", ";", "\t")
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATOR_NAMED: Final = re.compile(r'"?sep=(.)"?\r?\n')  # Excel's own first line
_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_FILE_COLUMNS: Final = ("file", "path", "filename", "image")
_FILE_SPELLINGS: Final = ("filepath", "imagepath", "imagefile", "imagename", "imagefilename", "fullpath")

# What pandas reads as missing by default, in any case; but "none", which is a class of many tables, only as Python
# writes it.
_MISSING: Final = frozenset(
    [
        *("", "#n/a", "#n/a n/a", "#na", "<na>", "n/a", "na", "null"),
        *("nan", "-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    ]
)


@dataclass(frozen=True, slots=True)
class TextTable:
    """columns: their names as they are shown. rows: the cells by column, missing values as "". note: how it was read,
    where that is a guess; else "".
    """

    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    note: str = ""


def read_table(table: Path) -> TextTable:
    """Read a table separated by commas, semicolons or tabs, in UTF-8, or UTF-16 or -32 with a byte order mark, or else
    in Windows-1252, with a note. The separator is the one that the header uses.

    Raises UsageError: no such file, no text, an Excel workbook.
    """
    text, note = _decoded(_bytes(table, _MAX_BYTES + 1), table)
    try:
        reader = _reader(text)
        columns = {plain_text(name, LENGTH): name for name in reader.fieldnames or []}
        columns.pop("", None)
        rows = [{name: cell_text(row.get(column) or "") for name, column in columns.items()} for row in reader]
    except csv.Error:
        raise UsageError(f"{table.name} is no CSV table; save it as CSV (UTF-8)") from None
    return TextTable(tuple(columns), tuple(rows), note)


def file_column(columns: Sequence[str]) -> str | None:
    """The column that names the file, by its name in any case and spacing; None if there is none."""
    return spelt(columns, _FILE_COLUMNS) or spelt(columns, _FILE_SPELLINGS)


def spelt(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The column of the first of some names (lower case, no spaces) that there is: ``Patient ID`` is patientid."""
    there = {re.sub(r"[\s_.-]+", "", column).casefold(): column for column in reversed(columns)}
    return next((there[name] for name in names if name in there), None)


def names_files(table: Path) -> bool:
    """Whether a file is a table with a column that names files; only its header is read."""
    try:
        header = _decoded(_bytes(table, _HEADER_BYTES), table)[0].splitlines()[:2]
        return file_column(_reader("\n".join(header)).fieldnames or ()) is not None
    except (UsageError, csv.Error):
        return False


def file_columns() -> str:
    """The usual names of the column that names the file, for a message."""
    return ", ".join(_FILE_COLUMNS)


def _bytes(table: Path, most: int) -> bytes:
    try:
        with table.open("rb") as file:
            data = file.read(most)
    except OSError:
        raise UsageError(f"the label table {table} cannot be opened; give a CSV file that exists") from None
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{table.name} is larger than {_MAX_BYTES >> 20} MiB; split it")
    if data.startswith(_WORKBOOKS):
        raise UsageError(f"{table.name} is an Excel workbook; save it as CSV (in Excel: CSV UTF-8) and give that file")
    return data


def _decoded(data: bytes, table: Path) -> tuple[str, str]:
    """The text, and a note where the encoding is a guess."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    tried: list[tuple[str, Callable[[str], str]]] = [
        (encoding, lambda _name: ""),
        ("cp1252", lambda name: f"{name} is no UTF-8: it was read as Windows-1252. Save it as UTF-8 to be sure."),
    ]
    for codec, note in tried:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, note(table.name)
    raise UsageError(f"{table.name} is no text; save the table as CSV (UTF-8)")


def _reader(text: str) -> csv.DictReader[str]:
    text = text.lstrip("\r\n")
    if named := _SEPARATOR_NAMED.match(text):
        return _separated(text[named.end() :], named[1])
    header = text[:_HEADER_BYTES]
    return _separated(text, max(_SEPARATORS, key=lambda each: _fitness(_separated(header, each))))


def _separated(text: str, separator: str) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(text, newline=""), restval="", delimiter=separator)


def _fitness(reader: csv.DictReader[str]) -> tuple[bool, int]:
    columns = [plain_text(name, LENGTH) for name in reader.fieldnames or ()]
    return file_column(columns) is not None, len(columns)


def cell_text(text: str) -> str:
    """A cell without the spaces around it; "" for what stands for a missing value."""
    stripped = text.strip()
    return "" if stripped == "None" or stripped.casefold() in _MISSING else stripped
