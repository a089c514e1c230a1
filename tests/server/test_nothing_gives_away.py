"""One file with a canary in every attribute of PS3.15 Annex E goes through everything; nothing keeps or says one.

Whatever lies on the disk afterwards is read (galleries, logs, audit log, exports, temporary folders, configuration),
and whatever was answered or printed on the way: header, text, number, error.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pydicom
import pytest
from click.testing import CliRunner
from served import API, Server, serving

from canaries import NEEDLES, UID, WORD, canaried, save_as_it_is, with_canary, write_pictures_and_volumes
from dicoms import SECONDARY_CAPTURE
from lookalike import cli
from lookalike.gallery import open_gallery
from lookalike.readers.confidentiality_profile import LISTED
from lookalike.roles import ROLES
from lookalike.verbs.keys import add_key
from lookalike.verbs.receive import ReceiveResult, receive
from peers import dicomweb
from peers.dimse import RawPeer, associate_rq

pytest.importorskip("pynetdicom", reason="the extra 'pacs' is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
GIVEN: Final = ("given", "sources")
"""Folders of what was given: the files that are indexed, and copies of uploads that were indexed, which are theirs."""


def canaries_in(data: bytes) -> set[str]:
    """In UTF-8 or UTF-16, packed or not."""
    if data.startswith(b"\x1f\x8b"):
        data += gzip.decompress(data)
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            every = [each for name in packed.namelist() for each in (name.encode(), packed.read(name))]
            return {word for each in every for word in canaries_in(each)}
    return {word for word in NEEDLES if word.encode() in data or word.encode("utf-16-le") in data}


def on_disk(root: Path) -> dict[str, set[str]]:
    """Every file and folder below that has a canary in its bytes or its name."""
    found = {}
    for path in root.rglob("*"):
        place = path.relative_to(root)
        if not set(GIVEN) & {*place.parts}:
            data = path.read_bytes() if path.is_file() else b""
            if words := canaries_in(str(place).encode()) | canaries_in(data):
                found[str(place)] = words
    return found


class Heard:
    """What was printed and answered, by where."""

    def __init__(self) -> None:
        self.words: dict[str, bytes] = {}

    def command(self, *words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(cli.main, [*words])
        self.words[f"{len(self.words)} {' '.join(words[:3])}"] = done.output.encode() + done.stderr.encode()
        assert done.exit_code == code, done.output
        return done.stdout

    def answer(self, answer: httpx.Response) -> httpx.Response:
        said = [f"{name}: {value}" for name, value in answer.headers.items()]
        where = f"{len(self.words)} {answer.request.method} {answer.request.url.path}"
        self.words[where], self.words[f"{where}, headers"] = answer.content, "\n".join(said).encode()
        return answer

    def canaries(self) -> dict[str, set[str]]:
        return {where: found for where, data in self.words.items() if (found := canaries_in(data))}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where everything lies: configuration, temporary folders, logs and galleries."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "configuration"))
    monkeypatch.setenv("LOOKALIKE_AUDIT_LOG", str(tmp_path / "audit"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def given(root: Path, written: Path) -> Path:
    return shutil.copytree(written, root / "given")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with all canaries; one that breaks in the middle; one of no known kind; pictures and volumes."""
    folder = tmp_path_factory.mktemp("given")
    whole = save_as_it_is(canaried(60), folder / "full.dcm")
    assert len({tag for tag in LISTED if tag in pydicom.dcmread(whole)}) > 600
    (folder / "broken.dcm").write_bytes(whole.read_bytes()[:20_000])
    (folder / "none.bin").write_bytes(f"{WORD} {UID}".encode() * 100)
    save_as_it_is(with_canary(canaried(61), "NumberOfFrames"), folder / "refused.dcm")
    write_pictures_and_volumes(folder)
    return folder


