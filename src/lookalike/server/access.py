"""Authentication and roles: API keys, and which role a route demands."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from lookalike.errors import ForbiddenError
from lookalike.roles import ROLES, Role
from lookalike.server.problems import Problem
from lookalike.verbs.keys import KeyRing

_FAILURES: Final = 10  # wrong keys from one address within _SECONDS
_SECONDS: Final = 60.0  # then the address is refused for as long again
_ADDRESSES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client. name: of its key; "local" where there are no keys."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the caller's role includes another."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Access:
    """The keys, and the addresses that sent wrong ones. open_: while there are no keys, every caller is an admin."""

    def __init__(self, keys: KeyRing, *, open_: bool, behind_proxy: bool) -> None:
        self._keys, self._open, self._behind_proxy = keys, open_, behind_proxy
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, request: Request) -> Caller:
        """The caller behind a request. Raises Problem 401 without a valid key, 429 after too many wrong ones."""
        if self._open and not self._keys:
            return Caller("local", "admin")
        address = self._address(request)
        if wait := self._wait(address):
            raise Problem(429, "too many wrong keys; wait", "too-many-failures", {"Retry-After": str(wait)})
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        key = self._keys.find(given.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            if given:
                self._failed(address)
            raise Problem(401, "give a key: Authorization: Bearer KEY", "no-key", {"WWW-Authenticate": "Bearer"})
        return Caller(key.name, key.role)

    def _address(self, request: Request) -> str:
        forwarded = request.headers.get("x-forwarded-for", "") if self._behind_proxy else ""
        return forwarded.rpartition(",")[2].strip() or (request.client.host if request.client else "")

    def _wait(self, address: str) -> int:
        with self._lock:
            recent = [then for then in self._failures.get(address, ()) if time.monotonic() - then < _SECONDS]
        return int(_SECONDS - (time.monotonic() - recent[0])) + 1 if len(recent) >= _FAILURES else 0

    def _failed(self, address: str) -> None:
        with self._lock:
            recent = self._failures.setdefault(address, [])
            recent[:] = [*recent[-_FAILURES + 1 :], time.monotonic()]
            self._failures.move_to_end(address)
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)


class Needs:
    """A route's required role, as a dependency. Tests read ``role`` from the router."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(self, request: Request) -> Caller:
        """Raises Problem 401 or 429, ForbiddenError."""
        caller: Caller = request.app.state.service.access.caller(request)
        if not caller.may(self.role):
            raise ForbiddenError(
                f"this needs the role {self.role}; the key {caller.name} is for a {caller.role}", "role"
            )
        return caller
