"""What has been made for callers and is on its way to them: in memory until it is sent, so that it is bounded.

A client that reads slowly, or not at all, holds back its own caller only.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lookalike.server.problems import Problem

OF_A_CALLER: Final = 128 << 20
"""Bytes on their way to one caller, beyond which it has to wait."""
_ALL: Final = 4 * OF_A_CALLER


class Outgoing:
    """The bytes on their way, by caller."""

    def __init__(self) -> None:
        self._sizes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def response(self, caller: str, data: bytes, kind: str, headers: Mapping[str, str]) -> Response:
        """An answer that counts until it has been sent. Raises Problem 429 (the caller's own answers) or 503."""
        with self._lock:
            if self._sizes[caller] and self._sizes[caller] + len(data) > OF_A_CALLER:
                raise _wait(429, "files that you asked for are still on their way to you; read them first")
            if self._sizes.total() and self._sizes.total() + len(data) > _ALL:
                raise _wait(503, "too many files are on their way to callers; ask again in a moment")
            self._sizes[caller] += len(data)
        return _Counted(data, kind, headers, lambda: self._sent(caller, len(data)))

    def _sent(self, caller: str, size: int) -> None:
        with self._lock:
            self._sizes[caller] -= size
            if not self._sizes[caller]:
                del self._sizes[caller]


class _Counted(Response):
    def __init__(self, data: bytes, kind: str, headers: Mapping[str, str], sent: Callable[[], None]) -> None:
        super().__init__(data, media_type=kind, headers=headers)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._sent()


def _wait(status: int, detail: str) -> Problem:
    return Problem(status, detail, "answers-on-their-way", {"Retry-After": "2"})
