"""Deleting deletes: after a patient has come in by every way and was removed, no byte of the gallery's folder, of the
temporary folders, of logs and metrics names the patient; at once, and while jobs go on.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import PIL.Image
import psutil
import pytest
from endless import endless
from served import API, PATIENCE, RECORDS, Server, eventually, make_gallery, serving, whole
from sqlalchemy import update

from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import Gallery, open_gallery
from lookalike.locks import ERASING
from lookalike.store.schema import RECORDS as RECORDS_TABLE
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.index import index
from lookalike.verbs.records import browse, remove
from peers.postgresql import table_files
from started import ran


class Person:
    """Somebody whose every name is like nobody else's. seed: of the pictures, which are eight from it on."""

    def __init__(self, word: str, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder / word
        self.folder.mkdir()
        self.label, self.by_hand, self.place = f"{word}-label", f"{word}-by-hand", f"{word}-hospital"
        self.file, self.id, self.name = f"{word}-file", f"{word}-id", f"{word}^Name"
        self.words = [word.encode()]

    def picture(self, number: int) -> Path:
        path = self.folder / f"{self.file}-{number}.dcm"
        if not path.exists():
            header = {"PatientID": self.id, "PatientName": self.name, "SOPInstanceUID": f"1.2.{self.seed + number}"}
            header |= {"AccessionNumber": self.id, "StudyInstanceUID": f"1.3.{self.seed}", "StudyDate": "20200101"}
            save(data_set(texture(self.seed + number), Modality="CR", **header), path)
        return path

    def text(self, name: str, *lines: str) -> Path:
        path = self.folder / f"{self.file}-{name}"
        path.write_text("\n".join(lines) + "\n")
        return path

    def table(self, *numbers: int) -> Path:
        row = f"{self.label},{self.place},Said of {self.name}."
        rows = [f"{self.picture(number).name},{row}" for number in numbers]
        return self.text("labels.csv", "file,label,site,report", *rows)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of everything that the test starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def came_by_command(person: Person, gallery: Path) -> None:
    """Two pictures with labels, and a file beside them that is refused."""
    files = person.folder / "indexed"
    files.mkdir()
    for number in (0, 1):
        person.picture(number).rename(files / person.picture(number).name)
    (files / f"{person.file}-broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 64)
    with open_gallery(gallery) as opened:
        result = index(opened, [files], labels=person.table(0, 1), report_columns=["report"])
        assert result.reports == 2
    assert (result.added, len(result.refused)) == (2, 1)


def came_by_http(person: Person, server: Server) -> None:
    """Uploaded, twice, with a note and a table beside; in jobs that are done, cancelled and failed; looked at,
    labelled, learnt from, drawn, evaluated.
    """
    twice = [server.upload(person.picture(2)), server.upload(person.picture(2))]
    noted = server.upload(person.picture(3), person.text("note.txt", person.name))
    labels = {"labels_csv": server.upload(person.table(2, 3, 9))}
    for uploads in (twice[:1], twice[1:], [noted], [noted, server.upload(person.text("other.csv", person.id))]):
        assert server.job(server.post("/index", {"uploads": uploads, **labels}))["state"] == "done"
    wrong = server.upload(person.text("wrong.csv", "nothing", person.name))
    assert server.job(server.post("/index", {"uploads": [noted], "labels_csv": wrong}))["state"] == "failed"
    cancelled = server.post("/index", {"uploads": [server.upload(person.picture(4))], **labels})
    server.http.delete(cancelled.headers["location"])
    server.job(cancelled)
    ids = [one["id"] for one in of(person, server)]
    assert len(ids) >= 4
    server.post("/labels", {"ids": ids[:2], "add": [person.by_hand], "remove": []})
    undone = server.post("/labels", {"ids": ids[2:], "set": [f"{person.by_hand}-2"]}).json()
    assert server.post("/labels/undo", {"change": undone["change"]}).json()["changed"] > 0
    asked = server.upload(person.picture(5))
    assert server.post("/search", {"query": {"image": asked}}).status_code == 200
    assert server.get(f"/records/{ids[0]}/picture").status_code == 200
    space = {"name": f"space-{person.seed}", "kind": "linear"}
    jobs = [
        server.post("/adapt", space),
        server.post("/map", {"method": "tsne"}),
        server.post("/evaluate", {"folds": 2, "k": [1]}),
        server.post("/audit/duplicates"),
    ]
    assert [server.job(job)["state"] for job in jobs] == ["done"] * len(jobs)


def of(person: Person, server: Server) -> list[dict[str, str]]:
    return list(server.get("/records", params={"where": f"label={person.label}"}).json()["items"])


def traces(person: Person, *places: Path) -> list[str]:
    """The files that name a person, in their names or their bytes."""
    found = []
    for path in (path for place in places for path in (*sorted(place.rglob("*")), *table_files(place))):
        with suppress(FileNotFoundError):  # it has gone meanwhile
            held = os.fsencode(path.name) + (path.read_bytes() if path.is_file() and not path.is_symlink() else b"")
            found += [str(path) for word in person.words if word in held]
    return found


def told(person: Person, server: Server) -> list[str]:
    """The routes and logs that name a person."""
    routes = [f"{API}/{name}" for name in ("jobs", "refused", "facets", "labels/log", "gallery", "records")]
    routes += [f"{API}/jobs/{job['id']}" for job in server.get("/jobs").json()["items"]] + ["/metrics"]
    said = {route: server.http.get(route).content for route in routes} | {"log": server.lines().encode()}
    return [route for route, text in said.items() if any(word in text for word in person.words)]


@pytest.mark.slow  # the whole journey; each way out is tested below
def test_who_came_by_every_way_goes_without_a_trace(tmp_path: Path, scratch: Path) -> None:
    folder = make_gallery(tmp_path)
    persons = [Person("zyxomma", 700, tmp_path), Person("quaggy", 800, tmp_path)]
    for person in persons:
        came_by_command(person, folder)
    with serving(folder) as server:
        first, second = persons
        came_by_http(first, server)
        body = {"uploads": [server.upload(second.picture(2))], "labels_csv": server.upload(second.table(2))}
        body |= {"report_columns": ["report"]}
        assert server.job(server.post("/index", body))["state"] == "done"
        assert server.post("/search", {"query": {"report": f"said of {first.name}"}}).status_code == 200
        for person in persons:
            assert traces(person, folder)
            assert traces(person, scratch)
        (group,) = {one["patient"] for one in of(first, server)}
        left = len(of(second, server))
        assert server.http.delete(f"{API}/patients/{group}").json()["erased"] is True
        gone_as_service_goes_on(first, server, folder, scratch)
        assert len(of(second, server)) == left
        assert (
            server.post("/search", {"query": {"vector": [1.0] * 384}, "space": f"space-{first.seed}"}).status_code
            == 200
        )
        for one in of(second, server):
            answer = server.get(f"/records/{one['id']}/file")
            assert answer.status_code == 200
            assert server.http.delete(f"{API}/records/{one['id']}").json() == whole(1)
        for one in server.get("/records", params={"where": "not label=even and not label=odd"}).json()["items"]:
            assert server.http.delete(f"{API}/records/{one['id']}").status_code == 200
        gone_as_service_goes_on(second, server, folder, scratch)
        assert server.get("/gallery").json()["records"] == RECORDS
    for person in persons:
        assert traces(person, folder, scratch) == []
    assert list(scratch.iterdir()) == []


def gone_as_service_goes_on(person: Person, server: Server, folder: Path, scratch: Path) -> None:
    assert traces(person, folder, scratch) == []
    assert told(person, server) == []


# While others work

MANY = 150


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder whose last file has the bytes of the gallery's p00.png."""
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(MANY):
        PIL.Image.fromarray(texture(1000 + i)).save(folder / f"m{i:03}.png")
    PIL.Image.fromarray(texture(0)).save(folder / "z.png")
    return folder


def test_an_erasure_does_not_wait_for_a_job_to_end(tmp_path: Path, scratch: Path, many: Path) -> None:
    folder = make_gallery(tmp_path)
    with serving(folder, "--import", f"more={many}") as server, open_gallery(folder) as gallery:
        (first,) = server.get("/records", params={"where": "source~p00.png"}).json()["items"]
        others = server.get("/records", params={"limit": 5}).json()["items"][1:]
        ids = [one["id"] for one in (first, *others)]
        with endless(many / "y.png"), ThreadPoolExecutor(1) as threads:  # before which the job does not end
            with endless(many / f"m{MANY // 2:03}.x.png"):  # nor does it give way
                accepted = server.post("/index", {"import": "more"})
                where = accepted.headers["location"]
                server.wait(where, lambda job: job["progress"]["done"] > 0)
                asked = threads.submit(server.post, "/records/remove", {"ids": ids})
                eventually(lambda: gallery.locks.is_held(ERASING), bool)
            answer = asked.result(PATIENCE)
            assert (answer.status_code, answer.json()) == (200, whole(5))
            assert server.http.get(where).json()["state"] == "running"
        job = server.job(accepted)
        assert (job["state"], job["result"]["added"], job["error"]) == ("done", MANY, None)
        assert server.get(f"/records/{first['id']}").status_code == 404  # its bytes were in the job's folder
        found = server.post("/search", {"query": {"vector": [1.0] * 384}, "k": 1000}).json()["hits"]
        assert len(found) == server.get("/gallery").json()["records"] == RECORDS - 5 + MANY


@pytest.mark.sqlite_file  # the lock is a file
def test_a_job_that_was_accepted_waits_for_another_writer(tmp_path: Path, scratch: Path) -> None:
    folder = make_gallery(tmp_path)
    with serving(folder, cold=True) as server, open_gallery(folder) as other:
        with other.writing():
            accepted = server.post("/index", {"uploads": [server.upload(tmp_path / "pictures" / "p00.png")]})
            eventually(lambda: waits_for_the_lock(server), bool)
            time.sleep(0.5)  # longer than a moment, which any writer waits
        assert server.job(accepted)["state"] == "done"


def waits_for_the_lock(server: Server) -> bool:
    """Whether the process that does the job has opened the lock."""
    for process in server.process.children(recursive=True):
        with suppress(psutil.Error):
            if any(file.path.endswith("writing.lock") for file in process.open_files()):
                return True
    return False


@pytest.mark.sqlite_file
def test_the_last_traces_go_when_nobody_reads_an_earlier_state(tmp_path: Path, scratch: Path) -> None:
    folder, person = make_gallery(tmp_path), Person("zyxomma", 700, tmp_path)
    came_by_command(person, folder)
    with serving(folder) as server, closing(sqlite3.connect(folder / "gallery.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM records").fetchone()
        (group,) = {one["patient"] for one in of(person, server)}
        assert server.http.delete(f"{API}/patients/{group}").json() == {"records": 2, "erased": False, "beyond": ""}
        assert of(person, server) == []
        reader.execute("COMMIT")
        eventually(lambda: traces(person, folder), lambda found: not found)


# After a crash

KILLED = """
import os, signal, sys
from pathlib import Path
from lookalike.erasing import erase
from lookalike.gallery import open_gallery
from lookalike.verbs.records import remove
sys.modules["lookalike.erasing.erase"]._complete = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with open_gallery(sys.argv[1]) as gallery:
    remove(gallery, patient=sys.argv[2])
"""


def killed_between(folder: Path, patient: str) -> None:
    """Remove a patient, and die between the database's transaction and everything else."""
    done = ran("-c", KILLED, folder, patient)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("by", ["the next index", "the next removal", "the next server"])
def test_an_erasure_that_was_killed_is_completed(tmp_path: Path, scratch: Path, by: str) -> None:
    folder, person = make_gallery(tmp_path), Person("zyxomma", 700, tmp_path)
    kept = folder / "sources" / "upload" / "series"
    kept.mkdir(parents=True)
    person.picture(0).rename(kept / person.picture(0).name)
    with open_gallery(folder) as gallery:
        index(gallery, [kept], labels=person.table(0))
        (record,) = browse(gallery, where=f"label={person.label}").items
    killed_between(folder, record.patient)
    assert traces(person, folder)
    if by == "the next server":
        with serving(folder):
            eventually(lambda: traces(person, folder), lambda found: not found)
        return
    with open_gallery(folder) as gallery:
        if by == "the next index":
            index(gallery, [tmp_path / "pictures"])
        else:
            assert remove(gallery, [browse(gallery).items[0].id]).erased
        assert traces(person, folder) == []


def test_uploads_of_a_killed_server_go_with_the_next(tmp_path: Path, scratch: Path) -> None:
    folder, person = make_gallery(tmp_path), Person("zyxomma", 700, tmp_path)
    with serving(folder, code=-9) as server:
        server.upload(person.picture(0))
        server.process.kill()
    assert traces(person, scratch)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (outside / ".lock").touch()
    (scratch / "lookalike-uploads-link").symlink_to(outside)
    (scratch / "lookalike-somebody").mkdir()
    with serving(folder) as first, serving(folder) as second:
        assert traces(person, scratch) == []
        identity = first.upload(person.picture(0))
        with serving(folder):
            assert first.get(f"/uploads/{identity}/file").status_code == 200
        assert second.get("/gallery").status_code == 200
    assert (outside / "file").exists()
    assert (scratch / "lookalike-somebody").exists()


# Nothing else goes


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with open_gallery(make_gallery(tmp_path)) as opened:
        yield opened


def test_removing_one_record_of_an_upload_leaves_the_files_of_the_others(gallery: Gallery, tmp_path: Path) -> None:
    kept = gallery.folder / "sources" / "upload" / "series"
    kept.mkdir(parents=True)
    for seed in (20, 21, 22):
        save(data_set(texture(seed), Modality="CR", PatientID=f"{seed}"), kept / f"{seed}.dcm")
    (kept / "a.txt").write_text("a note")
    index(gallery, [kept])
    (one,) = browse(gallery, where="source~20.dcm").items
    assert remove(gallery, [one.id]).erased
    assert sorted(path.name for path in kept.iterdir()) == ["21.dcm", "22.dcm"]


def test_nothing_outside_of_sources_goes(gallery: Gallery, tmp_path: Path) -> None:
    outside, kept = tmp_path / "outside", gallery.folder / "sources"
    (outside / "inner").mkdir(parents=True)
    for file in (outside / "file", outside / "inner" / "file"):
        file.write_text("somebody's")
    (kept / "upload").mkdir(parents=True)
    (kept / "link").symlink_to(outside)
    (kept / "upload" / "link").symlink_to(outside / "file")
    first, second, third = browse(gallery).items[:3]
    with gallery.store.begin(write=True) as connection:
        for one, source in zip(
            (first, second, third), (f"{kept}/../../outside/file", f"{kept}/link/file", "/etc/passwd"), strict=True
        ):
            connection.execute(update(RECORDS_TABLE).where(RECORDS_TABLE.c.id == one.id).values(source=source))
    assert remove(gallery, [first.id, second.id, third.id]).erased
    assert [file.read_text() for file in (outside / "file", outside / "inner" / "file")] == ["somebody's"] * 2
    assert list(kept.iterdir()) == []
    kept.rmdir()
    kept.symlink_to(outside)
    assert remove(gallery, [browse(gallery).items[0].id]).erased
    assert sorted(path.name for path in outside.iterdir()) == ["file", "inner"]


def test_sources_of_a_gallery_that_was_moved_stay(gallery: Gallery, tmp_path: Path) -> None:
    kept = gallery.folder / "sources" / "upload"
    kept.mkdir(parents=True)
    PIL.Image.fromarray(texture(30)).save(kept / "30.png")
    index(gallery, [kept])
    gallery.close()
    gallery.folder.rename(tmp_path / "moved")
    with open_gallery(tmp_path / "moved") as moved:
        assert remove(moved, [browse(moved).items[0].id]).erased
        assert [path.name for path in (tmp_path / "moved" / "sources" / "upload").iterdir()] == ["30.png"]


def test_a_label_that_nobody_bears_any_more_leaves_the_classes_of_an_adapter(gallery: Gallery) -> None:
    from lookalike.verbs.adapt import adapt

    ids = [one.id for one in browse(gallery).items]
    label(gallery, ids[:1], set=["zyxomma"])
    assert "zyxomma" in adapt(gallery, "s", kind="linear").classes
    remove(gallery, ids[:1])
    adapter = gallery.adapter("s")
    assert adapter is not None
    assert {*adapter.classes} == {"even", "odd", "removed label 3"}
    assert not [path for path in gallery.folder.rglob("*") if path.is_file() and b"zyxomma" in path.read_bytes()]
