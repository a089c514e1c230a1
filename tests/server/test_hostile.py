"""Hostile metadata comes back as JSON text, never as markup; what is broken breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import PIL.Image
import pytest
from fastapi.testclient import TestClient
from served import API, Server, serving

from conftest import texture
from dicoms import data_set, save
from lookalike.errors import LookalikeError
from lookalike.gallery import open_gallery
from lookalike.server.app import make_app
from lookalike.verbs.index import index
from started import ran

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
        taken = server.get("/records", params={"where": quoted}).status_code
        assert taken == (400 if "\x00" in name else 200)  # no field of a record can hold a NUL


LABELS = ("<script>alert(1)</script>", "</script x", "</script/", "</pre><b>", "<!--<script", "&lt b", "a & b")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with two pictures of two people for each label that is markup, whole or cut off."""
    base = tmp_path_factory.mktemp("labelled")
    (base / "in").mkdir()
    rows = ["file;label;patient_id"]
    for number, label in enumerate(LABELS * 2):
        PIL.Image.fromarray(texture(number)).save(base / "in" / f"{number}.png")
        rows.append(f"{number}.png;{label};p{number}")
    (base / "in" / "labels.csv").write_text("\n".join(rows).replace(";", ",") + "\n", encoding="utf-8")
    with open_gallery(base / "g", create=True) as gallery:
        assert index(gallery, [base / "in"], labels=base / "in" / "labels.csv").added == len(LABELS) * 2
    return base / "g"


class Elements(HTMLParser):
    """The elements of a page, as a browser finds them, and what each script holds."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: list[str] = []
        self.scripts: dict[str, str] = {}
        self.text, self._script = "", ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self._script = dict(attrs).get("id") or "code" if tag == "script" else ""

    def handle_endtag(self, tag: str) -> None:
        self.names.append(f"/{tag}")
        self._script = ""

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data
        self.text += data


def test_a_label_is_no_markup_in_a_report(labelled: Path) -> None:
    with serving(labelled) as server:
        job = server.job(server.post("/evaluate", {"space": "base"}))
        assert job["state"] == "done", job
        page = server.get(f"/jobs/{job['id']}/report", params={"format": "html"}).text
    found = Elements(page)
    assert set(found.names) <= {"html", "meta", "title", "/title", "pre", "/pre", "/html"}
    assert found.names.count("pre") == 1
    assert all(label in found.text for label in LABELS)


def test_a_label_ends_no_script_of_the_map(labelled: Path, tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    assert ran("map", "--gallery", labelled, "--method", "tsne", "--figure", page).returncode == 0
    text = page.read_text(encoding="utf-8")
    found = Elements(text)
    data = json.loads(found.scripts["data"])
    (field,) = (one for one in data["fields"] if one["name"] == "label")
    assert set(LABELS) <= set(field["categories"])
    assert "<" not in found.scripts["data"]  # whatever a parser makes of it, nothing begins here
    assert found.names.count("script") == found.names.count("/script") == 2


def test_no_error_tells_where_files_lie(labelled: Path) -> None:
    app = make_app(labelled)
    try:

        def broken() -> None:
            raise LookalikeError("no such file: /home/someone/Moriarty James/scan.dcm; give another file")

        app.add_api_route(f"{API}/broken", broken)
        app.router.routes.insert(0, app.router.routes.pop())
        said = TestClient(app, base_url="http://127.0.0.1").get(f"{API}/broken")
        assert said.status_code == 400
        assert "scan.dcm; give another file" in said.json()["detail"]
        assert "/home" not in said.text
        assert "someone" not in said.text
    finally:
        app.state.galleries.service().close()
