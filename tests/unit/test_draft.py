"""A draft after the neighbours' reports, asked of a real server of the chat protocol on this machine."""

from __future__ import annotations

import base64
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import PIL.Image
import pytest

import lookalike
from conftest import texture
from lookalike.errors import EndpointError, UsageError
from lookalike.gallery import Gallery, open_gallery
from peers.ports import held_port

_SAID: Final = "FINDINGS: As in the examples."
_REPORTS: Final = ("Large effusion.", "Fracture.", "Large effusion.", "Clear lungs.", "")


class Model(http.server.ThreadingHTTPServer):
    """asked: what came, with its headers. answers: status and body of the next ones, by default a sound one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answers: list[tuple[int, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers.items()), body))
        sound = {"choices": [{"index": 0, "message": {"role": "assistant", "content": f" {_SAID}\n"}}]}
        status, said = self.server.answers.pop() if self.server.answers else (200, json.dumps(sound).encode())
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.address}/elsewhere")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("draft")
    rows = ["file,label,patient_id,report"]
    for i, words in enumerate(_REPORTS):
        PIL.Image.fromarray(texture(i)).save(base / f"zyx-{i}.png")
        rows.append(f"zyx-{i}.png,quaggy,zyxomma-{i},{words}")
    (base / "labels.csv").write_text("\n".join(rows) + "\n")
    return base


@pytest.fixture(scope="module")
def gallery(folder: Path) -> Iterator[Gallery]:
    with open_gallery(folder / "g", create=True) as made:
        lookalike.index(made, sorted(folder.glob("*.png")), labels=folder / "labels.csv", report_columns=["report"])
        yield made


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "MODEL", "KEY"):
        monkeypatch.delenv(f"LOOKALIKE_DRAFT_{name}", raising=False)


def test_what_is_sent_and_what_is_told(
    gallery: Gallery, folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_DRAFT_KEY", "secret")
    told = lookalike.draft(gallery, folder / "zyx-4.png", endpoint=f"{model.address}/", model="tiny", k=2)
    assert (told.text, told.picture, told.model, told.endpoint) == (_SAID, False, "tiny", model.address)
    assert "research" in told.research
    nearest = lookalike.search(gallery, folder / "zyx-4.png", k=4).hits
    words = {hit.id: _REPORTS[int(Path(hit.source).stem[-1])] for hit in nearest}
    seen: dict[str, str] = {}
    for identity, report in words.items():
        seen.setdefault(report, identity)
    assert [each.id for each in told.sent] == list(seen.values())[:2]
    ((path, headers, body),) = model.asked
    assert (path, headers["Authorization"], body["model"]) == ("/v1/chat/completions", "Bearer secret", "tiny")
    system, user = body["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    for place, each in enumerate(told.sent, 1):
        assert f"[{place}] cosine {each.score:.3f}\n{words[each.id]}" in user["content"]
        assert each.characters == len(words[each.id])
    sent = json.dumps(body)
    assert not any(word in sent for word in ("zyx", "quaggy", "image_url", *words, *(hit.patient for hit in nearest)))


def test_a_picture_is_sent_only_if_asked_for(gallery: Gallery, folder: Path, model: Model) -> None:
    known = next(record.id for record in gallery.store.records().values() if record.source.endswith("zyx-0.png"))
    told = lookalike.draft(gallery, id=known, endpoint=model.address, model="tiny", send_picture=True)
    assert told.picture
    (_text, picture) = model.asked[0][2]["messages"][1]["content"]
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    shown = PIL.Image.open(io.BytesIO(base64.b64decode(data)))
    assert shown.size == (gallery.spec.preprocessing.size[1], gallery.spec.preprocessing.size[0])
    assert not shown.getexif()
    assert "Authorization" not in model.asked[0][1]
    assert known not in {each.id for each in told.sent}


def test_nothing_is_asked_unless_it_is_configured(
    gallery: Gallery, folder: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given in ({}, {"model": "tiny"}, {"endpoint": model.address}):
        with pytest.raises(UsageError, match=r"named|name the model"):
            lookalike.draft(gallery, folder / "zyx-4.png", **given)
    for address in ("http://example.org/v1", "ftp://127.0.0.1/v1", "example.org"):
        with pytest.raises(UsageError, match="https"):
            lookalike.draft(gallery, folder / "zyx-4.png", endpoint=address, model="tiny")
    assert model.asked == []
    monkeypatch.setenv("LOOKALIKE_DRAFT_ENDPOINT", model.address)
    monkeypatch.setenv("LOOKALIKE_DRAFT_MODEL", "tiny")
    assert lookalike.draft(gallery, folder / "zyx-4.png").text == _SAID


def test_without_reports_nothing_is_asked(gallery: Gallery, folder: Path, model: Model) -> None:
    with pytest.raises(UsageError, match="none of the 0 nearest"):
        lookalike.draft(gallery, folder / "zyx-4.png", endpoint=model.address, model="tiny", where="label=other")
    for wrong in ({"k": 0}, {"k": 101}, {"id": "both"}):
        with pytest.raises(UsageError):
            lookalike.draft(gallery, folder / "zyx-4.png", endpoint=model.address, model="tiny", **wrong)
    assert model.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        (401, b"zyxomma"),
        (302, b""),
        (500, b"zyxomma"),
        (200, b"zyxomma"),
        (200, b"{}"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": null}]}'),
    ],
)
def test_a_server_that_refuses_or_says_something_else_is_named(
    gallery: Gallery, folder: Path, model: Model, answer: tuple[int, bytes]
) -> None:
    model.answers.append(answer)
    with pytest.raises(EndpointError) as raised:
        lookalike.draft(gallery, folder / "zyx-4.png", endpoint=model.address, model="tiny")
    assert "zyxomma" not in str(raised.value)
    assert len(model.asked) == 1


def test_no_server_is_named(gallery: Gallery, folder: Path) -> None:
    address = f"http://127.0.0.1:{held_port()}/v1"
    with pytest.raises(EndpointError, match="no answer"):
        lookalike.draft(gallery, folder / "zyx-4.png", endpoint=address, model="tiny")
