"""Galleries of every revision of the tables: opened, brought up to date, answering as before, backed up.

The kept gallery of an earlier version (tests/answers/kept) is brought to each revision by the migrations up to it, as
whoever opened it with that version would have left it.
"""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from lookalike.errors import GalleryError
from lookalike.gallery import open_gallery
from lookalike.store.database import _HEAD, FILE
from lookalike.store.older import READABLE
from lookalike.verbs.backup import backup_gallery, restore_gallery, verify_gallery
from lookalike.verbs.classify import classify
from lookalike.verbs.gallery import adopt
from lookalike.verbs.records import browse
from lookalike.verbs.search import search

pytestmark = pytest.mark.sqlite_file

ARCHIVE = Path(__file__).parents[1] / "answers" / "kept" / "gallery.tar.gz"
KEPT = "0002"  # the revision of the kept gallery
CONFIG = Config()
CONFIG.set_main_option("script_location", "lookalike.store:migrations")
REVISIONS = sorted(each.revision for each in ScriptDirectory.from_config(CONFIG).walk_revisions())
LATER = ("patches", "jobs", "api_keys")  # tables that the first revision lacks


def of_revision(folder: Path, revision: str) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    file = folder / "kept" / FILE
    if revision < KEPT:
        with closing(sqlite3.connect(file)) as connection:
            for table in LATER:
                connection.execute(f"DROP TABLE {table}")
            connection.execute("DELETE FROM gallery WHERE name = 'patches'")
            connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
            connection.commit()
        return file.parent
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        CONFIG.attributes["connection"] = connection
        command.upgrade(CONFIG, revision)
    engine.dispose()
    return file.parent


def told(folder: Path) -> dict[str, Any]:
    with open_gallery(folder) as gallery:
        records = browse(gallery, limit=100).items
        return {
            "records": sorted((one.source, one.labels) for one in records),
            "base": {one.id: [(hit.id, hit.score) for hit in search(gallery, id=one.id, k=9).hits] for one in records},
            "findings": [(h.id, h.score) for h in search(gallery, id=records[0].id, k=9, space="findings").hits],
            "classified": [(each.label, each.probability) for each in classify(gallery, id=records[0].id).labels],
        }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the gallery says as it was kept, read and not brought up to date."""
    return told(of_revision(tmp_path_factory.mktemp("kept"), KEPT))


def test_every_revision_is_one_that_is_tested() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    assert (REVISIONS[-1], tuple(REVISIONS[1:-1])) == (_HEAD, READABLE)


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_gallery_of_it_is_brought_up_to_date_and_answers_as_before(
    revision: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    folder = of_revision(tmp_path, revision)
    if revision == REVISIONS[0]:
        with pytest.raises(GalleryError, match="revision '0001'"):
            open_gallery(folder)  # it is not this user's, and lacks what only a migration can give
    else:
        assert told(folder) == expected
    adopt(folder)
    with closing(sqlite3.connect(folder / FILE)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (_HEAD,)
    assert told(folder) == expected
    assert verify_gallery(folder).sound
    with open_gallery(folder) as gallery:
        backup_gallery(gallery, tmp_path / "b")
    restore_gallery(tmp_path / "b", tmp_path / "again")
    assert told(tmp_path / "again") == expected
