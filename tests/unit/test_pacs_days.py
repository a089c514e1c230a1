"""Every study of a server that ends its lists early, against all that it holds."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import PacsError
from lookalike.sources.pacs import ListedStudy
from lookalike.sources.pacs_days import Days, complete_list, days_of
from lookalike.sources.pacs_lists import Tally

FIRST = date(2020, 2, 27)


class Server:
    """Lists studies in an order of its own, and no more than so many. says: whether it says that there are more."""

    def __init__(self, days: list[int], cap: int, *, says: bool, order: str) -> None:
        dates = [f"{FIRST + timedelta(days=day):%Y%m%d}" for day in days]
        studies = [ListedStudy(f"1.{n}", (1, 1), date=text) for n, text in enumerate(dates)]
        random.Random(order).shuffle(studies)
        if order != "none":
            studies.sort(key=lambda study: study.date, reverse=order == "newest first")
        self.studies, self.cap, self.says, self.asked = studies, cap, says, 0

    def list_days(self, days: Days) -> tuple[dict[str, ListedStudy], bool]:
        self.asked += 1
        found = [each for each in self.studies if not str(days) or days.holds(date.fromisoformat(each.date))]
        return {each.uid: each for each in found[: self.cap]}, not (self.says and len(found) > self.cap)


@given(
    st.lists(st.integers(0, 60), max_size=120),
    st.integers(10, 40),
    st.booleans(),
    st.sampled_from(["none", "oldest first", "newest first"]),
    st.sampled_from(["", "20200310-", "-20200310", "20200301-20200325", "20200305"]),
)
def test_a_list_is_all_unless_a_day_holds_more_than_a_list(
    days: list[int], cap: int, says: bool, order: str, asked: str
) -> None:
    server, tally, wanted = Server(days, cap, says=says, order=order), Tally(), days_of(asked)
    found = complete_list(server.list_days, wanted, tally)
    every = {each.uid for each in server.studies if wanted.holds(date.fromisoformat(each.date))}
    uids = [each.uid for each in found]
    assert uids == sorted(set(uids))
    assert set(uids) <= every
    most = max(map(days.count, days), default=0)
    if (says or order != "none") and most < cap:
        assert set(uids) == every
        assert not tally.stuck
    if len(every) <= cap:
        assert set(uids) == every
        assert server.asked <= 10
        assert not tally.notes
    if says and most > cap and not asked:
        assert tally.stuck


def test_a_server_that_refuses_ranges_is_believed() -> None:
    server = Server([*range(30)], 100, says=False, order="none")

    def list_days(days: Days) -> tuple[dict[str, ListedStudy], bool]:
        if str(days):
            raise PacsError("no ranges")
        return server.list_days(days)

    assert len(complete_list(list_days, Days(), Tally())) == 30
