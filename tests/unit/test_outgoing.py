"""Answers that are held in memory until they are sent: bounded for a caller and in all."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from lookalike.server.outgoing import OF_A_CALLER, Outgoing
from lookalike.server.problems import Problem


async def nothing(*_anything: Any) -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def broken(*_anything: Any) -> None:
    raise OSError


@pytest.mark.parametrize("send", [nothing, broken])
def test_what_a_caller_does_not_read_holds_back_that_caller_alone(send: Any) -> None:
    outgoing = Outgoing()
    first = outgoing.response("a", bytes(OF_A_CALLER - 1), "application/octet-stream", {})
    with pytest.raises(Problem, match="429"):
        outgoing.response("a", bytes(2), "application/octet-stream", {})
    outgoing.response("b", bytes(2), "application/octet-stream", {})
    with suppress(OSError):  # the client has gone
        asyncio.run(first({"type": "http"}, nothing, send))
    assert outgoing.response("a", bytes(2), "application/octet-stream", {}).body == bytes(2)


def test_all_together_are_bounded() -> None:
    outgoing = Outgoing()
    for caller in "abcd":
        outgoing.response(caller, bytes(OF_A_CALLER), "application/octet-stream", {})
    with pytest.raises(Problem, match="503"):
        outgoing.response("e", bytes(1), "application/octet-stream", {})
