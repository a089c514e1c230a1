"""Cohorts over HTTP: the same as in Python, by who may, and of a part what is in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest
from fastapi.testclient import TestClient
from served import API, eventually, make_gallery, problem

from lookalike.gallery import open_gallery
from lookalike.roles import ROLES
from lookalike.server.app import make_app
from lookalike.server.settings import ServerSettings
from lookalike.verbs.cohorts.cohorts import list_cohorts, show_cohort
from lookalike.verbs.keys import add_key
from lookalike.verbs.records import browse

BASE = "http://127.0.0.1:8765"
Keys = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("cohorts"))


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    with open_gallery(folder) as gallery:
        made = {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}
        made["of-a-part"] = add_key(gallery, "of-a-part", role="admin", where="site=north").key
    return {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


@pytest.fixture(scope="module")
def client(folder: Path, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = make_app(folder, ServerSettings(audit_log=str(tmp_path_factory.mktemp("log"))))
    with TestClient(app, base_url=BASE, headers=keys["contributor"]) as running:
        assert running.post(f"{API}/cohorts", json={"name": "even", "where": "label=even"}).status_code == 200
        assert running.post(f"{API}/cohorts", json={"name": "south", "where": "site=south"}).status_code == 200
        yield running


KEEP: Final[dict[str, Any]] = {"folder": {"burned_in": "keep"}, "csv": {}}


def done(client: TestClient, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
    """The job of a request, once it has ended."""
    answer = client.post(f"{API}{path}", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    return dict(eventually(lambda: client.get(where).json(), lambda job: job["state"] in ("done", "failed")))


def test_they_are_saved_combined_listed_shown_and_removed(client: TestClient, folder: Path) -> None:
    saved = client.post(f"{API}/cohorts", json={"name": "even"}).json()
    assert (saved["cohort"]["members"], saved["cohort"]["by"]) == (6, "a-contributor")
    assert saved["changes"] == {"added": [], "removed": [], "relabelled": [], "erased": 0}
    both = {"name": "both", "all_of": ["even", "south"]}
    assert client.post(f"{API}/cohorts/combine", json=both).json()["cohort"]["members"] == 3
    with open_gallery(folder) as gallery:
        in_python = json.loads(json.dumps([asdict(list_cohorts(gallery)), asdict(show_cohort(gallery, "both"))]))
    assert [client.get(f"{API}/cohorts").json(), client.get(f"{API}/cohorts/both").json()] == in_python
    assert client.delete(f"{API}/cohorts/both").json() == {"name": "both", "members": 3}
    problem(client.get(f"{API}/cohorts/both"), 404, "no-cohort")
    problem(client.post(f"{API}/cohorts", json={"name": "even", "where": "label=odd"}), 400, "usage")
    problem(client.post(f"{API}/cohorts", json={"name": "new", "table": "/etc/passwd"}), 422, "invalid")


def test_a_part_shows_the_members_in_it_and_changes_nothing(client: TestClient, keys: Keys, folder: Path) -> None:
    part = keys["of-a-part"]
    (seen,) = client.get(f"{API}/cohorts", headers=part).json()["items"]
    assert (seen["name"], seen["definition"], seen["members"]) == ("even", "", 3)
    shown = client.get(f"{API}/cohorts/even", headers=part).json()
    with open_gallery(folder) as gallery:
        inside = {each.id for each in browse(gallery, where="site=north").items}
    assert len(shown["items"]) == 3
    assert {each["id"] for each in shown["items"]} <= inside
    assert shown["changes"] is None
    problem(client.get(f"{API}/cohorts/south", headers=part), 404, "no-cohort")
    for path, body in (("", {"name": "x", "every": True}), ("/even/split", {}), ("/even/export", {})):
        problem(client.post(f"{API}/cohorts{path}", json=body, headers=part), 403, "collection")
    problem(client.delete(f"{API}/cohorts/even", headers=part), 403, "collection")


def test_a_split_and_an_export_are_jobs(client: TestClient, keys: Keys) -> None:
    reader, admin = keys["reader"], keys["admin"]
    problem(client.post(f"{API}/cohorts/even/split", json={}, headers=reader), 403, "role")
    problem(client.post(f"{API}/cohorts/even/export", json={}), 403, "role")
    problem(client.post(f"{API}/cohorts/none/split", json={}), 404, "no-cohort")
    split = done(client, "/cohorts/even/split", {"sizes": [0.5, 0, 0.5], "field": "site"}, {})
    assert (split["state"], split["error"]) == ("done", None)
    assert (split["result"]["patients_across"], split["result"]["duplicates_across"]) == (0, 0)
    assert sum(each["records"] for each in split["result"]["parts"]) == 6
    exports = ("folder", "cohort/cohort.json"), ("csv", "cohort/cohort.csv")
    for form, inside in exports:
        job = done(client, "/cohorts/even/export", {"format": form, **KEEP[form]}, admin)
        assert (job["state"], job["error"], job["result"]["out"]) == ("done", None, "")
        packed = client.get(f"{API}/jobs/{job['id']}/export", headers=admin)
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert inside in archive.namelist()
