"""Sessions: kept here and nowhere else, under the hash of what a browser's cookie says."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lookalike.roles import Grant

_MOST: Final = 10_000
_MOST_EACH: Final = 20  # of one person


class TokenError(Exception):
    """A token that is not one of the provider's, not for this service, or not valid now. The message is for a log."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who has signed in, and what for. subject: the provider's lasting name; shown: for people."""

    subject: str
    shown: str
    grants: tuple[Grant, ...]


@dataclass(slots=True)
class Session:
    """subject: who signed in, as the provider names them for good. shown: as they name themselves. sid: of the
    provider's own session. until: when the access token ends, asked: when it was asked about last, seconds since 1970;
    began, used: ``time.monotonic``.
    """

    subject: str
    shown: str
    sid: str
    grants: tuple[Grant, ...]
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    id_token: str = field(repr=False)
    until: float
    asked: float
    began: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    asking: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """All sessions. lasts, idle: seconds, from the beginning and without use."""

    def __init__(self, lasts: float, idle: float) -> None:
        self._lasts, self._idle, self._lock = lasts, idle, threading.Lock()
        self._kept: OrderedDict[str, Session] = OrderedDict()

    def add(self, session: Session) -> str:
        """Keep a session; what the cookie says, which is not kept. The oldest goes where there are too many."""
        value = secrets.token_urlsafe(32)
        with self._lock:
            own = [name for name, each in self._kept.items() if each.subject == session.subject]
            for name in own[: max(0, len(own) + 1 - _MOST_EACH)]:
                del self._kept[name]
            self._kept[_name(value)] = session
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return value

    def find(self, value: str) -> Session | None:
        """The session of a cookie; None where there is none, or it is over."""
        name, now = _name(value), time.monotonic()
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            if now - found.began > self._lasts or now - found.used > self._idle:
                del self._kept[name]
                return None
            found.used = now
            return found

    def ends_in(self, session: Session) -> float:
        """Seconds until a session is over however it is used."""
        return max(0.0, self._lasts - (time.monotonic() - session.began))

    def end(self, value: str) -> Session | None:
        """End the session of a cookie, and return it."""
        with self._lock:
            return self._kept.pop(_name(value), None)

    def end_where(self, over: Callable[[Session], bool]) -> list[Session]:
        """End sessions, and return them."""
        with self._lock:
            names = [name for name, each in self._kept.items() if over(each)]
            return [self._kept.pop(name) for name in names]


def _name(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
