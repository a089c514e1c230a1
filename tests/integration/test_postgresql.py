"""A gallery whose records are in a real PostgreSQL: made and asked by commands, on several machines, taken down."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from running import COMMAND, answers, described, ids_of, refusal, run

import lookalike as package
from awaited import PATIENCE
from conftest import texture, write_pictures
from lookalike.errors import GalleryError, LockedError, SlowFilterError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.job_queue import end_job, take_over_jobs, taken_job
from lookalike.locks import writing
from lookalike.ownership import config_folder
from lookalike.store import BASE, Batch, Store
from lookalike.store.batch import EncodedRecord
from lookalike.store.database import FILE, interrupted_after
from lookalike.store.edit import label_changes
from lookalike.store.jobs import add_job, job_of
from lookalike.store.place import STORE_FILE, put_elsewhere
from lookalike.store.second_encoder import begin_beside, switch_to_beside, write_beside
from lookalike.store.since import layout_of
from lookalike.store.within import checked_part
from lookalike.verbs import records
from lookalike.verbs.curation import labelling
from new_records import new
from peers.dicomweb import radiograph, serving
from peers.postgresql import ROLE, PostgreSQL, postgresql


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("postgresql") / "pictures")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pictures: Path, postgresql_server: PostgreSQL) -> Path:
    """A gallery in PostgreSQL, and one beside it that is not."""
    folder = tmp_path_factory.mktemp("made")
    for name, store in (("chest", ["--store", postgresql_server.url()]), ("beside", [])):
        words = ["--gallery", folder / name, "--labels", pictures / "labels.csv", "--label-column", "label", *store]
        assert run("index", pictures, *words).exit_code == 0
    return folder / "chest"


def schema_of(folder: Path) -> str:
    return f"lookalike_{json.loads((folder / STORE_FILE).read_text())['gallery']}"


# Made by commands


def test_a_gallery_is_made_by_a_command(tmp_path: Path, pictures: Path, postgresql_server: PostgreSQL) -> None:
    made = tmp_path / "chest"
    assert run("index", pictures, "--gallery", made, "--store", postgresql_server.url()).exit_code == 0
    assert not list(made.glob("gallery.db*"))
    assert not list(made.glob("*.lock"))
    assert json.loads((made / STORE_FILE).read_text())["store"] == postgresql_server.url()
    assert postgresql_server.ask(f"SELECT count(*) FROM {schema_of(made)}.records") == [(12,)]
    told = run("gallery", "info", "--gallery", made, "--json")
    assert json.loads(told.stdout)["store"] == postgresql_server.url()


def test_it_answers_as_one_whose_records_are_in_its_folder(made: Path) -> None:
    with open_gallery(made) as here, open_gallery(made.with_name("beside")) as beside:
        assert described(here) == described(beside)
        assert answers(here, ids_of(here)) == answers(beside, ids_of(beside))


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--k", "3", "--json"],
        ["search", "{picture}", "--where", "site=north and label!=odd", "--json"],
        ["search", "{picture}", "--where", "site~ORT", "--json"],
        ["audit", "confounds", "--json"],
    ],
    ids=lambda words: " ".join(words[:4]),
)
def test_commands_say_the_same(made: Path, pictures: Path, words: list[str]) -> None:
    given = [word.format(picture=pictures / "p03.png") for word in words]
    said = [run(*given, "--gallery", folder) for folder in (made, made.with_name("beside"))]
    assert [each.exit_code for each in said] == [0, 0], said[0].output
    here, beside = (without_times(json.loads(each.stdout)) for each in said)
    assert here == beside


def without_times(value: object) -> object:
    """A result without what differs between two galleries of the same pictures."""
    if isinstance(value, dict):
        differ = ("seconds", "gallery", "patient", "created", "took")
        return {name: without_times(each) for name, each in value.items() if name not in differ}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_what_is_trained_and_changed_is_kept(made: Path, pictures: Path) -> None:
    assert run("adapt", "--gallery", made, "--name", "lines", "--kind", "lda").exit_code == 0
    with open_gallery(made) as gallery:
        first = ids_of(gallery)[0]
    assert run("records", "label", first, "--add", "seen", "--gallery", made).exit_code == 0
    with open_gallery(made) as gallery:
        assert "lines" in gallery.store.spaces()
        assert "seen" in gallery.store.record(first).labels
        assert len(package.search(gallery, pictures / "p03.png", space="lines").hits)
    assert run("records", "undo", "--gallery", made).exit_code == 0
    assert run("doctor", "--gallery", made).exit_code == 0
    assert run("gallery", "verify", made).exit_code == 0


# Where it is, and who says so


def test_no_password_is_taken_or_repeated(tmp_path: Path, pictures: Path) -> None:
    given = "postgresql://keeper:a-secret-word@127.0.0.1/galleries"
    said = refusal(run("index", pictures, "--gallery", tmp_path / "g", "--store", given))
    assert "PGPASSWORD" in said
    assert "a-secret-word" not in said
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("given", ["mysql://x@y/z", "postgresql://keeper@127.0.0.1", "nonsense", "/srv/galleries"])
def test_other_stores_are_refused(tmp_path: Path, pictures: Path, given: str) -> None:
    assert "postgresql://USER@HOST/DATABASE" in refusal(
        run("index", pictures, "--gallery", tmp_path / "g", "--store", given)
    )
    assert not (tmp_path / "g").exists()


def test_a_server_that_is_not_there_is_said_in_a_line(tmp_path: Path, pictures: Path) -> None:
    words = ["index", pictures, "--gallery", tmp_path / "g", "--store", "postgresql://keeper@127.0.0.1:1/galleries"]
    assert "see that PostgreSQL runs" in refusal(run(*words))
    assert not (tmp_path / "g").exists()


def test_a_password_that_is_configured_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike.store.place import driver_url

    monkeypatch.setenv("LOOKALIKE_STORE_PASSWORD", "a-secret-word")
    assert driver_url("postgresql://keeper@127.0.0.1/galleries").password == "a-secret-word"


@pytest.mark.sqlite_file
def test_a_gallery_from_elsewhere_connects_to_nothing_until_it_is_adopted(
    made: Path, postgresql_server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = run("gallery", "key", made).stdout.strip()
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "another-user"))
    said = refusal(run("gallery", "info", "--gallery", made))
    assert "which you have not allowed it" in said
    words = ["gallery", "adopt", made, "--store", postgresql_server.url(), "--key-file", tmp_path / "key"]
    assert run(*words).exit_code == 0
    with open_gallery(made) as gallery:
        assert gallery.owned
        assert gallery.store.count() == 12
    assert config_folder() == tmp_path / "another-user"


def test_what_no_database_holds_is_no_damage(made: Path) -> None:
    with open_gallery(made) as gallery:
        with pytest.raises(UsageError, match="64 bits"):
            labelling.undo_labels(gallery, 1 << 63)
        with pytest.raises(UsageError, match="null character"):
            records.remove(gallery, patient="a\0b")


def test_other_galleries_of_the_database_are_not_seen(
    made: Path, tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    with (
        open_gallery(tmp_path / "new", create=True, store=postgresql_server.url()) as empty,
        open_gallery(made) as full,
    ):
        assert (empty.store.count(), full.store.count()) == (0, 12)
        assert empty.store.id != full.store.id
        with empty.writing(0), full.writing(0):  # whose locks are others
            pass


def test_whoever_may_only_read_writes_nothing(made: Path, postgresql_server: PostgreSQL, tmp_path: Path) -> None:
    schema, reader = schema_of(made), "reader_of_galleries"
    postgresql_server.ask(f"CREATE ROLE {reader} LOGIN")
    postgresql_server.ask(f"GRANT USAGE ON SCHEMA {schema} TO {reader}")
    postgresql_server.ask(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}")
    url = postgresql_server.url().replace(ROLE, reader)
    own = run("gallery", "adopt", made, "--store", url)
    try:
        assert own.exit_code == 0, own.output
        with open_gallery(made) as gallery:
            assert not gallery.store.writable
            assert len(package.search(gallery, id=ids_of(gallery)[0]).hits)
            with pytest.raises(GalleryError, match="may be read but not written to"), gallery.writing():
                pass
    finally:
        run("gallery", "adopt", made, "--store", postgresql_server.url())


@pytest.mark.slow
def test_a_dump_and_the_folder_are_a_backup(tmp_path: Path, pictures: Path, postgresql_server: PostgreSQL) -> None:
    """The other route of docs/postgresql.md: dumped, lost on both sides, put back, and asked."""
    folder, url = tmp_path / "g", postgresql_server.url()
    words = ["--gallery", folder, "--labels", pictures / "labels.csv", "--store", url]
    assert run("index", pictures, *words).exit_code == 0
    assert run("adapt", "--gallery", folder, "--name", "lines", "--kind", "lda").exit_code == 0
    before = told(folder)
    dumped = postgresql_server.program("pg_dump", f"--schema={schema_of(folder)}", url)
    shutil.copytree(folder, tmp_path / "kept")
    postgresql_server.ask(f"DROP SCHEMA {schema_of(folder)} CASCADE")
    shutil.rmtree(folder)
    postgresql_server.program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-1", url, given=dumped)
    shutil.copytree(tmp_path / "kept", folder)
    assert told(folder) == before
    assert run("doctor", "--gallery", folder).exit_code == 0
    assert run("gallery", "verify", folder).exit_code == 0
    assert json.loads(run("index", pictures, *words, "--json").stdout)["added"] == 0


def test_what_is_pulled_or_received_may_be_there_too(tmp_path: Path, postgresql_server: PostgreSQL) -> None:
    with serving() as pacs:
        pacs.store(radiograph(1))
        pulled = run("pull", pacs.uri, "--stable", "0", "--gallery", tmp_path / "p", "--store", postgresql_server.url())
    assert pulled.exit_code == 0, pulled.output
    made = run("receive", "--once", "--gallery", tmp_path / "r", "--store", postgresql_server.url())
    assert "Nothing waits" in made.output
    for name, count in (("p", 1), ("r", 0)):
        assert postgresql_server.ask(f"SELECT count(*) FROM {schema_of(tmp_path / name)}.records") == [(count,)]


# Moved


@pytest.mark.sqlite_file
def test_a_gallery_moves_there_and_back(tmp_path: Path, pictures: Path, postgresql_server: PostgreSQL) -> None:
    folder, url = tmp_path / "g", postgresql_server.url()
    assert run("index", pictures, "--gallery", folder, "--labels", pictures / "labels.csv").exit_code == 0
    assert run("adapt", "--gallery", folder, "--name", "lines", "--kind", "lda").exit_code == 0
    before = told(folder)
    for to, there in ((url, STORE_FILE), ("sqlite", FILE)):
        moved = run("gallery", "migrate", "--store", to, "--gallery", folder, "--json")
        assert moved.exit_code == 0, moved.output
        assert json.loads(moved.stdout)["rows"]["records"] == 12
        assert {path.name for path in folder.glob("*") if path.name in (STORE_FILE, FILE)} == {there}
        assert told(folder) == before
        assert "already" in refusal(run("gallery", "migrate", "--store", to, "--gallery", folder))
        (pictures.parent / "more").mkdir(exist_ok=True)
        extra = pictures.parent / "more" / f"{there}.png"
        PIL.Image.fromarray(texture(len(there) + 500)).save(extra)
        added = run("index", extra, "--gallery", folder, "--json")
        assert json.loads(added.stdout)["added"] == 1
        with open_gallery(folder) as gallery:
            keys = gallery.store.vectors().keys.tolist()
            assert len(set(keys)) == len(keys) == 13
            records.remove(gallery, [max(gallery.store.records().values(), key=lambda one: one.key).id])
        before = {**before, "version": told(folder)["version"]}


def told(folder: Path) -> dict[str, object]:
    with open_gallery(folder) as gallery:
        store = gallery.store
        return {
            "id": store.id,
            "records": described(gallery),
            "answers": answers(gallery, ids_of(gallery)),
            "spaces": sorted(store.spaces()),
            "version": store.version(),
            "log": len(label_changes(store, None, 100)),
        }


# What is killed: (where to, the function at whose n-th call, n) -> which of the two counts afterwards.
KILLED = {
    ("elsewhere", "_copy", 1): FILE,
    ("elsewhere", "_copy", 12): FILE,
    ("elsewhere", "_compared", 5): FILE,
    ("elsewhere", "_is_alone", 1): FILE,
    ("elsewhere", "SQLiteDatabase.remove_new", 1): STORE_FILE,
    ("sqlite", "_copy", 12): STORE_FILE,
    ("sqlite", "sync_folder", 1): STORE_FILE,
    ("sqlite", "sync_folder", 2): FILE,
}
_MOVE_UNTIL_KILLED = """
import os, signal, sys
from lookalike.store import copied_tables, moving
from lookalike.verbs.migrate import move_store
folder, to, name, number = sys.argv[1:]
*inner, name = name.split(".")
owner = copied_tables if hasattr(copied_tables, name) else moving
owner, seen = getattr(moving, inner[0]) if inner else owner, []
function = getattr(owner, name)
def counted(*given, **options):
    seen.append(1)
    if len(seen) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*given, **options)
