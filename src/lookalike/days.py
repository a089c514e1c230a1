"""Days as numbers: study dates as files and people write them."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_DATE: Final = re.compile(r"([0-9]{4})([.-]?)([0-9]{2})\2([0-9]{2})")  # 20240131, 2024-01-31, 2024.01.31


def day_number(text: str) -> int | None:
    """The number of a date (PS3.5 section 6.2, DA; or ISO 8601) in the calendar, 1 = 1 January of year 1; None if the
    text is no date.
    """
    match = _DATE.fullmatch(text.strip())
    try:
        return None if match is None else date(int(match[1]), int(match[3]), int(match[4])).toordinal()
    except ValueError:
        return None
