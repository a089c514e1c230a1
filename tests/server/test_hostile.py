"""Hostile metadata comes back as JSON text, never as markup; what is broken breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import API, Server, serving

from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of one DICOM file whose every text is markup, in a file whose name is too."""
    base = tmp_path_factory.mktemp("hostile")
    (base / "in").mkdir()
    ds = data_set(texture(1), Manufacturer=MARKUP, InstitutionName=MARKUP, Modality="CR", PatientID=MARKUP)
    save(ds, base / "in" / f"{MARKUP.replace('/', '')}.dcm")
    row = f'"{MARKUP}.dcm","<script>alert(1)</script>","\'"";--"'
    (base / "in" / "labels.csv").write_text(f"file,label,site\n{row}\n")
    with open_gallery(base / "g", create=True) as gallery:
        assert index(gallery, [base / "in"], labels=base / "in" / "labels.csv").added == 1
    return base / "g"


@pytest.fixture(scope="module")
def server(hostile: Path) -> Iterator[Server]:
    with serving(hostile) as running:
        yield running


def is_inert(answer_type: str, nosniff: str) -> bool:
    return answer_type in ("application/json", "application/problem+json", "image/jpeg") and nosniff == "nosniff"


def test_markup_is_text(server: Server) -> None:
    (one,) = server.get("/records").json()["items"]
    assert MARKUP in one["source"]
    assert one["labels"] == ["<script>alert(1)</script>"]
    paths = ["/records", f"/records/{one['id']}", "/facets", "/gallery", "/jobs", "/refused", "/spaces"]
    for path in (*paths, f"/records/{one['id']}/thumbnail", f"/records/{MARKUP}", "/records?where=" + MARKUP):
        headers = server.get(path).headers
        assert is_inert(headers["content-type"], headers["x-content-type-options"]), path
        assert "script-src 'self'" in headers["content-security-policy"]
    files = server.get(f"/records/{one['id']}/file").headers
    assert files["content-type"] == "application/octet-stream"
    assert files["content-disposition"].startswith("attachment")
    assert "<" not in files["content-disposition"]


def test_the_public_bad_files_break_nothing(server: Server, shared_data: Path) -> None:
    paths = sorted((shared_data / "bad-input" / "dicom-bad" / "gen").glob("meta_*"))
    assert len(paths) >= 5
    for path in paths:
        answer = server.http.post(f"{API}/uploads", files={"file": (path.name, path.read_bytes())})
        assert answer.status_code in (201, 422), path.name
        headers = answer.headers
        assert is_inert(headers["content-type"], headers["x-content-type-options"])
        if answer.status_code == 201:
            found = server.post("/search", {"query": {"image": answer.json()["id"]}})
            assert found.status_code == 200
            assert found.text == found.text.replace("\r", "").replace("\x1b", "")
            json.loads(found.text)
    assert "Traceback" not in server.lines()


def test_names_and_filters_of_any_kind_are_taken_as_text(server: Server) -> None:
    for name in ("../../../../etc/passwd", "a\x00b", "%2e%2e%2f", "x" * 5000, "\u202egpj.exe", '"; rm -rf'):
        files = {"file": (name, b"no picture")}
        assert server.http.post(f"{API}/uploads", files=files).status_code in (400, 422), name
        assert server.get("/records", params={"where": f"label='{name[:50]}"}).status_code == 400
        quoted = f'label~"{name[:50].replace(chr(34), "")}"'
        assert server.get("/records", params={"where": quoted}).status_code == 200
