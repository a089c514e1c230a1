"""What somebody did, or was not let do, stands in the audit log before the answer leaves; no word of a patient does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from issuer import CLIENT, SECRET, at_provider, issuing
from served import API, make_gallery, problem

from lookalike.audit_log.place import audit_place
from lookalike.audit_log.verify import audit_lines, verify_log
from lookalike.errors import UsageError
from lookalike.gallery import open_gallery
from lookalike.server.app import make_app
from lookalike.server.audited import AUDITED, audited_name
from lookalike.server.people import OidcSettings, PeopleSettings, grants_from
from lookalike.server.settings import ServerSettings
from lookalike.verbs.keys import add_key
from lookalike.verbs.records import browse

BASE = "http://127.0.0.1:8765"
VECTOR = [1.0] * 384


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_gallery(tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def keys(folder: Path) -> dict[str, dict[str, str]]:
    with open_gallery(folder) as gallery:
        made = {role: add_key(gallery, f"a-{role}", role=role).key for role in ("reader", "admin")}  # type: ignore[arg-type]
    return {role: {"Authorization": f"Bearer {key}"} for role, key in made.items()}


@pytest.fixture
def client(folder: Path, log: Path, keys: dict[str, dict[str, str]]) -> Iterator[TestClient]:
    with TestClient(make_app(folder, ServerSettings(audit_log=str(log))), base_url=BASE) as running:
        yield running


def lines(log: Path) -> list[dict[str, Any]]:
    place = audit_place(log)
    assert place is not None
    assert verify_log(place).sound
    return [line.fields for line in audit_lines(place) if line.fields is not None]


def test_every_route_has_a_row(client: TestClient) -> None:
    routes = {
        audited_name(method, route.path)
        for route in client.app.routes  # type: ignore[attr-defined]
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes | {"GET /"} == {*AUDITED}


def test_who_did_what_with_which_records(
    client: TestClient, folder: Path, log: Path, keys: dict[str, dict[str, str]]
) -> None:
    reader, admin = keys["reader"], keys["admin"]
    found = client.post(f"{API}/search", json={"query": {"vector": VECTOR}, "k": 3}, headers=reader).json()["hits"]
    ids = [hit["id"] for hit in found]
    for part in ("", "/thumbnail", "/picture", "/files"):
        assert client.get(f"{API}/records/{ids[0]}{part}", headers=reader).status_code == 200
    assert client.get(f"{API}/records/{ids[1]}/file", headers=admin).status_code == 200
    page = [one["id"] for one in client.get(f"{API}/records?limit=2", headers=reader).json()["items"]]
    client.post(f"{API}/labels", json={"ids": ids[:2], "add": ["x"], "remove": []}, headers=admin)
    client.post(f"{API}/classify", json={"query": {"ids": [ids[2]]}}, headers=reader)
    with open_gallery(folder) as gallery:
        group = browse(gallery).items[5].patient
    client.delete(f"{API}/records/{ids[0]}", headers=admin)
    client.delete(f"{API}/patients/{group}", headers=admin)
    noted = [(line["kind"], line["who"], line["outcome"]) for line in lines(log)]
    assert noted == [
        ("start", "lookalike", "done"),
        ("search", "a-reader", "done"),
        *[("look", "a-reader", "done")] * 4,
        ("export", "a-admin", "done"),
        ("look", "a-reader", "done"),
        ("label", "a-admin", "done"),
        ("search", "a-reader", "done"),
        ("erase", "a-admin", "done"),
        ("erase", "a-admin", "done"),
    ]
    told = lines(log)
    assert told[1]["records"] == ids
    assert told[1]["address"] == "testclient"
    assert told[1]["detail"] == {"route": "POST /search", "status": 200, "hits": 3}
    assert [line["records"] for line in told[2:6]] == [[ids[0]]] * 4
    assert told[7]["records"] == page
    assert told[8]["records"] == ids[:2]
    assert ids[2] in told[9]["records"]
    assert told[10]["records"] == [ids[0]]
    assert told[11]["patients"] == [group]


def test_what_is_refused_or_fails(client: TestClient, log: Path, keys: dict[str, dict[str, str]]) -> None:
    client.delete(f"{API}/records/0123456789abcdef", headers=keys["reader"])
    client.post(f"{API}/migrate", json={}, headers=keys["reader"])
    client.get(f"{API}/records/0123456789abcdef", headers=keys["reader"])
    client.get(f"{API}/gallery", headers={"Authorization": "Bearer wrong"})
    client.get(f"{API}/gallery")  # nobody claims to be somebody
    for _ in range(12):
        client.get(f"{API}/gallery", headers={"Authorization": "Bearer wrong"})
    noted = [(line["kind"], line["who"], line["outcome"], line["detail"]["status"]) for line in lines(log)[1:]]
    assert noted[:4] == [
        ("erase", "a-reader", "refused", 403),
        ("change-gallery", "a-reader", "refused", 403),
        ("look", "a-reader", "failed", 404),
        ("sign-in", "", "refused", 401),
    ]
    assert len(noted) == 4 + 9  # ten a minute from one address


def test_no_word_of_what_was_asked_is_noted(client: TestClient, log: Path, keys: dict[str, dict[str, str]]) -> None:
    """Whatever a caller writes into a request: a name may stand in any of it."""
    word = "Zyxomma^Quaggy"
    reader = keys["reader"]
    client.get(f"{API}/records/{word}", headers=reader)
    client.get(f"{API}/records", params={"where": f"label='{word}'", "cursor": word}, headers=reader)
    client.get(f"{API}/{word}", headers=reader)
    client.get(f"{API}/jobs/{word}/report", headers=reader)
    client.delete(f"{API}/patients/{word}", headers=keys["admin"])
    client.post(
        f"{API}/search", json={"query": {"text": word, "ids": [word]}, "where": f"label={word}"}, headers=reader
    )
    client.post(f"{API}/labels", json={"ids": [word], "add": [word], "remove": []}, headers=keys["admin"])
    client.post(f"{API}/uploads", files={"file": (word, b"x")}, headers=reader)
    client.get(f"{API}/gallery", headers={"Authorization": f"Bearer {word}"})
    client.request(word, f"{API}/search", headers=reader)
    assert len(lines(log)) >= 6
    assert word.split("^", maxsplit=1)[0] not in json.dumps(lines(log))


def test_people_who_sign_in_and_out(folder: Path, log: Path) -> None:
    with issuing(next={"sub": "jane", "roles": ["readers"]}) as issuer:
        people = PeopleSettings(grants_from(["readers=reader"]), OidcSettings(issuer.url, CLIENT, SECRET))
        app = make_app(folder, ServerSettings(people=people, audit_log=str(log)))
        with TestClient(app, base_url=BASE, follow_redirects=False) as client:
            back = at_provider(client.get("/session/sign-in"))
            assert client.get(back).status_code == 303
            problem(client.get(back), 401, "sign-in")
            assert client.get(back, headers={"Accept": "text/html"}).status_code == 303
            client.get(f"{API}/records")
            client.delete(f"{API}/session", headers={"Origin": BASE})
    noted = [(line["kind"], line["who"], line["means"], line["outcome"]) for line in lines(log)]
    assert noted == [
        ("start", "lookalike", "service", "done"),
        ("sign-in", "oidc:jane", "oidc", "done"),
        ("sign-in", "", "", "refused"),
        ("sign-in", "", "", "refused"),
        ("look", "oidc:jane", "oidc", "done"),
        ("sign-out", "oidc:jane", "oidc", "done"),
        ("stop", "lookalike", "service", "done"),
    ]


def test_where_nothing_can_be_noted_nothing_is_answered(
    client: TestClient, folder: Path, log: Path, keys: dict[str, dict[str, str]]
) -> None:
    reader, admin = keys["reader"], keys["admin"]
    with open_gallery(folder) as gallery:
        one = browse(gallery).items[0].id
    (log / ".lock").unlink()
    (log / ".lock").mkdir()  # it can be written to by nobody
    problem(client.get(f"{API}/records/{one}", headers=reader), 503, "audit-log")
    problem(client.post(f"{API}/search", json={"query": {"vector": VECTOR}}, headers=reader), 503, "audit-log")
    assert client.get(f"{API}/gallery", headers=reader).status_code == 200
    assert client.get("/healthz").status_code == 200
    (log / ".lock").rmdir()
    assert client.get(f"{API}/records/{one}", headers=reader).status_code == 200
    if os.geteuid():
        log.chmod(0o500)
    else:
        log.rename(log.with_name("moved"))
    problem(client.delete(f"{API}/records/{one}", headers=admin), 503, "audit-log")
    if os.geteuid():
        log.chmod(0o700)
    else:
        log.with_name("moved").rename(log)
    assert client.get(f"{API}/records/{one}", headers=reader).status_code == 200  # it was not removed
    assert client.delete(f"{API}/records/{one}", headers=admin).status_code == 200


def test_it_may_be_off_and_says_where_it_cannot_be(folder: Path, tmp_path: Path) -> None:
    app = make_app(folder, ServerSettings(audit_log="off"))
    with TestClient(app, base_url=BASE) as client:
        assert client.get(f"{API}/records").status_code == 200
        assert app.state.galleries.service().audit is None
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--audit-log FOLDER"):
        make_app(folder, ServerSettings(audit_log=str(tmp_path / "file" / "log")))
