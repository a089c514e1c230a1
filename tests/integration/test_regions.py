"""Searching by a region: planted patterns are found where they lie, whatever else a picture shows."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from lookalike.errors import DamagedFileError, NotFoundError, UsageError
from lookalike.evaluation.protocols.localisation import heat_inside, intersection_over_union
from lookalike.gallery import Gallery, open_gallery
from lookalike.store.patches import kept, patched_records
from lookalike.types import Box
from lookalike.verbs.explain import explain
from lookalike.verbs.index import index
from lookalike.verbs.search import search
from planted import SIDE, SPOT, plant, scene
from started import ran

MakeGallery = Callable[..., Gallery]
PLANTED, PICTURES = 5, 30


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Box]]:
    """Thirty pictures of thirty patients, some wide, some tall; five hold the pattern. And where they do."""
    folder = tmp_path_factory.mktemp("regions") / "pictures"
    folder.mkdir()
    random, boxes = np.random.default_rng(3), {}
    rows = ["file,label,patient_id"]
    for number in range(PICTURES):
        name, picture = f"p{number:02}.png", scene(number)[: SIDE - 40 * (number % 3), : SIDE - 25 * (number % 2)]
        picture = picture.copy()
        if number < PLANTED:
            left, top = (int(random.integers(0, length - SPOT)) for length in picture.shape[::-1])
            boxes[name] = plant(picture, left, top)
        PIL.Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / name)
        rows.append(f"{name},{'a' if number % 2 else 'b'},patient-{number}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder, boxes


@pytest.fixture(scope="module")
def indexed(collection: tuple[Path, dict[str, Box]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection indexed with patches."""
    folder = tmp_path_factory.mktemp("indexed") / "gallery"
    with open_gallery(folder, create=True) as gallery:
        index(gallery, [collection[0]], labels=collection[0] / "labels.csv", patches=True)
    return folder


