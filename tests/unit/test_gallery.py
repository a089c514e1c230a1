"""An opened gallery: what it refuses, and when it makes its indexes anew."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike import encoders
from lookalike.errors import GalleryError, ManifestMismatchError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store import BASE, Batch, NewRecord
from lookalike.store.checksums import UNKNOWN
from lookalike.types import EncoderSpec
from lookalike.verbs.adapt import adapt
from lookalike.verbs.index import index

MakeGallery = Callable[..., Gallery]


def add(gallery: Gallery, *numbers: int) -> None:
    rows = []
    for number in numbers:
        vector = np.random.default_rng(number).standard_normal((1, gallery.spec.dim)).astype(np.float32)
        vector /= np.linalg.norm(vector)
        rows.append(NewRecord(f"/{number}", f"{number:064x}", 0, f"p{number}", (f"c{number % 2}",), {}, vector, b""))
    gallery.store.write(Batch(records=rows))


def change_space(folder: Path, name: str, **fields: Any) -> None:
    """What another version of lookalike, or another encoder, would have written."""
    with sqlite3.connect(folder / "gallery.db") as connection:
        (said,) = connection.execute("SELECT encoder FROM spaces WHERE name = ?", [name]).fetchone()
        encoder = json.loads(said)
        encoder["identity"].update(fields)
        connection.execute(
            "UPDATE spaces SET encoder = ?, checksum = ? WHERE name = ?", [json.dumps(encoder), UNKNOWN, name]
        )


def test_a_gallery_is_made_once_and_opened_again(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery:
        add(gallery, 1)
        made = gallery.store.id
        assert repr(gallery) == f"<Gallery 'g': 1 records, encoder {encoders.DEFAULT}>"
    for create in (False, True):
        with open_gallery(tmp_path / "g", create=create) as gallery:
            assert (gallery.store.id, gallery.store.count()) == (made, 1)


def test_no_gallery_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="lookalike index FOLDER --gallery g"):
        open_gallery(tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("g", "file"):
        with pytest.raises(GalleryError, match="is there already and is no gallery"):
            open_gallery(tmp_path / name, create=True)
    assert [path.name for path in (tmp_path / "g").iterdir()] == ["thesis.tex"]


def test_who_looks_at_a_gallery_that_is_being_made_chooses_nothing_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of two who make it the first one names the encoder; the other is told."""
    present, looked = encoders.present, list[str]()

    def look(name: str) -> EncoderSpec:
        monkeypatch.setattr(encoders, "present", present)
        with pytest.raises(GalleryError, match="is being made, or making it was cut short: try again"):
            open_gallery(tmp_path / "g")
        looked.append(name)
        if name == "lite0-last":
            open_gallery(tmp_path / "g", create=True, encoder="lite0-inner").close()
        return present(name)

    monkeypatch.setattr(encoders, "present", look)
    with open_gallery(tmp_path / "g", create=True, encoder="lite0-inner") as gallery:
        assert gallery.spec.name == "lite0-inner"
    shutil.rmtree(tmp_path / "g")
    monkeypatch.setattr(encoders, "present", look)
    with pytest.raises(UsageError, match="made with the encoder 'lite0-inner', got 'lite0-last'"):
        open_gallery(tmp_path / "g", create=True, encoder="lite0-last")
    assert looked == ["lite0-inner", "lite0-last"]
    with open_gallery(tmp_path / "g") as gallery:  # whoever came second has not removed it
        assert gallery.spec.name == "lite0-inner"


def test_another_encoder_is_refused(make_gallery: MakeGallery) -> None:
    make_gallery(encoder="lite0-last")
    assert make_gallery().spec.name == "lite0-last"
    assert make_gallery(encoder="lite0-last").spec.dim == 1280
    with pytest.raises(UsageError, match=r"made with the encoder 'lite0-last', got 'lite0-inner'"):
        make_gallery(encoder="lite0-inner")
    assert make_gallery(encoder="auto").encoder_note == ""  # a gallery keeps its encoder
    with pytest.raises(UsageError, match=r"no encoder is called 'lite0-iner'.*Did you mean 'lite0-inner'"):
        make_gallery("other", encoder="lite0-iner")