@pytest.mark.parametrize("service", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_nothing_gives_anybody_away(root: Path, given: Path, service: bool) -> None:
    heard = Heard()
    by_command(root, given, heard)
    from_a_pacs(root, given, heard)
    by_c_store(root, given, heard)
    if service:
        over_http(root, given, heard)
    heard.command("audit-log", "verify")
    heard.command("audit-log", "export", str(root / "audit.ndjson"))
    assert len(heard.words) > (60 if service else 20)
    assert heard.canaries() == {}
    assert on_disk(root) == {}
    kinds = {json.loads(line)["kind"] for path in (root / "audit").glob("*.jsonl") for line in path.open()}
    assert kinds >= {"import", "export", "label", "erase"} | ({"search", "look", "start", "stop"} if service else set())
    left = [path for path in (root / "temporary").rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


def test_the_search_itself_finds_what_is_there(root: Path, given: Path) -> None:
    """The test's own check: a canary in a log, packed, in UTF-16, in a name and in a database is found."""
    (root / "log").write_text(f"opened {WORD}")
    (root / "packed.gz").write_bytes(gzip.compress(f"x {UID}".encode()))
    (root / "wide").write_bytes(WORD.encode("utf-16-le"))
    (root / f"{WORD}.txt").touch()
    with zipfile.ZipFile(root / "cohort.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", WORD)
    with sqlite3.connect(root / "d.sqlite") as database:
        database.execute("create table t (x text)")
        database.execute("insert into t values (?)", [WORD])
    assert on_disk(root).keys() == {"log", "packed.gz", "wide", f"{WORD}.txt", "cohort.zip", "d.sqlite"}
    assert given.is_dir()


def by_command(root: Path, given: Path, heard: Heard) -> None:
    gallery = str(root / "anonymous")
    heard.command("index", str(given), "-g", gallery, "--verbose")
    identity = json.loads(heard.command("search", str(given / "full.dcm"), "-g", gallery, "--json"))["hits"][0]["id"]
    for words in (
        *(("search", "--id", identity), ("classify", str(given / "full.dcm")), ("gallery", "info")),
        *(("records", "study", identity), ("records", "timeline", identity), ("records", "log"), ("doctor",)),
        *(("records", "label", identity, "--set", "seen"), ("records", "undo"), ("audit", "duplicates")),
    ):
        heard.command(*words, "-g", gallery, code=1 if words[0] == "classify" else 0)
    heard.command("search", str(given / "broken.dcm"), "-g", gallery, code=1)
    heard.command("search", str(given / "none.bin"), "-g", gallery, code=1)
    out = ("--out", str(root / "cohort"), "--burned-in", "keep", "--dates", "shifted", "--characteristics", "--defaced")
    heard.command("records", "export", "-g", gallery, *out)
    linked = str(root / "linked")
    heard.command("index", str(given / "full.dcm"), "-g", linked, "--linked")
    heard.command("records", "remove", identity, "-g", gallery)


def from_a_pacs(root: Path, given: Path, heard: Heard) -> None:
    with dicomweb.serving() as pacs:
        data = (given / "full.dcm").read_bytes()
        ds = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        pacs.objects[str(ds.SOPInstanceUID)] = ds, data
        heard.command("pull", pacs.uri, "-g", str(root / "pulled"), "--stable", "0")
        assert pacs.fetched()
        pacs.manners.answer = dicomweb.no_dicom
        ds = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        ds.SOPInstanceUID = f"{UID}.99"
        pacs.objects[str(ds.SOPInstanceUID)] = ds, data
        heard.command("pull", pacs.uri, "-g", str(root / "pulled"), "--stable", "0")
    with open_gallery(root / "pulled") as gallery:
        assert gallery.store.count() == 1


def by_c_store(root: Path, given: Path, heard: Heard) -> None:
    said, stopped = list[ReceiveResult](), threading.Event()
    encoded = (given / "full.dcm").read_bytes()
    data = encoded[144 + int.from_bytes(encoded[140:144], "little") :]  # behind the meta information
    with open_gallery(root / "received", create=True) as gallery:
        work = threading.Thread(
            target=lambda: receive(gallery, port=0, stable=0.2, say=said.append, stopped=stopped), daemon=True
        )
        work.start()
        until(lambda: bool(said and said[-1].address))
        port = int(said[-1].address.rpartition(":")[2])
        with RawPeer(port, associate_rq((SECONDARY_CAPTURE,), calling=WORD)) as peer:
            assert peer.pdu() is not None
            assert peer.store(f"{UID}.60", data) == 0
        with RawPeer(port, associate_rq((SECONDARY_CAPTURE,), called=WORD, calling=WORD)) as peer:
            peer.pdu()
        until(lambda: said[-1].indexed == 1)
        stopped.set()
        work.join()
        assert gallery.store.count() == 1
    heard.words["receive"] = repr(said).encode()


def until(holds: Callable[[], bool]) -> None:
    """A test that waits for ever is stopped from outside."""
    while not holds():
        time.sleep(0.02)


def over_http(root: Path, given: Path, heard: Heard) -> None:
    folder = root / "anonymous"
    with open_gallery(folder) as gallery:
        keys = {role: add_key(gallery, f"a-{role}", role=role).key for role in ROLES}
    with serving(folder, key=keys["admin"]) as server:
        asked_of_a_service(server, given, heard, keys)


def asked_of_a_service(server: Server, given: Path, heard: Heard, keys: dict[str, str]) -> None:
    hear, full = heard.answer, (given / "full.dcm").read_bytes()

    def upload(name: str, data: bytes) -> httpx.Response:
        return hear(server.http.post(f"{API}/uploads", files=[("file", (name, data))]))

    sent = upload("full.dcm", full).json()["id"]
    for name, data in (("broken.dcm", full[:20_000]), ("none.bin", (given / "none.bin").read_bytes())):
        broken = upload(name, data)
        if broken.status_code == 201:
            hear(server.post("/search", {"query": {"upload": broken.json()["id"]}}))
    for k in (1, 20):
        hear(server.post("/search", {"query": {"upload": sent}, "k": k}))
    items = hear(server.get("/records?limit=100")).json()["items"]
    for key in keys.values():
        for item in items:
            bearer = {"Authorization": f"Bearer {key}"}
            for tail in ("", "/thumbnail", "/picture?size=64", "/files", "/links", "/study", "/timeline"):
                hear(server.get(f"/records/{item['id']}{tail}", headers=bearer))
    reader = {"Authorization": f"Bearer {keys['reader']}"}
    for item in items:
        hear(server.get(f"/records/{item['id']}/file", headers=reader))
    hear(server.get("/records", headers={"Authorization": "Bearer wrong"}))
    for path in ("/gallery", "/facets", "/refused", "/spaces", "/jobs", "/labels/log", "/records?where=nothing%3D1"):
        hear(server.get(path))
    hear(server.post("/explain", {"query": {"upload": sent}, "id": items[0]["id"]}))
    hear(server.post("/classify", {"query": {"upload": sent}, "method": "knn"}))
    hear(server.post("/labels", {"ids": [items[0]["id"]], "set": ["seen"]}))
    jobs = [("/index", {"uploads": [sent]}), ("/export", {"burned_in": "keep", "defaced": True}), ("/map", {})]
    for path, body in [*jobs, ("/audit/duplicates", None), ("/audit/metadata", {}), ("/evaluate", {})]:
        job = server.job(hear(server.post(path, body)))
        hear(server.get(f"/jobs/{job['id']}"))
        if path == "/export":
            assert job["state"] == "done", job
            hear(server.get(f"/jobs/{job['id']}/export"))
    hear(server.http.delete(f"{API}/records/{items[0]['id']}"))
    for path in ("/metrics", "/", "/healthz", f"/{API}/nothing", "/dicom-web/studies"):
        hear(server.http.get(path))
