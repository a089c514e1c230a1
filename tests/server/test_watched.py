"""Watched over by others: a line for each request, metrics for a scraper, backups and pulls by the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from served import API, RECORDS, Server, eventually, make_gallery, problem, serving

from lookalike.gallery import open_gallery
from lookalike.ownership import config_folder
from lookalike.verbs.backup import verify_gallery
from lookalike.verbs.gallery import gallery_id
from lookalike.verbs.keys import add_key
from peers.dicomweb import radiograph
from peers.dicomweb import serving as serving_pacs
from started import ran

TOKEN = "a-token-of-the-scraper"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gallery(tmp_path_factory.mktemp("watched"))


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    with open_gallery(folder) as gallery:
        part = add_key(gallery, "part", role="admin", where="site=north").key
        return {"ward-7": add_key(gallery, "ward-7", role="reader").key, "part": part}


@pytest.fixture(scope="module")
def server(folder: Path, keys: dict[str, str]) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_METRICS_TOKEN", TOKEN)
        with serving(folder, "--log-format", "json", "--log-level", "info", key=keys["ward-7"]) as running:
            yield running


def settled(server: Server) -> int:
    """How many lines there are, once that of a request of now is there."""
    server.http.get("/nowhere")
    lines = eventually(lambda: requests(server), lambda lines: lines and lines[-1]["status"] == 404)
    return len(lines)


def requests(server: Server) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.lines().splitlines()]
    return [line for line in lines if line["event"] == "request"]


def test_a_line_for_each_request_and_nothing_that_was_asked_for(server: Server, folder: Path) -> None:
    before = settled(server)
    (one, *_) = server.get("/records", params={"where": "site=north", "limit": 1}).json()["items"]
    server.get(f"/records/{one['id']}")
    server.get("/records/ZQXJ^JANE")
    server.http.get("/ZQXJ/somewhere?PatientName=ZQXJ")
    server.http.request("ZQXJ", f"{API}/gallery")
    server.get("/gallery", headers={"Authorization": "Bearer ZQXJ"})
    server.post("/search", {"query": {"text": "ZQXJ"}})
    found = eventually(lambda: requests(server)[before:], lambda lines: len(lines) >= 7)
    assert len(found) == 7
    told = [(line["method"], line["route"], line["status"], line["caller"]) for line in found]
    assert told[:3] == [
        ("GET", f"{API}/records", 200, "ward-7"),
        ("GET", f"{API}/records/{{identity}}", 200, "ward-7"),
        ("GET", f"{API}/records/{{identity}}", 404, "ward-7"),
    ]
    assert {line["route"] for line in found[3:5]} <= {"other", f"{API}/gallery"}
    assert told[5] == ("GET", f"{API}/gallery", 401, None)
    assert {line["gallery"] for line in found} == {"g"}
    assert "ZQXJ" not in server.lines()
    assert one["id"] not in server.lines()
    assert one["source"] not in server.lines()


def test_the_metrics_have_a_token_of_their_own(server: Server, keys: dict[str, str]) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    text = server.http.get("/metrics", headers=bearer).raise_for_status().text
    assert f'lookalike_records{{gallery="g"}} {RECORDS}.0' in text
    assert 'lookalike_jobs{gallery="g",state="queued"} 0.0' in text
    assert "lookalike_galleries 1.0" in text
    assert server.http.get("/metrics").status_code == 200  # with the key of who sees all
    for path in ("/gallery", "/records", "/jobs", "/galleries", "/openapi.json"):
        if server.get(path, headers={"Authorization": ""}).status_code == 401:
            problem(server.get(path, headers=bearer), 401, "no-key")
    problem(server.get("/gallery", headers=bearer), 401, "no-key")
    for wrong in (TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "x"):
        answer = server.http.get("/metrics", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401, wrong
    assert server.http.get("/metrics", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    problem(server.http.get("/metrics", headers={"Authorization": f"Bearer {keys['part']}"}), 403, "collection")
    assert TOKEN not in server.lines()


def test_a_token_that_is_too_short_to_be_secret_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_METRICS_TOKEN", "short")
    done = ran("serve", "--gallery", folder, "--port", "0", "--no-browser")
    assert done.returncode == 1
    assert "16 characters" in done.stderr
    assert "short" not in done.stderr.replace("too short", "")


def test_a_backup_over_http_and_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_gallery(tmp_path)
    (tmp_path / "backups").mkdir()
    with open_gallery(folder) as gallery:
        noted = config_folder() / "schedules" / f"{gallery_id(gallery)}.json"
    with serving(folder) as server:
        problem(server.post("/backup"), 409, "no-backup-folder")
        assert server.get("/schedules").json()["items"] == []
    monkeypatch.setenv("LOOKALIKE_BACKUP_FOLDER", str(tmp_path / "backups"))
    monkeypatch.setenv("LOOKALIKE_SCHEDULE_BACKUP", "every 5 hours")
    monkeypatch.setenv("LOOKALIKE_SCHEDULE_REMIND", f"every day at {datetime.now() + timedelta(hours=12):%H:%M}")
    with serving(folder) as server:
        done = server.job(server.post("/backup"))
        assert (done["state"], done["result"]["counts"]["records"]) == ("done", RECORDS)
        assert str(tmp_path) not in json.dumps(done)
        assert verify_gallery(tmp_path / "backups" / done["result"]["folder"]).sound
        (made,) = server.get("/backups").json()["items"]
        assert (made["name"], made["folder"], made["there"]) == (done["result"]["folder"], "", True)
        checked = server.job(server.post(f"/backups/{made['id']}/verify"))
        assert (checked["state"], checked["result"]["sound"]) == ("done", True)
        assert str(tmp_path) not in json.dumps(checked)
        again = server.get("/backups").json()["items"][0]
        assert again["sound"]
        assert again["verified"] > made["verified"]  # noted already where it was verified above
        problem(server.post("/backups/0123456789abcdef/verify"), 404, "no-backup")
        planned = eventually(lambda: server.get("/schedules").json()["items"], lambda items: len(items) == 2)
        assert {each["kind"]: each["last"] for each in planned} == {"backup": None, "remind": None}
        assert [job["owner"] for job in server.get("/jobs").json()["items"]] == ["local"] * 2
    fields = json.loads(noted.read_text())
    for each in fields.values():
        each["next"] = 0.0  # long ago, while nothing ran
    noted.write_text(json.dumps(fields))
    with serving(folder) as server:
        jobs = eventually(lambda: server.get("/jobs").json()["items"], lambda items: len(items) == 4)
        assert {job["owner"] for job in jobs} == {"local", "schedule backup", "schedule remind"}
        for job in jobs:
            ended = server.wait(f"{API}/jobs/{job['id']}", lambda one: one["state"] not in ("queued", "running"))
            assert (ended["state"], ended["error"]) == ("done", None)
        plans = server.get("/schedules").json()["items"]
        assert all(each["last"] and each["state"] == "done" for each in plans)
        assert {each["job"] for each in plans} < {job["id"] for job in jobs}
    with serving(folder) as server:
        server.job(server.post("/map", {"method": "tsne"}))
        assert len(server.get("/jobs").json()["items"]) == 5  # nothing is due
    assert len([path for path in (tmp_path / "backups").iterdir() if path.name.startswith("g-")]) >= 1


def test_a_pull_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_gallery(tmp_path)
    with serving_pacs() as pacs, open_gallery(folder) as gallery:
        for number in range(3):
            pacs.store(radiograph(number))
        monkeypatch.setenv("LOOKALIKE_PACS_SOURCES", pacs.uri)
        monkeypatch.setenv("LOOKALIKE_SCHEDULE_PULL", "every hour")
        noted = config_folder() / "schedules" / f"{gallery_id(gallery)}.json"
        noted.parent.mkdir(mode=0o700, exist_ok=True)
        noted.write_text(json.dumps({"pull": {"when": "every hour", "next": 1.0}}))
        noted.chmod(0o600)
        with serving(folder) as server:
            (job,) = eventually(lambda: server.get("/jobs").json()["items"], lambda items: len(items) == 1)
            done = server.wait(f"{API}/jobs/{job['id']}", lambda one: one["state"] not in ("queued", "running"))
            assert (done["state"], done["result"]["added"]) == ("done", 3), done
            assert pacs.uri not in json.dumps(done)
            assert server.get("/gallery").json()["records"] == RECORDS + 3
        assert pacs.uri.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
