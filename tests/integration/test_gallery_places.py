"""gallery list, rename and copy: another name, another place, and what stays whose."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import lookalike
from conftest import write_pictures
from lookalike.backups import backups_of
from lookalike.cli import main
from lookalike.errors import GalleryError, LockedError, UsageError
from lookalike.gallery import open_gallery
from lookalike.verbs.backup import list_backups
from lookalike.verbs.erase import erase_patient
from lookalike.verbs.galleries.places import copy_gallery, list_galleries, rename_gallery
from lookalike.verbs.gallery import gallery_info
from lookalike.verbs.keys import add_key, list_keys
from lookalike.verbs.records import browse
from lookalike.verbs.search import search


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A gallery of twelve pictures, of which it keeps six itself."""
    pictures = write_pictures(tmp_path / "pictures")
    with open_gallery(tmp_path / "galleries" / "chest", create=True) as gallery:
        own = gallery.folder / "sources" / "upload"
        own.mkdir(parents=True)
        for picture in sorted(pictures.glob("*.png"))[:6]:
            picture.rename(own / picture.name)
        lookalike.index(gallery, [pictures, own], labels=pictures / "labels.csv")
    return tmp_path / "galleries" / "chest"


def answers(folder: Path) -> list[tuple[str, float]]:
    with open_gallery(folder) as gallery:
        first = browse(gallery, limit=1)[0].id
        hits = search(gallery, id=first, k=11, pictures=True).hits
        return [(hit.id, round(hit.score, 6)) for hit in hits]


def test_galleries_are_listed_with_what_cannot_be_opened(folder: Path) -> None:
    (folder.parent / "no-gallery").mkdir()
    damaged = folder.parent / "damaged"
    damaged.mkdir()
    (damaged / "gallery.db").write_bytes(b"no database" * 100)
    found = list_galleries([folder.parent])
    assert [(each.name, each.records, each.encoder, each.owned) for each in found] == [
        ("chest", 12, "lite0", True),
        ("damaged", None, "", None),
    ]
    assert not found[0].note
    assert found[1].note
    assert list_galleries([folder])[0] == found[0]
    with pytest.raises(UsageError, match="no folder"):
        list_galleries([folder.parent / "nothing"])


def test_a_renamed_gallery_is_the_same_one(folder: Path) -> None:
    before = answers(folder)
    with open_gallery(folder) as gallery:
        add_key(gallery, "station", role="reader")
    result = rename_gallery(folder, "thorax")
    assert (result.folder, result.relocated) == (str(folder.parent / "thorax"), 6)
    assert not folder.exists()
    assert answers(Path(result.folder)) == before
    with open_gallery(result.folder) as gallery:
        assert [key.name for key in list_keys(gallery)] == ["station"]
        assert all(gallery.places.is_there(each.source) for each in browse(gallery, limit=12))
        assert gallery_info(gallery).name == "thorax"


@pytest.mark.sqlite_file  # of records in a PostgreSQL nobody knows who reads them
def test_who_has_it_open_keeps_its_name(folder: Path) -> None:
    reading = (
        "import sys, lookalike\n"
        "gallery = lookalike.open(sys.argv[1])\n"
        "gallery.store.hold()\n"
        "print(gallery.store.count(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", reading, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "12\n"
        with pytest.raises(LockedError, match="open"):
            rename_gallery(folder, "thorax")
        assert other.stdin
        other.stdin.close()
    assert answers(folder)
    for name in ("", ".", "../elsewhere", "a/b", "chest"):
        with pytest.raises(UsageError):
            rename_gallery(folder, name)
    with pytest.raises(GalleryError, match="no gallery"):
        rename_gallery(folder.parent / "nothing", "thorax")


def test_a_copy_answers_alike_and_an_erasure_tells_of_it(folder: Path, tmp_path: Path) -> None:
    before = answers(folder)
    with open_gallery(folder) as gallery:
        made = copy_gallery(gallery, tmp_path / "copy")
        assert made.records == 12
        (noted,) = backups_of(gallery.store.id)
        assert noted.path == made.folder
        patient = browse(gallery, limit=1)[0].patient
        proof = erase_patient(gallery, patient=patient, by="nobody")
        assert [each.holds for each in proof.backups] == [True]
        assert list_backups(gallery)[0].there
        with pytest.raises(UsageError, match="already"):
            copy_gallery(gallery, tmp_path / "copy")
    assert answers(Path(made.folder)) == before
    with open_gallery(made.folder) as copied:
        assert copied.owned
        assert sum(str(copied.folder) in each.source for each in browse(copied, limit=12)) == 6
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "galleries", "copy"}


def test_the_commands_say_where_it_is(folder: Path) -> None:
    told = CliRunner().invoke(main, ["gallery", "rename", "thorax", "--gallery", str(folder), "--json"])
    assert json.loads(told.stdout) == {"folder": str(folder.parent / "thorax"), "relocated": 6}
    words = CliRunner().invoke(main, ["gallery", "rename", "heart", "--gallery", str(folder.parent / "thorax")]).stdout
    assert f"lies in {folder.parent / 'heart'} now" in words.replace("\n", " ")
    listed = CliRunner().invoke(main, ["gallery", "list", str(folder.parent)]).stdout
    assert [line.split()[:3] for line in listed.splitlines()[1:]] == [["heart", "12", "lite0"]]
