"""Changing the encoder of a gallery: beside what answers, at once, and back."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from migrated import NEW, OLD, everything, filled, vectors_by_id, write_sources
from running import answers, ids_of, refusal, run

from awaited import eventually
from conftest import texture
from lookalike import reencoding
from lookalike.asking.query import of_record, open_query, read_query
from lookalike.errors import LockedError, ManifestMismatchError, ReadOnlyError, UsageError
from lookalike.gallery import open_gallery
from lookalike.locks import FolderLocks, migrating
from lookalike.ownership import config_folder
from lookalike.store.damage import damage_of
from lookalike.store.database import FILE
from lookalike.store.second_encoder import beside_counts, beside_encoder, pending_records
from lookalike.verbs import migrate as verb
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.doctor import doctor
from lookalike.verbs.gallery import gallery_info, list_spaces
from lookalike.verbs.index import index
from lookalike.verbs.migrate import migrate
from lookalike.verbs.records import remove
from lookalike.verbs.search import search

pytestmark = pytest.mark.sqlite_file  # a copy of the folder is another gallery


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("migrated") / "sources")


@pytest.fixture(scope="module")
def sound(sources: Path) -> Path:
    """A gallery with an adapted space and labels by hand."""
    with filled(sources.parent / "old", sources) as gallery:
        adapt(gallery, "adapted", kind="linear")
        label(gallery, ids_of(gallery)[:2], add=["by hand"], by="reader")
    return sources.parent / "old"


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Callable[[], Path]:
    return lambda: shutil.copytree(sound, tmp_path / "g")


@pytest.fixture
def few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three records."""
    monkeypatch.setattr(reencoding, "TOGETHER", 3)
    monkeypatch.setattr(verb, "TOGETHER", 3)


def test_the_gallery_is_what_indexing_with_the_encoder_makes(
    copy: Callable[[], Path], sources: Path, tmp_path: Path, few_together: None
) -> None:
    with open_gallery(copy()) as gallery, filled(tmp_path / "fresh", sources, NEW) as fresh:
        label(fresh, ids_of(fresh)[:2], add=["by hand"], by="reader")
        before = everything(gallery)
        seen: list[tuple[int, int]] = []
        done = migrate(gallery, NEW, progress=lambda done, total: seen.append((done, total)))
        assert (done.encoder, done.beside, done.switched, done.encoded) == (NEW, OLD, True, 16)
        assert (done.left_out, done.spaces) == ({}, ("adapted",))
        assert seen[0] < seen[-1] == (16, 16)
        assert everything(gallery) == everything(fresh)
        assert before["hits"] != everything(gallery)["hits"]
        assert damage_of(gallery.store).read_again == frozenset()
        assert migrate(gallery, NEW).switched is False
    with open_gallery(tmp_path / "g") as again:  # from the files that were written
        assert search(again, id=ids_of(again)[0]).encoder == NEW


def test_back_and_forth_gives_the_same_answers(copy: Callable[[], Path]) -> None:
    with open_gallery(copy()) as gallery:
        query = read_query(gallery, texture(3))
        before, adapted = everything(gallery), answers(gallery, ids_of(gallery), space="adapted")
        exact = [hit.score for hit in search(gallery, query).hits]
        migrate(gallery, NEW)
        after = everything(gallery)
        with pytest.raises(ManifestMismatchError, match="train it again"):
            search(gallery, id=ids_of(gallery)[0], space="adapted")
        assert [(space.name, space.answers) for space in list_spaces(gallery)] == [("base", True), ("adapted", False)]
        back = migrate(gallery, back=True)
        assert (back.encoder, back.beside, back.encoded, back.spaces) == (OLD, NEW, 0, ())
        assert everything(gallery) == before
        assert answers(gallery, ids_of(gallery), space="adapted") == adapted
        assert [hit.score for hit in search(gallery, query).hits] == exact
        assert migrate(gallery, NEW).encoded == 0
        assert everything(gallery) == after


