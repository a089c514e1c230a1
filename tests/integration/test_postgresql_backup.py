"""Backups of a gallery whose records are in a real PostgreSQL: of one moment, restored without one, moved back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import answers, described, ids_of, refusal, run
from sqlalchemy import Connection, Table

from conftest import write_pictures
from lookalike.errors import DamagedFileError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import copied_tables
from lookalike.store.database import FILE
from lookalike.store.edit import label_changes
from lookalike.store.place import STORE_FILE
from lookalike.verbs import records
from lookalike.verbs.backup import backup_gallery, restore_gallery, verify_gallery
from lookalike.verbs.curation import labelling
from peers.postgresql import PostgreSQL


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgreSQL) -> Path:
    """A gallery there, with something trained, labelled by hand and kept."""
    root = tmp_path_factory.mktemp("backups")
    pictures, folder = write_pictures(root / "pictures"), root / "chest"
    words = ["--gallery", folder, "--labels", pictures / "labels.csv", "--store", postgresql_server.url()]
    assert run("index", pictures, *words, "--patches").exit_code == 0
    assert run("adapt", "--gallery", folder, "--name", "lines", "--kind", "lda").exit_code == 0
    with open_gallery(folder) as gallery:
        labelling.label(gallery, ids_of(gallery)[:2], add=["by-hand"])
    return folder


def told(gallery: Gallery) -> dict[str, Any]:
    store = gallery.store
    return {
        "id": store.id,
        "records": described(gallery),
        "answers": answers(gallery, ids_of(gallery)),
        "spaces": sorted(store.spaces()),
        "version": store.version(),
        "log": [(one.action, one.by) for one in label_changes(store, None, 100)],
    }


def test_backed_up_restored_and_moved_on(chest: Path, tmp_path: Path, postgresql_server: PostgreSQL) -> None:
    """By commands, as docs/postgresql.md has them."""
    with open_gallery(chest) as gallery:
        before = told(gallery)
    made = run("gallery", "backup", tmp_path / "b", "--gallery", chest, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["counts"]["records"] == 12
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "b").rglob("*") if path.is_file()} == {0}
    assert not {STORE_FILE, f"{FILE}-wal"} & {path.name for path in (tmp_path / "b").iterdir()}
    assert run("gallery", "verify", tmp_path / "b").exit_code == 0
    assert (
        "1 backup" in run("gallery", "backups", "--gallery", chest).output
        or json.loads(run("gallery", "backups", "--gallery", chest, "--json").stdout)["items"]
    )

    again, url = tmp_path / "again", postgresql_server.url()
    assert run("gallery", "restore", tmp_path / "b", "--gallery", again).exit_code == 0
    assert (again / FILE).exists()
    with open_gallery(again) as gallery:
        assert told(gallery) == before
    assert run("gallery", "verify", again).exit_code == 0
    drop = re.search(r"DROP SCHEMA \S+ CASCADE", refusal(run("gallery", "migrate", "--store", url, "--gallery", again)))
    assert drop is not None  # the first one is there, and has the same id
    postgresql_server.ask(drop[0])
    assert run("gallery", "migrate", "--store", url, "--gallery", again).exit_code == 0
    with open_gallery(again) as gallery:
        assert told(gallery) == before
    with open_gallery(chest) as gallery:  # the tables are those of its id
        assert told(gallery) == before


def test_it_is_of_one_moment(chest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that are written after the first table was copied are in none of those that follow."""
    copy, written = copied_tables._copy, list[str]()
    with open_gallery(chest) as gallery, open_gallery(chest) as other:
        before = told(gallery)

        def copy_while_others_write(source: Connection, target: Connection, table: Table) -> None:
            copy(source, target, table)
            labelling.label(other, ids_of(other)[:1], add=[f"while-{table.name}"])
            written.append(f"while-{table.name}")

        monkeypatch.setattr(copied_tables, "_copy", copy_while_others_write)
        backup_gallery(gallery, tmp_path / "b")
        monkeypatch.undo()
        assert len(written) > 10
        assert told(gallery) != before
        restore_gallery(tmp_path / "b", tmp_path / "again")
        with open_gallery(tmp_path / "again") as restored:
            assert told(restored) == before
        assert verify_gallery(tmp_path / "again").sound


def test_a_row_that_was_not_copied_is_noticed(chest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copied_tables._copy

    def all_but_one(source: Connection, target: Connection, table: Table) -> None:
        copy(source, target, table)
        if table.name == "attributes":
            target.exec_driver_sql("DELETE FROM attributes WHERE rowid = (SELECT min(rowid) FROM attributes)")

    monkeypatch.setattr(copied_tables, "_copy", all_but_one)
    assert "attributes is not the same" in refusal(run("gallery", "backup", tmp_path / "b", "--gallery", chest))
    assert not list(tmp_path.iterdir())


def test_any_other_byte_is_found(chest: Path, tmp_path: Path) -> None:
    with open_gallery(chest) as gallery:
        backup_gallery(gallery, tmp_path / "b")
    data = bytearray((tmp_path / "b" / FILE).read_bytes())
    for place in np.random.default_rng(0).integers(0, len(data), 5).tolist():
        data[place] ^= 1
        (tmp_path / "b" / FILE).write_bytes(data)
        assert not verify_gallery(tmp_path / "b").sound
        with pytest.raises(DamagedFileError):
            restore_gallery(tmp_path / "b", tmp_path / "never")
        data[place] ^= 1


def test_a_copy_of_it_has_its_records_in_its_folder(chest: Path, tmp_path: Path) -> None:
    copied = run("gallery", "copy", tmp_path / "trial", "--gallery", chest)
    assert copied.exit_code == 0, copied.output
    with open_gallery(chest) as gallery, open_gallery(tmp_path / "trial") as trial:
        assert trial.store.database.name == FILE
        assert told(trial) == told(gallery)


def test_who_was_erased_meanwhile_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: PostgreSQL
) -> None:
    """An erasure after the rows were copied has the backup begun again."""
    pictures, folder = write_pictures(tmp_path / "pictures"), tmp_path / "g"
    words = ["--gallery", folder, "--labels", pictures / "labels.csv", "--store", postgresql_server.url()]
    assert run("index", pictures, *words).exit_code == 0
    with open_gallery(folder) as gallery:
        gone, *kept = ids_of(gallery)
        write, calls = type(gallery.store.database).write_snapshot, list[Path]()

        def write_then_erase(database: Any, place: Path) -> None:
            write(database, place)
            calls.append(place)
            if len(calls) == 1:
                records.remove(gallery, [gone])

        monkeypatch.setattr(type(gallery.store.database), "write_snapshot", write_then_erase)
        backup_gallery(gallery, tmp_path / "b")
        assert len(calls) == 2
    restore_gallery(tmp_path / "b", tmp_path / "again")
    with open_gallery(tmp_path / "again") as restored:
        assert sorted(ids_of(restored)) == sorted(kept)
