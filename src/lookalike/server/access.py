"""Authentication and roles: who a caller is, and which role a route demands."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from lookalike.errors import EndpointError, ForbiddenError
from lookalike.roles import Grant, Role, grants_in
from lookalike.server.addressed import service_at
from lookalike.server.callers import Caller
from lookalike.server.people import is_trusted
from lookalike.server.problems import Problem
from lookalike.server.settings import ServerSettings
from lookalike.server.signin.sessions import Person
from lookalike.server.wrong_keys import WrongKeys
from lookalike.text import plain_text
from lookalike.verbs.keys import KeyRing

if TYPE_CHECKING:
    from lookalike.server.signin.signed_in import SignedIn

_LOCAL: Final = Caller("local", (Grant("admin"),), "open")
SCRAPER: Final = Caller("metrics", (Grant("reader"),))
"""Who reads the metrics with the token that is for these alone."""
_SAFE: Final = ("GET", "HEAD")


class Access:
    """The keys of a gallery, and the people who have signed in. open_: as long as there has been no key, every caller
    is an admin; a gallery that once had a key stays closed, whatever becomes of it. gallery: its name. signed_in: None
    where there is no identity provider.
    """

    def __init__(
        self,
        keys: KeyRing,
        settings: ServerSettings,
        gallery: str,
        signed_in: SignedIn | None = None,
        wrong_keys: WrongKeys | None = None,
    ) -> None:
        self._keys, self._open, self._settings = keys, settings.alone, settings
        self._people, self._gallery, self._signed_in = settings.people, gallery, signed_in
        self._wrong = WrongKeys() if wrong_keys is None else wrong_keys

    def caller(self, request: Request) -> Caller:
        """The caller behind a request. Raises Problem 401 where nobody who is known is, 429 after too many wrong keys,
        503 where the identity provider gives no answer; ForbiddenError for who is known and has no role here.
        """
        found = self.known(request)
        if found is None:
            count_wrong_key(request, self._wrong, self._settings)
            raise unknown_caller(self._signed_in is not None)
        if not found.grants:
            raise no_role(found)
        return found

    def known(self, request: Request) -> Caller | None:
        """Who asks, with what they may do in this gallery, be it nothing; None where nobody who is known does. Raises
        Problem 503.
        """
        if self.is_open():
            return _LOCAL
        try:
            return self._known(request)
        except EndpointError as error:
            raise Problem(503, str(error), "identity-provider", {"Retry-After": "5"}) from None

    def knows(self, request: HTTPConnection) -> bool:
        """Whether who asks is known without sessions, tokens or a count of wrong keys: by a key, by a proxy, or since
        nobody has to say who they are.
        """
        if self.is_open():
            return True
        if "authorization" in request.headers:
            return self._keys.find(_bearer(request)) is not None
        return self._of_proxy(request) is not None

    def is_open(self) -> bool:
        """Whether there has been no key yet: as often as this is asked, a key is seen."""
        self._open = self._open and not self._keys
        return self._open

    def _known(self, request: Request) -> Caller | None:
        if "authorization" in request.headers:
            return self._of_token(_bearer(request))
        return self._of_proxy(request) or self._of_session(request)

    def _of_token(self, given: str) -> Caller | None:
        if not given:
            return None
        if (key := self._keys.find(given)) is not None:
            return Caller(key.name, (Grant(key.role, key.where),))
        if self._signed_in is None or given.count(".") != 2:  # three parts, as of a signed token (RFC 7515)
            return None
        person = self._signed_in.program(given)
        return None if person is None else self._caller(person)

    def _of_session(self, request: Request) -> Caller | None:
        if self._signed_in is None or not (cookie := request.cookies.get(session_cookie(self._settings), "")):
            return None
        if (person := self._signed_in.person(cookie)) is None:
            return None
        told = {"origin", "sec-fetch-site"} & {*request.headers}
        if request.method not in _SAFE and not told:  # the guard has compared what they say
            raise Problem(403, "a browser says whose page changes something; this request does not", "cross-site")
        return self._caller(person)

    def _of_proxy(self, request: HTTPConnection) -> Caller | None:
        """Who has signed in at a proxy that is trusted; from anybody else these headers mean nothing."""
        own, peer = self._people, request.client.host if request.client else ""
        if not own.user_header or not is_trusted(peer, own.trusted_proxies):
            return None
        users = request.headers.getlist(own.user_header)
        if len(users) != 1 or not (user := plain_text(users[0], 200)):
            return None
        values = ",".join(request.headers.getlist(own.groups_header)) if own.groups_header else ""
        groups = [value.strip() for value in values.replace(";", ",").split(",")]
        return Caller(f"proxy:{user}", grants_in(own.grants_of([*groups, user]), self._gallery), "proxy", user)

    def _caller(self, person: Person) -> Caller:
        name = f"oidc:{plain_text(person.subject, 255)}"
        return Caller(name, grants_in(person.grants, self._gallery), "oidc", person.shown)

    def close(self) -> None:
        """Write down which keys were used last."""
        self._keys.close()


def count_wrong_key(request: Request, wrong: WrongKeys, settings: ServerSettings) -> None:
    """Count what was given for a key and is none, if anything was. Raises Problem 429 after too many."""
    if "authorization" in request.headers and request.headers["authorization"].partition(" ")[2].strip():
        request.state.tried = True
        wrong.count(client_address(request, settings))


def unknown_caller(sign_in: bool) -> Problem:
    """What is answered to somebody who is not known."""
    how = f"give a key: Authorization: Bearer KEY{' or sign in' if sign_in else ''}"
    return Problem(401, how, "no-key", {"WWW-Authenticate": "Bearer"})


def no_role(caller: Caller) -> ForbiddenError:
    """What is answered to somebody who is known and may do nothing."""
    return ForbiddenError(f"{caller.known_as} has no role here; ask the administrator", "no-role")


def client_address(request: HTTPConnection, settings: ServerSettings) -> str:
    """The address that a caller asks from: the proxy's word for it, where one is believed."""
    peer = request.client.host if request.client else ""
    trusted = settings.people.trusted_proxies
    believed = is_trusted(peer, trusted) if trusted else settings.behind_proxy
    # A proxy adds the last one; those before it are what the caller says.
    forwarded = request.headers.getlist("x-forwarded-for")[-1:] if believed else []
    return plain_text("".join(forwarded).rpartition(",")[2].strip() or peer)


