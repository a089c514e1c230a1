"""A gallery that may not be written to is served: it answers, and says of what would write that it may only be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import API, eventually, make_gallery, problem

from lookalike.server.app import make_app


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Of a gallery of another user: this one's configuration knows nothing of it."""
    folder = make_gallery(tmp_path)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "of-another-user"))
    with TestClient(make_app(folder), "http://127.0.0.1") as opened:
        eventually(lambda: opened.get("/readyz").status_code, lambda status: status == 200)
        yield opened


def test_it_answers_and_writes_nothing(client: TestClient, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "g").rglob("*") if path.is_file()}
    identity = client.get(f"{API}/records").json()["items"][0]["id"]
    found = client.post(f"{API}/search", json={"query": {"ids": [identity]}, "where": "site=north"})
    assert found.status_code == 200
    assert client.post(f"{API}/classify", json={"query": {"ids": [identity]}}).status_code == 200
    sent = client.post(f"{API}/uploads", files=[("file", ("q.png", (tmp_path / "pictures" / "p00.png").read_bytes()))])
    assert sent.status_code == 201
    upload = sent.json()["id"]
    assert client.post(f"{API}/search", json={"query": {"image": upload}}).status_code == 200
    for method, path, body in (
        ("POST", "/map", {"method": "tsne"}),
        ("POST", "/evaluate", {}),
        ("POST", "/index", {"uploads": [upload]}),
        ("POST", "/labels", {"ids": [identity], "add": ["new"]}),
        ("PATCH", f"/records/{identity}", {"labels": ["new"]}),
        ("DELETE", f"/records/{identity}", None),
    ):
        problem(client.request(method, f"{API}{path}", json=body), 409, "read-only")
    assert client.get(f"{API}/jobs").json()["items"] == []
    assert {path: path.read_bytes() for path in (tmp_path / "g").rglob("*") if path.is_file()} == before
