"""What is deleted in the PACS is noticed, told, and removed where that is asked for; nothing else is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_pull import counts, quick, slices, traces

from dicoms import save
from lookalike.gallery import Gallery
from lookalike.verbs.index import index
from lookalike.verbs.pull import follow, pull
from lookalike.verbs.records import remove
from peers.dicomweb import Pacs, radiograph, serving

MakeGallery = Callable[..., Gallery]


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    """Six radiographs of four studies, two of them of one, and a series of slices."""
    with serving() as served:
        for number in range(6):
            served.store(radiograph(number, study=min(number, 4)))
        for ds in slices(21):
            served.store(ds)
        yield served


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_is_deleted_is_told_and_removed_when_asked(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    assert quick(gallery, pacs).added == 7
    assert quick(gallery, pacs).gone == 0
    del pacs.objects["1.9.1.1.1"]  # a study
    del pacs.objects["1.9.4.1.5"]  # one of the two pictures of another
    told = quick(gallery, pacs)
    assert (told.gone, told.removed, told.records) == (2, 0, 7)
    assert quick(gallery, pacs).gone == 2
    done = quick(gallery, pacs, remove_gone=True)
    assert (done.gone, done.removed, done.records) == (2, 2, 5)
    assert (quick(gallery, pacs, remove_gone=True).gone, gallery.store.count()) == (0, 5)
    pacs.store(radiograph(1))
    assert quick(gallery, pacs).added == 1
    gallery.close()
    assert not traces(gallery.folder)


def test_a_series_without_one_of_its_slices_is_gone_and_comes_again(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    quick(gallery, pacs)
    del pacs.objects["1.9.21.1.5"]
    assert counts(quick(gallery, pacs))[0] == 0
    done = quick(gallery, pacs, remove_gone=True)
    assert (done.gone, done.removed) == (1, 1)
    assert quick(gallery, pacs).added == 1
    assert {record.depth for record in gallery.store.records().values()} == {1, 5}


def test_only_what_the_same_query_listed_can_be_gone(make_gallery: MakeGallery, pacs: Pacs, tmp_path: Path) -> None:
    gallery = make_gallery()
    for number in range(2):
        index(gallery, [save(radiograph(30 + number), tmp_path / f"{number}.dcm")])  # of no PACS
    quick(gallery, pacs)
    narrow = f"{pacs.uri}?ModalitiesInStudy=CT"
    assert (pull(gallery, [narrow], stable=0).gone, gallery.store.count()) == (0, 9)
    pacs.objects = {uid: each for uid, each in pacs.objects.items() if each[0].Modality == "CT"}
    pacs.store(radiograph(50, study=21))
    assert pull(gallery, [narrow], stable=0).gone == 0
    assert quick(gallery, pacs).gone == 6
    with serving() as other:
        other.store(radiograph(60))
        assert quick(gallery, other, remove_gone=True).gone == 0


def test_where_a_list_may_lack_something_nothing_is_gone(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    quick(gallery, pacs)
    del pacs.objects["1.9.1.1.1"]
    whole, pacs.manners = pacs.manners, replace(pacs.manners, cap=1, ignores_offset=True)
    told = quick(gallery, pacs, remove_gone=True)
    assert (told.gone, bool(told.notes)) == (0, True)
    objects, pacs.objects, pacs.manners = pacs.objects, {}, whole
    assert quick(gallery, pacs, remove_gone=True).gone == 0  # a PACS that lists nothing at all
    pacs.objects = objects
    assert quick(gallery, pacs).gone == 1


def test_what_only_one_of_two_looks_misses_is_not_removed(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    quick(gallery, pacs)
    kept = pacs.objects.pop("1.9.1.1.1"), pacs.objects.pop("1.9.4.1.5")
    looks: list[str] = []

    def back(handler: object) -> bool:
        """The second time that the studies are listed, they are there again."""
        path = handler.path  # type: ignore[attr-defined]
        if path.startswith("/dicom-web/studies?") and "offset=0" in path:
            looks.append(path)
            if len(looks) == 2:
                pacs.objects.update({"1.9.1.1.1": kept[0], "1.9.4.1.5": kept[1]})
        return False

    pacs.manners.lists = back
    done = quick(gallery, pacs, remove_gone=True)
    assert (done.gone, done.removed, done.records) == (2, 0, 7)


def test_followed_it_is_noticed_too(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    looks = follow(gallery, [pacs.uri], every=0.01, stable=0.05, remove_gone=True)
    while gallery.store.count() < 7:
        next(looks)
    next(looks)
    del pacs.objects["1.9.1.1.1"]
    assert next(looks).removed == 1
    looks.close()


def test_records_that_are_removed_here_are_not_gone_there(make_gallery: MakeGallery, pacs: Pacs) -> None:
    gallery = make_gallery()
    quick(gallery, pacs)
    removed = next(record for record in gallery.store.records().values() if record.depth > 1)
    remove(gallery, [removed.id])
    for uid in [uid for uid in pacs.objects if ".21." in uid]:
        del pacs.objects[uid]
    assert quick(gallery, pacs).gone == 0