setattr(owner, name, counted)
move_store(folder, to)
"""


@pytest.mark.slow
@pytest.mark.parametrize("killed", KILLED, ids=lambda killed: f"{killed[0]}-{killed[1]}-{killed[2]}")
def test_a_move_that_is_killed_loses_and_doubles_nothing(
    killed: tuple[str, str, int], tmp_path: Path, pictures: Path, postgresql_server: PostgreSQL
) -> None:
    """What counted counts whole, and the same command again brings it to its end, or says what is in its way."""
    (to, name, number), counts = killed, KILLED[killed]
    folder, url = tmp_path / "g", postgresql_server.url()
    store = [] if to == "elsewhere" else ["--store", url]
    assert run("index", pictures, "--gallery", folder, "--labels", pictures / "labels.csv", *store).exit_code == 0
    before, target = told(folder), url if to == "elsewhere" else to
    words = [sys.executable, "-c", _MOVE_UNTIL_KILLED, str(folder), target, name, str(number)]
    assert subprocess.run(words, capture_output=True, check=False, timeout=PATIENCE).returncode == -9
    assert (folder / STORE_FILE).exists() == (counts == STORE_FILE)
    assert told(folder) == before
    again = run("gallery", "migrate", "--store", target, "--gallery", folder)
    if name == "_is_alone":  # the copy was whole: nobody but its owner can tell that it is not needed
        drop = re.search(r"DROP SCHEMA \S+ CASCADE", refusal(again))
        assert drop is not None
        postgresql_server.ask(drop[0])
        again = run("gallery", "migrate", "--store", target, "--gallery", folder)
    if counts == FILE and to == "sqlite":
        assert "already" in refusal(again)
    else:
        assert again.exit_code == 0, again.output
    assert told(folder) == before
    assert (folder / FILE).exists() == (to == "sqlite")
    assert run("doctor", "--gallery", folder).exit_code == 0


def test_a_file_that_a_killed_move_has_left_is_told(made: Path) -> None:
    left = made / FILE
    left.write_bytes(b"records")
    try:
        done = run("doctor", "--gallery", made)
        assert done.exit_code == 1
        assert "was left by a move that was killed" in " ".join(done.output.split())
    finally:
        left.unlink()


@pytest.mark.sqlite_file
def test_nothing_moves_while_somebody_has_it_open(tmp_path: Path, postgresql_server: PostgreSQL) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        schema = f"lookalike_{gallery.store.id}"
        said = refusal(run("gallery", "migrate", "--store", postgresql_server.url(), "--gallery", tmp_path / "g"))
        assert "has this gallery open" in said
        assert gallery.store.count() == 0
        assert not (tmp_path / "g" / STORE_FILE).exists()
    assert postgresql_server.ask(f"SELECT to_regnamespace('{schema}')") == [(None,)]


def test_a_database_that_holds_it_already_is_left_alone(made: Path, tmp_path: Path) -> None:
    url = json.loads((made / STORE_FILE).read_text())["store"]
    shutil.copytree(made, tmp_path / "copy")
    assert run("gallery", "migrate", "--store", "sqlite", "--gallery", made).exit_code == 0
    shutil.copytree(made, tmp_path / "again")
    assert run("gallery", "migrate", "--store", url, "--gallery", made).exit_code == 0
    said = refusal(run("gallery", "migrate", "--store", url, "--gallery", tmp_path / "again"))
    assert "DROP SCHEMA" in said
    with open_gallery(made) as gallery, open_gallery(tmp_path / "copy") as copy:
        assert gallery.store.count() == copy.store.count() == 12


# What SQLite does by itself


def test_a_filter_that_takes_too_long_is_ended(two: tuple[Gallery, Gallery]) -> None:
    def late() -> SlowFilterError:
        return SlowFilterError("late")

    store = two[0].store
    with (
        store.begin() as connection,
        pytest.raises(SlowFilterError),
        interrupted_after(connection, time.monotonic() + 0.2, late),
    ):
        connection.exec_driver_sql("SELECT pg_sleep(300)")
    with store.begin() as connection:  # of the same pool, and not limited any more
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar_one() == "0"


def test_a_part_is_of_the_vectors_that_answer(tmp_path: Path, postgresql_server: PostgreSQL) -> None:
    """Its views would go on showing the tables whose names others have got."""
    put_elsewhere(tmp_path, postgresql_server.url())
    with closing(Store(tmp_path)) as store:
        store.put_space(BASE, {"name": "a", "identity": {"name": "a"}}, None)
        store.write(Batch(records=[new(number, labels=("even" if number % 2 == 0 else "odd",)) for number in range(6)]))
        with closing(Store(tmp_path, within=checked_part("label=even"))) as part:
            before = part.vectors()
            assert len(before.keys) == part.count() == 3
            begin_beside(store, {"name": "b", "identity": {"name": "b"}}, patches=False)
            made = {key: np.full((1, 4), key, np.float32) for key in store.records()}
            write_beside(store, [EncodedRecord(k, store.records()[k].id, (0,), v) for k, v in made.items()], {})
            switch_to_beside(store, without_missing=False)
            after = part.vectors()
            assert part.count() == len(after.keys) == 3
            np.testing.assert_array_equal(after.vectors[:, 0], after.records)
            assert not set(before.keys.tolist()) & set(after.keys.tolist())
        store.write(Batch(records=[new(7)]))
        assert len(set(layout_of(store).keys.tolist())) == 7


# Turns


@pytest.fixture
def two(tmp_path: Path, postgresql_server: PostgreSQL) -> Iterator[tuple[Gallery, Gallery]]:
    """One gallery, opened twice."""
    with (
        open_gallery(tmp_path / "g", create=True, store=postgresql_server.url()) as one,
        open_gallery(tmp_path / "g") as other,
    ):
        yield one, other


def test_one_long_writer_at_a_time(two: tuple[Gallery, Gallery]) -> None:
    with two[0].writing(0), pytest.raises(LockedError, match="another process is writing"), two[1].writing(0):
        pass
    with two[1].writing(0) as turn:
        turn.leave()
        with pytest.raises(LockedError), two[0].writing(0):
            pass


def test_a_lock_that_was_given_back_can_be_taken_at_once(two: tuple[Gallery, Gallery]) -> None:
    for number in range(60):
        with two[number % 2].writing(0):
            pass


def test_a_writer_gives_way_to_an_erasure(two: tuple[Gallery, Gallery]) -> None:
    done = threading.Event()

    def erase() -> None:
        with two[1].erasing(PATIENCE):
            done.set()

    with two[0].writing(0) as turn:
        thread = threading.Thread(target=erase)
        thread.start()
        while not turn.is_awaited:
            assert not done.is_set()
        turn.give_way()
        assert done.is_set()
    thread.join()


def test_a_writer_whose_lock_is_lost_does_not_go_on(
    two: tuple[Gallery, Gallery], postgresql_server: PostgreSQL
) -> None:
    with writing(two[0].locks, 0) as turn:
        assert not turn.is_awaited
        postgresql_server.ask("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(GalleryError, match="cannot be used"):
            _ = turn.is_awaited


_WRITER = """
import sys
from pathlib import Path
from contextlib import closing, suppress
from lookalike.store import Batch, Store
from new_records import new
with closing(Store(Path(sys.argv[1]))) as store:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 100, 5):
        store.write(Batch(records=[new(each) for each in range(number, number + 5)]))
