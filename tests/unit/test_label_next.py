"""What to label next, and where labels are doubtful, against what is planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from filled import fill
from lookalike.errors import UsageError
from lookalike.evaluation.label_order import uncertainty
from lookalike.evaluation.labelled import every_record
from lookalike.gallery import Gallery
from lookalike.verbs.curation import label_next as verb
from lookalike.verbs.curation.label_next import label_next
from lookalike.verbs.curation.labelling import label

MakeGallery = Callable[..., Gallery]
CENTRES = np.eye(5)[:4] * 3
OF_EACH = 12


def clustered(make_gallery: MakeGallery, *, labels: bool = False, patients: int = 1000) -> tuple[Gallery, list[str]]:
    """Four clusters of twelve records, the last of them of six."""
    gallery, rng = make_gallery(encoder="imported:x:5"), np.random.default_rng(0)
    kinds = [kind for kind in range(4) for _ in range(OF_EACH if kind < 3 else OF_EACH // 2)]
    vectors = CENTRES[kinds] + 0.3 * rng.normal(size=(len(kinds), 5))
    named = [f"p{i % patients}" for i in range(len(kinds))]
    return gallery, fill(gallery, list(vectors), named, [(f"k{kind}",) if labels else () for kind in kinds])


def kind_of(ids: list[str], identity: str) -> int:
    return ids.index(identity) // OF_EACH


def test_the_first_batch_is_one_of_each_region_and_the_next_goes_where_no_label_is(make_gallery: MakeGallery) -> None:
    gallery, ids = clustered(make_gallery)
    first = label_next(gallery, 4)
    assert sorted(kind_of(ids, each.id) for each in first.items) == [0, 1, 2, 3]
    assert kind_of(ids, first.items[-1].id) == 3  # the smallest region last
    assert all(each.score is None and each.says == "" for each in first.items)
    assert any("fewer than two labels" in note for note in first.notes)
    assert (first.labelled, first.unlabelled) == (0, 42)
    assert label_next(gallery, 4) == first
    for each in first.items:
        if kind_of(ids, each.id) != 2:
            label(gallery, [each.id], set=[f"k{kind_of(ids, each.id)}"])
    second = label_next(gallery, 1)
    assert (second.labelled, second.unlabelled) == (3, 39)
    assert kind_of(ids, second.items[0].id) == 2
    assert second.items[0].score is not None
    assert second.items[0].id not in {each.id for each in first.items if kind_of(ids, each.id) != 2}


def test_no_two_are_of_one_patient_while_others_are_left(make_gallery: MakeGallery) -> None:
    gallery, _ids = clustered(make_gallery, patients=9)
    some = label_next(gallery, 9)
    assert len({each.patient for each in some.items}) == 9
    assert some.notes == tuple(note for note in some.notes if "of a patient listed before" not in note)
    every = label_next(gallery, 100)
    assert len({each.id for each in every.items}) == 42
    assert len({each.patient for each in every.items[:9]}) == 9
    assert "33 of 42 are of a patient listed before: no other patients are left." in every.notes


def test_the_least_sure_come_first(make_gallery: MakeGallery) -> None:
    gallery = make_gallery(encoder="imported:x:2")
    angles = [0.0, 0.1, 1.45, 1.55, 0.3, 0.78, 1.2]
    ids = fill(
        gallery,
        [np.array([np.cos(each), np.sin(each)]) for each in angles],
        [*"abcdefg"],
        [("x",), ("x",), ("y",), ("y",), (), (), ()],
    )
    found = label_next(gallery, by="uncertainty")
    assert found.items[0].id == ids[5]
    doubt = uncertainty(every_record(gallery), 0)
    assert doubt is not None
    assert [each.score for each in found.items] == pytest.approx(sorted(doubt[4:], reverse=True), abs=1e-6)
    assert label_next(gallery, by="uncertainty", budget=1).items == found.items[:1]
    label(gallery, [ids[5]], set=["x", "y"])  # of several labels a record
    several = uncertainty(every_record(gallery), 0)
    assert several is not None
    assert ((several >= 0) & (several <= 1)).all()


def test_what_neighbours_contradict_and_what_lies_alone_comes_first(make_gallery: MakeGallery) -> None:
    gallery, ids = clustered(make_gallery, labels=True)
    assert label_next(gallery, by="disagreement").items == ()
    label(gallery, [ids[3]], set=["k1"])
    wrong = label_next(gallery, by="disagreement").items[0]
    assert (wrong.id, wrong.says, wrong.labels) == (ids[3], "k0", ("k1",))
    assert wrong.score is not None
    assert 0.5 < wrong.score <= 1
    assert label_next(gallery, by="disagreement", where="label=k2").items == ()
    far = label_next(gallery, by="outlier", budget=42)
    vectors = every_record(gallery)
    place = {identity: row for row, identity in enumerate(vectors.ids)}
    expected = [float(np.sort(vectors.vectors @ vectors.vectors[place[each.id]])[-6:-1].mean()) for each in far.items]
    assert [each.score for each in far.items] == pytest.approx([1 - one for one in expected], abs=1e-5)
    assert expected == sorted(expected)


def test_of_a_large_gallery_a_sample_is_compared_and_that_is_said(
    make_gallery: MakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, ids = clustered(make_gallery)
    monkeypatch.setattr(verb, "_COMPARED", 10)
    label(gallery, ids[:2], add=["a"])
    label(gallery, ids[2:3], add=["b"])
    found = label_next(gallery, 100)
    assert len(found.items) == 7  # beside the labelled ones, which teach
    assert (found.labelled, found.unlabelled) == (3, 39)
    assert "Of 42 records 10 were compared, drawn at random; another seed draws others." in found.notes
    of_some = " or ".join(f'source~"{ids.index(each)}.png"' for each in ids[40:])
    assert {each.id for each in label_next(gallery, 100, where=of_some).items} == {*ids[40:]}


def test_what_cannot_be_ordered_is_said(make_gallery: MakeGallery) -> None:
    gallery, _ids = clustered(make_gallery)
    with pytest.raises(UsageError, match="from 1 to 1000"):
        label_next(gallery, 0)
    with pytest.raises(UsageError, match="by next, uncertainty, outlier, disagreement"):
        label_next(gallery, by="random")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="give two"):
        label_next(gallery, by="uncertainty")
    with pytest.raises(UsageError, match="two labels are there"):
        label_next(gallery, by="disagreement")
