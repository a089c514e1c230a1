"""gallery migrate where records cannot be read again, or the encoder itself has changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from migrated import NEW, OLD
from running import answers, ids_of, run

from conftest import write_pictures
from lookalike.encoders import superseded_by
from lookalike.errors import GalleryError, ManifestMismatchError, UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.damage import damage_of
from lookalike.store.spaces import change_encoder
from lookalike.verbs.doctor import doctor
from lookalike.verbs.gallery import gallery_info
from lookalike.verbs.index import index
from lookalike.verbs.migrate import migrate
from lookalike.verbs.search import search


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Gallery, Path]]:
    """A gallery whose sources are the test's own."""
    sources = write_pictures(tmp_path / "sources")
    with open_gallery(tmp_path / "own", create=True, encoder=OLD) as gallery:
        index(gallery, [sources], labels=sources / "labels.csv")
        yield gallery, sources


def test_records_that_cannot_be_read_again_are_counted_and_left_out_only_if_wanted(
    own: tuple[Gallery, Path], tmp_path: Path
) -> None:
    gallery, sources = own
    ids = {record.source.rpartition("/")[2]: record.id for record in gallery.store.records().values()}
    (sources / "p00.png").rename(tmp_path / "p00.png")
    (sources / "p01.png").rename(tmp_path / "p01.png")
    shutil.copy(sources / "p02.png", sources / "p01.png")
    before = answers(gallery, ids_of(gallery))
    with pytest.raises(GalleryError, match=r"2 of 12 records cannot be encoded again: 1 changed .*, 1 gone .* kept"):
        migrate(gallery, NEW)
    assert answers(gallery, ids_of(gallery)) == before
    info = gallery_info(gallery).beside
    assert info is not None
    assert (info.encoded, dict(info.missing)) == (10, {"changed": 1, "gone": 1})
    done = migrate(gallery, NEW, without_missing=True)
    assert (done.switched, done.encoded, dict(done.left_out)) == (True, 0, {"changed": 1, "gone": 1})
    assert gallery_info(gallery).without_vectors == 2
    assert gallery.store.record(ids["p00.png"]).labels == ("even",)
    found = search(gallery, sources / "p05.png", k=12, same_patient=True)
    assert len(found.hits) == 10
    assert not {ids["p00.png"], ids["p01.png"]} & {hit.id for hit in found.hits}
    with pytest.raises(UsageError, match="bring the file back"):
        search(gallery, id=ids["p00.png"])
    assert damage_of(gallery.store).read_again == frozenset()
    assert not gallery.holds_volumes()
    assert doctor(gallery).healthy
    for name in ("p00.png", "p01.png"):
        (tmp_path / name).replace(sources / name)
    index(gallery, [sources])
    assert len(search(gallery, sources / "p05.png", k=12, same_patient=True).hits) == 12
    assert gallery_info(gallery).without_vectors == 0
    back = migrate(gallery, back=True)
    assert back.encoded == 0
    assert answers(gallery, ids_of(gallery)) == before


def test_a_source_outside_of_the_allowed_folders_is_not_opened(own: tuple[Gallery, Path], tmp_path: Path) -> None:
    gallery, sources = own
    (tmp_path / "secret").mkdir()
    (sources / "p04.png").replace(tmp_path / "secret" / "p04.png")
    (sources / "p04.png").symlink_to(tmp_path / "secret" / "p04.png")
    with pytest.raises(GalleryError, match="1 outside"):
        migrate(gallery, NEW)


def test_a_gallery_whose_encoder_has_changed_is_brought_to_the_one_that_is_installed(own: tuple[Gallery, Path]) -> None:
    gallery, sources = own
    before = answers(gallery, ids_of(gallery))
    stored = dict(gallery.encoding)
    earlier = {**stored, "identity": {**stored["identity"], "revision": "of before"}}
    with gallery.store.begin(write=True) as connection:
        change_encoder(connection, earlier)
    with pytest.raises(ManifestMismatchError, match=f"lookalike gallery migrate --encoder {OLD}"):
        search(gallery, sources / "p01.png")
    assert migrate(gallery, OLD).encoded == 12
    assert answers(gallery, ids_of(gallery)) == before
    with pytest.raises(ManifestMismatchError, match="differs"):
        migrate(gallery, back=True)


def test_a_gallery_says_that_a_better_encoder_is_known(own: tuple[Gallery, Path]) -> None:
    gallery, _sources = own
    assert gallery_info(gallery).better == "lite0"
    assert superseded_by("lite0") == superseded_by(NEW) == ""
    said = " ".join(run("gallery", "info", "--gallery", gallery.folder).output.split())
    sentence = f"is better than {OLD} for new pictures: lookalike gallery migrate --encoder lite0"
    assert f"Lite0 {sentence}" in said
    assert any(check.detail == f"lite0 {sentence}" for check in doctor(gallery).checks)
