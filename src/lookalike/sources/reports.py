"""Reports as text files beside images: which file is whose, by the rules that label tables are matched by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.readers.events import Finished, Frame
from lookalike.sources.files import walk
from lookalike.sources.labels import LabelRow, LabelTable
from lookalike.sources.reading import Listing
from lookalike.text import file_name, report_text

STRUCTURED: Final = "sr"
"""The reports are the DICOM Structured Reports among the images."""

_SUFFIX: Final = ".txt"
_MOST_BYTES: Final = 1 << 20


def read_report_files(folder: str | os.PathLike[str]) -> LabelTable:
    """Every text file under a folder, with its words, in UTF-8 or else Windows-1252. Raises UsageError."""
    root = Path(os.path.abspath(os.path.expanduser(folder)))  # noqa: PTH100, PTH111 - links stay
    if not root.is_dir():
        raise UsageError(f"reports are {STRUCTURED} or a folder of {_SUFFIX} files, and there is no folder {root}")
    files = [file for file in walk([root]) if file.suffix.lower() == _SUFFIX]
    if not files:
        raise UsageError(f"no {_SUFFIX} file lies in {root}; a report is a text file called as its picture or study is")
    rows = {file_name(file.relative_to(root).with_suffix("")): LabelRow(report=_words(file)) for file in files}
    return LabelTable(root, {name: row for name, row in rows.items() if row.report})


def _words(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES)
    except OSError:
        return ""
    try:
        return report_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return report_text(data.decode("cp1252", "replace"))


class ItemReports:
    """The reports of a run's items: of a picture the file called as it is, else that of a folder it lies in, the
    nearest first (a study's). Raises UsageError where two files that differ fit equally well.
    """

    def __init__(self, table: LabelTable, listing: Listing) -> None:
        names = [name for _source, item in listing.items for name in (item.name, *map(file_name, item.files[:1]))]
        images = list(dict.fromkeys(name for name in names if not name.lower().endswith(_SUFFIX)))
        files = table.match(images)
        folders = table.match(dict.fromkeys(above for name in images for above in _above(name)), without=files.used)
        self._rows = {**folders.rows, **files.rows}

    def report(self, event: Frame | Finished) -> str:
        """The words of an item's report; "" if it has none."""
        names: Sequence[str] = (event.source, event.file, *_above(event.file), *_above(event.source))
        return next((self._rows[name].report for name in names if name in self._rows), "")


def _above(name: str) -> list[str]:
    return [str(folder) for folder in Path(name).parents][:-1]