@pytest.mark.sqlite_file
@pytest.mark.parametrize("part", ["revision", "preprocessing_hash"])
def test_an_encoder_that_has_changed_is_refused(make_gallery: MakeGallery, part: str) -> None:
    add(make_gallery(), 1)
    change_space(make_gallery().folder, BASE, **{part: "0" * 16})
    again = make_gallery()
    with pytest.raises(ManifestMismatchError, match=rf"differs from the one that made this gallery \({part}\)"):
        again.spec  # noqa: B018 - the property says whether it may be used
    with pytest.raises(ManifestMismatchError):
        again.index()


def test_an_index_is_kept_until_the_vectors_change(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, 1, 2)
    path = gallery.folder / "indexes" / "base.index"
    first = gallery.index()
    assert len(first) == 2
    assert gallery.index() is first
    written = path.stat()

    other = make_gallery()  # another process, as it were
    assert len(other.index()) == 2
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    add(other, 3)
    assert len(gallery.index()) == 3
    assert path.stat().st_size > written.st_size


def test_the_index_of_another_gallery_is_not_taken(make_gallery: MakeGallery) -> None:
    one, two = make_gallery("one"), make_gallery("two")
    add(one, 1, 2)
    add(two, 3, 4)
    one.index()
    for name in ("base.index", "base.json"):
        (two.folder / "indexes").mkdir(exist_ok=True)
        (two.folder / "indexes" / name).write_bytes((one.folder / "indexes" / name).read_bytes())
    stored = two.store.vectors()
    keys, scores = two.index().search(stored.vectors, 1)
    assert keys[:, 0].tolist() == stored.keys.tolist()
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-5)


def test_an_adapted_space_follows_its_adapter(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    add(gallery, *range(12))
    adapt(gallery, "findings", kind="linear", seed=0)
    adapter = gallery.adapter("findings")
    assert gallery.adapter("findings") is adapter
    stored = gallery.store.vectors()
    projected = gallery.project(stored.vectors, "findings")
    keys, scores = gallery.index("findings").search(projected[:3], 12)
    similar = projected[:3] @ projected.T
    np.testing.assert_allclose(scores, -np.sort(-similar, axis=1), atol=1e-5)
    assert keys[:, 0].tolist() == stored.keys[:3].tolist()
    assert gallery.project(stored.vectors, BASE) is stored.vectors

    add(gallery, 20, 21)
    assert len(gallery.index("findings")) == 14
    with pytest.raises(UsageError, match=r"a space 'findings' already.*--replace"):
        adapt(gallery, "findings", kind="linear", seed=1)
    assert gallery.adapter("findings") is adapter
    adapt(gallery, "findings", kind="linear", seed=1, replace=True)
    assert gallery.adapter("findings") is not adapter
    assert len(gallery.index("findings")) == 14


def test_one_writer_at_a_time(make_gallery: MakeGallery) -> None:
    one, two = make_gallery(), make_gallery()
    with one.writing(), pytest.raises(GalleryError, match="another process is writing"), two.writing():
        pass
    with two.writing():
        pass


def test_auto_takes_the_strongest_encoder_that_is_here_and_says_why(
    make_gallery: MakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = make_gallery("strong", encoder="auto")
    assert (gallery.spec.name, gallery.spec.dim) == ("lite012", 1184)
    result = index(gallery, [])
    assert result.notes[0].startswith("lite012, the strongest encoder that needs no download, at 4.9 times the time")
    monkeypatch.setattr("lookalike.encoders.families.lite.installed", lambda package: "lite0" in package)
    assert encoders.choose_encoder()[0] == "lite0"
    assert "lookalike[lite]" in encoders.choose_encoder()[1]
