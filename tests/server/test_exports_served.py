"""A cohort over HTTP: a job, and a download for those who may; bounded, noted, and gone after a time."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import API, eventually, make_gallery, problem, serving

from lookalike.gallery import open_gallery
from lookalike.roles import ROLES
from lookalike.server import exports
from lookalike.server.app import make_app
from lookalike.server.routes import jobs as routes
from lookalike.server.settings import ServerSettings
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.index import index
from lookalike.verbs.keys import add_key
from peers.postgresql import PostgreSQL

BASE = "http://127.0.0.1:8765"
ASKED = {"burned_in": "keep", "where": "site=north"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_gallery(tmp_path)


@pytest.fixture
def keys(folder: Path) -> dict[str, dict[str, str]]:
    with open_gallery(folder) as gallery:
        made = {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}
        made["of-a-part"] = add_key(gallery, "of-a-part", role="admin", where="site=north").key
    return {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}


@pytest.fixture
def client(folder: Path, keys: dict[str, dict[str, str]], tmp_path: Path) -> Iterator[TestClient]:
    app = make_app(folder, ServerSettings(audit_log=str(tmp_path / "log")))
    with TestClient(app, base_url=BASE, headers=keys["admin"]) as running:
        yield running


def exported(client: TestClient, **asked: Any) -> dict[str, Any]:
    """The job of an export, once it has ended."""
    answer = client.post(f"{API}/export", json={**ASKED, **asked})
    assert answer.status_code == 202, answer.text
    where = answer.headers["location"]
    return dict(eventually(lambda: client.get(where).json(), lambda job: job["state"] in ("done", "failed")))


def test_a_cohort_is_fetched_by_who_may_and_can_be_indexed(
    client: TestClient, keys: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    job = exported(client)
    assert (job["state"], job["kind"], job["error"]) == ("done", "export", None)
    result = job["result"]
    assert (result["records"], result["files"], result["folder"]) == (6, 6, "")
    where = f"{API}/jobs/{job['id']}/export"
    for name in ("reader", "contributor", "of-a-part"):
        assert client.get(where, headers=keys[name]).status_code == 403
        assert client.post(f"{API}/export", json=ASKED, headers=keys[name]).status_code == 403
    answer = client.get(where)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        packed.extractall(tmp_path / "got")
    cohort = tmp_path / "got" / "cohort"
    assert {path.name for path in cohort.iterdir()} == {"images", "table.csv", "left-out.csv", "deidentification.json"}
    with open_gallery(tmp_path / "again", create=True) as gallery:
        assert index(gallery, [cohort / "images"], labels=cohort / "table.csv").added == 6
    lines = [json.loads(line) for path in (tmp_path / "log").glob("*.jsonl") for line in path.open()]
    noted = [
        (line["outcome"], line["detail"]) for line in lines if line["kind"] == "export" and line["who"] == "a-admin"
    ]
    assert noted == [
        ("done", {"route": "POST /export", "status": 202}),
        ("done", {"route": "GET /jobs/{}/export", "status": 200, "files": 6, "records": 6}),
    ]
    assert sum(line["kind"] == "export" and line["outcome"] == "refused" for line in lines) == 6


def test_it_is_gone_after_a_time_and_an_erasure(client: TestClient, folder: Path) -> None:
    first, second = exported(client), exported(client)
    place, gallery = exports.export_place(folder, first["id"]), client.app.state.galleries.service().gallery  # type: ignore[attr-defined]
    assert [path.suffix for path in place.parent.iterdir()] == [".zip"] * 2
    old = place.stat().st_mtime - exports.KEPT_SECONDS - 1
    os.utime(place, (old, old))
    problem(client.get(f"{API}/jobs/{first['id']}/export"), 404, "no-export")
    exports.sweep_exports(gallery)
    assert not place.exists()
    assert client.get(f"{API}/jobs/{second['id']}/export").status_code == 200
    record = client.get(f"{API}/records?limit=1").json()["items"][0]["id"]
    assert client.delete(f"{API}/records/{record}").status_code == 200
    problem(client.get(f"{API}/jobs/{second['id']}/export"), 404, "no-export")
    assert not place.parent.exists()
    problem(client.get(f"{API}/jobs/{'0' * len(second['id'])}/export"), 404, "not-found")


def test_an_erasure_by_a_command_removes_it_and_proves_it(client: TestClient, folder: Path) -> None:
    job = exported(client)
    left = exports.export_place(folder, "of-a-job-that-was-killed").with_suffix(exports.MAKING)
    left.mkdir()
    (left / "table.csv").write_text("of somebody")
    with open_gallery(folder) as gallery:
        patient = next(iter(gallery.store.records().values())).patient
        proof = erase_patient(gallery, patient=patient)
    assert proof.files["exports"] == 2
    assert not left.parent.exists()
    problem(client.get(f"{API}/jobs/{job['id']}/export"), 404, "no-export")


def test_what_a_job_has_left_is_swept_and_a_link_is_not_followed(client: TestClient, folder: Path) -> None:
    job = exported(client)
    place, gallery = exports.export_place(folder, job["id"]), client.app.state.galleries.service().gallery  # type: ignore[attr-defined]
    left = place.with_name(f"nothing{exports.MAKING}")
    left.mkdir()
    exports.sweep_exports(gallery)
    assert (left.exists(), place.exists()) == (False, True)
    place.unlink()
    place.symlink_to(folder / "gallery.db")
    problem(client.get(f"{API}/jobs/{job['id']}/export"), 404, "no-export")


def test_every_service_of_the_gallery_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: PostgreSQL
) -> None:
    """One is asked, which does no job; another one does it; a third that is started later gives it, too."""
    monkeypatch.setenv("LOOKALIKE_STORE", postgresql_server.url())
    folder = make_gallery(tmp_path)
    with serving(folder, "--workers", "0") as asked:
        with serving(folder) as working:
            job = asked.job(asked.post("/export", ASKED))
            assert job["state"] == "done"
            where = f"/jobs/{job['id']}/export"
            packed = asked.get(where)
            assert (packed.status_code, working.get(where).content) == (200, packed.content)
        with serving(folder, "--workers", "0") as later:
            assert later.get(where).content == packed.content
            record = later.get("/records?limit=1").json()["items"][0]["id"]
            assert later.http.delete(f"{API}/records/{record}").status_code == 200
            for each in (asked, later):
                problem(each.get(where), 404, "no-export")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert sum(name.startswith("cohort/images/") for name in archive.namelist()) == 6


def test_it_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_OF_A_COHORT", 100)
    job = exported(client)
    assert (job["state"], "the most over HTTP" in job["error"]) == ("failed", True)
    problem(client.get(f"{API}/jobs/{job['id']}/export"), 404, "no-export")
    monkeypatch.setattr(exports, "_ALL", 100)
    problem(client.post(f"{API}/export", json=ASKED), 429, "exports-full")
    problem(client.post(f"{API}/export", json={"out": "/tmp"}), 422, "invalid")
