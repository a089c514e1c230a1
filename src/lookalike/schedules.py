"""When something is done again and again: ``every day at HH:MM`` (of this machine's clock) or ``every N hours``.

    CONFIG/schedules/0123456789abcdef.json    of the gallery of that id: when each is due next, and when it was last

A run that was missed, since nothing was running then, is made up for once. What is still being done is not begun again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final

from lookalike.atomic import write_atomically
from lookalike.errors import UsageError
from lookalike.ownership import config_folder
from lookalike.private_files import changing_files, check_closed, unusable_file
from lookalike.text import quoted

_DAILY: Final = re.compile(r"every day at ([01]?[0-9]|2[0-3]):([0-5][0-9])")
_HOURLY: Final = re.compile(r"every (?:([1-9][0-9]{0,3}) )?hours?")
_DAYS: Final = (-1, 0, 1, 2)  # in which a day's time may come next, also where clocks are changed


@dataclass(frozen=True, slots=True)
class Planned:
    """when: as it is configured. next, last: seconds since 1970; last is None before the first run."""

    when: str
    next: float
    last: float | None = None


def check_schedule(when: str) -> None:
    """Raises UsageError for a text that is no schedule."""
    if not (_DAILY.fullmatch(when) or _HOURLY.fullmatch(when)):
        raise UsageError(f"a schedule is written 'every day at 02:30' or 'every 6 hours'; got {quoted(when, 60)!r}")


def next_run(when: str, after: float, zone: tzinfo | None = None) -> float:
    """When a schedule is due next. after, and what is returned: seconds since 1970. zone: whose clock counts; None: of
    this machine. A time that a day lacks, since clocks are put forward, is that much later; of a time that comes twice
    it is the first. Raises UsageError.
    """
    check_schedule(when)
    if hourly := _HOURLY.fullmatch(when):
        return after + 3600 * int(hourly[1] or 1)
    hour, minute = map(int, _DAILY.fullmatch(when).groups())  # type: ignore[union-attr]
    day = datetime.fromtimestamp(after, zone).date()
    walls = (datetime.combine(day + timedelta(days), time(hour, minute), zone) for days in _DAYS)
    return next(then for then in (wall.timestamp() for wall in walls) if then > after)


def planned(gallery: str) -> dict[str, Planned]:
    """What is noted of the schedules of the gallery of an id, by name. Raises GalleryError."""
    path = _file(gallery)
    if not path.exists():
        return {}
    check_closed(path)
    try:
        return {name: Planned(**fields) for name, fields in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise unusable_file(path, "is damaged; remove it") from None


def start_due(
    gallery: str, schedules: Mapping[str, str], now: float, start: Callable[[str], bool], zone: tzinfo | None = None
) -> dict[str, Planned]:
    """Start what is due, by one process at a time, and note when it is due next. schedules: names, and when. start:
    begins one; false where it is still going on, so that it is asked again the next time. now: seconds since 1970.

    Returns what is planned. Raises UsageError, GalleryError.
    """
    with changing_files(_file(gallery).parent):
        before, after = planned(gallery), {}
        for name, when in schedules.items():
            found = before.get(name)
            if found is None or found.when != when:
                found = Planned(when, next_run(when, now, zone), found.last if found else None)
            if found.next <= now and start(name):
                found = replace(found, next=next_run(when, now, zone), last=now)
            after[name] = found
        if after != before:
            text = json.dumps({name: asdict(each) for name, each in after.items()}, indent=1)
            write_atomically(_file(gallery), text.encode(), 0o600)
    return after


def _file(gallery: str) -> Path:
    return config_folder() / "schedules" / f"{gallery}.json"
