"""A small OpenID Connect provider that conforms: real HTTP, real keys, codes with PKCE, refresh, introspection.

It signs with ``cryptography`` alone, and so shares nothing with what verifies. A test says who signs in next, and may
make it answer wrongly (``forge``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from awaited import PATIENCE

CLIENT, SECRET = "lookalike", "a secret of the client's"
Claims = dict[str, Any]


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def new_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


first_rsa: Final = cache(new_rsa)
"""The first key of each provider, made once: that takes a tenth of a second."""


@dataclass
class Key:
    """A private key of the provider's, RS256 or ES256."""

    alg: str
    kid: str = field(default_factory=lambda: secrets.token_hex(4))
    private: Any = None

    def __post_init__(self) -> None:
        if self.private is None:
            self.private = new_rsa() if self.alg == "RS256" else ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        kind = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.alg == "RS256":
            return {**kind, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        x, y = (text(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
        return {**kind, "kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, claims: Claims, **header: Any) -> str:
        head = {"alg": self.alg, "kid": self.kid, "typ": "JWT", **header}
        said = f"{text(json.dumps(head).encode())}.{text(json.dumps(claims).encode())}"
        if self.alg == "RS256":
            signature = self.private.sign(said.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = utils.decode_dss_signature(self.private.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{said}.{text(signature)}"


@dataclass
class Issuer:
    """url: the issuer. next: the claims of who signs in next. lasts: seconds of an access token. forge: makes of the ID
    token's claims what is sent instead. asked: how many requests each path has had.
    """

    url: str = ""
    keys: list[Key] = field(default_factory=lambda: [Key("RS256", private=first_rsa())])
    next: Claims = field(default_factory=dict)
    lasts: int = 300
    forge: Callable[[Claims], str] | None = None
    introspects: bool = True
    refuses_refresh: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: dict[str, Claims] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.keys[-1]

    def claims(self, who: Claims, **more: Any) -> Claims:
        now = int(time.time())
        return {"iss": self.url, "iat": now, "exp": now + self.lasts, **who, **more}

    def access_token(self, who: Claims, audience: str = "lookalike-api", **more: Any) -> str:
        token = self.key.sign(self.claims(who, aud=audience, jti=secrets.token_hex(8), **more))
        self.active.add(token)
        return token

    def logout_token(self, **who: Any) -> str:
        events = {"http://schemas.openid.net/event/backchannel-logout": {}}
        more = {"aud": CLIENT, "jti": secrets.token_hex(8), "events": events}
        return self.key.sign(self.claims({}, **{**more, **who}), typ="logout+jwt")

    def end_everything(self) -> None:
        """The administrator ends the session: tokens are not active any more, and none is refreshed."""
        self.active.clear()
        self.refresh.clear()

    # What is asked of it

    def discovery(self) -> Claims:
        names = {
            "authorization": "authorize",
            "token": "token",
            "userinfo": "userinfo",
            "end_session": "logout",
            "revocation": "revoke",
            **({"introspection": "introspect"} if self.introspects else {}),
        }
        found: Claims = {f"{name}_endpoint": f"{self.url}/{path}" for name, path in names.items()}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **found}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.url}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        if not self._is_client(authorization):
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            who = self.refresh.pop(form["refresh_token"], None)
            if who is None or self.refuses_refresh:
                return 400, {"error": "invalid_grant"}
            return 200, self._tokens({**who, **{key: self.next[key] for key in ("roles",) if key in self.next}})
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        if text(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(dict(self.next), nonce=asked["nonce"])

    def _tokens(self, who: Claims, **more: Any) -> Claims:
        access, refresh = self.access_token(who, "elsewhere"), secrets.token_urlsafe(16)
        self.refresh[refresh] = who
        claims = self.claims(who, aud=CLIENT, **more)
        signed = self.forge(claims) if self.forge else self.key.sign(claims)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lasts,
            "refresh_token": refresh,
            "id_token": signed,
        }

    def _is_client(self, authorization: str) -> bool:
        kind, _, given = authorization.partition(" ")
        name, _, secret = base64.b64decode(given).decode().partition(":")
        return kind == "Basic" and (unquote(name), unquote(secret)) == (CLIENT, SECRET)


def handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._count(parts.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path.endswith("/.well-known/openid-configuration"):
                self._json(200, issuer.discovery())
            elif parts.path.endswith("/jwks"):
                self._json(200, {"keys": [key.public() for key in issuer.keys]})
            elif parts.path.endswith("/authorize"):
                self.send_response(302)
                self.send_header("Location", issuer.authorize(query))
                self.end_headers()
            elif parts.path.endswith("/logout"):
                self.send_response(302)
                self.send_header("Location", query["post_logout_redirect_uri"])
                self.end_headers()
            elif parts.path.endswith("/userinfo"):
                self._json(200, issuer.next)
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            path = urlsplit(self.path).path
            self._count(path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if path.endswith("/token"):
                self._json(*issuer.token(form, self.headers.get("Authorization", "")))
            elif path.endswith("/introspect"):
                self._json(200, {"active": form["token"] in issuer.active})
            elif path.endswith("/revoke"):
                issuer.active.discard(form["token"])
                issuer.refresh.pop(form["token"], None)
                self._json(200, {})
            else:
                self._json(404, {})

        def _count(self, path: str) -> None:
            issuer.asked[path] = issuer.asked.get(path, 0) + 1

        def _json(self, status: int, value: Claims) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def at_provider(sent: httpx.Response) -> str:
    """Where the provider sends a browser back to that was sent to it."""
    return httpx.get(sent.headers["location"], timeout=PATIENCE).headers["location"]


@contextmanager
def issuing(**options: Any) -> Iterator[Issuer]:
    """A provider that answers on a free port of this machine."""
    issuer = Issuer(**options)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(issuer)) as server:
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
