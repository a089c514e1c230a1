"""A gallery from elsewhere is data: what was planted in it opens, serves, removes and runs nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import PIL.Image
import pytest
from fastapi.testclient import TestClient

from conftest import texture, write_pictures
from lookalike.errors import DamagedFileError, GalleryError, LookalikeError, UsageError
from lookalike.gallery import open_gallery
from lookalike.job_queue import take_up_jobs, taken_job
from lookalike.pictures import Pictures
from lookalike.server.app import make_app
from lookalike.store import Store
from lookalike.store.checksums import UNKNOWN
from lookalike.verbs.doctor import doctor
from lookalike.verbs.explain import explain
from lookalike.verbs.index import index
from lookalike.verbs.jobs import list_jobs, submit_job
from lookalike.verbs.records import remove
from lookalike.verbs.search import search

pytestmark = pytest.mark.sqlite_file  # which is what another has written
CANARY = b"canary: no gallery may show this"
Contents = dict[str, bytes]


class Case:
    """g: a gallery that somebody else made and planted orders in. outside: files that are not theirs to name."""

    def __init__(self, made: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.g, self.outside, self.pictures = base / "g", base / "outside", made / "pictures"
        self._configs, self._monkeypatch = made, monkeypatch
        self.user("theirs")
        shutil.copytree(made / "g", self.g)
        kept = self.g / "sources" / "u1"
        kept.mkdir(parents=True)
        self.outside.mkdir()
        for name, seed in (("canary.png", 900), ("other.png", 901)):
            PIL.Image.fromarray(texture(seed)).save(self.outside / name)
        (self.outside / "labels.csv").write_bytes(CANARY)
        (kept / "link.png").symlink_to(self.outside / "canary.png")
        self.before = self.contents()

    def user(self, name: str) -> None:
        """Who asks from now on: each user has a configuration of their own."""
        self._monkeypatch.setenv("LOOKALIKE_CONFIG", str(self._configs / name))

    def contents(self) -> Contents:
        return {str(path): path.read_bytes() for path in sorted(self.outside.rglob("*")) if path.is_file()}

    @property
    def places(self) -> dict[str, str]:
        """A source for each way out of the gallery."""
        kept = self.g / "sources"
        return {
            "file": str(self.outside / "canary.png"),
            "no picture": str(self.outside / "labels.csv"),
            "folder": str(self.outside),
            "link": str(kept / "u1" / "link.png"),
            "dots": f"{kept}/../../outside/canary.png",
            "frame": f"{self.outside}/canary.png#0",
            "relative": "outside/canary.png",
            "home": "~/outside/canary.png",
            "database": str(self.g / "gallery.db"),
            "kernel": "/proc/self/environ",
        }

    def plant_sources(self) -> dict[str, str]:
        """Give a record each place; their ids."""
        with self.database() as database:
            rows = database.execute("SELECT key, id FROM records ORDER BY key").fetchall()
            for (key, _), place in zip(rows, self.places.values(), strict=False):
                database.execute("UPDATE records SET source = ? WHERE key = ?", [place, key])
        with suppress(ImportError):  # before there were checksums
            from lookalike.store.verify import seal

            store = Store(self.g)
            with store.begin(write=True) as connection:
                seal(connection, [key for key, _ in rows])
            store.close()
        return {name: identity for name, (_, identity) in zip(self.places, rows, strict=False)}

    def plant_jobs(self) -> None:
        arguments = {
            "sources": [str(self.outside)],
            "labels": str(self.outside / "labels.csv"),
            "own_labels": True,
            "label_columns": [],
        }
        with self.database() as database:
            for state in ("queued", "running"):
                database.execute(
                    "INSERT INTO jobs (id, kind, arguments, state, progress, owner, created) "
                    "VALUES (?, 'index', ?, ?, '{}', 'admin', 1)",
                    [f"{state:0<16}", json.dumps(arguments), state],
                )

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.g / "gallery.db")) as database, database:
            yield database


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with somebody else's gallery, the pictures in it, and their configuration."""
    folder = tmp_path_factory.mktemp("made")
    pictures = write_pictures(folder / "pictures")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOOKALIKE_CONFIG", str(folder / "theirs"))
        with open_gallery(folder / "g", create=True) as gallery:
            index(gallery, [pictures], labels=pictures / "labels.csv")
    return folder


