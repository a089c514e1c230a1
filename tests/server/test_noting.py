"""Requests of one event loop note what they do: together, on the disk before each goes on, and none is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog, log_files
from lookalike.audit_log.place import AuditPlace
from lookalike.errors import AuditLogError
from lookalike.server.noting import Noting


class Counted(AuditLog):
    """turns: how many events were written in each. full: nothing can be."""

    def __init__(self, place: AuditPlace) -> None:
        super().__init__(place)
        self.turns: list[int] = []
        self.full = False

    def note(self, *events: AuditEvent) -> None:
        self.turns.append(len(events))
        if self.full:
            raise AuditLogError("the disk is full")
        super().note(*events)


@pytest.fixture
def log(tmp_path: Path) -> Counted:
    (tmp_path / "log").mkdir()
    return Counted(AuditPlace(tmp_path / "log", tmp_path / "head", b"k" * 32))


def noted(log: AuditLog) -> list[str]:
    """Who is noted, in order."""
    lines = [line for file in log_files(log.place.folder) for line in file.read_text().splitlines()]
    return [json.loads(line)["who"] for line in lines]


def test_each_is_on_the_disk_when_it_goes_on_and_they_share_turns(log: Counted) -> None:
    noting, names = Noting(log), [f"caller-{number}" for number in range(40)]

    async def request(name: str) -> None:
        for _ in range(2):
            await noting.note(AuditEvent("search", name))
        assert noted(log).count(name) == 2

    async def all_of_them() -> None:
        await asyncio.gather(*map(request, names))

    for _ in range(2):  # each in a loop of its own
        asyncio.run(all_of_them())
        names = [f"later-{name}" for name in names]
    assert sum(log.turns) == len(noted(log)) == 160
    assert max(log.turns) > 10
    assert len(log.turns) < 40


def test_where_nothing_can_be_written_each_is_told(log: Counted) -> None:
    noting = Noting(log)

    async def request(name: str) -> str:
        try:
            await noting.note(AuditEvent("search", name))
        except AuditLogError:
            return "refused"
        return "done"

    async def told() -> list[list[str]]:
        first = await asyncio.gather(*(request(str(number)) for number in range(5)))
        log.full = True
        second = await asyncio.gather(*(request(f"full-{number}") for number in range(5)))
        log.full = False
        return [first, second, await asyncio.gather(*(request(f"again-{number}") for number in range(5)))]

    assert asyncio.run(told()) == [["done"] * 5, ["refused"] * 5, ["done"] * 5]
    assert not any(name.startswith("full") for name in noted(log))
    assert len(noted(log)) == 10


def test_what_somebody_did_who_has_gone_is_noted(log: Counted) -> None:
    noting = Noting(log)

    async def some_go() -> None:
        requests = [asyncio.create_task(noting.note(AuditEvent("search", str(number)))) for number in range(6)]
        await asyncio.sleep(0)
        for request in requests[::2]:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await noting.note(AuditEvent("search", "last"))

    asyncio.run(some_go())
    assert sorted(noted(log)) == [*map(str, range(6)), "last"]
