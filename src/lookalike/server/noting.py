"""Note in the audit log what the requests of one event loop do, without a thread for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeAlias

from anyio import CapacityLimiter, to_thread

from lookalike.audit_log.events import AuditEvent
from lookalike.audit_log.log import AuditLog

_Waiting: TypeAlias = list[tuple[AuditEvent, asyncio.Future[None]]]


class Noting:
    """What comes while the disk turns is written with its next turn. One thread waits for the disk, apart from those
    that answer.
    """

    def __init__(self, log: AuditLog) -> None:
        self._log: Final = log
        self._thread = CapacityLimiter(1)
        self._waiting: _Waiting = []
        self._writing: asyncio.Task[None] | None = None

    async def note(self, event: AuditEvent) -> None:
        """As ``AuditLog.note``; the event is noted also if nobody waits for that any more."""
        noted = asyncio.get_running_loop().create_future()
        self._waiting.append((event, noted))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await noted

    async def _write(self) -> None:
        some: _Waiting = []
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                error = await to_thread.run_sync(self._noted, [event for event, _ in some], limiter=self._thread)
                for noted in [noted for _, noted in some if not noted.done()]:
                    noted.set_result(None) if error is None else noted.set_exception(error)
        finally:
            self._writing = None
            for _, noted in [*some, *self._waiting]:  # where the loop ends
                noted.cancel()

    def _noted(self, events: Sequence[AuditEvent]) -> Exception | None:
        try:
            self._log.note(*events)
        except Exception as error:
            return error
        return None