def test_a_query_of_the_former_encoder_is_read_again_or_refused(copy: Callable[[], Path], sources: Path) -> None:
    with open_gallery(copy()) as gallery:
        encoded, opened = read_query(gallery, sources / "p03.png"), open_query(gallery, sources / "p03.png")
        asked_by_record = of_record(gallery, ids_of(gallery)[0])
        migrate(gallery, NEW)
        fresh = search(gallery, sources / "p03.png")
        for query in (encoded, opened):
            assert [(hit.id, hit.score) for hit in search(gallery, query).hits] == [
                (hit.id, hit.score) for hit in fresh.hits
            ]
        with pytest.raises(ManifestMismatchError, match="ask with the picture or the record again"):
            search(gallery, asked_by_record)


def test_every_answer_is_of_one_encoder_while_it_is_switched(
    copy: Callable[[], Path], sources: Path, few_together: None
) -> None:
    folder, stop, heard, failed = copy(), threading.Event(), [], []
    with open_gallery(folder) as asked:
        asked.store.hold()
        ids = ids_of(asked)

        def ask(number: int) -> None:
            try:
                while not stop.is_set():
                    query = {"id": ids[number]} if number else {"query": sources / "p02.png"}
                    found = search(asked, **query, pictures=False)  # type: ignore[arg-type]
                    heard.append((number, found.encoder, [(hit.id, round(hit.score, 6)) for hit in found.hits]))
                    classify(asked, **query, k=3)  # type: ignore[arg-type]
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()

        def answered_by(encoder: str) -> None:
            """It goes on when somebody was answered since now, however slow the asking threads are."""
            before = len(heard)
            eventually(
                lambda: {name for _number, name, _hits in heard[before:]}, lambda seen: bool(failed) or encoder in seen
            )

        try:
            with open_gallery(folder) as gallery:
                for _ in range(3):
                    migrate(gallery, NEW)
                    answered_by(NEW)
                    migrate(gallery, back=True)
                    answered_by(OLD)
                migrate(gallery, NEW)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failed
        right: dict[tuple[int, str], Any] = {}
        for name in (NEW, OLD):
            for number in range(3):
                query = {"id": ids[number]} if number else {"query": sources / "p02.png"}
                found = search(asked, **query, pictures=False)  # type: ignore[arg-type]
                right[number, found.encoder] = [(hit.id, round(hit.score, 6)) for hit in found.hits]
            if name == NEW:
                with open_gallery(folder) as gallery:
                    migrate(gallery, back=True)
    assert {encoder for _number, encoder, _hits in heard} == {OLD, NEW}
    assert all(hits == right[number, encoder] for number, encoder, hits in heard)


def test_records_come_and_go_while_it_runs(
    copy: Callable[[], Path], sources: Path, tmp_path: Path, few_together: None
) -> None:
    """One that is encoded already and one that is not are removed, labels change, and pictures are indexed."""
    folder, more = copy(), tmp_path / "more"
    more.mkdir()
    for i in range(4):
        PIL.Image.fromarray(texture(500 + i)).save(more / f"m{i}.png")
    with open_gallery(folder) as gallery, open_gallery(folder) as other, filled(tmp_path / "fresh", sources) as fresh:
        keys = sorted(gallery.store.records())
        first, last = (gallery.store.records()[key].id for key in (keys[0], keys[-1]))
        kept = ids_of(gallery)[:2]
        gone: list[bytes] = []

        def meanwhile(done: int, total: int) -> None:
            if not gone:
                with other.store.begin() as connection:
                    rows = connection.exec_driver_sql("SELECT data FROM vectors_beside WHERE record = ?", (keys[0],))
                    gone.extend(bytes(row[0]) for row in rows)
                assert gone
                assert remove(other, [first, last]).erased
                index(other, [more])
                label(other, [one for one in kept if one not in (first, last)], add=["later"], by="x")

        migrate(gallery, NEW, progress=meanwhile)
        index(fresh, [more])
        label(fresh, kept, add=["by hand"], by="reader")
        remove(fresh, [first, last])
        label(fresh, [one for one in kept if one not in (first, last)], add=["later"], by="x")
        migrate(fresh, NEW)
        assert everything(gallery) == everything(fresh)
        with gallery.store.begin() as connection:
            for table in ("vectors", "vectors_beside"):
                owners = connection.exec_driver_sql(f"SELECT DISTINCT record FROM {table}").scalars().all()
                assert sorted(owners) == sorted(gallery.store.records())
    data = (
        (folder / FILE).read_bytes() + (folder / f"{FILE}-wal").read_bytes()
        if (folder / f"{FILE}-wal").exists()
        else (folder / FILE).read_bytes()
    )
    assert not any(vector[:24] in data for vector in gone)


