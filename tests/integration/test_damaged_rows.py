"""Every column of every table with everything that it cannot hold: a named error or an answer, never a bug."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import write_pictures
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery, open_gallery
from lookalike.server.serialise import json_bytes
from lookalike.store.identities import dicom_identity, instances_there
from lookalike.store.reports import every_report
from lookalike.store.schema import METADATA
from lookalike.verbs.classify import classify
from lookalike.verbs.cohorts.cohorts import list_cohorts, show_cohort
from lookalike.verbs.curation.decisions import list_decisions
from lookalike.verbs.curation.labelling import label, label_log
from lookalike.verbs.curation.readings import list_readings
from lookalike.verbs.doctor import doctor
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.gallery import gallery_info
from lookalike.verbs.index import index
from lookalike.verbs.jobs import list_jobs, submit_job
from lookalike.verbs.records import browse, facets, read_report, refused
from lookalike.verbs.search import search
from said_more import say_more

WRONG: dict[str, str] = {
    "null": "NULL",
    "text": "'text'",
    "no utf-8": "CAST(x'ff00fe' AS TEXT)",
    "blob": "x'00ff'",
    "empty": "''",
    "negative": "-1",
    "huge": "9223372036854775807",
    "real": "1e308",
    "infinite": "9e999",
    "json list": "'[1, [], {}]'",
    "json object": "'{}'",
    "json number": "'7'",
    "deep json": "'" + "[" * 3000 + "'",
}
"""SQL of what no column may hold, or not this one."""

Case = tuple[tuple[str, str], str, str]
"""A table and its column, the kind of a wrong value, and which rows get it."""

COLUMNS = [(table.name, column.name) for table in METADATA.sorted_tables for column in table.columns]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with a row in every table."""
    root = tmp_path_factory.mktemp("rows")
    pictures = write_pictures(root / "pictures")
    (pictures / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    with open_gallery(root / "g", create=True, linked=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv")
        ids = [one.id for one in browse(gallery).items]
        label(gallery, ids[:2], set=["changed"], by="me")
        submit_job(gallery, "map", {"method": "tsne"}, "me")
        say_more(gallery, ids)
    return root / "g"


def asked(gallery: Gallery) -> Iterator[Callable[[], Any]]:
    """Everything that reads."""
    yield lambda: [one.id for one in browse(gallery).items]
    identity = browse(gallery).items[-1].id
    yield lambda: search(gallery, id=identity, k=3)
    yield lambda: search(gallery, id=identity, where="site=north and label~e", same_patient=True)
    yield lambda: facets(gallery)
    yield lambda: facets(gallery, where="label=even")
    yield lambda: classify(gallery, id=identity, k=3)
    yield lambda: evaluate(gallery, samples=2)
    yield lambda: label_log(gallery)
    yield lambda: read_report(gallery, identity)
    yield lambda: len(every_report(gallery.store).records)
    yield lambda: search(gallery, study=identity, same_patient=True)
    yield lambda: dicom_identity(gallery.store, identity).study_date
    yield lambda: sorted(instances_there(gallery.store, [gallery.store.instance_group("1.2.3.4")]))
    yield lambda: list_readings(gallery, "r")
    yield lambda: list_decisions(gallery)
    yield lambda: list_cohorts(gallery)
    yield lambda: show_cohort(gallery, "chosen")
    yield lambda: refused(gallery)
    yield lambda: list_jobs(gallery)
    yield lambda: gallery_info(gallery)
    yield lambda: gallery.store.thumbnail(gallery.store.record(identity).key)
    yield lambda: (gallery.store.hold(), search(gallery, id=identity, k=3))
    yield lambda: doctor(gallery)


def damaged(folder: Path, table: str, column: str, wrong: str, which: str) -> None:
    """Tables without their constraints, as damage leaves them, and a wrong value in one row or in all."""
    with closing(sqlite3.connect(folder / "gallery.db")) as connection, connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        names = ", ".join(f'"{name}"' for name in columns)
        keeps = (table, column) in (("records", "key"), ("vectors", "key"))  # SQLite itself holds these to numbers
        if not keeps:
            connection.execute(f"CREATE TABLE damaged AS SELECT {names} FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE damaged RENAME TO {table}")
        connection.execute(f'UPDATE OR IGNORE {table} SET "{column}" = {wrong} {which}')


def outcomes(sound: Path, folder: Path, table: str, column: str, wrong: str, which: str) -> list[str]:
    shutil.copytree(sound, folder, dirs_exist_ok=True)
    try:
        damaged(folder, table, column, wrong, which)
    except (sqlite3.IntegrityError, sqlite3.DataError):
        return []
    try:
        return [*answered(folder)]
    finally:
        shutil.rmtree(folder)


def answered(folder: Path) -> Iterator[str]:
    """What became of each question: the name of an error, or "answered". Anything but a named error is raised."""
    try:
        with open_gallery(folder) as gallery:
            for ask in asked(gallery):
                yield told(ask)
    except LookalikeError as error:
        yield named(error)


def told(ask: Callable[[], Any]) -> str:
    try:
        json_bytes(ask())
    except LookalikeError as error:
        return named(error)
    return "answered"


def named(error: LookalikeError) -> str:
    text = str(error)
    assert text.isprintable()
    return type(error).__name__


def tried(sound: Path, tmp_path: Path, cases: list[Case]) -> dict[str, str]:
    """The cases that ended in anything but an answer or a named error."""
    bugs = {}
    for (table, column), kind, which in cases:
        try:
            outcomes(sound, tmp_path / "g", table, column, WRONG[kind], which)
        except Exception as error:
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            at = f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else ""
            bugs[f"{table}.{column} {kind} {which}"] = f"{type(error).__name__} {error} {at}"
    return bugs


def cases(seed: int) -> list[Case]:
    """Every wrong value in every column, in one row or in all, in an order of chance."""
    every = [(at, kind, which) for at in COLUMNS for kind in WRONG for which in ("", "WHERE rowid = 1")]
    random.Random(seed).shuffle(every)
    return every


@pytest.mark.sqlite_file
def test_a_wrong_value_in_each_table_is_named(sound: Path, tmp_path: Path) -> None:
    one_a_table = {table: (at, *wrong) for at, *wrong in cases(0) for table in [at[0]]}
    assert tried(sound, tmp_path, list(one_a_table.values())) == {}


@pytest.mark.slow
def test_300_wrong_values_are_named(sound: Path, tmp_path: Path) -> None:
    assert tried(sound, tmp_path, cases(1)[:300]) == {}
