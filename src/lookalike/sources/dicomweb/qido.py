"""QIDO-RS (PS3.18 10.6): lists, page by page, whatever a server makes of pages.

Servers cap pages below the limit that is asked for and do not say so, ignore the offset, and list things twice. So a
list ends where a page brings nothing, never where a page is short; what came before is counted and left out; and
how many there are is compared with what the level above says, where it says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lookalike.errors import PacsError
from lookalike.sources.dicomweb.connection import AnswerBody, PassingError
from lookalike.sources.dicomweb.origin import PacsOrigin
from lookalike.sources.pacs import is_uid
from lookalike.sources.pacs_lists import NARROW, Tally

PAGE: Final = 200
"""Rows that are asked for at once."""
_MOST_ROWS: Final = 5_000_000  # of one list: what lists more never ends

STUDY: Final = "0020000D"
SERIES: Final = "0020000E"
INSTANCE: Final = "00080018"
PATIENT: Final = "00100020"
DATE: Final = "00080020"
SOP_CLASS: Final = "00080016"
MODALITY: Final = "00080060"
SERIES_OF_STUDY: Final = "00201206"
INSTANCES_OF_STUDY: Final = "00201208"
INSTANCES_OF_SERIES: Final = "00201209"
"""Tags of three UIDs, PatientID, StudyDate, SOPClassUID, Modality, and of counts (PS3.6)."""

_BARREN: Final = 3  # pages with nothing new before a list is taken for complete

Row = Mapping[str, Any]


def listed(
    origin: PacsOrigin, resource: str, uid: str, asked: Mapping[str, Any], tally: Tally, expected: int | None = None
) -> list[Row]:
    """Every row of a list, once. uid: the tag of what tells them apart. asked: parameters besides those of pages.
    expected: how many there should be, where that is known.

    Raises PacsError.
    """
    found: dict[str, Row] = {}
    page, offset, barren = list[str](), 0, 0
    while not _is_complete(len(page), len(found), expected) and barren < _BARREN:
        rows = origin.listed(resource, {**asked, "limit": PAGE, "offset": offset}, _rows)
        before, page = page, [text(row, uid) for row in rows]
        if not page or page == before:
            break
        new = {name: row for name, row in zip(page, rows, strict=True) if name not in found and is_uid(name)}
        unusable = sum(not is_uid(name) for name in page)
        tally.without, tally.repeated = tally.without + unusable, tally.repeated + len(page) - len(new) - unusable
        if new and before and len(before) < PAGE:
            tally.capped = min(tally.capped or PAGE, len(before))
        barren = 0 if new else barren + 1
        found |= new
        offset += len(page)
        if offset > _MOST_ROWS:
            raise PacsError(f"the list of the PACS does not end; {NARROW}")
    lacks = tally.compare(len(found), expected)
    tally.stuck += bool(page) and page == before and (lacks or expected is None)
    return list(found.values())


def _is_complete(rows: int, found: int, expected: int | None) -> bool:
    """Whether no page can follow: there is all that there should be, and the last page is short."""
    return expected is not None and 0 < found >= expected and rows < PAGE


def text(row: Row, tag: str) -> str:
    """The first value of an attribute in the DICOM JSON model (PS3.18 F.2); "" where it has none."""
    element = row.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]).strip("\0 ") if isinstance(values, list) and values and values[0] is not None else ""


def count_of(row: Row, tag: str) -> int | None:
    """A count, None where the server does not say it."""
    found = text(row, tag)
    return int(found) if found.isdecimal() and len(found) < 10 else None


def _rows(body: AnswerBody) -> list[Row]:
    content = body.read_all()
    if not content and not body.is_announced:
        raise PassingError("the answer broke off")
    try:
        rows = json.loads(content or b"[]")
    except (ValueError, RecursionError):
        raise _no_list() from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _no_list()
    return rows


def _no_list() -> PacsError:
    return PacsError("what answers at this address sends no DICOM JSON; check the path of the DICOMweb service")