"""


def test_several_processes_that_write_take_turns(two: tuple[Gallery, Gallery]) -> None:
    store, paths = two[0].store, ":".join(filter(None, sys.path))
    before = store.version()
    words = [sys.executable, "-c", _WRITER, str(two[0].folder)]
    writers = [
        subprocess.Popen([*words, str(first)], env={**os.environ, "PYTHONPATH": paths}) for first in (0, 100, 50)
    ]
    assert [writer.wait(PATIENCE) for writer in writers] == [0, 0, 0]
    assert store.count() == 200  # of the third one's records each is another's, too
    assert store.version() == before + 60
    stored = store.vectors()
    assert len(stored.keys) == len(set(stored.keys.tolist())) == 200
    assert len(two[1].store.records()) == 200


def test_a_service_takes_over_what_another_has_left_and_nothing_else(two: tuple[Gallery, Gallery]) -> None:
    job = add_job(two[0].store, "map", {}, "somebody")
    with taken_job(two[0]) as task:
        assert task is not None
        take_over_jobs(two[1], ("map",))
        assert job_of(two[1].store, job.id).state == "running"
    take_over_jobs(two[1], ("map",))  # the first service is gone
    assert job_of(two[0].store, job.id).state == "queued"
    with taken_job(two[1]):
        take_over_jobs(two[0], ("map",))
        assert job_of(two[0].store, job.id).state == "running"


def test_a_job_that_is_being_taken_is_never_taken_over(two: tuple[Gallery, Gallery]) -> None:
    """Whoever sees that it runs finds it held, however often it is looked."""
    jobs, ended = [add_job(two[0].store, "map", {}, "somebody").id for _ in range(10)], threading.Event()

    def look() -> None:
        while not ended.is_set():
            take_over_jobs(two[1], ("map",))

    looking = threading.Thread(target=look)
    looking.start()
    taken = list[str]()
    try:
        for _ in jobs:
            with taken_job(two[0]) as task:
                assert task is not None
                taken.append(task.id)
                end_job(two[0], task.id, result={})
    finally:
        ended.set()
        looking.join()
    assert taken == jobs


# What is erased


def test_nothing_erased_is_left_in_the_tables(tmp_path: Path, postgresql_server: PostgreSQL) -> None:
    folder = write_pictures(tmp_path / "pictures")
    table = (folder / "labels.csv").read_text().replace("p03.png,odd,patient-3", "p03.png,canary-finding,patient-x")
    (folder / "labels.csv").write_text(table)
    words = ["--labels", folder / "labels.csv", "--label-column", "label", "--store", postgresql_server.url()]
    gallery = tmp_path / "g"
    assert run("index", folder, "--gallery", gallery, *words).exit_code == 0
    with open_gallery(gallery) as opened:
        (gone,) = (each for each in opened.store.records().values() if "canary-finding" in each.labels)
    postgresql_server.ask("ANALYZE")
    before = _held(postgresql_server, gone.patient, "canary-finding")
    done = run("erase", "--patient", gone.patient, "--proof", tmp_path / "proof.json", "--gallery", gallery)
    assert done.exit_code == 0, done.output
    assert "write-ahead log" in done.output
    assert "write-ahead log" in json.loads((tmp_path / "proof.json").read_text())["beyond"]
    assert before == {gone.patient, "canary-finding"}
    assert not _held(postgresql_server, gone.patient, "canary-finding")
    assert "not taken" not in run("index", folder, "--gallery", gallery, *words[:4]).output
    with open_gallery(gallery) as opened:
        assert opened.store.find(gone.id) is None
        assert opened.store.count() == 11


def _held(server: PostgreSQL, *words: str) -> set[str]:
    """Those of some words that stand in any file of any table, index or catalogue."""
    server.ask("CHECKPOINT")
    found = set[str]()
    for path in (server.folder / "data" / "base").rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # the server removes what it needs no more
            content = path.read_bytes()
            found |= {word for word in words if word.encode() in content}
    return found


# The server goes


def test_a_server_that_was_started_again_is_asked_again(pictures: Path, tmp_path: Path) -> None:
    with postgresql() as server, open_gallery(tmp_path / "g", create=True, store=server.url()) as gallery:
        package.index(gallery, [pictures])
        gallery.store.hold()
        server.stop()
        with pytest.raises(GalleryError, match="see that PostgreSQL runs"):
            gallery.store.count()
        server.start()
        assert gallery.store.count() == 12
        assert len(package.search(gallery, pictures / "p03.png").hits)


@pytest.mark.slow
def test_the_server_is_killed_while_pictures_are_indexed(tmp_path: Path) -> None:
    """Nothing that was acknowledged is lost, nothing comes twice, and the same command again finishes it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(400):
        PIL.Image.fromarray(texture(number)).save(folder / f"p{number:03}.png")
    with postgresql() as server:
        words = [COMMAND, "index", folder, "--gallery", tmp_path / "g"]
        process = subprocess.Popen([*words, "--store", server.url()], stderr=subprocess.PIPE, text=True)
        while not (kept := _stored(server)):
            assert process.poll() is None
            time.sleep(0.05)
        server.stop(kill=True)
        said = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 1
        assert "see that PostgreSQL runs" in said
        assert "Traceback" not in said
        server.start()
        assert kept <= (after := _stored(server))
        assert len(after) < 400
        assert subprocess.run(words, check=False, timeout=PATIENCE).returncode == 0
        with open_gallery(tmp_path / "g") as gallery:
            stored = gallery.store.vectors()
            assert gallery.store.count() == len(stored.keys) == len(set(stored.records.tolist())) == 400
            assert kept <= set(ids_of(gallery))
            assert len(gallery.index()) == 400
        assert run("doctor", "--gallery", tmp_path / "g").exit_code == 0


def _stored(server: PostgreSQL) -> set[str]:
    """The ids of the records that are there at this moment."""
    schemas = server.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lookalike_%'")
    tables = [
        f"{name}.records" for (name,) in schemas if server.ask(f"SELECT to_regclass('{name}.records')") != [(None,)]
    ]
    return {str(identity) for table in tables for (identity,) in server.ask(f"SELECT id FROM {table}")}
