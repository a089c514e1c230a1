"""Keys, roles, hosts, origins, headers: who may ask for what."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from fastapi.routing import APIRoute
from served import API, PATIENCE, Server, eventually, make_gallery, problem, serving

from lookalike.gallery import open_gallery
from lookalike.roles import ROLES
from lookalike.server.access import Needs
from lookalike.server.app import make_app
from lookalike.verbs.keys import add_key, list_keys, remove_key
from started import ran

# Written by hand from the contract: what the router says must agree.
_CONTRIBUTOR: Final = frozenset(
    {
        "PATCH /records/{}",
        "POST /records/{}/send",
        "POST /labels",
        "POST /labels/undo",
        "GET /labels/log",
        "GET /labels/next",
        "GET /labels/table",
        "POST /labels/import",
        "POST /readings/{}",
        "POST /decisions",
        "POST /decisions/{}/undo",
        "GET /readings/{}/own",
        "GET /readings",
        "GET /readings/{}",
        "GET /readings/{}/agreement",
        "POST /index",
        "POST /imports/{}",
        "POST /adapt",
        "POST /tune",
        "POST /evaluate",
        "POST /map",
        "POST /audit",
        "POST /audit/duplicates",
        "POST /audit/outliers",
        "POST /audit/drift",
        "POST /audit/metadata",
        "POST /cohorts",
        "POST /cohorts/combine",
        "POST /cohorts/{}/split",
        "DELETE /cohorts/{}",
        "POST /audit/quality",
        "DELETE /jobs/{}",
    }
)
_ADMIN: Final = frozenset(
    {
        "GET /records/{}/report",
        "DELETE /records/{}",
        "POST /records/remove",
        "DELETE /patients/{}",
        "DELETE /spaces/{}",
        "POST /migrate",
        "POST /merge",
        "POST /cohorts/{}/export",
        "POST /export",
        "GET /jobs/{}/export",
        "POST /backup",
        "GET /backups",
        "POST /readings",
        "GET /readers",
        "POST /readings/{}/close",
        "POST /readings/{}/adjudicate",
        "POST /backups/{}/verify",
    }
)
_OPEN: Final = frozenset(
    {
        "GET /healthz",
        "GET /readyz",
        "GET /",
        "GET /galleries",
        "GET /g/{}",
        "GET /session",
        "DELETE /session",
        "GET /session/sign-in",
        "GET /session/callback",
        "POST /session/backchannel-logout",
    }
)
_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    with open_gallery(folder) as gallery:
        return {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, str]) -> Iterator[Server]:
    with serving(folder, key=keys["reader"]) as running:
        yield running


@pytest.fixture(scope="module")
def routes(folder: Path) -> list[tuple[str, str, str | None]]:
    """Method, path and the role that the router demands, for each route."""
    app = make_app(folder)
    try:
        found = [route for route in app.routes if isinstance(route, APIRoute)]
        return [(method, route.path, demanded(route)) for route in found for method in sorted(route.methods)]
    finally:
        app.state.galleries.service().close()


def demanded(route: APIRoute) -> str | None:
    return next((one.call.role for one in route.dependant.dependencies if isinstance(one.call, Needs)), None)


def expected(method: str, path: str) -> str | None:
    name = f"{method} {re.sub(r'{[^}]*}', '{}', path.removeprefix(API))}"
    if name in _OPEN:
        return None
    return "admin" if name in _ADMIN else "contributor" if name in _CONTRIBUTOR else "reader"


def test_every_route_demands_the_role_of_the_contract(routes: list[tuple[str, str, str | None]]) -> None:
    assert len(routes) > 30
    assert {(method, path): role for method, path, role in routes} == {
        (method, path): expected(method, path) for method, path, _ in routes
    }
    names = {f"{method} {re.sub(r'{[^}]*}', '{}', path.removeprefix(API))}" for method, path, _ in routes}
    assert names >= _ADMIN | _CONTRIBUTOR


def test_every_cell_of_route_and_role(
    server: Server, keys: dict[str, str], routes: list[tuple[str, str, str | None]]
) -> None:
    """With ids that name nothing and bodies that say nothing: what a role may not do is refused before these."""
    for method, path, needed in routes:
        for role in (None, *ROLES):
            headers = {"Authorization": f"Bearer {keys[role]}" if role else ""}
            answer = server.http.request(method, re.sub(r"{[^}]*}", "nobody", path), headers=headers)
            cell = f"{method} {path} as {role}: {answer.status_code}"
            if needed is None:
                assert answer.status_code not in (401, 403), cell
            elif role is None:
                assert answer.status_code == 401, cell
                assert answer.headers["www-authenticate"] == "Bearer"
            elif ROLES.index(role) < ROLES.index(needed):
                problem(answer, 403, "role")
            else:
                assert answer.status_code not in (401, 403, 429), cell
                assert answer.status_code < 500, cell


def test_keys_are_stored_hashed_and_work_until_they_are_removed(folder: Path, server: Server) -> None:
    key = ran("keys", "add", "gone", "--role", "admin", "--gallery", folder).stdout.splitlines()[0]
    assert len(key) == 43  # 256 bits
    bearer = {"Authorization": f"Bearer {key}"}
    assert server.get("/gallery", headers=bearer).json()["role"] == "admin"
    stored = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert key.encode() not in stored
    assert ran("keys", "remove", "gone", "--gallery", folder).returncode == 0
    problem(server.get("/gallery", headers=bearer), 401, "no-key")
    listed = ran("keys", "list", "--gallery", folder)
    assert "a-reader" in listed.stdout
    assert "gone" not in listed.stdout


def test_only_an_admin_cancels_the_job_of_another(server: Server, keys: dict[str, str]) -> None:
    bearer = {role: {"Authorization": f"Bearer {key}"} for role, key in keys.items()}
    where = server.post("/map", {"method": "tsne"}, headers=bearer["admin"]).headers["location"]
    problem(server.http.delete(where, headers=bearer["contributor"]), 403, "not-yours")
    assert server.http.delete(where, headers=bearer["admin"]).status_code == 202


def test_wrong_keys_are_counted(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    with open_gallery(folder) as gallery:
        add_key(gallery, "one", role="reader")
        assert len(list_keys(gallery)) == 1
    with serving(folder) as server:
        wrong = {"Authorization": "Bearer wrong"}
        for _ in range(10):
            problem(server.get("/gallery", headers=wrong), 401, "no-key")
        late = server.get("/gallery", headers=wrong)
        problem(late, 429, "too-many-failures")
        assert 0 < int(late.headers["retry-after"]) <= 61
        assert server.http.get("/healthz").status_code == 200


def test_a_key_is_right_to_the_letter(folder: Path, keys: dict[str, str]) -> None:
    right = keys["admin"]
    at = next(place for place, letter in enumerate(right) if letter.isalpha())
    turned = right[:at] + right[at].swapcase() + right[at + 1 :]
    with serving(folder, key=right) as server:
        for wrong in (turned, right.swapcase(), right.lower(), right[:-1], right + right, right[1:], f"{right}="):
            assert wrong != right
            problem(server.get("/gallery", headers={"Authorization": f"Bearer {wrong}"}), 401, "no-key")
        assert server.get("/gallery").status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", f"{API}/gallery", f"{API}/nothing"])
def test_every_answer_carries_the_headers(server: Server, path: str) -> None:
    headers = server.http.get(path).headers
    assert headers["content-security-policy"] == _POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_another_name_of_the_host_is_refused(server: Server) -> None:
    problem(server.get("/gallery", headers={"Host": "evil.example"}), 421, "host")
    problem(server.get("/gallery", headers={"Host": "127.0.0.1.evil.example"}), 421, "host")
    assert server.get("/gallery", headers={"Host": f"localhost:{server.port}"}).status_code == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.0\r\n", b"421"),
        ("HTTP/1.0\r\nHost:\r\n", b"421"),
        ("HTTP/1.0\r\nHost: evil.example\r\n", b"421"),
        ("HTTP/1.0\r\nHost: localhost\r\n", b"200"),
    ],
)
def test_a_request_that_names_no_host_is_refused(server: Server, head: str, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(f"GET /healthz {head}\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.split(b" ", 2)[1] == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_can_change_nothing(server: Server, headers: dict[str, str]) -> None:
    problem(server.post("/search", {"query": {"vector": [1.0] * 384}}, headers=headers), 403, "cross-site")


def test_the_page_itself_can(server: Server) -> None:
    headers = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
    assert server.post("/search", {"query": {"vector": [1.0] * 384}}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (["--host", "0.0.0.0"], "needs keys"),
        (["--host", "192.0.2.7"], "needs keys"),
        (["--behind-proxy"], "needs keys"),
        (["--host", "0.0.0.0", "--behind-proxy"], "needs keys"),
        (["--tls-cert", "only.pem"], "needs both"),
    ],
)
def test_without_keys_nothing_is_open_to_others(tmp_path: Path, options: list[str], missing: str) -> None:
    with open_gallery(tmp_path / "g", create=True):
        pass
    assert missing in refused(tmp_path / "g", *options)


def test_with_keys_it_still_needs_tls_or_a_proxy(folder: Path, keys: dict[str, str]) -> None:
    assert "needs TLS" in refused(folder, "--host", "0.0.0.0")
    assert "no such file" in refused(folder, "--host", "0.0.0.0", "--tls-cert", "a.pem", "--tls-key", "b.pem")


def test_without_the_extra_one_line_says_what_to_install(folder: Path) -> None:
    code = (
        "import sys; sys.modules['hypercorn'] = None\n"
        f"from lookalike.cli import main; main(['serve', '--gallery', {str(folder)!r}, '--no-browser'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == "Error: lookalike serve needs an optional package: pip install 'lookalike[server]'\n"


def test_over_tls(folder: Path, keys: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        capture_output=True,
        check=True,
    )
    with serving(folder, "--tls-cert", str(cert), "--tls-key", str(key), key=keys["reader"], verify=cert) as server:
        answer = server.get("/gallery")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"]


def refused(folder: Path, *options: str) -> str:
    """The one line of a server that does not start."""
    done = ran("serve", "--gallery", folder, "--port", "0", "--no-browser", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_behind_a_proxy_each_client_has_its_own_count(folder: Path, keys: dict[str, str]) -> None:
    with serving(folder, "--behind-proxy", "--allow-host", "look.example", key=keys["reader"]) as server:
        for _ in range(11):
            told = {"Authorization": "Bearer wrong", "X-Forwarded-For": "198.51.100.1", "Host": "look.example"}
            last = server.get("/gallery", headers=told)
        problem(last, 429, "too-many-failures")
        other = {"Authorization": f"Bearer {keys['reader']}", "X-Forwarded-For": "198.51.100.1, 198.51.100.2"}
        assert server.get("/gallery", headers=other).status_code == 200


def test_when_the_last_key_is_gone_a_service_that_others_reach_is_closed(tmp_path: Path) -> None:
    folder = make_gallery(tmp_path)
    with open_gallery(folder) as gallery:
        key = add_key(gallery, "last", role="admin").key
    with serving(folder, "--behind-proxy", key=key) as server:
        assert server.get("/gallery").status_code == 200
        with open_gallery(folder) as gallery:
            remove_key(gallery, "last")
        # What another process writes is seen in a moment.
        closed = eventually(lambda: server.get("/gallery"), lambda answer: answer.status_code != 200)
        problem(closed, 401, "no-key")
