"""Signing in at an identity provider (OpenID Connect Core 1.0), and the sessions that come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.errors import MissingExtraError
from lookalike.server.people import PeopleSettings
from lookalike.server.signin.sessions import Person, Session, TokenError

if TYPE_CHECKING:
    from lookalike.server.signin.signed_in import SignedIn

__all__ = ["Person", "Session", "SignedIn", "TokenError", "sign_in_for"]


def sign_in_for(people: PeopleSettings) -> SignedIn | None:
    """What signs people in; None where no identity provider is set. Raises MissingExtraError."""
    if people.oidc is None:
        return None
    try:
        from lookalike.server.signin.provider import Provider
        from lookalike.server.signin.signed_in import SignedIn
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("lookalike"):
            raise
        raise MissingExtraError("signing in at an identity provider", "oidc") from None
    return SignedIn(people, Provider(people.oidc))