@pytest.fixture
def gallery(indexed: Path, tmp_path: Path) -> Iterator[Gallery]:
    """A copy of it, to be changed at will."""
    shutil.copytree(indexed, tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as opened:
        yield opened


def test_planted_patterns_are_found_where_whole_pictures_are_not(
    gallery: Gallery, collection: tuple[Path, dict[str, Box]]
) -> None:
    folder, boxes = collection
    found, by_picture, overlaps = [], [], []
    for name, box in boxes.items():
        hits = search(gallery, folder / name, box=box, k=PLANTED - 1).hits
        found += [Path(hit.source).name in boxes for hit in hits]
        overlaps += [
            intersection_over_union(hit.region.box, boxes[Path(hit.source).name])
            for hit in hits
            if hit.region is not None and Path(hit.source).name in boxes
        ]
        whole = search(gallery, folder / name, k=PLANTED - 1).hits
        by_picture += [Path(hit.source).name in boxes for hit in whole]
        assert name not in {Path(hit.source).name for hit in hits}
    assert np.mean(found) >= 0.95
    assert np.mean(by_picture) <= 0.5
    assert np.mean(overlaps) >= 0.6
    assert min(overlaps) >= 0.25


def test_a_region_alone(gallery: Gallery, collection: tuple[Path, dict[str, Box]], tmp_path: Path) -> None:
    """Without its context it is found too, whatever lies around it in the query."""
    folder, boxes = collection
    for name, box in boxes.items():
        hits = search(gallery, folder / name, box=box, k=PLANTED - 1, context=False).hits
        assert {Path(hit.source).name for hit in hits} == set(boxes) - {name}
        with PIL.Image.open(folder / name) as picture:
            other = scene(77)[: picture.height, : picture.width].clip(5, 250).astype(np.uint8)
        left, top = round(box[0] * other.shape[1]), round(box[1] * other.shape[0])
        moved = other.astype(float)
        plant(moved, left, top)
        elsewhere = search(gallery, moved.astype(np.uint8), box=box, k=PLANTED, context=False).hits
        assert {Path(hit.source).name for hit in elsewhere} == set(boxes)
    ids = {Path(record.source).name: record.id for record in gallery.store.records().values()}
    by_id = search(gallery, id=ids[name], box=box, k=PLANTED - 1, context=False).hits
    assert [(hit.id, hit.score) for hit in by_id] == [(hit.id, hit.score) for hit in hits]
    assert [hit.score for hit in hits] != [hit.score for hit in search(gallery, id=ids[name], box=box).hits]
    shown = explain(gallery, id=ids[name], record=hits[0].id, box=box, context=False)
    assert hits[0].region is not None
    assert shown.hit.box == hits[0].region.box


def test_a_mask_asks_as_its_box_does(gallery: Gallery, collection: tuple[Path, dict[str, Box]], tmp_path: Path) -> None:
    folder, boxes = collection
    name, box = next(iter(boxes.items()))
    with PIL.Image.open(folder / name) as picture:
        width, height = picture.size
    mask = np.zeros((height, width), np.uint8)
    left, top, right, bottom = (round(edge * length) for edge, length in zip(box, (width, height) * 2, strict=True))
    mask[top:bottom, left:right] = 255
    PIL.Image.fromarray(mask).save(tmp_path / "mask.png")
    answers = [search(gallery, folder / name, box=box, k=4).hits]
    for given in (mask > 0, tmp_path / "mask.png"):
        answers.append(search(gallery, folder / name, mask=given, k=4).hits)
    for other in answers[1:]:
        assert [(hit.id, hit.score) for hit in other] == [(hit.id, hit.score) for hit in answers[0]]
        for hit, same in zip(other, answers[0], strict=True):
            assert hit.region is not None
            assert same.region is not None
            np.testing.assert_allclose(hit.region.box, same.region.box, atol=0.01)
    with pytest.raises(UsageError, match="same shape"):
        search(gallery, folder / name, mask=np.ones((10, 40)))
    with pytest.raises(UsageError, match="above"):
        search(gallery, folder / name, mask=np.zeros((height, width)))


def test_filters_patients_and_ties(gallery: Gallery, collection: tuple[Path, dict[str, Box]]) -> None:
    folder, boxes = collection
    name, box = next(iter(boxes.items()))
    every = search(gallery, folder / name, box=box, k=100)
    assert len(every.hits) == every.records == PICTURES - 1
    assert every.note == f"only {PICTURES - 1} records may answer this query"
    scores = [hit.score for hit in every.hits]
    assert scores == sorted(scores, reverse=True)
    some = search(gallery, folder / name, box=box, k=100, where="label=a")
    assert [hit.id for hit in some.hits] == [hit.id for hit in every.hits if hit.labels == ("a",)]
    own = search(gallery, folder / name, box=box, k=1, same_patient=True).hits[0]
    assert Path(own.source).name == name
    assert own.score == pytest.approx(1, abs=1e-3)
    assert own.region is not None
    assert own.region.box == pytest.approx(box)
    by_id = search(gallery, id=own.id, box=box, k=100)
    assert [(hit.id, hit.score) for hit in by_id.hits] == [(hit.id, hit.score) for hit in every.hits]
    with pytest.raises(UsageError, match="no record has a field"):
        search(gallery, folder / name, box=box, where="site=north")


def test_what_cannot_be_asked(gallery: Gallery, collection: tuple[Path, dict[str, Box]]) -> None:
    query = collection[0] / "p00.png"
    box = (0.1, 0.1, 0.4, 0.4)
    with pytest.raises(UsageError, match="either a box or a mask"):
        search(gallery, query, box=box, mask=np.ones((4, 4)))
    with pytest.raises(UsageError, match="either a query"):
        search(gallery, box=box)
    with pytest.raises(UsageError, match="there is no slice 3"):
        search(gallery, query, box=box, slice=3)
    with pytest.raises(UsageError, match="k must be"):
        search(gallery, query, box=box, k=0)
    with pytest.raises(UsageError, match="no such file"):
        search(gallery, query, mask="nowhere.png")
    with pytest.raises(NotFoundError, match="no record has the id"):
        search(gallery, id="f" * 16, box=box)


def test_a_gallery_without_patches_gets_them(
    make_gallery: MakeGallery, gallery: Gallery, collection: tuple[Path, dict[str, Box]]
) -> None:
    folder, boxes = collection
    name, box = next(iter(boxes.items()))
    later = make_gallery("later")
    index(later, [folder], labels=folder / "labels.csv")
    vectors = later.store.vectors().vectors
    with pytest.raises(UsageError, match="lookalike index --patches"):
        search(later, folder / name, box=box)
    result = index(later, [folder], labels=folder / "labels.csv", patches=True)
    assert (result.added, result.skipped, result.records) == (0, PICTURES, PICTURES)
    np.testing.assert_array_equal(later.store.vectors().vectors, vectors)
    ours, theirs = (search(one, folder / name, box=box, k=10).hits for one in (later, gallery))
    assert [(hit.id, hit.score, hit.labels, hit.region) for hit in ours] == [
        (hit.id, hit.score, hit.labels, hit.region) for hit in theirs
    ]
    version = later.space("base").version
    assert index(later, [folder]).skipped == PICTURES  # nothing is missing: nothing is read
    assert later.space("base").version == version
    PIL.Image.fromarray(texture(99)).save(folder.parent / "new.png")
    index(later, [folder.parent / "new.png"])  # without asking again: the gallery keeps patches
    assert len(patched_records(later.store)) == PICTURES + 1


@pytest.mark.sqlite_file
def test_damaged_patches_are_named_and_made_anew(gallery: Gallery, collection: tuple[Path, dict[str, Box]]) -> None:
    folder, boxes = collection
    name, box = next(iter(boxes.items()))
    before = search(gallery, folder / name, box=box, k=4).hits
    with closing(sqlite3.connect(gallery.folder / "gallery.db")) as connection:
        connection.execute("UPDATE patches SET data = zeroblob(length(data)) WHERE record = 7")
        connection.execute("DELETE FROM patches WHERE record = 9")
        connection.commit()
    with pytest.raises(DamagedFileError, match="lookalike index --patches"):
        search(gallery, folder / name, box=box)
    assert search(gallery, folder / name, box=box, where="not source~p06").hits
    assert "1 records have no patches" in search(gallery, folder / name, box=box, where="source~p08").note
    assert index(gallery, [folder]).skipped == PICTURES
    assert search(gallery, folder / name, box=box, k=4).hits == before


def test_an_encoder_without_patches(make_gallery: MakeGallery, picture_folder: Path) -> None:
    gallery = make_gallery(encoder="lite0-inner+0.5*lite0-last")
    with pytest.raises(UsageError, match="gives no patch vectors"):
        index(gallery, [picture_folder], patches=True)
    assert not kept(gallery.store)
    index(gallery, [picture_folder])
    record = next(iter(gallery.store.records().values()))
    with pytest.raises(UsageError, match="gives no patch vectors"):
        explain(gallery, picture_folder / "p00.png", record=record.id)


def test_explain_shows_the_place(gallery: Gallery, collection: tuple[Path, dict[str, Box]]) -> None:
    folder, boxes = collection
    (first, box), (second, there) = list(boxes.items())[:2]
    ids = {Path(record.source).name: record.id for record in gallery.store.records().values()}
    shown = explain(gallery, folder / first, record=ids[second], box=box)
    hit = next(hit for hit in search(gallery, folder / first, box=box, k=100).hits if hit.id == ids[second])
    assert hit.region is not None
    assert shown.hit.box == hit.region.box
    assert shown.query.box == box
    assert shown.match is None
    for side in (shown.query, shown.hit):
        heat = np.array(side.heat)
        assert heat.shape == (side.rows, side.columns)
        assert heat.min() >= 0
        assert heat.max() <= 1
    area = (there[2] - there[0]) * (there[3] - there[1])
    assert heat_inside(shown.hit, there) > 1.5 * area
    whole = explain(gallery, id=ids[first], record=ids[second])
    assert whole.query.box is whole.hit.box is whole.match is None
    itself = explain(gallery, id=ids[first], record=ids[first])
    assert np.array(itself.query.heat).min() >= 0
    np.testing.assert_allclose(itself.query.heat, itself.hit.heat, atol=1e-3)
    with pytest.raises(NotFoundError, match="no space is called"):
        explain(gallery, id=ids[first], record=ids[second], space="nowhere")


def test_explain_reads_the_file_where_no_patches_are_stored(
    make_gallery: MakeGallery, gallery: Gallery, collection: tuple[Path, dict[str, Box]], tmp_path: Path
) -> None:
    folder, boxes = collection
    shutil.copytree(folder, tmp_path / "moved")
    (first, box), (second, _) = list(boxes.items())[:2]
    bare = make_gallery("bare")
    index(bare, [tmp_path / "moved"])
    ids = {Path(record.source).name: record.id for record in bare.store.records().values()}
    for region in (None, box):
        made, stored = (explain(one, folder / first, record=ids[second], box=region) for one in (bare, gallery))
        assert made == stored
    PIL.Image.fromarray(texture(5)).save(tmp_path / "moved" / second)  # another picture by now
    with pytest.raises(UsageError, match="can no longer be read"):
        explain(bare, folder / first, record=ids[second])
    (tmp_path / "moved" / second).unlink()
    with pytest.raises(UsageError, match="can no longer be read"):
        explain(bare, folder / first, record=ids[second], box=box)


def test_the_command(indexed: Path, collection: tuple[Path, dict[str, Box]], tmp_path: Path) -> None:
    folder, boxes = collection
    name, box = next(iter(boxes.items()))
    assert ran("index", folder, "-g", tmp_path / "g", "--patches").returncode == 0
    with open_gallery(tmp_path / "g") as made:
        assert len(patched_records(made.store)) == PICTURES
    asked = ["search", folder / name, "-g", indexed, "-k", "3"]
    edges = ",".join(map(str, box))
    figure = tmp_path / "where.png"
    drawn_one = ran(*asked, "--box", edges, "--figure", figure)
    assert "box" in drawn_one.stdout.splitlines()[0]
    with PIL.Image.open(figure) as drawn:
        assert drawn.width > 4 * 160
        cyan = (np.asarray(drawn.convert("RGB")) == (0, 229, 255)).all(axis=-1)
    assert cyan.sum() > 4 * 4 * SPOT * 160 / SIDE  # four boxes, their outlines two pixels wide
    told = ran(*asked, "--box", edges, "--json")
    hits = json.loads(told.stdout)["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert all(len(hit["region"]["box"]) == 4 for hit in hits)
    for wrong in (["--box", "1,2,3"], ["--box", "0.5,0,0.4,1"], ["--no-context"], ["--box", edges, "--text", "x"]):
        failed = ran(*asked, *wrong)
        assert failed.returncode != 0
        assert "Traceback" not in failed.stderr


def test_a_box_on_a_chest_radiograph(shared_data: Path, make_gallery: MakeGallery) -> None:
    files = sorted((shared_data / "chest-xray-dicom5").rglob("*.dcm"))[:24]
    gallery = make_gallery()
    index(gallery, files, patches=True)
    box = (0.1, 0.5, 0.45, 0.85)
    result = search(gallery, files[3], box=box, k=5)
    assert len(result.hits) == 5
    assert str(files[3]) not in {hit.source for hit in result.hits}
    for hit in result.hits:
        assert hit.region is not None
        left, top, right, bottom = hit.region.box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert hit.region.score == hit.score <= 1
    again = search(gallery, files[3], box=box, k=5)
    assert again.hits == result.hits
    shown = explain(gallery, files[3], record=result.hits[0].id, box=box)
    assert shown.hit.box == result.hits[0].region.box  # type: ignore[union-attr]
    assert np.array(shown.hit.heat).max() == 1
