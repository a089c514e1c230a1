"""Days as numbers: study dates as files and people write them, and a time before which studies are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from lookalike.errors import UsageError

_MOST: Final = 50_000
_DAYS: Final = re.compile(r"[0-9]{1,5}")
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


@dataclass(frozen=True, slots=True)
class Before:
    """A time that studies are earlier than. date: the number of a date (``day_number``), or None; then days: so many
    days before the query's study, or earlier.
    """

    date: int | None
    days: int = 1


def before_of(given: str | int) -> Before:
    """What ``before`` asks for: a date (2024-01-31, 20240131), or a number of days before the query's study.

    Raises UsageError.
    """
    text = str(given).strip()
    if (found := day_number(text)) is not None:
        return Before(found)
    if _DAYS.fullmatch(text) and 1 <= int(text) <= _MOST:
        return Before(None, int(text))
    raise UsageError(
        f"before is a date such as 2024-01-31, or a number of days before the query's study, from 1 to {_MOST}; got "
        f"{text[:40]!r}"
    )
