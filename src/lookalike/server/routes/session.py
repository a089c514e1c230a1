"""Who is here: sign in at the identity provider, sign out, and what the page must know before either.

Where browsers and the provider are sent stands in no document of the API: OpenID Connect says what they bring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from lookalike.errors import EndpointError, NotFoundError
from lookalike.server.access import session_cookie
from lookalike.server.chooser import who_asks
from lookalike.server.contract.answers import SessionInfo, SignedOut
from lookalike.server.galleries import Galleries
from lookalike.server.guard import API
from lookalike.server.problems import Problem
from lookalike.server.responses import NEVER_KEPT, json_response
from lookalike.server.routes.parameters import All
from lookalike.server.signin import TokenError

if TYPE_CHECKING:
    from lookalike.server.signin import SignedIn

session_router = APIRouter(tags=["session"])
_BACK: Final = "/session/callback"
_SIGNING_IN: Final = "lookalike-signing-in"  # the cookie that binds a browser to what it was sent with


@session_router.get(f"{API}/session", response_model=SessionInfo)
def get_session(request: Request, galleries: All) -> Response:
    """Who asks, and how somebody can sign in; answered to everybody. Where no gallery is named and there are several,
    role is the highest in any.
    """
    sign_in, caller = galleries.shared.signed_in is not None, who_asks(request, galleries)
    if caller is None:
        return json_response(SessionInfo(False, "", "", None, sign_in))
    return json_response(SessionInfo(True, caller.shown or caller.name, caller.means, caller.role, sign_in))


@session_router.delete(f"{API}/session", response_model=SignedOut)
def delete_session(request: Request, galleries: All) -> Response:
    """Sign out: the session ends here and now. address: where to sign out at the identity provider too, or ""."""
    cookie = request.cookies.get(session_cookie(galleries.settings), "")
    session, address = _signed_in(galleries).end(cookie, f"{_base(request, galleries)}/")
    if session is not None:
        request.state.who, request.state.means = f"oidc:{session.subject}", "oidc"
    answer = json_response(SignedOut(address), headers={"Clear-Site-Data": '"cache"'})
    _forget(answer, session_cookie(galleries.settings), galleries)
    return answer


@session_router.get("/session/sign-in", include_in_schema=False)
def get_sign_in(request: Request, galleries: All) -> Response:
    """Send a browser to the identity provider; back to the page where that gives no answer."""
    back = f"{request.state.base}/"
    try:
        address, bound = _signed_in(galleries).begin(f"{_base(request, galleries)}{_BACK}", back)
    except EndpointError:
        if not _shows_pages(request):
            raise
        return _not_signed_in(back, "unavailable")
    answer = RedirectResponse(address, 303, NEVER_KEPT)
    # Lax: it must come back from the provider's site.
    answer.set_cookie(
        _SIGNING_IN, bound, 600, path="/session", secure=galleries.settings.secure, httponly=True, samesite="lax"
    )
    return answer


@session_router.get(_BACK, include_in_schema=False)
def get_callback(request: Request, galleries: All) -> Response:
    """A browser comes back from the identity provider: to the page, signed in or not."""
    try:
        query = {name: value for name, value in request.query_params.items() if len(value) < 8192}
        value, session, back = _signed_in(galleries).finish(query, request.cookies.get(_SIGNING_IN, ""))
    except (TokenError, EndpointError) as error:
        refused = isinstance(error, TokenError)
        request.state.tried = refused or _shows_pages(request)
        if _shows_pages(request):
            return _not_signed_in("/", "refused" if refused else "unavailable")
        if not refused:
            raise
        raise Problem(401, "that did not sign you in; go back to the page and try again", "sign-in") from None
    request.state.who, request.state.means = f"oidc:{session.subject}", "oidc"
    answer = RedirectResponse(back, 303, NEVER_KEPT)
    _forget(answer, _SIGNING_IN, galleries, "/session")
    answer.set_cookie(
        session_cookie(galleries.settings),
        value,
        path="/",
        secure=galleries.settings.secure,
        httponly=True,
        samesite="strict",
    )
    return answer


@session_router.post("/session/backchannel-logout", include_in_schema=False)
async def post_backchannel_logout(
    request: Request, galleries: All, logout_token: Annotated[str, Form(max_length=16384)]
) -> Response:
    """The identity provider ends sessions (OpenID Connect Back-Channel Logout 1.0)."""
    try:
        ended = await run_in_threadpool(_signed_in(galleries).end_by_provider, logout_token)
    except TokenError:
        request.state.tried = True
        raise Problem(400, "that is no logout token of the identity provider, or it was used", "logout-token") from None
    request.state.who, request.state.means = " ".join(sorted({f"oidc:{each.subject}" for each in ended})), "oidc"
    return Response(status_code=204, headers=NEVER_KEPT)


def _shows_pages(request: Request) -> bool:
    """Whether a browser asks, for a page that somebody reads."""
    return "text/html" in request.headers.get("accept", "")


def _not_signed_in(back: str, why: Literal["refused", "unavailable"]) -> Response:
    """To the page, which says in words what happened and what to do."""
    return RedirectResponse(f"{back}?sign-in={why}", 303, NEVER_KEPT)


def _signed_in(galleries: Galleries) -> SignedIn:
    if galleries.shared.signed_in is None:
        raise NotFoundError("nobody signs in here: no identity provider is set", "no-sign-in")
    return galleries.shared.signed_in


def _base(request: Request, galleries: Galleries) -> str:
    """The address of this service, as the browser has it."""
    scheme = "https" if galleries.settings.secure else "http"
    return galleries.settings.people.public_url.rstrip("/") or f"{scheme}://{request.headers['host']}"


def _forget(answer: Response, name: str, galleries: Galleries, path: str = "/") -> None:
    answer.delete_cookie(name, path=path, secure=galleries.settings.secure, httponly=True, samesite="strict")
