"""What a gallery and a service take: bytes a record, processor time an image, memory. docs/sizing.md is made of it.

``python -m benchmarks sizing``. Nothing is compared, so nothing is judged; the counts are asserted.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.by_id import fill
from benchmarks.data import dicom_copies, folder
from benchmarks.report import Figure
from benchmarks.server_load import resident, serving, upload_to_hits
from lookalike.gallery import open_gallery

COPIES = 3  # of each file, so that what a gallery holds of its own weighs little
SERVED = (5_000, 100_000)  # whole transactions of `fill`
KINDS = (("as it is", ()), ("linked", ("--linked",)), ("with patches (ask by region)", ("--patches",)))
_COLUMNS = {"thumbnails": ("thumbnails", "jpeg"), "vectors": ("vectors", "data"), "patches": ("patches", "data")}
COMMAND = str(Path(sys.executable).with_name("lookalike"))


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock and of processors, and the largest process in bytes, of a command and what it starts."""

    wall: float
    cpu: float
    largest: int


def run(data: Path | None) -> list[Figure]:
    """Galleries of radiographs, and services over random unit vectors."""
    source = folder("chest-xray-dicom5", data)
    with tempfile.TemporaryDirectory() as scratch:
        copies = Path(scratch) / "copies"
        dicom_copies(source, copies, COPIES)
        stored = [figure for name, options in KINDS for figure in _stored(copies, Path(scratch), name, options)]
        return [*stored, *(_served(Path(scratch) / f"served-{count}", count) for count in SERVED)]


def _stored(files: Path, scratch: Path, name: str, options: tuple[str, ...]) -> Iterator[Figure]:
    gallery, count = scratch / name, len(list(files.rglob("*.dcm")))
    spent = _spent([COMMAND, "index", str(files), "--gallery", str(gallery), *options])
    with open_gallery(gallery) as opened:
        assert opened.store.count() == count, opened.store.refused()
        opened.index()
    size = sum(each.stat().st_size for each in gallery.rglob("*") if each.is_file())
    notes = (
        f"{count} radiographs of {_bytes_of(files) / count / 1e6:.2f} MB each, indexed in {spent.wall:.1f} s",
        *(f"{part:10} {length / count / 1e3:6.2f} kB" for part, length in _parts(gallery)),
    )
    yield Figure(f"sizing, bytes a record, {name}", size / count / 1e3, unit="kB", notes=notes)
    largest = f"the largest process had {spent.largest / 1e6:.0f} MB; starting is included"
    yield Figure(f"sizing, processor time an image, {name}", 1000 * spent.cpu / count, unit="ms", notes=(largest,))


def _bytes_of(files: Path) -> int:
    return sum(each.stat().st_size for each in files.rglob("*.dcm"))


def _spent(command: list[str]) -> Spent:
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Spent(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _parts(gallery: Path) -> Iterator[tuple[str, int]]:
    """What a gallery's bytes are: (name, bytes)."""
    database = gallery / "gallery.db"
    with closing(sqlite3.connect(database)) as opened:
        known = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        parts = {
            name: int(opened.execute(f"SELECT COALESCE(SUM(LENGTH({column})), 0) FROM {table}").fetchone()[0])
            for name, (table, column) in _COLUMNS.items()
            if table in known
        }
    yield from parts.items()
    yield "rows", database.stat().st_size - sum(parts.values())
    yield "indexes", sum(each.stat().st_size for each in (gallery / "indexes").rglob("*") if each.is_file())


def _served(gallery: Path, count: int) -> Figure:
    """Memory of a service that has answered: an upload to its hits, a few times."""
    with open_gallery(gallery, create=True) as opened:
        fill(opened, count)
        opened.index()
        assert opened.store.count() == count
    with serving(gallery) as (port, process):
        before = resident(process)
        for number in range(5):
            upload_to_hits(port, number)
        after = resident(process)
    size = sum(each.stat().st_size for each in gallery.rglob("*") if each.is_file())
    notes = (f"{before / 1e6:.0f} MB when it was ready; the folder has {size / 1e6:.0f} MB without thumbnails",)
    return Figure(f"sizing, memory of a service of {count:,} records", after / 1e6, unit="MB", notes=notes)