def session_cookie(settings: ServerSettings) -> str:
    """The name of the session's cookie: with https one that no other host can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-lookalike-session" if settings.secure else "lookalike-session"


def _bearer(request: HTTPConnection) -> str:
    scheme, _, given = request.headers["authorization"].partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


class Needs:
    """A route's required role, as a dependency. whole: for all records, since the route concerns the gallery as a
    whole. Tests read both from the router.
    """

    def __init__(self, role: Role, *, whole: bool = False) -> None:
        self.role, self.whole = role, whole

    async def __call__(self, request: Request) -> Caller:
        """Raises as ``Access.caller``, and ForbiddenError; Problem 503 where the gallery is not open."""
        access: Access = service_at(request).access
        # Whoever has a key is known at once, and waits for no thread; an identity provider may have to be asked.
        caller = access.caller(request) if access.knows(request) else await run_in_threadpool(access.caller, request)
        request.state.caller = caller
        if not caller.may(self.role):
            raise ForbiddenError(f"this needs the role {self.role}; {caller.known_as} is for a {caller.role}", "role")
        acting = caller.acts(self.role)
        return acting.whole() if self.whole else acting


class NeedsMetrics(Needs):
    """For who holds the metrics' token, which opens nothing else, and for who sees the whole gallery."""

    def __init__(self) -> None:
        super().__init__("reader", whole=True)

    async def __call__(self, request: Request) -> Caller:
        """Raises as ``Needs``."""
        token: str = request.app.state.galleries.metrics_token
        given = _bearer(request) if "authorization" in request.headers else ""
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return await super().__call__(request)
        request.state.caller = SCRAPER
        return SCRAPER
