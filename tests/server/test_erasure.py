"""What is removed is gone from the disk: not only from the answers, but from the bytes of the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import PIL.Image
import pytest
from served import API, Server, make_gallery, serving

from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

LABEL, PLACE, FILE = "zyxomma-label", "quaggy-hospital", "vibex-file"
WORDS = tuple(word.encode() for word in (LABEL, PLACE, FILE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The twelve pictures, and one person whose label, hospital and file name are like nobody's."""
    gallery, files = make_gallery(tmp_path), tmp_path / "person"
    files.mkdir()
    for seed in (700, 701):
        ds = data_set(texture(seed), Modality="CR", PatientID="X", SOPInstanceUID=f"1.2.{seed}")
        save(ds, files / f"{FILE}-{seed}.dcm")
    rows = [f"{FILE}-{seed}.dcm,{LABEL},{PLACE}" for seed in (700, 701)]
    (files / "labels.csv").write_text("\n".join(["file,label,site", *rows]) + "\n")
    with open_gallery(gallery) as opened:
        assert index(opened, [files], labels=files / "labels.csv").added == 2
    return gallery


def on_disk(folder: Path) -> bytes:
    """The database with its write-ahead log."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("gallery.db*")))


def removed(server: Server, route: str) -> int:
    items = server.get("/records", params={"where": f"label={LABEL}"}).json()["items"]
    names = sorted({one["patient"] for one in items}) if route == "patients" else [one["id"] for one in items]
    for name in names:
        assert server.http.delete(f"{API}/{route}/{name}").status_code == 200
    return len(items)


@pytest.mark.parametrize("route", ["patients", "records"])
def test_no_byte_of_a_removed_person_is_left(folder: Path, route: str) -> None:
    with serving(folder) as server:
        # What is shown and labelled just before stands in the write-ahead log.
        ids = [one["id"] for one in server.get("/records", params={"where": f"label={LABEL}"}).json()["items"]]
        labelled = server.post("/labels", {"ids": ids, "add": [f"{LABEL}-2"], "remove": []}).json()
        assert labelled["changed"] == 2
        assert all(word in on_disk(folder) for word in WORDS)
        assert removed(server, route) == 2
        # At once, while the service goes on.
        assert [word for word in WORDS if word in on_disk(folder)] == []
    assert [word for word in WORDS if word in on_disk(folder)] == []


def test_removed_rows_are_overwritten_where_they_lay(folder: Path) -> None:
    """Also where the log is as it may be, and nothing else is written over them."""
    pictures = folder.parent / "more"
    pictures.mkdir()
    PIL.Image.fromarray(texture(900)).save(pictures / "more.png")
    with open_gallery(folder) as gallery:
        index(gallery, [pictures])  # so that the person's rows are in the database itself
    with closing(sqlite3.connect(folder / "gallery.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert all(word in (folder / "gallery.db").read_bytes() for word in WORDS)
    with serving(folder) as server:
        assert removed(server, "patients") == 2
    assert [word for word in WORDS if word in (folder / "gallery.db").read_bytes()] == []