@pytest.fixture
def case(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    yield Case(made, tmp_path, monkeypatch)
    shutil.rmtree(made / "mine", ignore_errors=True)


@contextmanager
def served(folder: Path) -> Iterator[TestClient]:
    """The service over a gallery, with its jobs; told to stop at the end."""
    with TestClient(make_app(folder), base_url="http://127.0.0.1:8765") as client:
        yield client


def asked_for_everything(client: TestClient, ids: dict[str, str]) -> None:
    """No record's file is given, in any way."""
    for name, identity in ids.items():
        for what in ("file", "files", "picture"):
            answer = client.get(f"/api/v1/records/{identity}/{what}")
            gone = "source-gone" if name == "link" else "outside"  # once adopted, what is no record's copy is swept
            assert answer.status_code == 404, (name, what, answer.text)
            assert answer.json()["reason"] in ("outside", gone), (name, what, answer.text)
            assert CANARY not in answer.content


def opened_by_nobody(case: Case, ids: dict[str, str]) -> None:
    """The same from Python, as the command asks."""
    with open_gallery(case.g) as gallery:
        pictures = Pictures(gallery)
        for name, identity in ids.items():
            with pytest.raises(LookalikeError):
                pictures.files_of(identity)
            with pytest.raises(LookalikeError):
                explain(gallery, id=identity, record=identity)
            assert not gallery.places.may_open(case.places[name])
        pictures.close()
        assert search(gallery, id=next(iter(ids.values())), k=3).hits
        doctor(gallery)


def unchanged(case: Case, count: int = 12) -> None:
    assert case.contents() == case.before
    with case.database() as database:
        assert database.execute("SELECT count(*) FROM records").fetchone() == (count,)


@pytest.mark.parametrize("adopted", [False, True])
def test_no_record_opens_or_removes_what_is_outside(case: Case, adopted: bool) -> None:
    ids = case.plant_sources()
    case.user("mine")
    if adopted:
        from lookalike.verbs.gallery import adopt

        assert adopt(case.g).owned
    with served(case.g) as client:
        asked_for_everything(client, ids)
        gone = [client.delete(f"/api/v1/records/{identity}").status_code for identity in ids.values()]
        assert set(gone) == ({200} if adopted else {409})
    unchanged(case, 12 - len(ids) * adopted)
    assert (case.g / "gallery.db").exists()


def test_the_same_by_command(case: Case) -> None:
    ids = case.plant_sources()
    case.user("mine")
    opened_by_nobody(case, ids)
    with open_gallery(case.g) as gallery, pytest.raises(GalleryError):
        remove(gallery, list(ids.values()))
    unchanged(case)


def test_planted_jobs_do_not_run(case: Case) -> None:
    case.plant_jobs()
    case.user("mine")
    with open_gallery(case.g) as gallery:
        take_up_jobs(gallery, ("index",))
        with taken_job(gallery) as none:
            assert none is None
    from lookalike.verbs.gallery import adopt

    assert adopt(case.g).jobs == 2
    with case.database() as database:  # and in a copy of one's own that was handed back
        database.execute("UPDATE jobs SET state = 'queued'")
    with open_gallery(case.g) as gallery:
        mine = submit_job(gallery, "map", {"method": "tsne", "space": "base"}, "local")
        with case.database() as database:
            database.execute(
                "UPDATE jobs SET mac = (SELECT mac FROM jobs WHERE id = ?) WHERE kind = 'index'", [mine.id]
            )
        with taken_job(gallery) as taken:
            pass
        assert taken is not None
        assert taken.id == mine.id
        states = {job.id: (job.state, job.error) for job in list_jobs(gallery).items}
    assert states.pop(mine.id) == ("running", None)
    assert {state for state, _ in states.values()} == {"failed"}
    unchanged(case)


def test_a_planted_key_opens_nothing(case: Case) -> None:
    key = "planted"
    with case.database() as database:
        row = ["evil", hashlib.sha256(key.encode()).hexdigest(), "admin", 1.0]
        database.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?)", row)
    case.user("mine")
    with pytest.raises(UsageError, match="keys add"):  # it would be open to everybody who had thought it closed
        make_app(case.g)
    from lookalike.verbs.gallery import adopt
    from lookalike.verbs.keys import add_key

    with open_gallery(case.g) as gallery:
        mine = add_key(gallery, "mine", role="admin").key
    with served(case.g) as client:
        answers = [
            client.get("/api/v1/gallery", headers={"Authorization": f"Bearer {each}"}).status_code
            for each in (key, mine)
        ]
    assert answers == [401, 200]
    assert adopt(case.g).keys == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spaces SET name = '../../outside/x'",
        "INSERT INTO spaces SELECT '../../outside/x', encoder, NULL, version, -1 FROM spaces",
        "INSERT INTO spaces SELECT 's', encoder, '../../../outside', version, -1 FROM spaces",
        "UPDATE spaces SET encoder = json_set(encoder, '$.name', '{outside}/model.onnx')",
        "UPDATE spaces SET encoder = json_set(encoder, '$.name', 'somebody/model')",
        "UPDATE gallery SET value = '../../outside/x' WHERE name = 'index'",
        "UPDATE gallery SET value = '../../outside/x' WHERE name = 'id'",
        "UPDATE gallery SET value = '0' WHERE name = 'id'",
    ],
)
@pytest.mark.parametrize("who", ["theirs", "mine"])  # theirs: a copy of one's own that was handed back
def test_no_name_in_it_is_a_file_s(case: Case, statement: str, who: str) -> None:
    with case.database() as database:
        database.execute(statement.format(outside=case.outside))
        for table in ("spaces", "gallery"):
            database.execute(f"UPDATE {table} SET checksum = {UNKNOWN}")  # whoever changes them seals them, too
    shutil.rmtree(case.g / "indexes")
    case.user(who)
    with pytest.raises((GalleryError, DamagedFileError, UsageError)), open_gallery(case.g) as gallery:
        search(gallery, id=next(iter(gallery.store.records().values())).id, k=3)
    unchanged(case)


