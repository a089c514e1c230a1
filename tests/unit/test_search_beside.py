"""search --beside: the rankings of two galleries of the same files, by two encoders, as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import write_pictures
from filled import fill
from lookalike import cli
from lookalike.errors import NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.verbs.index import index
from lookalike.verbs.search import search
from planar import MakeGallery, at, tree


@pytest.fixture
def both(make_gallery: MakeGallery) -> tuple[Gallery, Gallery, list[str]]:
    """Six pictures at angles in a plane; in the other gallery at other angles, of other patients, and a seventh."""
    gallery, other = make_gallery(), make_gallery("other")
    ids = tree(gallery)
    assert fill(other, [*at(other, (0, 70, 10, 52, 22, 36, 1))], [f"q{i // 2}" for i in range(7)])[:6] == ids
    return gallery, other, ids


def test_two_rankings_by_hand(both: tuple[Gallery, Gallery, list[str]]) -> None:
    """Here the others come as 1, 2, 3, 4, 5, there as (6), 2, 4, 5, 3, 1: 1 / (60 + rank) of both, summed. The seventh
    is not in this gallery, and does not count as a place.
    """
    gallery, other, ids = both
    found = search(gallery, id=ids[0], k=5, beside=other.folder)
    places = {1: (1, 5), 2: (2, 1), 3: (3, 4), 4: (4, 2), 5: (5, 3)}
    score = {i: 1 / (60 + here) + 1 / (60 + there) for i, (here, there) in places.items()}
    order = [2, 1, 4, 3, 5]
    assert order == sorted(score, key=lambda i: -score[i])
    assert [hit.id for hit in found.hits] == [ids[i] for i in order]
    assert [hit.score for hit in found.hits] == pytest.approx([score[i] for i in order], abs=1e-6)
    placed = [{each.ranking: each.rank for each in hit.placed} for hit in found.hits]
    assert placed == [{"picture": places[i][0], "other": places[i][1]} for i in order]
    assert "picture 1, other 1" in found.note


def test_this_gallery_says_who_may_answer(both: tuple[Gallery, Gallery, list[str]]) -> None:
    gallery, other, ids = both
    found = search(gallery, id=ids[0], beside=other.folder, where="sex=F")
    assert {hit.id for hit in found.hits} == {ids[2], ids[4]}
    assert ids[0] not in {hit.id for hit in search(gallery, id=ids[0], k=20, beside=other.folder).hits}
    assert ids[0] == search(gallery, id=ids[0], beside=other.folder, same_patient=True).hits[0].id


def test_a_filter_that_leaves_far_records_alone(make_gallery: MakeGallery) -> None:
    """What may answer lies behind more records of the other gallery than are looked at first."""
    gallery, other = make_gallery(), make_gallery("other")
    angles = [0, *(1 + i / 100 for i in range(300)), 80, 70]
    names, about = [f"p{i}" for i in range(303)], [{"site": "near"}] * 301 + [{"site": "far"}] * 2
    for each in (gallery, other):
        ids = fill(each, [*at(each, angles)], names, attributes=about)
    found = search(gallery, id=ids[0], beside=other.folder, where="site=far")
    assert [(hit.id, [each.rank for each in hit.placed]) for hit in found.hits] == [
        (ids[302], [1, 1]),
        (ids[301], [2, 2]),
    ]


def test_a_file_by_two_encoders(make_gallery: MakeGallery, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures")
    gallery, other = make_gallery("one"), make_gallery("two", encoder="lite0-last")
    for each in (gallery, other):
        index(each, [folder])
    query = min(folder.glob("*.png"))
    alone = [[hit.id for hit in search(each, query, k=50).hits] for each in (gallery, other)]
    score = {i: sum(1 / (61 + ranking.index(i)) for ranking in alone) for i in alone[0]}
    found = search(gallery, query, k=3, beside=other.folder)
    assert [hit.score for hit in found.hits] == pytest.approx(sorted(score.values(), reverse=True)[:3], abs=1e-6)
    words = ["search", str(query), "--gallery", str(gallery.folder), "--beside", str(other.folder)]
    shown = CliRunner().invoke(cli.main, words)
    assert shown.exit_code == 0, shown.output
    assert "found by" in shown.stdout
    assert "two 1" in shown.stdout


def test_what_does_not_go_with_it(both: tuple[Gallery, Gallery, list[str]]) -> None:
    gallery, other, ids = both
    for more in ({"positive": [ids[1]]}, {"study": ids[0], "id": None}, {"ids": ids[1:3]}, {"box": (0, 0, 1, 1)}):
        with pytest.raises(UsageError, match="another gallery ranks a whole picture"):
            search(gallery, **{"id": ids[0], "beside": other.folder, **more})
    (lacking,) = {record.id for record in other.store.records().values()} - {*ids}
    with pytest.raises(NotFoundError):
        search(other, id=lacking, beside=gallery.folder)
