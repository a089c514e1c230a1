"""The identity provider: its addresses (Discovery 1.0), its keys, which change, and its tokens, which are verified."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import InvalidKeyIdError, JoseError

from lookalike.errors import EndpointError
from lookalike.server.people import OidcSettings, is_safe_url
from lookalike.server.signin.sessions import TokenError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""By which a token may be signed, with a private key: not by none, nor by a secret (a public key might pass for it)."""
LEEWAY: Final = 60
"""Seconds by which the clocks may differ."""
_METADATA_SECONDS: Final = 3600.0
_KEYS_SECONDS: Final = 600.0
_AGAIN_SECONDS: Final = 5.0  # before keys are fetched again for a key that is not among them
_PATIENCE: Final = (5.0, 10.0)  # seconds to connect, and to wait
_MOST_BYTES: Final = 1 << 20
_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """A provider, asked over HTTP as little as possible. Raises EndpointError where it gives no answer."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings, self._lock = settings, threading.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, jwk.KeySet] | None = None

    def metadata(self) -> Mapping[str, Any]:
        """Its addresses. Raises EndpointError also where it says that it is another."""
        held = self._metadata
        if held is not None and time.monotonic() - held[0] < _METADATA_SECONDS:
            return held[1]
        issuer = self.settings.issuer
        found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise EndpointError(f"the identity provider at {issuer} says that it is another; see --oidc-issuer")
        for name, url in found.items():
            if name.endswith(("_endpoint", "jwks_uri")) and not (isinstance(url, str) and is_safe_url(url)):
                raise EndpointError(f"the identity provider names an address that is not https ({name})")
        self._metadata = time.monotonic(), found
        return found

    def address(self, state: str, nonce: str, verifier: str, redirect: str) -> str:
        """Where a browser is sent to sign in: authorization code flow with PKCE (RFC 7636, S256)."""
        with self._client(redirect) as client:
            return str(
                client.create_authorization_url(
                    self.metadata()["authorization_endpoint"],
                    state=state,
                    nonce=nonce,
                    code_challenge=create_s256_code_challenge(verifier),
                    code_challenge_method="S256",
                )[0]
            )

    def sign_out_address(self, back: str) -> str:
        """Where a browser signs out at the provider (RP-Initiated Logout 1.0), and comes from; "" if it has no such."""
        address = self.metadata().get("end_session_endpoint")
        told = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return f"{address}?{urlencode(told)}" if address else ""

    def exchange(self, code: str, verifier: str, redirect: str) -> Mapping[str, Any]:
        """The tokens for a code. Raises TokenError where the provider refuses it."""
        return self._tokens("authorization_code", redirect, code=code, code_verifier=verifier, redirect_uri=redirect)

    def refreshed(self, token: str) -> Mapping[str, Any]:
        """New tokens for a refresh token. Raises TokenError where the provider refuses it: it was revoked."""
        return self._tokens("refresh_token", "", refresh_token=token)

    def is_active(self, token: str) -> Mapping[str, Any] | None:
        """What the provider says of a token that is valid (RFC 7662); None where it says nothing of tokens. Raises
        TokenError for one that it has revoked.
        """
        endpoint = self.metadata().get("introspection_endpoint")
        if not endpoint:
            return None
        with self._client() as client:
            found = _json(self._posted(lambda: client.introspect_token(endpoint, token, timeout=_PATIENCE)))
        if found.get("active") is not True:
            raise TokenError("the token is not active")
        return found

    def revoke(self, token: str) -> None:
        """Ask the provider to forget a token (RFC 7009), where it takes that. Raises EndpointError."""
        if endpoint := self.metadata().get("revocation_endpoint"):
            with self._client() as client:
                self._posted(lambda: client.revoke_token(endpoint, token, timeout=_PATIENCE))

    def user_info(self, token: str) -> Mapping[str, Any]:
        """What the provider says of who has an access token; nothing where it has no such address."""
        endpoint = self.metadata().get("userinfo_endpoint")
        return self._get(endpoint, {"Authorization": f"Bearer {token}"}) if endpoint else {}

    # Tokens

    def id_token(self, tokens: Mapping[str, Any], nonce: str | None) -> dict[str, Any]:
        """The claims of a verified ID token. nonce: of the request; None for tokens that were refreshed. Raises
        TokenError.
        """
        decoded = self._decoded(str(tokens.get("id_token", "")))
        parameters = {
            "nonce": nonce,
            "client_id": self.settings.client_id,
            "access_token": tokens.get("access_token", ""),
        }
        options = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
            "sub": {"essential": True},
        }
        self._validate(CodeIDToken(decoded.claims, decoded.header, options, parameters))
        return dict(decoded.claims)

    def access_token(self, token: str) -> dict[str, Any]:
        """The claims of a verified access token that a program sends (RFC 9068). An ID token is none. Raises
        TokenError.
        """
        claims = self._of_issuer(token, self.settings.audience)
        if not self.settings.audience or "nonce" in claims or "exp" not in claims or not claims.get("sub"):
            raise TokenError("no access token for this service")
        return claims

    def logout_token(self, token: str) -> dict[str, Any]:
        """The claims of a verified logout token (OpenID Connect Back-Channel Logout 1.0, 2.6). Raises TokenError."""
        claims = self._of_issuer(token, self.settings.client_id)
        events = claims.get("events")
        told = isinstance(events, dict) and _LOGOUT in events
        recent = isinstance(claims.get("iat"), int | float) and abs(time.time() - claims["iat"]) < 10 * LEEWAY
        if not told or not recent or "nonce" in claims or not (claims.get("sub") or claims.get("sid")):
            raise TokenError("no logout token")
        return claims

    def _of_issuer(self, token: str, audience: str) -> dict[str, Any]:
        decoded = self._decoded(token)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": audience},
        )
        try:
            registry.validate(decoded.claims)
        except JoseError as error:
            raise TokenError(type(error).__name__) from None
        return dict(decoded.claims)

    def _validate(self, claims: CodeIDToken) -> None:
        try:
            claims.validate(leeway=LEEWAY)
        except JoseError as error:
            raise TokenError(type(error).__name__) from None

    def _decoded(self, token: str) -> jwt.Token:
        """A token whose signature is right. Keys are fetched again where it names one that is not known."""
        for again in (False, True):
            try:
                return jwt.decode(token, self.keys(again=again), algorithms=list(ALGORITHMS))
            except InvalidKeyIdError:
                continue
            except (JoseError, ValueError, TypeError, AttributeError, KeyError) as error:
                raise TokenError(type(error).__name__) from None
        raise TokenError("no such key")

    def keys(self, *, again: bool = False) -> jwk.KeySet:
        """The provider's public keys, kept for ten minutes. again: fetched now, unless they were a moment ago."""
        with self._lock:
            held, now = self._keys, time.monotonic()
            if held is None or now - held[0] > (_AGAIN_SECONDS if again else _KEYS_SECONDS):
                self._keys = held = now, _public_keys(self._get(self.metadata()["jwks_uri"]))
            return held[1]

    # HTTP

    def _tokens(self, kind: str, redirect: str, **fields: str) -> Mapping[str, Any]:
        with self._client(redirect) as client:
            auth = client.client_auth(client.token_endpoint_auth_method)
            endpoint = self.metadata()["token_endpoint"]
            sent = {"grant_type": kind, "client_id": self.settings.client_id, **fields}
            answer = self._posted(
                lambda: requests.Session.request(
                    client, "POST", endpoint, data=sent, auth=auth, timeout=_PATIENCE, allow_redirects=False
                )
            )
        if answer.status_code in (400, 401, 403):
            raise TokenError("the provider refused")
        return _json(answer)

    def _client(self, redirect: str = "") -> OAuth2Session:
        own = self.settings
        client = OAuth2Session(own.client_id, own.client_secret or None, scope=own.scope, redirect_uri=redirect or None)
        client.verify = str(own.ca) if own.ca else True
        return client

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        verify = str(self.settings.ca) if self.settings.ca else True
        return _json(
            self._posted(
                lambda: requests.get(
                    url, headers=dict(headers or {}), timeout=_PATIENCE, verify=verify, allow_redirects=False
                )
            )
        )

    def _posted(self, call: Any) -> requests.Response:
        try:
            answer: requests.Response = call()
        except requests.RequestException:
            raise EndpointError("the identity provider gives no answer; try again later") from None
        return answer


def _json(answer: requests.Response) -> dict[str, Any]:
    """The object that an answer holds. Raises EndpointError."""
    found: Any = None
    if answer.status_code == requests.codes.ok and len(answer.content) <= _MOST_BYTES:
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise EndpointError("the identity provider gives an answer that is none; try again later")
    return found


def _public_keys(found: Mapping[str, Any]) -> jwk.KeySet:
    """The keys for signatures; those of unknown kinds are left out, and none is a secret."""
    keys = []
    for each in found.get("keys", ()):
        if isinstance(each, dict) and each.get("kty") in ("RSA", "EC", "OKP") and each.get("use", "sig") == "sig":
            try:
                keys.append(jwk.import_key({name: value for name, value in each.items() if name != "key_ops"}))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    return jwk.KeySet(keys)
