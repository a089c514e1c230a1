"""Authentication and roles: who a caller is, and which role a route demands."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.requests import HTTPConnection

from lookalike.errors import EndpointError, ForbiddenError
from lookalike.roles import Grant, Role
from lookalike.server.callers import Caller
from lookalike.server.people import is_trusted
from lookalike.server.problems import Problem
from lookalike.server.settings import ServerSettings
from lookalike.server.signin.sessions import Person
from lookalike.text import plain_text
from lookalike.verbs.keys import KeyRing

if TYPE_CHECKING:
    from lookalike.server.signin.signed_in import SignedIn

_FAILURES: Final = 10  # wrong keys from one address within _SECONDS
_SECONDS: Final = 60.0  # then the address is refused for as long again
_ADDRESSES: Final = 10_000
_LOCAL: Final = Caller("local", (Grant("admin"),), "open")
_SAFE: Final = ("GET", "HEAD")


class Access:
    """The keys, the people who have signed in, and the addresses that sent wrong keys. open_: as long as there has been
    no key, every caller is an admin; a service that once saw a key stays closed, whatever becomes of it. gallery: the
    name of the one that is served. signed_in: None where there is no identity provider.
    """

    def __init__(
        self, keys: KeyRing, settings: ServerSettings, gallery: str, signed_in: SignedIn | None = None
    ) -> None:
        self._keys, self._open, self._settings = keys, settings.alone, settings
        self._people, self._gallery, self.signed_in = settings.people, gallery, signed_in
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, request: Request) -> Caller:
        """The caller behind a request. Raises Problem 401 where nobody who is known is, 429 after too many wrong keys,
        503 where the identity provider gives no answer; ForbiddenError for who is known and has no role here.
        """
        self._open = self._open and not self._keys
        if self._open:
            return _LOCAL
        try:
            found = self._known(request)
        except EndpointError as error:
            raise Problem(503, str(error), "identity-provider", {"Retry-After": "5"}) from None
        if found is None:
            raise Problem(401, self._how_to(), "no-key", {"WWW-Authenticate": "Bearer"})
        if not found.grants:
            raise ForbiddenError(f"{found.known_as} has no role here; ask the administrator", "no-role")
        return found

    def _known(self, request: Request) -> Caller | None:
        if "authorization" in request.headers:
            return self._of_bearer(request)
        return self._of_proxy(request) or self._of_session(request)

    def _of_bearer(self, request: Request) -> Caller | None:
        scheme, _, given = request.headers["authorization"].partition(" ")
        found = self._of_token(given.strip()) if scheme.lower() == "bearer" else None
        if found is None and given:
            request.state.tried = True
            self._count(_network(self.address(request)))
        return found

    def _of_token(self, given: str) -> Caller | None:
        if (key := self._keys.find(given)) is not None:
            return Caller(key.name, (Grant(key.role, key.where),))
        if self.signed_in is None or given.count(".") != 2:  # three parts, as of a signed token (RFC 7515)
            return None
        person = self.signed_in.program(given)
        return None if person is None else _caller(person)

    def _of_session(self, request: Request) -> Caller | None:
        if self.signed_in is None or not (cookie := request.cookies.get(session_cookie(self._settings), "")):
            return None
        if (person := self.signed_in.person(cookie)) is None:
            return None
        told = {"origin", "sec-fetch-site"} & {*request.headers}
        if request.method not in _SAFE and not told:  # the guard has compared what they say
            raise Problem(403, "a browser says whose page changes something; this request does not", "cross-site")
        return _caller(person)

    def _of_proxy(self, request: Request) -> Caller | None:
        """Who has signed in at a proxy that is trusted; from anybody else these headers mean nothing."""
        own, peer = self._people, request.client.host if request.client else ""
        if not own.user_header or not is_trusted(peer, own.trusted_proxies):
            return None
        users = request.headers.getlist(own.user_header)
        if len(users) != 1 or not (user := plain_text(users[0], 200)):
            return None
        values = ",".join(request.headers.getlist(own.groups_header)) if own.groups_header else ""
        groups = [value.strip() for value in values.replace(";", ",").split(",")]
        return Caller(f"proxy:{user}", own.grants_of([*groups, user], self._gallery), "proxy", user)

    def _how_to(self) -> str:
        sign_in = " or sign in" if self.signed_in is not None else ""
        return f"give a key: Authorization: Bearer KEY{sign_in}"

    def _count(self, address: str) -> None:
        """Count a wrong key. Raises Problem 429 after too many; whoever has a right one is not held up by them."""
        if wait := self._wait(address):
            raise Problem(429, "too many wrong keys; wait", "too-many-failures", {"Retry-After": str(wait)})
        self._failed(address)

    def address(self, request: HTTPConnection) -> str:
        """The address that a caller asks from: the proxy's word for it, where one is believed."""
        peer = request.client.host if request.client else ""
        trusted = self._people.trusted_proxies
        believed = is_trusted(peer, trusted) if trusted else self._settings.behind_proxy
        # A proxy adds the last one; those before it are what the caller says.
        forwarded = request.headers.getlist("x-forwarded-for")[-1:] if believed else []
        return plain_text("".join(forwarded).rpartition(",")[2].strip() or peer)

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

    def close(self) -> None:
        """Write down which keys were used last."""
        self._keys.close()


def session_cookie(settings: ServerSettings) -> str:
    """The name of the session's cookie: with https one that no other host can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-lookalike-session" if settings.secure else "lookalike-session"


def _caller(person: Person) -> Caller:
    return Caller(f"oidc:{plain_text(person.subject, 255)}", person.grants, "oidc", person.shown)


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
    """A route's required role, as a dependency. whole: for all records, since the route concerns the gallery as a
    whole. Tests read both from the router.
    """

    def __init__(self, role: Role, *, whole: bool = False) -> None:
        self.role, self.whole = role, whole

    def __call__(self, request: Request) -> Caller:
        """Raises as ``Access.caller``, and ForbiddenError."""
        caller: Caller = request.app.state.service.access.caller(request)
        request.state.caller = caller
        if not caller.may(self.role):
            raise ForbiddenError(f"this needs the role {self.role}; {caller.known_as} is for a {caller.role}", "role")
        acting = caller.acts(self.role)
        return acting.whole() if self.whole else acting