def test_a_removed_record_leaves_no_vector_of_either_encoder(copy: Callable[[], Path]) -> None:
    folder = copy()
    with open_gallery(folder) as gallery:
        migrate(gallery, NEW)
        some = ids_of(gallery)[3]
        key = gallery.store.record(some).key
        with gallery.store.begin() as connection:
            rows = [
                bytes(row[0])
                for table in ("vectors", "vectors_beside", "patches", "patches_beside")
                for row in connection.exec_driver_sql(f"SELECT data FROM {table} WHERE record = ?", (key,))
            ]
        assert len(rows) == 4
        assert remove(gallery, [some]).erased
        assert migrate(gallery, back=True).encoded == 0
        assert some not in vectors_by_id(gallery)
    data = (folder / FILE).read_bytes()
    assert not any(row[:400] in data for row in rows)  # the beginnings of patches may be zeros


def test_an_interrupted_run_goes_on_where_it_was(copy: Callable[[], Path], few_together: None) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 6:
            raise KeyboardInterrupt

    with open_gallery(copy()) as gallery:
        before = everything(gallery)
        with pytest.raises(KeyboardInterrupt):
            migrate(gallery, NEW, progress=stop)
        counts = beside_counts(gallery.store)
        assert 6 <= counts.encoded < 16
        assert everything(gallery) == before
        info = gallery_info(gallery).beside
        assert info is not None
        assert (info.encoder, info.former, info.encoded) == (NEW, False, counts.encoded)
        assert any(check.name == "migration" and "unfinished" in check.detail for check in doctor(gallery).checks)
        with pytest.raises(UsageError, match="no vectors of an encoder that answered before"):
            migrate(gallery, back=True)
        with pytest.raises(UsageError, match="room for one encoder's"):
            migrate(gallery, "lite1-inner")
        done = migrate(gallery, NEW)
        assert done.encoded == 16 - counts.encoded


def test_what_was_encoded_can_be_dropped(copy: Callable[[], Path]) -> None:
    with open_gallery(copy()) as gallery:
        with pytest.raises(UsageError, match="no vectors are kept beside"):
            migrate(gallery, drop=True)
        migrate(gallery, NEW)
        after = everything(gallery)
        dropped = migrate(gallery, drop=True)
        assert (dropped.encoder, dropped.beside) == (NEW, "")
        assert dropped.freed > 0
        assert everything(gallery) == after
        assert gallery_info(gallery).beside is None
        with pytest.raises(UsageError, match="no vectors of an encoder that answered before"):
            migrate(gallery, back=True)
        assert migrate(gallery, OLD).encoded == 16


def test_only_one_migrates_and_only_an_owner(copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy()
    with open_gallery(folder) as gallery:
        gallery.patience = 0.1
        with migrating(FolderLocks(folder), 0), pytest.raises(LockedError, match="migrating this gallery"):
            migrate(gallery, NEW)
        with pytest.raises(UsageError, match="say what is wanted"):
            migrate(gallery)
        with pytest.raises(UsageError, match="say what is wanted"):
            migrate(gallery, NEW, back=True)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(folder.parent / "another user"))
    with open_gallery(folder) as gallery, pytest.raises(ReadOnlyError):
        migrate(gallery, NEW)
    assert config_folder() == folder.parent / "another user"


