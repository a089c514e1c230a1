"""Decoding for callers: in threads of its own, so that nothing else waits for it, and in turn, so that no caller does.

Whatever a file makes a decoder do, only who asked for it waits. A caller has one decoding under way and a bounded
queue; the callers are served in turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request

from lookalike.server.problems import Problem

AT_ONCE: Final = 2  # decodings under way,
AT_ONCE_EACH: Final = 1  # and of one caller
QUEUE_EACH: Final = 16  # requests of one caller that wait,
QUEUE: Final = 256  # and of all
_PATIENCE: Final = 30.0  # seconds that a request waits for its turn
_AGAIN: Final = {"Retry-After": "2"}

_T = TypeVar("_T")


class Decoding:
    """The queues, touched in the event loop only."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(AT_ONCE)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by caller; whose turn is next comes first
        self._running: Counter[str] = Counter()

    async def run(self, caller: str, request: Request, call: Callable[[], _T]) -> _T:
        """Call in a decoding thread once it is the caller's turn. request: whose client is no longer waited for once
        it has gone.

        Raises Problem 429 (the caller's queue is full) or 503 (everybody's is, or it takes too long), and what ``call``
        raises.
        """
        turn = self._queue(caller)
        try:
            await _wait(turn, request)
        except BaseException:
            self._withdraw(caller, turn)
            raise
        try:
            return await to_thread.run_sync(call, limiter=self._threads)
        finally:
            self._end(caller)

    def _queue(self, caller: str) -> asyncio.Future[None]:
        waiting = self._waiting.get(caller, ())
        if len(waiting) >= QUEUE_EACH:
            detail = f"{len(waiting)} of your pictures are waiting to be decoded; ask for this one when they are there"
            raise Problem(429, detail, "decoding-queue-full", _AGAIN)
        if sum(map(len, self._waiting.values())) >= QUEUE:
            raise _busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._next()
        return turn

    def _next(self) -> None:
        """Give the threads that are free to the callers in turn."""
        while self._running.total() < AT_ONCE:
            caller = next((name for name in self._waiting if self._running[name] < AT_ONCE_EACH), None)
            if caller is None:
                return
            queue = self._waiting.pop(caller)
            self._running[caller] += 1
            queue.popleft().set_result(None)
            if queue:
                self._waiting[caller] = queue  # behind the others

    def _withdraw(self, caller: str, turn: asyncio.Future[None]) -> None:
        if turn.done():
            self._end(caller)
            return
        self._waiting[caller].remove(turn)
        if not self._waiting[caller]:
            del self._waiting[caller]

    def _end(self, caller: str) -> None:
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]
        self._next()


@dataclass(frozen=True, slots=True)
class CallersDecoding:
    """``Decoding.run`` for the caller of one request."""

    decoding: Decoding
    caller: str
    request: Request

    async def __call__(self, call: Callable[[], _T]) -> _T:
        """Raises as ``Decoding.run``."""
        return await self.decoding.run(self.caller, self.request, call)


async def _wait(turn: asyncio.Future[None], request: Request) -> None:
    """Wait for a turn. Raises Problem 503 if it does not come, or the client has gone."""
    if turn.done():
        return
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({turn, gone}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    if not turn.done():
        raise _busy()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _busy() -> Problem:
    return Problem(503, "too many pictures are being decoded; ask again in a moment", "decoding-busy", _AGAIN)