@pytest.mark.parametrize("part", ["indexes", "adapters", "maps", "sources", "inbox", "writing.lock", "gallery.db-wal"])
def test_no_part_of_it_is_a_link(case: Case, part: str) -> None:
    victim = case.outside / "labels.csv" if "." in part else case.outside
    path = case.g / part
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    for who in ("mine", "theirs"):
        case.user(who)
        with pytest.raises(GalleryError, match="is a link"), open_gallery(case.g) as gallery:
            index(gallery, [case.pictures])
    assert case.contents() == case.before


def test_its_journal_removes_nothing(case: Case) -> None:
    """SQLite removes the file that a journal names as its super-journal."""
    name = str(case.outside / "labels.csv").encode()
    with case.database() as database:
        database.execute("PRAGMA journal_mode=DELETE")
    head = bytes.fromhex("d9d505f920a163d7") + bytes(4) + bytes(4) + bytes(4) + (512).to_bytes(4) + (4096).to_bytes(4)
    tail = bytes(4) + name + len(name).to_bytes(4) + (sum(name)).to_bytes(4) + bytes.fromhex("d9d505f920a163d7")
    (case.g / "gallery.db-journal").write_bytes(head.ljust(512, b"\0") + tail)
    for who in ("mine", "theirs"):
        case.user(who)
        with pytest.raises(GalleryError, match="journal"), open_gallery(case.g):
            pass
    assert case.contents() == case.before


def test_it_is_read_and_not_written_to(case: Case) -> None:
    case.user("mine")
    before = {path: path.read_bytes() for path in case.g.rglob("*") if path.is_file() and "-shm" not in path.name}
    with open_gallery(case.g) as gallery:
        assert len(search(gallery, case.pictures / "p00.png", k=3).hits) == 3
        checks = {check.name: check for check in doctor(gallery).checks}
        assert "was not made here" in checks["ownership"].detail
        assert "not opened" in checks["sources"].detail
        for write in (lambda: index(gallery, [case.outside]), lambda: submit_job(gallery, "map", {}, "me")):
            with pytest.raises(GalleryError, match="lookalike gallery adopt"):
                write()
    with served(case.g) as client:
        assert client.get("/api/v1/gallery").json()["records"] == 12
        (first, *_) = client.get("/api/v1/records").json()["items"]
        refused = client.post("/api/v1/labels", json={"ids": [first["id"]], "add": ["x"]})
        assert refused.status_code == 409, refused.text
        assert "was not made here" in refused.json()["detail"]
    after = {path: path.read_bytes() for path in case.g.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} <= {"gallery.db-shm", "gallery.db-wal"}


def test_what_its_user_allows_is_opened(case: Case) -> None:
    from lookalike.verbs.gallery import adopt

    case.user("mine")
    with open_gallery(case.g) as gallery:
        identity = next(record.id for record in gallery.store.records().values() if "p05" in record.source)
    result = adopt(case.g, root=[case.pictures])
    assert result.owned
    assert not result.same_patients
    assert all(each.allowed == each.sources for each in result.folders)
    with served(case.g) as client:
        given = client.get(f"/api/v1/records/{identity}/file").content
        assert given == (case.pictures / "p05.png").read_bytes()
