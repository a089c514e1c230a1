"""Signing in at an identity provider: codes, tokens and sessions that are right, and every kind that is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from issuer import CLIENT, SECRET, Claims, Issuer, Key, at_provider, issuing, text
from served import API, make_gallery, problem

from lookalike.errors import UsageError
from lookalike.gallery import open_gallery
from lookalike.roles import grants_in
from lookalike.server.app import make_app
from lookalike.server.people import (
    OidcSettings,
    PeopleSettings,
    check_people,
    grants_from,
    is_safe_url,
    is_trusted,
    networks_from,
    people_from,
)
from lookalike.server.settings import ServerSettings
from lookalike.verbs.keys import add_key

GRANTS = ("readers=reader", "writers=contributor", "admins=admin", "northern=reader:site=north")
BASE = "http://127.0.0.1:8765"
COOKIE = "lookalike-session"
JANE: Claims = {"sub": "248289761001", "preferred_username": "jane", "roles": ["readers", "nobody's"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("signin"))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing(next=dict(JANE)) as running:
        yield running


@contextmanager
def service(folder: Path, issuer: Issuer, **options: Any) -> Iterator[TestClient]:
    """The service, and a browser of it that keeps cookies."""
    oidc = {"audience": "lookalike-api", "check_seconds": 0.0, **options.pop("oidc", {})}
    people = PeopleSettings(
        grants_from(GRANTS), OidcSettings(issuer.url, CLIENT, SECRET, **oidc), **options.pop("people", {})
    )
    app = make_app(folder, ServerSettings(people=people, **options))
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, change: Callable[[str], str] = lambda back: back) -> httpx.Response:
    """Go to the provider and come back. change: of the address that the provider sends back to."""
    sent = client.get("/session/sign-in")
    assert sent.status_code == 303, sent.text
    return client.get(change(at_provider(sent)))


def signed_in(client: TestClient) -> None:
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text


# Browsers


def test_who_signs_in_has_the_roles_of_the_claim(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        assert client.get(f"{API}/session").json() == {
            "known": False,
            "name": "",
            "means": "",
            "role": None,
            "sign_in": True,
        }
        problem(client.get(f"{API}/gallery"), 401, "no-key")
        answer = sign_in(client)
        cookie = answer.headers["set-cookie"]
        assert all(word in cookie for word in (f"{COOKIE}=", "HttpOnly", "SameSite=strict", "Path=/"))
        assert "Secure" not in cookie
        assert client.get(f"{API}/gallery").json()["role"] == "reader"
        said = client.get(f"{API}/session").json()
        assert (said["known"], said["name"], said["means"], said["role"]) == (True, "jane", "oidc", "reader")
        problem(client.post(f"{API}/map", json={}, headers={"Origin": BASE}), 403, "role")


def test_the_request_is_bound_and_guarded(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        asked = parse_qs(urlsplit(client.get("/session/sign-in").headers["location"]).query)
        assert asked["response_type"] == ["code"]
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [f"{BASE}/session/callback"]
        assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
        again = parse_qs(urlsplit(client.get("/session/sign-in").headers["location"]).query)
        assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_with_https_the_cookie_is_the_hosts_own(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer, behind_proxy=True) as client:
        client.base_url = "https://127.0.0.1:8765"  # type: ignore[assignment]
        cookie = sign_in(client).headers["set-cookie"]
        assert all(word in cookie for word in (f"__Host-{COOKIE}=", "HttpOnly", "SameSite=strict", "Secure"))
        assert client.get(f"{API}/gallery").status_code == 200


WRONG_WAYS: dict[str, Callable[[str], str]] = {
    "another state": lambda back: back.replace("state=", "state=x"),
    "no state": lambda back: back.replace("state=", "other="),
    "another code": lambda back: back.replace("code=", "code=x"),
    "no code": lambda back: back.replace("code=", "other="),
    "an error": lambda back: back.replace("code=", "error=access_denied&x="),
    "another issuer": lambda back: back.replace("iss=", "iss=x"),
}


@pytest.mark.parametrize("way", WRONG_WAYS)
def test_who_comes_back_otherwise_is_not_signed_in(folder: Path, issuer: Issuer, way: str) -> None:
    with service(folder, issuer) as client:
        problem(sign_in(client, WRONG_WAYS[way]), 401, "sign-in")
        problem(client.get(f"{API}/gallery"), 401, "no-key")


def test_a_browser_is_led_back_to_the_page_which_says_why(folder: Path) -> None:
    """Nobody reads JSON: neither who was refused, nor who comes while the provider gives no answer."""
    running = issuing(next=dict(JANE))
    issuer = running.__enter__()
    with service(folder, issuer) as client:
        client.headers["Accept"] = "text/html,application/xhtml+xml,*/*;q=0.8"
        for change in WRONG_WAYS.values():
            answer = sign_in(client, change)
            assert (answer.status_code, answer.headers["location"]) == (303, "/?sign-in=refused")
            assert COOKIE not in answer.headers.get("set-cookie", "")
        back = at_provider(client.get("/session/sign-in"))
        running.__exit__(None, None, None)
        answer = client.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?sign-in=unavailable")
    with service(folder, issuer) as client:
        client.headers["Accept"] = "text/html"
        answer = client.get("/session/sign-in")
        assert (answer.status_code, answer.headers["location"]) == (303, "/?sign-in=unavailable")
        problem(client.get(f"{API}/gallery"), 401, "no-key")


def test_an_answer_serves_once_and_one_browser(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        back = at_provider(client.get("/session/sign-in"))
        other = TestClient(client.app, base_url=BASE, follow_redirects=False)
        problem(other.get(back), 401, "sign-in")  # somebody else's browser, led there
        problem(client.get(back), 401, "sign-in")  # and then it is used up
        signed_in(client)
        again = at_provider(client.get("/session/sign-in"))
        assert client.get(again).status_code == 303
        problem(client.get(again), 401, "sign-in")


def plain_token(claims: Claims, header: Claims, signature: str = "") -> str:
    return f"{text(json.dumps(header).encode())}.{text(json.dumps(claims).encode())}.{signature}"


def hmac_token(claims: Claims, issuer: Issuer, secret: bytes) -> str:
    """Signed with what everybody knows, as if it were a secret."""
    said = plain_token(claims, {"alg": "HS256", "kid": issuer.key.kid})[:-1]
    return f"{said}.{text(hmac.new(secret, said.encode(), hashlib.sha256).digest())}"


STRANGER = Key("RS256")
WRONG_TOKENS: dict[str, Callable[[Issuer, Claims], str]] = {
    "alg none": lambda _, claims: plain_token(claims, {"alg": "none"}),
    "alg none, with a key": lambda issuer, claims: plain_token(claims, {"alg": "none", "kid": issuer.key.kid}),
    "alg HS256 by the public key": lambda issuer, claims: hmac_token(
        claims, issuer, json.dumps(issuer.key.public()).encode()
    ),
    "alg HS256 by the modulus": lambda issuer, claims: hmac_token(
        claims, issuer, base64.urlsafe_b64decode(issuer.key.public()["n"] + "==")
    ),
    "alg HS256 by the client's secret": lambda issuer, claims: hmac_token(claims, issuer, SECRET.encode()),
    "another's key": lambda _, claims: STRANGER.sign(claims),
    "another's key under this name": lambda issuer, claims: STRANGER.sign(claims, kid=issuer.key.kid),
    "a key in the header": lambda issuer, claims: STRANGER.sign(claims, kid=issuer.key.kid, jwk=STRANGER.public()),
    "another issuer": lambda issuer, claims: issuer.key.sign({**claims, "iss": "https://evil.example"}),
    "another audience": lambda issuer, claims: issuer.key.sign({**claims, "aud": "somebody"}),
    "two audiences and another party": lambda issuer, claims: issuer.key.sign(
        {**claims, "aud": [CLIENT, "somebody"], "azp": "x"}
    ),
    "another nonce": lambda issuer, claims: issuer.key.sign({**claims, "nonce": "x"}),
    "no nonce": lambda issuer, claims: issuer.key.sign({k: v for k, v in claims.items() if k != "nonce"}),
    "no subject": lambda issuer, claims: issuer.key.sign({k: v for k, v in claims.items() if k != "sub"}),
    "no end": lambda issuer, claims: issuer.key.sign({k: v for k, v in claims.items() if k != "exp"}),
    "over": lambda issuer, claims: issuer.key.sign({**claims, "exp": int(time.time()) - 120}),
    "not yet": lambda issuer, claims: issuer.key.sign({**claims, "nbf": int(time.time()) + 600}),
    "changed": lambda issuer, claims: issuer.key.sign(claims).replace(".", ".x", 1),
    "no token": lambda *_: "nothing",
    "nothing": lambda *_: "",
}


@pytest.mark.parametrize("wrong", WRONG_TOKENS)
def test_a_token_that_is_not_right_signs_nobody_in(folder: Path, issuer: Issuer, wrong: str) -> None:
    issuer.forge = lambda claims: WRONG_TOKENS[wrong](issuer, claims)
    with service(folder, issuer) as client:
        problem(sign_in(client), 401, "sign-in")
        problem(client.get(f"{API}/gallery"), 401, "no-key")


def test_clocks_may_differ_by_a_little(folder: Path, issuer: Issuer) -> None:
    issuer.forge = lambda claims: issuer.key.sign(
        {**claims, "iat": claims["iat"] + 30, "exp": int(time.time()) - 30, "nbf": claims["iat"] + 30}
    )
    with service(folder, issuer) as client:
        signed_in(client)


def test_keys_change_while_it_runs(folder: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.server.signin.provider._AGAIN_SECONDS", 0.0)
    with service(folder, issuer) as client:
        signed_in(client)
        issuer.keys.append(Key("ES256"))  # both for a while
        signed_in(client)
        del issuer.keys[0]
        signed_in(client)
        assert client.get(f"{API}/gallery").status_code == 200


def test_keys_are_not_fetched_for_every_token(folder: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.server.signin.provider._AGAIN_SECONDS", 3600.0)  # however long this takes
    with service(folder, issuer) as client:
        signed_in(client)
        fetched = issuer.asked["/jwks"]
        for number in range(20):
            bearer = {"Authorization": f"Bearer {STRANGER.sign(issuer.claims(JANE), kid=f'{number}')}"}
            assert client.get(f"{API}/gallery", headers=bearer).status_code in (401, 429)
        assert issuer.asked["/jwks"] == fetched


def test_roles_may_lie_deeper_or_at_the_provider(folder: Path, issuer: Issuer) -> None:
    issuer.next = {"sub": "1", "realm_access": {"roles": ["writers"]}}
    with service(folder, issuer, oidc={"claim": "realm_access.roles"}) as client:
        signed_in(client)
        assert client.get(f"{API}/gallery").json()["role"] == "contributor"
    issuer.next = {"sub": "1", "groups": "admins others"}
    issuer.forge = lambda claims: issuer.key.sign({k: v for k, v in claims.items() if k != "groups"})
    with service(folder, issuer, oidc={"claim": "groups"}) as client:
        signed_in(client)
        assert client.get(f"{API}/gallery").json()["role"] == "admin"


def test_who_has_no_role_may_nothing(folder: Path, issuer: Issuer) -> None:
    issuer.next = {**JANE, "roles": ["nobody's"]}
    with service(folder, issuer) as client:
        signed_in(client)
        problem(client.get(f"{API}/gallery"), 403, "no-role")


# The end


def test_signing_out_ends_the_session_here_and_there(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        signed_in(client)
        cookie = client.cookies[COOKIE]
        out = client.delete(f"{API}/session", headers={"Origin": BASE})
        assert out.json()["address"].startswith(f"{issuer.url}/logout?client_id={CLIENT}&post_logout_redirect_uri=http")
        assert issuer.asked["/revoke"] == 1
        assert issuer.refresh == {}
        problem(client.get(f"{API}/gallery", cookies={COOKIE: cookie}), 401, "no-key")


def test_a_token_that_is_over_is_renewed_or_ends_the_session(folder: Path, issuer: Issuer) -> None:
    issuer.lasts = 1
    with service(folder, issuer) as client:
        signed_in(client)
        time.sleep(1.1)
        issuer.next["roles"] = ["admins"]
        assert client.get(f"{API}/gallery").json()["role"] == "admin"  # as it is now
        time.sleep(1.1)
        issuer.refuses_refresh = True
        problem(client.get(f"{API}/gallery"), 401, "no-key")
        issuer.refuses_refresh = False
        problem(client.get(f"{API}/gallery"), 401, "no-key")  # it is over


def test_a_token_that_was_revoked_ends_the_session(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        signed_in(client)
        assert client.get(f"{API}/gallery").status_code == 200
        issuer.end_everything()
        problem(client.get(f"{API}/gallery"), 401, "no-key")


def test_where_the_provider_says_nothing_of_tokens_their_end_counts(folder: Path) -> None:
    with issuing(next=dict(JANE), introspects=False, lasts=1) as issuer, service(folder, issuer) as client:
        signed_in(client)
        issuer.end_everything()
        time.sleep(1.1)
        problem(client.get(f"{API}/gallery"), 401, "no-key")


def test_the_provider_ends_sessions(folder: Path, issuer: Issuer) -> None:
    issuer.next = {**JANE, "sid": "s1"}
    with service(folder, issuer) as client:
        others = [TestClient(client.app, base_url=BASE, follow_redirects=False) for _ in range(2)]
        signed_in(client)
        issuer.next = {**JANE, "sid": "s2"}
        signed_in(others[0])
        issuer.next = {"sub": "another", "roles": ["readers"]}
        signed_in(others[1])

        def told(**claims: Any) -> int:
            form = {"logout_token": issuer.logout_token(**claims)}
            return client.post("/session/backchannel-logout", data=form).status_code

        def here() -> list[int]:
            return [each.get(f"{API}/gallery").status_code for each in (client, *others)]

        wrong = [{"nonce": "x"}, {"aud": "x"}, {"events": {}}, {"iss": "https://evil.example"}, {"iat": 1}]
        assert [told(sub=JANE["sub"], **claims) for claims in wrong] == [400] * len(wrong)
        assert told() == 400
        assert here() == [200, 200, 200]
        assert told(sid="s1", sub=JANE["sub"]) == 204
        assert here() == [401, 200, 200]
        form = {"logout_token": issuer.logout_token(sub=JANE["sub"])}
        assert client.post("/session/backchannel-logout", data=form).status_code == 204
        assert here() == [401, 401, 200]
        problem(client.post("/session/backchannel-logout", data=form), 400, "logout-token")  # used before


@pytest.mark.parametrize(("clock", "hours"), [("began", 8), ("used", 0.5)])
def test_sessions_end_by_themselves(folder: Path, issuer: Issuer, clock: str, hours: float) -> None:
    with service(folder, issuer) as client:
        for seconds, status in ((3600 * hours - 60, 200), (3600 * hours + 1, 401)):
            signed_in(client)
            sessions = client.app.state.galleries.shared.signed_in.sessions  # type: ignore[attr-defined]
            for session in sessions._kept.values():
                setattr(session, clock, getattr(session, clock) - seconds)
            assert client.get(f"{API}/gallery").status_code == status


def test_a_session_changes_nothing_for_another_site(folder: Path, issuer: Issuer) -> None:
    issuer.next = {**JANE, "roles": ["admins"]}
    with service(folder, issuer) as client:
        signed_in(client)
        ask = {"query": {"vector": [1.0] * 384}}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}, {"Origin": "null"}):
            problem(client.post(f"{API}/search", json=ask, headers=headers), 403, "cross-site")
            problem(client.delete(f"{API}/records/0000000000000000", headers=headers), 403, "cross-site")
        assert client.post(f"{API}/search", json=ask, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_cookie_that_is_none_is_nobody(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        for value in ("x", "x" * 43, '"', ""):
            client.cookies.set(COOKIE, value)
            assert client.get(f"{API}/gallery").status_code == 401
            client.cookies.clear()


def test_a_provider_that_does_not_answer(folder: Path) -> None:
    running = issuing(next=dict(JANE))
    issuer = running.__enter__()
    with service(folder, issuer) as client:
        signed_in(client)
        running.__exit__(None, None, None)
        problem(client.get(f"{API}/gallery"), 503, "identity-provider")
        with service(folder, issuer) as other:
            problem(other.get("/session/sign-in"), 424, "endpoint")


def test_a_provider_that_is_another(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer) as client:
        issuer.url += "/other"
        problem(client.get("/session/sign-in"), 424, "endpoint")


# Programs


def test_a_program_sends_an_access_token(folder: Path, issuer: Issuer) -> None:
    def status(token: str) -> int:
        return client.get(f"{API}/gallery", headers={"Authorization": f"Bearer {token}"}).status_code

    with service(folder, issuer) as client:
        token = issuer.access_token({"sub": "robot", "roles": ["writers"]})
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get(f"{API}/gallery", headers=bearer).json()["role"] == "contributor"
        assert client.post(f"{API}/labels/undo", json={}, headers=bearer).status_code in (200, 404)  # no page sends it
        issuer.active.discard(token)
        assert status(token) == 401
        assert status(issuer.access_token({"sub": "robot", "roles": ["writers"]}, audience="others")) == 401
        assert status(issuer.access_token({"sub": "robot", "roles": ["writers"]}, nonce="of an ID token")) == 401
        assert status(issuer.access_token({"sub": "robot", "roles": ["writers"], "exp": int(time.time()) - 90})) == 401
        assert status(issuer.key.sign(issuer.claims(JANE, aud=CLIENT))) == 401


def test_without_an_audience_no_access_token_counts(folder: Path, issuer: Issuer) -> None:
    with service(folder, issuer, oidc={"audience": ""}) as client:
        bearer = {"Authorization": f"Bearer {issuer.access_token(JANE, audience='')}"}
        assert client.get(f"{API}/gallery", headers=bearer).status_code == 401


def test_keys_count_beside(folder: Path, issuer: Issuer) -> None:
    with open_gallery(folder) as gallery:
        key = add_key(gallery, "beside", role="contributor").key
    with service(folder, issuer) as client:
        bearer = {"Authorization": f"Bearer {key}"}
        assert client.get(f"{API}/gallery", headers=bearer).json()["role"] == "contributor"
        signed_in(client)
        assert client.get(f"{API}/gallery").json()["role"] == "reader"


# Proxies


def of_proxy(folder: Path, address: str) -> TestClient:
    people = people_from(
        GRANTS, ["10.0.0.0/24"], proxy_user_header="X-Remote-User", proxy_groups_header="X-Remote-Groups"
    )
    app = make_app(folder, ServerSettings(people=people))
    return TestClient(app, base_url=BASE, client=(address, 5000))


def test_a_trusted_proxys_headers_are_believed_and_no_others(folder: Path) -> None:
    told = {"X-Remote-User": "jane", "X-Remote-Groups": "others, writers"}
    with of_proxy(folder, "10.0.0.7") as client:
        said = client.get(f"{API}/session", headers=told).json()
        assert (said["name"], said["means"], said["role"]) == ("jane", "proxy", "contributor")
        problem(client.get(f"{API}/gallery", headers={**told, "X-Remote-Groups": "others"}), 403, "no-role")
        problem(client.get(f"{API}/gallery", headers={"X-Remote-Groups": "admins"}), 401, "no-key")
        two = [("X-Remote-User", "jane"), ("X-Remote-User", "joe"), ("X-Remote-Groups", "admins")]
        problem(client.get(f"{API}/gallery", headers=two), 401, "no-key")
        problem(client.get(f"{API}/gallery"), 401, "no-key")
    for address in ("10.0.1.7", "127.0.0.1", "::1", "testclient"):
        with of_proxy(folder, address) as client:
            problem(client.get(f"{API}/gallery", headers={**told, "X-Remote-Groups": "admins"}), 401, "no-key")


# Settings


def test_which_addresses_are_trusted() -> None:
    networks = networks_from(["10.0.0.5", "192.168.0.0/16", "fd00::/8"])
    yes = ("10.0.0.5", "192.168.3.4", "fd00::1", "fd00::1%eth0", "::ffff:10.0.0.5")
    no = ("10.0.0.6", "11.0.0.5", "fe80::1", "", "x", "10.0.0.5.evil.example")
    assert [is_trusted(one, networks) for one in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


@pytest.mark.parametrize(
    ("text_", "value", "role", "where", "gallery"),
    [
        ("a=reader", "a", "reader", "", ""),
        ("a b=admin:site=north and x>=2", "a b", "admin", "site=north and x>=2", ""),
        ("CN=x,DC=y=contributor@chest", "CN=x,DC=y", "contributor", "", "chest"),
        ("a=reader@chest:site=north", "a", "reader", "site=north", "chest"),
    ],
)
def test_grants_are_read(text_: str, value: str, role: str, where: str, gallery: str) -> None:
    (found,) = grants_from([text_])
    assert (found.value, found.grant.role, found.grant.where, found.grant.gallery) == (value, role, where, gallery)


@pytest.mark.parametrize("wrong", ["a", "a=king", "=reader", "a=reader:", "a=reader:site", "a=reader:x~y", "a=reader@"])
def test_grants_that_are_none(wrong: str) -> None:
    with pytest.raises(UsageError):
        grants_from([wrong])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"oidc_issuer": "https://a.example"}, "--oidc-client"),
        ({"oidc_issuer": "http://a.example", "oidc_client": "x"}, "https"),
        ({"oidc_issuer": "https://a.example", "oidc_client": "x"}, "--grant"),
        ({"proxy_user_header": "X-User"}, "--trusted-proxy"),
        ({"public_url": "look.example"}, "https"),
    ],
)
def test_settings_by_which_nobody_or_anybody_could_sign_in(settings: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_people(people_from(**settings))  # type: ignore[arg-type]


def test_a_grant_may_be_for_one_gallery() -> None:
    people = PeopleSettings(grants_from(["a=reader", "a=admin@chest", "b=reader@head"]))
    assert [grant.role for grant in grants_in(people.grants_of(["a", "b"]), "chest")] == ["reader", "admin"]
    assert grants_in(people.grants_of(["b"]), "chest") == ()


def test_safe_addresses() -> None:
    assert all(map(is_safe_url, ("https://a.example", "http://127.0.0.1:8", "http://localhost/x", "http://[::1]:9")))
    assert not any(map(is_safe_url, ("http://a.example", "ftp://a", "", "https://", "javascript:x", "//a", "http://[")))
