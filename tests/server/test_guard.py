"""Whoever asks: no address, host, header or page of another site gets past the guard, and none breaks the service."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from served import API, PATIENCE, Server, make_gallery, serving

from lookalike.gallery import open_gallery
from lookalike.server.app import make_app
from lookalike.server.settings import ServerSettings
from lookalike.server.wrong_keys import WrongKeys
from lookalike.verbs.keys import KeyRing, add_key, remove_key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder) as running:
        yield running


def sent(server: Server, target: str, *headers: str, host: str | None = "127.0.0.1") -> tuple[int, dict[str, Any]]:
    """Status and problem of a request that no client library would send."""
    lines = [f"GET {target} HTTP/1.1", *([] if host is None else [f"Host: {host}"]), *headers, "Connection: close"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), json.loads(body) if b"problem+json" in head else {}


# Addresses

ODD = [
    "%00",
    "a%00",
    "%0d%0aSet-Cookie:a=b",
    "a%0ab",
    "%1b[31mred",
    "%7f",
    "%c2%85",
    "%ff%fe",
    "%ed%a0%80",
    "%e2%80%ae",
    "%5c..%5c..%5cetc",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc",
    "a" * 255,
    "a" * 300,
    "a" * 5000,
    "a/" * 2400,
    "%61" * 1600,
]


@pytest.mark.parametrize("before", ["/", "/healthz", "/assets/", f"{API}/records/", f"{API}/uploads/"])
def test_an_odd_path_is_refused_and_breaks_nothing(server: Server, before: str) -> None:
    for path in ODD:
        status, said = sent(server, before + path)
        assert status in (400, 404), (path[:30], status, said)
    assert sent(server, "/healthz")[0] == 200
    assert "unexpected" not in server.lines()


@pytest.mark.parametrize("target", ["http://127.0.0.1/healthz", "healthz", "*"])
def test_a_target_that_is_no_path_is_refused(server: Server, target: str) -> None:
    assert sent(server, target)[0] in (400, 404)


def test_odd_queries_and_headers_break_nothing(server: Server) -> None:
    document = server.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        if "get" not in operations:
            continue
        names = [each["name"] for each in operations["get"].get("parameters", ()) if each["in"] == "query"]
        for odd in ["%00", "%ff", "%ed%a0%80", "%1b%5b31m", "-1", "1e999", "9" * 400, "a" * 3000]:
            query = "&".join(f"{name}={odd}" for name in [*names, "other"])
            status, _ = sent(server, f"{re.sub('{[^}]*}', 'nobody', path)}?{query}")
            assert (status < 500 and status != 200) or query.partition("=")[0] == "other", (path, odd, status)
    for name in (
        "Range",
        "If-Range",
        "If-None-Match",
        "If-Modified-Since",
        "Accept-Encoding",
        "Cookie",
        "Authorization",
    ):
        for odd in ("\xff\xfe", "bytes=-", "bytes=9-1,a", "=" * 4000, "Bearer \xe9", "gzip;q=nan", "Thu, 99 Foo"):
            for target in ("/", f"{API}/records"):
                assert sent(server, target, f"{name}: {odd}")[0] < 500, (name, odd)
    assert "unexpected" not in server.lines()


def test_what_is_logged_of_a_request_is_one_short_line(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(folder)

    @app.get("/broken/{name}")
    def broken(name: str) -> None:
        raise ValueError("patient Jane")

    app.router.routes.insert(0, app.router.routes.pop())
    try:
        client = TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)
        assert client.get("/broken/" + "%C3%A9x" * 200).status_code == 500
    finally:
        app.state.galleries.service().close()
    (failed,) = [each for each in caplog.records if each.levelname == "ERROR"]
    said = failed.__dict__["fields"]
    assert (said["event"], said["error"]) == ("unexpected", "ValueError")
    lines = [json.dumps(each.__dict__.get("fields", each.getMessage())) for each in caplog.records]
    assert all(len(line) < 300 and line.isprintable() and line.isascii() for line in lines)
    assert not any("Jane" in line or "\\u00e9" in line for line in lines)


def test_a_caller_who_goes_away_is_no_fault(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(folder)
    form = b"multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nab'
    try:
        for path, kind in ((f"{API}/uploads", form), (f"{API}/search", b"application/json")):
            messages = [{"type": "http.request", "body": part, "more_body": True}, {"type": "http.disconnect"}]
            asyncio.run(passed(app, path, [(b"host", b"127.0.0.1"), (b"content-type", kind)], messages))
    finally:
        app.state.galleries.service().close()
    assert not [each for each in caplog.messages if "unexpected" in each]


async def passed(app: FastAPI, path: str, headers: list[tuple[bytes, bytes]], messages: list[dict[str, Any]]) -> None:
    """A POST whose body comes as these messages."""

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(_message: dict[str, Any]) -> None:
        pass

    headers = [*headers, (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": headers, "scheme": "http", "server": ("127.0.0.1", 80)}, receive, send)  # type: ignore[arg-type]


# Hosts


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8765", 200),
        ("LOCALHOST:1", 200),
        ("[::1]", 200),
        ("[::1]:8765", 200),
        ("", 421),
        ("[::1].evil.com", 421),
        ("[::1]evil.com", 421),
        ("[::1]:evil.com", 421),
        ("[::1", 421),
        ("::1", 421),
        ("127.0.0.1:evil.com", 421),
        ("127.0.0.1:80:80", 421),
        ("127.0.0.1:", 421),
        ("127.0.0.1:-1", 421),
        ("127.0.0.1:123456", 421),
        ("127.0.0.1.", 421),
        ("localhost.", 421),
        ("localhost.:80", 421),
        ("evil.com@127.0.0.1", 421),
        ("127.0.0.1@evil.com", 421),
        ("127.0.0.1/evil.com", 421),
        ("127.0.0.1,evil.com", 421),
        ("127.0.0.1 evil.com", 421),
        ("evil.com", 421),
        ("0x7f.1", 421),
    ],
)
def test_a_host_is_a_known_name_and_a_port(server: Server, host: str, status: int) -> None:
    assert sent(server, "/healthz", host=host)[0] == status


def test_a_request_names_one_host(server: Server) -> None:
    assert sent(server, "/healthz", "Host: 127.0.0.1")[0] == 400
    assert sent(server, "/healthz", "Host: evil.com")[0] == 400
    assert sent(server, "/healthz", host=None)[0] in (400, 421)


# Pages of other sites

FETCHED = ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"]
LINKED = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_page_of_another_site_can_ask_nothing(server: Server, site: str) -> None:
    """Not even reads, whose answers it could not see: they make the service work."""
    header = f"Sec-Fetch-Site: {site}"
    paths = [*server.get("/openapi.json").json()["paths"], "/", "/index.html", f"{API}/openapi.json", "/nothing"]
    for path in paths:
        target = re.sub("{[^}]*}", "nobody", path)
        assert sent(server, target, header, *FETCHED)[1].get("reason") == "cross-site", path
        assert sent(server, target, header)[1].get("reason") == "cross-site", path
        documents = path in ("/", "/index.html", "/nothing")
        assert (sent(server, target, header, *LINKED)[1].get("reason") == "cross-site") != documents, path
        framed = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"]
        assert sent(server, target, header, *framed)[1].get("reason") == "cross-site", path


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "http://evil@127.0.0.1",
        "http://[::1",
        "http://[evil",
        "127.0.0.1",
        "ftp://127.0.0.1",
    ],
)
def test_an_origin_is_the_services_own(server: Server, origin: str) -> None:
    for method in ("GET", "OPTIONS", "DELETE"):
        answer = server.http.request(method, f"{API}/gallery", headers={"Origin": origin, "Host": "127.0.0.1"})
        assert answer.json()["reason"] == "cross-site", method
    own = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
    assert server.get("/gallery", headers=own).status_code == 200
    two = sent(server, f"{API}/gallery", "Origin: http://127.0.0.1", f"Origin: {origin}")
    assert two[1]["reason"] == "cross-site"


def test_the_page_itself_and_the_address_bar_may_ask(server: Server) -> None:
    for site in ("none", "same-origin"):
        for path in ("/", f"{API}/gallery", "/healthz"):
            assert sent(server, path, f"Sec-Fetch-Site: {site}", *FETCHED)[0] == 200


# Keys


@pytest.fixture
def keyed(folder: Path) -> Iterator[Callable[..., TestClient]]:
    """A client of a service with a key of that name."""
    apps: list[FastAPI] = []

    def client(**settings: Any) -> TestClient:
        apps.append(make_app(folder, ServerSettings(**settings)))
        return TestClient(apps[-1], "http://127.0.0.1")

    yield client
    for app in apps:
        app.state.galleries.service().close()


@pytest.fixture
def key(folder: Path) -> Iterator[str]:
    with open_gallery(folder) as gallery:
        made = add_key(gallery, "the-key", role="reader").key
        yield made
        if KeyRing(gallery):
            remove_key(gallery, "the-key")


def status(client: TestClient, key: str, **headers: str) -> int:
    return client.get(f"{API}/gallery", headers={"Authorization": f"Bearer {key}", **headers}).status_code


def test_wrong_keys_do_not_hold_up_the_right_one(keyed: Callable[..., TestClient], key: str) -> None:
    client = keyed()
    assert [status(client, f"wrong{number}") for number in range(12)] == [401] * 10 + [429] * 2
    assert status(client, key) == 200
    assert status(client, "wrong") == 429
    assert client.get(f"{API}/gallery").status_code == 401  # no key is no guess


def test_one_client_of_ipv6_is_one_address(keyed: Callable[..., TestClient], key: str) -> None:
    client = keyed(behind_proxy=True)

    def from_(*addresses: str) -> int:
        bearer = ("authorization", "Bearer wrong")
        return client.get(
            f"{API}/gallery", headers=[bearer, *(("x-forwarded-for", each) for each in addresses)]
        ).status_code

    assert [from_(f"2001:db8:0:1::{number:x}") for number in range(11)] == [401] * 10 + [429]
    assert from_("2001:db8:0:2::1") == 401
    assert [from_("::ffff:198.51.100.7") for _ in range(10)] == [401] * 10
    assert from_("198.51.100.7") == 429
    # What the caller says of itself, in a header of its own, counts for nothing.
    assert from_("203.0.113.9", "198.51.100.7") == from_("203.0.113.9, 198.51.100.7") == 429
    assert [from_(f"no address {number} {'x' * 500}") for number in range(11)] == [401] * 10 + [429]


def test_the_count_of_wrong_keys_is_bounded() -> None:
    wrong = WrongKeys()
    for number in range(10_500):
        wrong.count(f"10.0.{number // 250}.{number % 250}")
    assert len(wrong) == 10_000


def test_a_service_that_saw_a_key_is_never_open_again(folder: Path, keyed: Callable[..., TestClient]) -> None:
    client = keyed()
    assert client.get(f"{API}/gallery").status_code == 200
    with open_gallery(folder) as gallery:
        for _ in range(2):
            made = add_key(gallery, "first", role="admin").key
            assert status(client, made) == 200
            remove_key(gallery, "first")
            assert client.get(f"{API}/gallery").status_code == 401
            assert status(client, made) == 401
    again = keyed()
    assert again.get(f"{API}/gallery").status_code == 200
