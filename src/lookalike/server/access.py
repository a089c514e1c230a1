"""Authentication and roles: API keys, and which role a route demands."""

from __future__ import annotations

import ipaddress
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
    """The keys, and the addresses that sent wrong ones. open_: as long as there has been no key, every caller is an
    admin; a service that once saw a key stays closed, whatever becomes of it.
    """

    def __init__(self, keys: KeyRing, *, open_: bool, behind_proxy: bool) -> None:
        self._keys, self._open, self._behind_proxy = keys, open_, behind_proxy
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, request: Request) -> Caller:
        """The caller behind a request. Raises Problem 401 without a valid key, 429 after too many wrong ones."""
        self._open = self._open and not self._keys
        if self._open:
            return Caller("local", "admin")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        key = self._keys.find(given.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            if given:
                self._count(_network(self._address(request)))
            raise Problem(401, "give a key: Authorization: Bearer KEY", "no-key", {"WWW-Authenticate": "Bearer"})
        return Caller(key.name, key.role)

    def _count(self, address: str) -> None:
        """Count a wrong key. Raises Problem 429 after too many; whoever has a right one is not held up by them."""
        if wait := self._wait(address):
            raise Problem(429, "too many wrong keys; wait", "too-many-failures", {"Retry-After": str(wait)})
        self._failed(address)

    def _address(self, request: Request) -> str:
        # A proxy adds the last one; those before it are what the caller says.
        forwarded = request.headers.getlist("x-forwarded-for")[-1:] if self._behind_proxy else []
        named = "".join(forwarded).rpartition(",")[2].strip()
        return named or (request.client.host if request.client else "")

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


def _network(address: str) -> str:
    """What one client may change at will counts as one address: the last 64 bits of IPv6. "" for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)


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
