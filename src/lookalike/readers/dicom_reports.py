"""The words of a DICOM Structured Report (PS3.3 C.17): the items of value type TEXT, and nothing else.

Names of persons, dates, identifiers, codes and numbers are items of other types (PNAME, DATE, UIDREF, CODE, NUM ...),
which are not read. Text that somebody typed may hold any of them all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydicom.dataset import Dataset

from lookalike.errors import UnreadableImageError
from lookalike.readers.dicom_frames import parse_dicom
from lookalike.readers.dicom_values import value_of

_MOST_ITEMS: Final = 20_000


def words_of_report(file: Path) -> tuple[str, str] | None:
    """The Study Instance UID, and a line for each item's TextValue, in the order of the document; None if it names no
    study or holds no text. Raises UnreadableImageError.
    """
    ds = parse_dicom(file)
    try:
        lines = [str(value_of(item, "TextValue") or "").strip() for item in _text_items(ds)]
        study = str(value_of(ds, "StudyInstanceUID") or "").strip("\0 ")
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise UnreadableImageError("damaged-header") from None
    text = "\n".join(line for line in lines if line)
    return (study, text) if study and text else None


def _text_items(ds: Dataset) -> Iterator[Dataset]:
    """The items of type TEXT, at whatever depth; only so many items are looked at."""
    waiting = [ds]
    for _ in range(_MOST_ITEMS):
        if not waiting:
            return
        item = waiting.pop()
        if value_of(item, "ValueType") == "TEXT":
            yield item
        waiting += reversed(value_of(item, "ContentSequence") or ())
