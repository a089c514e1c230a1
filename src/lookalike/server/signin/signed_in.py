"""Sign in, stay signed in as long as the provider says so, sign out."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lookalike.errors import EndpointError
from lookalike.roles import Grant
from lookalike.server.people import PeopleSettings
from lookalike.server.signin.provider import Provider
from lookalike.server.signin.sessions import Person, Session, Sessions, TokenError
from lookalike.text import plain_text

_BEGUN_SECONDS: Final = 600.0  # within which somebody who was sent to the provider comes back
_MOST_BEGUN: Final = 10_000
_TOKENS_KEPT: Final = 1000
_LONGEST: Final = 200  # letters of a name


@dataclass(frozen=True, slots=True)
class _Begun:
    nonce: str
    verifier: str
    redirect: str
    bound: str  # what the cookie of the browser that was sent says
    back: str  # the page that it was sent from
    at: float


class SignedIn:
    """The people of one provider, with what they may do in any gallery."""

    def __init__(self, people: PeopleSettings, provider: Provider) -> None:
        self.people, self._provider = people, provider
        self.sessions = Sessions(people.session_seconds, people.idle_seconds)
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._tokens: OrderedDict[str, tuple[float, Person]] = OrderedDict()
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    # Browsers

    def begin(self, redirect: str, back: str = "/") -> tuple[str, str]:
        """Where to send a browser, and what its cookie is to say when it comes back. back: the page that it is sent
        from. Raises EndpointError.
        """
        state, nonce, verifier, bound = (secrets.token_urlsafe(32) for _ in range(4))
        address = self._provider.address(state, nonce, verifier, redirect)
        with self._lock:
            self._begun[state] = _Begun(nonce, verifier, redirect, bound, back, time.monotonic())
            while len(self._begun) > _MOST_BEGUN:
                self._begun.popitem(last=False)
        return address, bound

    def finish(self, query: Mapping[str, str], bound: str) -> tuple[str, Session, str]:
        """The value of the session's cookie, the session, and the page that it was sent from, for a browser that comes
        back. Raises TokenError: what it brings is not an answer to what it was sent with, or no right one;
        EndpointError.
        """
        with self._lock:
            begun = self._begun.pop(query.get("state", ""), None)
        if begun is None or not hmac.compare_digest(begun.bound.encode(), bound.encode("utf-8", "surrogateescape")):
            raise TokenError("no such state")
        if time.monotonic() - begun.at > _BEGUN_SECONDS or "code" not in query:
            raise TokenError("too late, or refused at the provider")
        if query.get("iss", self._provider.settings.issuer) != self._provider.settings.issuer:
            raise TokenError("another issuer")  # RFC 9207
        tokens = self._provider.exchange(query["code"], begun.verifier, begun.redirect)
        claims = self._provider.id_token(tokens, begun.nonce)
        session = self._session(tokens, claims)
        return self.sessions.add(session), session, begun.back

    def _session(self, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> Session:
        access = str(tokens.get("access_token", ""))
        return Session(
            str(claims["sub"]),
            _shown(claims),
            str(claims.get("sid", "")),
            self._grants({**self._more(claims, access), **claims}),
            access,
            str(tokens.get("refresh_token", "")),
            str(tokens.get("id_token", "")),
            _until(tokens, claims),
            time.time(),
        )

    def _more(self, claims: Mapping[str, Any], access: str) -> Mapping[str, Any]:
        """What the provider says beyond an ID token that lacks the claim of the grants."""
        if not access or list(_values(claims, self._provider.settings.claim)):
            return {}
        found = self._provider.user_info(access)
        return found if found.get("sub") == claims["sub"] else {}

    def person(self, cookie: str) -> Person | None:
        """Who has the session of a cookie; None where there is none, or the provider has ended it. Raises
        EndpointError where the provider has to be asked and gives no answer.
        """
        session = self.sessions.find(cookie)
        if session is None:
            return None
        with session.asking:  # one request asks, the others of the same session wait
            try:
                self._keep_up(session)
            except TokenError:
                self.sessions.end(cookie)
                return None
        return Person(session.subject, session.shown, session.grants)

    def _keep_up(self, session: Session) -> None:
        """Ask the provider again where it is time. Raises TokenError: it has ended."""
        now = time.time()
        if now >= session.until:
            if not session.refresh:
                raise TokenError("over")
            self._renew(session)
        elif now - session.asked >= self._provider.settings.check_seconds and session.access:
            self._provider.is_active(session.access)
            session.asked = time.time()

    def _renew(self, session: Session) -> None:
        tokens = self._provider.refreshed(session.refresh)
        session.access = str(tokens.get("access_token", ""))
        session.refresh = str(tokens.get("refresh_token", "") or session.refresh)
        claims: Mapping[str, Any] = {}
        if tokens.get("id_token"):
            claims = self._provider.id_token(tokens, None)
            if claims["sub"] != session.subject:
                raise TokenError("another one's")
            session.grants = self._grants({**self._more(claims, session.access), **claims})
            session.id_token = str(tokens["id_token"])
        session.until, session.asked = _until(tokens, claims), time.time()

    def end(self, cookie: str, back: str) -> tuple[Session | None, str]:
        """End the session of a cookie: it, and where the browser may be sent to sign out at the provider too, or "".
        back: where it comes from.
        """
        session = self.sessions.end(cookie)
        if session is None:
            return None, ""
        try:
            if token := session.refresh or session.access:
                self._provider.revoke(token)
            return session, self._provider.sign_out_address(back)
        except EndpointError:
            return session, ""

    def end_by_provider(self, token: str) -> list[Session]:
        """End the sessions that a logout token names, and return them. Raises TokenError, for one that was used too."""
        claims = self._provider.logout_token(token)
        used = str(claims.get("jti", token))
        with self._lock:
            if used in self._ended:
                raise TokenError("used before")
            self._ended[used] = time.time()
            while len(self._ended) > _MOST_BEGUN:
                self._ended.popitem(last=False)
            self._tokens.clear()
        sid, subject = str(claims.get("sid", "")), str(claims.get("sub", ""))
        return self.sessions.end_where(lambda each: each.sid == sid if sid else each.subject == subject)

    # Programs

    def program(self, token: str) -> Person | None:
        """Who sent an access token; None where it is not valid. The provider is asked again every so often. Raises
        EndpointError.
        """
        now = time.time()
        with self._lock:
            held = self._tokens.get(token)
        if held is not None and now < held[0]:
            return held[1]
        try:
            claims = self._provider.access_token(token)
            more = self._provider.is_active(token) or {}
        except TokenError:
            with self._lock:
                self._tokens.pop(token, None)
            return None
        person = Person(str(claims["sub"]), _shown(claims), self._grants({**more, **claims}))
        with self._lock:
            self._tokens[token] = min(now + self._provider.settings.check_seconds, float(claims["exp"])), person
            while len(self._tokens) > _TOKENS_KEPT:
                self._tokens.popitem(last=False)
        return person

    def _grants(self, claims: Mapping[str, Any]) -> tuple[Grant, ...]:
        return self.people.grants_of(_values(claims, self._provider.settings.claim))


def _values(claims: Mapping[str, Any], path: str) -> Iterable[str]:
    """The values of a claim: texts in a list, one text with spaces between, one text."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return {found, *found.split()}
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else ()


def _until(tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> float:
    """When the access token ends; the ID token, where the provider does not say."""
    lasts = tokens.get("expires_in")
    if isinstance(lasts, int | float) and lasts > 0:
        return time.time() + float(lasts)
    return float(claims.get("exp", time.time()))


def _shown(claims: Mapping[str, Any]) -> str:
    named = claims.get("preferred_username") or claims.get("name") or claims.get("sub")
    return plain_text(str(named), _LONGEST)
