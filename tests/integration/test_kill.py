"""`kill -9` at any moment: what was acknowledged stays, nothing comes twice, a second run finishes the job."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import psutil
import pytest
from running import COMMAND, answers, described, ids_of, patients, python

from conftest import texture
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.index import index

PICTURES = 140


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three transactions' worth of pictures, one file of five pages, one file twice, one broken, and a table."""
    folder = tmp_path_factory.mktemp("kill") / "pictures"
    folder.mkdir()
    rows = ["file,label,patient_id,age"]
    for i in range(PICTURES):
        PIL.Image.fromarray(texture(i)).save(folder / f"p{i:03}.png")
        rows.append(f"p{i:03}.png,{'even' if i % 2 == 0 else 'odd'}|all,patient-{i % 50},{i}")
    pages = [PIL.Image.fromarray(texture(1000 + i)) for i in range(5)]
    pages[0].save(folder / "p100-pages.tif", save_all=True, append_images=pages[1:])
    (folder / "p150-again.png").write_bytes((folder / "p000.png").read_bytes())
    (folder / "p160-broken.png").write_bytes((folder / "p001.png").read_bytes()[:100])
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def start(collection: Path, gallery: Path) -> subprocess.Popen[bytes]:
    command = [COMMAND, "index", collection, "--gallery", gallery, "--labels", collection / "labels.csv"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(happened: Callable[[], Any], seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@dataclass(frozen=True)
class Truth:
    """What an undisturbed run gives; seconds from the gallery's birth to its first records, and on to the end."""

    described: dict[str, tuple[Any, ...]]
    patients: set[frozenset[str]]
    refused: list[Any]
    ids: list[str]
    answers: list[tuple[Any, ...]]
    starting: float
    storing: float


def queries(ids: list[str]) -> list[str]:
    return ids[::29]


@pytest.fixture(scope="module")
def truth(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("undisturbed") / "gallery"
    with start(collection, folder) as process:
        wait_for((folder / "gallery.db").exists)
        born = time.monotonic()
        wait_for(lambda: acknowledged(folder))
        first = time.monotonic()
        process.communicate()
        last = time.monotonic()
    assert process.returncode == 0
    with open_gallery(folder) as gallery:
        ids = ids_of(gallery)
        assert len(ids) == PICTURES + 5
        return Truth(
            described(gallery),
            patients(gallery),
            gallery.store.refused(),
            ids,
            answers(gallery, queries(ids)),
            first - born,
            last - first,
        )


def acknowledged(folder: Path) -> set[str]:
    """The ids of the records that another process can see at this moment."""
    database = folder / "gallery.db"
    if not database.exists():
        return set()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return {row[0] for row in connection.execute("SELECT id FROM records")}
        except sqlite3.OperationalError:  # its tables are not drawn yet
            return set()


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_after(stored: int, delay: float, collection: Path, folder: Path) -> set[str]:
    """Start, wait until the gallery is there and holds so many records, wait a little, kill.

    Returns the ids of the records that were acknowledged just before.
    """
    with start(collection, folder) as process:
        wait_for(lambda: (folder / "gallery.db").exists() or process.poll() is not None)
        wait_for(lambda: len(acknowledged(folder)) >= stored or process.poll() is not None)
        time.sleep(delay)
        workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        seen = acknowledged(folder)
        process.kill()
        process.communicate()
    wait_for(lambda: not any(map(alive, workers)))  # nobody is left to decode for nobody
    return seen


def check(gallery: Gallery, truth: Truth) -> None:
    with gallery.store.begin() as connection:
        count = {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("records", "vectors", "thumbnails", "files")
        }
    assert count == {
        "records": PICTURES + 5,
        "vectors": PICTURES + 5,
        "thumbnails": PICTURES + 5,
        "files": PICTURES + 1,
    }
    assert described(gallery) == truth.described
    assert patients(gallery) == truth.patients
    assert gallery.store.refused() == truth.refused
    for found, wanted in zip(answers(gallery, queries(truth.ids)), truth.answers, strict=True):
        assert found[:3] + found[4:] == wanted[:3] + wanted[4:]
        assert found[3] == pytest.approx(wanted[3], abs=1e-6)


def kill_and_run_again(moments: int, seed: int, collection: Path, truth: Truth, folder: Path) -> None:
    chance = random.Random(seed)
    interrupted = 0
    for number in range(moments):
        path = folder / f"gallery-{number}"
        # From the first table to the last index file; on a fast day some moments come after the end.
        stored = chance.choice([0, 0, 1, 1, 65])
        delay = chance.random() * (truth.storing / 3 if stored else truth.starting)
        seen = kill_after(stored, delay if number else 0, collection, path)
        left = acknowledged(path)
        assert seen <= left <= set(truth.ids)
        interrupted += len(left) < len(truth.ids)
        with open_gallery(path, create=True) as gallery:
            result = index(gallery, [collection], labels=collection / "labels.csv")
            assert result.added == len(truth.ids) - len(left)
            assert seen <= set(ids_of(gallery))
            check(gallery, truth)
    assert interrupted


@pytest.mark.slow
def test_killed_at_four_moments(collection: Path, truth: Truth, tmp_path: Path) -> None:
    kill_and_run_again(4, 0, collection, truth, tmp_path)


@pytest.mark.slow
def test_killed_at_thirty_moments(collection: Path, truth: Truth, tmp_path: Path) -> None:
    kill_and_run_again(30, 1, collection, truth, tmp_path)


@pytest.mark.sqlite_file
@pytest.mark.parametrize(
    "step", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("create", "replace", "switch")), "write"]
)
def test_killed_at_every_sql_statement(step: str, tmp_path: Path) -> None:
    """Creating a gallery, storing a batch, replacing vectors and labels, switching encoders: wholly done, or not."""
    run = python(Path(__file__).with_name("killed_at_statement.py"), tmp_path / "gallery", step)
    assert run.returncode == 0, run.stderr
    *killed, done = run.stdout.splitlines()
    assert len(killed) > 20
    assert all(line.startswith("killed ") for line in killed)
    assert done.startswith("done ")
    before = {line.removeprefix("killed ") for line in killed}
    if step == "create":
        assert before == {done.removeprefix("done ")}  # opened again, it is drawn to its end
    else:
        assert len(before) == 1
        assert done.removeprefix("done ") not in before
