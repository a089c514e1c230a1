"""Schedules: due when a clock on the wall says so, once a day whatever is done to the clocks; missed runs once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import GalleryError, UsageError
from lookalike.schedules import next_run, planned, start_due

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")]
GALLERY = "0123456789abcdef"
MINUTE, DAY = 60.0, 86400.0
START, END = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2020, 2030))
times = st.integers(int(START), int(END)).map(float)
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59))
# A change of clocks in each zone: near it everything is asked.
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
]
near = st.tuples(st.sampled_from(CHANGES), st.integers(-3 * 86400, 3 * 86400)).map(lambda x: x[0].timestamp() + x[1])


def by_walking(hour: int, minute: int, after: float, zone: ZoneInfo) -> float:
    """Minute by minute: the first time that the wall's clock shows it, or has just skipped it."""
    at, shown = (after // MINUTE) * MINUTE, set()
    at -= 2 * DAY
    while True:
        wall = datetime.fromtimestamp(at, zone)
        before = datetime.fromtimestamp(at - MINUTE, zone).replace(tzinfo=None)
        jump = wall.replace(tzinfo=None) - before
        wanted = wall.replace(hour=hour, minute=minute, tzinfo=None)
        if jump > timedelta(minutes=1) and before < wanted < wall.replace(tzinfo=None):
            found = at + (wanted - before).total_seconds() - MINUTE
            if found > after:
                return found
        if (wall.hour, wall.minute) == (hour, minute) and wall.date() not in shown:
            shown.add(wall.date())
            if at > after:
                return at
        at += MINUTE


@settings(max_examples=60)
@given(st.sampled_from(ZONES), clocks, near)
def test_a_day_has_one_run_as_the_clock_on_the_wall_shows_it(
    zone: ZoneInfo, clock: tuple[int, int], after: float
) -> None:
    assert next_run(f"every day at {clock[0]:02}:{clock[1]:02}", after, zone) == by_walking(*clock, after, zone)


@given(st.sampled_from(ZONES), clocks, times)
def test_runs_follow_each_other_a_day_apart(zone: ZoneInfo, clock: tuple[int, int], after: float) -> None:
    when, runs = f"every day at {clock[0]}:{clock[1]:02}", [after]
    for _ in range(4):
        runs.append(next_run(when, runs[-1], zone))
    assert 0 < runs[1] - runs[0] <= DAY + 3600
    apart = {round((later - earlier) / 3600, 1) for earlier, later in pairwise(runs[1:])}
    assert apart <= {23.0, 23.5, 24.0, 24.5, 25.0}
    assert len({datetime.fromtimestamp(run, zone).date() for run in runs[1:]}) == 4


@given(st.integers(1, 9999), times)
def test_hours_are_hours(hours: int, after: float) -> None:
    assert next_run(f"every {hours} hours", after) == after + hours * 3600
    assert next_run("every hour", after) == after + 3600


@pytest.mark.parametrize("text", ["", "daily", "every day at 24:00", "every day at 2", "every 0 hours"])
def test_what_is_no_schedule_says_how_one_is_written(text: str) -> None:
    with pytest.raises(UsageError, match="every day at 02:30"):
        next_run(text, 0)


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))


def test_missed_runs_are_made_up_for_once_and_nothing_runs_twice_at_once() -> None:
    started: list[str] = []
    going_on = False

    def start(name: str) -> bool:
        if not going_on:
            started.append(name)
        return not going_on

    plan, zone = {"pull": "every day at 02:00"}, ZoneInfo("UTC")
    first = start_due(GALLERY, plan, START, start, zone)["pull"]
    assert (started, first.next - START, first.last) == ([], 7200.0, None)
    late = START + 30.5 * DAY  # nothing ran for a month
    assert start_due(GALLERY, plan, late, start, zone)["pull"].last == late
    for _ in range(3):
        start_due(GALLERY, plan, late + MINUTE, start, zone)
    assert started == ["pull"]
    going_on, due = True, late + DAY
    assert start_due(GALLERY, plan, due, start, zone)["pull"].last == late
    going_on = False
    start_due(GALLERY, plan, due + 3 * DAY, start, zone)
    assert started == ["pull", "pull"]
    assert planned(GALLERY)["pull"].next == next_run(plan["pull"], due + 3 * DAY, zone)


def test_another_time_is_planned_anew_and_what_is_no_longer_planned_is_forgotten() -> None:
    never = {"pull": "every 5 hours", "backup": "every hour"}
    start_due(GALLERY, never, START, lambda _name: True)
    changed = start_due(GALLERY, {"pull": "every 2 hours"}, START + MINUTE, lambda _name: True)
    assert changed.keys() == {"pull"}
    assert changed["pull"].next == START + MINUTE + 7200


def test_one_that_fails_to_start_is_tried_again() -> None:
    plan = {"pull": "every hour"}
    start_due(GALLERY, plan, START, lambda _name: True)

    def fails(_name: str) -> bool:
        raise GalleryError("the disk is full")

    with pytest.raises(GalleryError):
        start_due(GALLERY, plan, START + 3600, fails)
    begun: list[str] = []
    start_due(GALLERY, plan, START + 3660, lambda name: not begun.append(name))  # type: ignore[func-returns-value]
    assert begun == ["pull"]


def test_a_file_that_others_may_write_to_is_not_believed(tmp_path: Path) -> None:
    start_due(GALLERY, {"pull": "every hour"}, START, lambda _name: True)
    (tmp_path / "config" / "schedules" / f"{GALLERY}.json").chmod(0o666)
    with pytest.raises(GalleryError, match="open to others"):
        planned(GALLERY)
