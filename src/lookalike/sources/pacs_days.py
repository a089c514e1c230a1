"""Every study of a PACS, also of one that ends its lists early, whether it says so or not.

A server may cap a list whatever offset is asked for (Orthanc's LimitFindResults), and C-FIND knows no pages. So some
days are asked for once more by themselves; where they bring something new, or the server says that there is more, the
list is asked for by halves of its days, and by halves of these for as long as they bring something new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from lookalike.errors import PacsError
from lookalike.sources.pacs import ListedStudy
from lookalike.sources.pacs_lists import Tally

_LEAST_CAP: Final = 10  # studies; no server caps its lists at fewer
_SAMPLES: Final = 4  # of days in between that are asked for once more
_DAY: Final = timedelta(days=1)

_Studies: TypeAlias = Mapping[str, ListedStudy]


class Days(NamedTuple):
    """From one day to another, both included; None: from the first one on, to the last one."""

    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        """The range as it is asked for (PS3.4 C.2.2.2.5); "" for all, those without a day included."""
        if self.first == self.last:
            return _text(self.first)
        return f"{_text(self.first)}-{_text(self.last)}"

    @property
    def is_one(self) -> bool:
        """Whether it is a single day."""
        return self.first is not None and self.first == self.last

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        return (self.first or day) <= day <= (self.last or day)

    def within(self, first: date | None, last: date | None) -> Days | None:
        """Those from one day to another; None if there are none."""
        begin = max(filter(None, (self.first, first)), default=None)
        end = min(filter(None, (self.last, last)), default=None)
        return None if begin and end and begin > end else Days(begin, end)


def days_of(asked: str) -> Days:
    """The days that a filter selects (``dicomweb.address``): a day, or from one to another; "" all."""
    first, dash, last = asked.partition("-")
    return Days(_day(first), _day(last) if dash else _day(first))


def complete_list(list_days: Callable[[Days], tuple[_Studies, bool]], days: Days, tally: Tally) -> list[ListedStudy]:
    """The studies of some days, by UID. list_days: the studies of a range by their UIDs, and whether they are all, as
    far as the server tells. tally: is told of what was noticed. Raises what ``list_days`` raises.
    """
    listed, is_all = list_days(days)
    found, whole = dict(listed), len(listed)
    if is_all and whole >= _LEAST_CAP:
        with suppress(PacsError):  # a server that refuses ranges of days is believed
            for part in _probes(days, _known(days, found)):
                some, probed = list_days(part)
                is_all = is_all and probed and some.keys() <= listed.keys()
                found |= some
    parts = [] if is_all else _halves(days, listed)
    tally.stuck += not is_all and not parts
    cap = whole
    while parts:
        part = parts.pop()
        some, is_all = list_days(part)
        if not is_all or some.keys() - found.keys() or len(some) >= cap:
            cap = min(cap, len(some)) if not is_all else cap
            halves = _halves(part, some)
            tally.stuck += not is_all and not halves
            parts += halves
        found |= some
    if len(found) > 1.01 * whole:  # else some came meanwhile
        tally.capped = min(tally.capped or cap, cap)
    return [found[uid] for uid in sorted(found)]


def _probes(days: Days, known: Sequence[date]) -> Iterator[Days]:
    """Parts of some days that show whether a list of them was all: what lies before and after, the widest gap, the
    first day and the last one, and some in between. known: the days of the studies that were listed, in order.
    """
    if not known:
        return
    widest = max(pairwise(known), key=lambda pair: pair[1] - pair[0], default=(known[0], known[0]))
    some = {known[0], known[-1], *(known[len(known) * n // (_SAMPLES + 1)] for n in range(1, _SAMPLES + 1))}
    parts = (
        days.within(None, known[0] - _DAY),
        days.within(known[-1] + _DAY, None),
        days.within(widest[0] + _DAY, widest[1] - _DAY),
        *(days.within(day, day) for day in sorted(some)),
    )
    yield from (part for part in parts if part is not None)


def _halves(days: Days, listed: _Studies) -> list[Days]:
    """Two parts of some days, with as many of the studies that are known there in each; none of a single day."""
    known = _known(days, listed)
    if not known or days.is_one:
        return []
    middle = known[len(known) // 2]
    if middle == days.first:
        middle += _DAY
    return [Days(days.first, middle - _DAY), Days(middle, days.last)]


def _known(days: Days, listed: _Studies) -> list[date]:
    """The days of studies, in order."""
    return sorted(day for study in listed.values() if (day := _day(study.date)) is not None and days.holds(day))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 8 else None  # YYYYMMDD
    except ValueError:
        return None


def _text(day: date | None) -> str:
    return day.strftime("%Y%m%d") if day is not None else ""