def test_damaged_vectors_beside_are_named_and_made_anew(copy: Callable[[], Path], few_together: None) -> None:
    folder = copy()
    with open_gallery(folder) as gallery:
        migrate(gallery, NEW)
        after = everything(gallery)
        migrate(gallery, back=True)
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute("UPDATE vectors_beside SET data = zeroblob(length(data)) WHERE record = 2")
        connection.execute("DELETE FROM vectors_beside WHERE record = 3")
        connection.execute("UPDATE patches_beside SET checksum = checksum + 1 WHERE record = 5")
        connection.execute("UPDATE records_beside SET views = 7 WHERE record = 7")
        connection.execute("DELETE FROM records_beside WHERE record = 9")
    with open_gallery(folder) as gallery:
        assert len(damage_of(gallery.store).beside) == 4
        assert not damage_of(gallery.store).read_again
        check = next(check for check in doctor(gallery).checks if check.name == "vectors beside")
        assert check.state == "failed"
        assert "4 files" in check.detail
        assert migrate(gallery, NEW).encoded == 5
        assert everything(gallery) == after


def made_older(folder: Path) -> None:
    """Leave a gallery as the version before did."""
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        newer = ("vectors_beside", "patches_beside", "records_beside", "identities", "instances", "kept_out", "pulled")
        for table in (*newer, "cohort_members", "cohort_chosen", "cohorts", "fetched", "readings", "decisions"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = '0006'")


def test_a_gallery_of_the_version_before_is_read_and_migrated(copy: Callable[[], Path]) -> None:
    folder = copy()
    with open_gallery(folder) as gallery:
        before = everything(gallery)
    made_older(folder)
    with open_gallery(folder) as gallery:
        assert gallery_info(gallery).beside is None
        assert everything(gallery) == before
        migrate(gallery, NEW)
        migrate(gallery, back=True)
        assert everything(gallery) == before


def test_records_that_came_after_the_switch_are_encoded_before_going_back(
    copy: Callable[[], Path], tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    PIL.Image.fromarray(texture(700)).save(more / "late.png")
    with open_gallery(copy()) as gallery:
        migrate(gallery, NEW)
        index(gallery, [more])
        info = gallery_info(gallery).beside
        assert info is not None
        assert (info.former, info.encoded) == (True, 16)
        assert len(pending_records(gallery.store, 0, 10)) == 1
        assert migrate(gallery, back=True).encoded == 1
        assert len(vectors_by_id(gallery)) == 17
        assert {len(data[0]) for data in vectors_by_id(gallery).values()} == {4 * gallery.spec.dim}


def test_the_command_says_what_it_did(copy: Callable[[], Path]) -> None:
    folder = copy()
    done = run("gallery", "migrate", "--encoder", NEW, "--gallery", folder)
    assert done.exit_code == 0, done.output
    assert f"{NEW} answers from now on" in " ".join(done.output.split())
    assert "adapted" in done.output
    info = run("gallery", "info", "--gallery", folder)
    assert info.exit_code == 0, info.output
    assert NEW in info.output
    assert f"The vectors of {OLD}, which answered before, are kept" in " ".join(info.output.split())
    assert "room for one" in refusal(run("gallery", "migrate", "--encoder", "lite1-inner", "--gallery", folder))
    assert "answers already" in run("gallery", "migrate", "--encoder", NEW, "--gallery", folder).output
    assert run("gallery", "migrate", "--back", "--gallery", folder).exit_code == 0
    assert "MB" in run("gallery", "migrate", "--drop", "--gallery", folder).output
    with open_gallery(folder) as gallery:
        assert beside_encoder(gallery.store) is None
