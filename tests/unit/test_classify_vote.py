"""The vote of the hits of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lookalike
from drawn_shapes import drawn, write
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify
from lookalike.verbs.index import index


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("drawn") / "pictures", 16)


@pytest.fixture(scope="module")
def voted(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """With patches and an adapted space."""
    with open_gallery(tmp_path_factory.mktemp("voted") / "gallery", create=True) as gallery:
        index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
        adapt(gallery, "shapes", kind="linear")
        yield gallery


def test_the_vote_follows_the_space_and_the_filter(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv")
    adapt(gallery, "shapes", kind="linear")
    query, some = drawn("disc", 9), "label=stripes or source~disc0"
    for space, where in (("base", None), ("shapes", None), ("base", some), ("shapes", some)):
        found = classify(gallery, query, space=space, where=where, k=5)
        hits = lookalike.search(gallery, query, space=space, where=where, k=40).hits
        assert [evidence.id for evidence in found.evidence] == [hit.id for hit in hits if hit.labels][:5]
        assert [e.score for e in found.evidence] == pytest.approx([h.score for h in hits if h.labels][:5], abs=1e-5)
        assert (found.calibrated == "") == (space == "shapes")
        assert any("has learnt these labels" in note for note in found.notes) == (space == "shapes")
        weights = [evidence.weight for evidence in found.evidence if evidence.weight is not None]
        assert found.votes == pytest.approx(sum(weights) ** 2 / sum(weight**2 for weight in weights))
        for label in found.labels:
            share = sum(e.weight or 0 for e in found.evidence if label.label in e.labels)
            assert label.share == pytest.approx(share)
            assert (label.low or 0) <= share + 1e-9 <= (label.high or 0) + 2e-9
    assert "flattered" in " ".join(classify(gallery, pictures / "disc00.png", space="shapes").notes)


@pytest.mark.parametrize("space", ["base", "shapes"])
@pytest.mark.parametrize("multi_label", [None, False])
def test_a_vote_of_one_label_is_that_label(voted: Gallery, space: str, multi_label: bool | None) -> None:
    found = classify(voted, drawn("disc", 9), space=space, where="label=stripes", k=5, multi_label=multi_label)
    (label,) = found.labels
    assert (label.label, label.probability, label.finding, label.youden) == ("stripes", 1, None, None)
    assert label.share == pytest.approx(1)
    assert 0 < (label.low or 0) < (label.high or 0) <= 1
    assert (found.calibrated, found.multi_label) == ("", False)
    assert [evidence.labels for evidence in found.evidence] == [("stripes",)] * 5
    assert sum(evidence.weight or 0 for evidence in found.evidence) == pytest.approx(1)
    assert "every labelled record that may vote bears 'stripes'" in found.notes[0]


@pytest.mark.parametrize("options", [{}, {"space": "shapes"}, {"box": (0.2, 0.2, 0.8, 0.8)}])
def test_a_vote_without_voters_says_why(voted: Gallery, options: dict[str, Any]) -> None:
    found = classify(voted, drawn("disc", 9), where="label=nothing", **options)
    assert (found.labels, found.evidence, found.votes, found.abstained) == ((), (), None, True)
    assert "no labelled record" in found.reason


def test_a_gallery_of_one_label_and_of_one_patient(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures / "disc00.png"], labels=pictures / "labels.csv")
    assert [label.label for label in classify(gallery, drawn("stripes", 1)).labels] == ["disc"]
    own = classify(gallery, pictures / "disc00.png")
    assert (own.labels, own.abstained) == ((), True)
    assert "query's own patient" in own.reason


def test_the_vote_on_a_region_is_of_what_holds_it(pictures: Path, make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
    box = (0.2, 0.2, 0.8, 0.8)
    for where in (None, "label=stripes"):
        found = classify(gallery, drawn("disc", 9), box=box, where=where, k=6)
        hits = lookalike.search(gallery, drawn("disc", 9), box=box, where=where, k=40).hits
        assert [(e.id, e.score) for e in found.evidence] == [(h.id, h.score) for h in hits if h.labels][:6]
        assert sum(e.weight or 0 for e in found.evidence) == pytest.approx(1)
        assert {label.label for label in found.labels} == {"disc", "stripes"}
    assert found.labels[0].label == "stripes"
    with pytest.raises(UsageError, match="vote on a region is knn"):
        classify(gallery, drawn("disc", 9), box=box, method="centroid")
