"""Drawn pictures of one kind, among which some are put that something is wrong with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.exposure import LEAST_DETAIL, stands_out, tones
from lookalike.evaluation.orientation import WAYS, gradient_histogram, side_fits, stance, versions
from lookalike.evaluation.quality_report import FAULT_NAMES
from lookalike.fingerprints import oriented
from lookalike.gallery import Gallery, open_gallery
from lookalike.ownership import change_ownership
from lookalike.verbs.audit import audit_quality
from lookalike.verbs.index import index
from planted import scene

SIDE, COUNT = 160, 48
Grey = NDArray[np.uint8]
SEEN = [name for name in FAULT_NAMES if name != "burned-in-text"]


def chest(seed: int) -> Grey:
    """Two dark fields on grey, a bright shape between them that leans to one side, a dark one below on the other."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    moved = rng.normal(0, 0.015, 8)

    def spot(x: float, y: float, wide: float, high: float) -> NDArray[np.float64]:
        return np.exp(-((((across - x) / wide) ** 2 + ((down - y) / high) ** 2) ** 2))

    drawn = 120 - 70 * spot(0.3 + moved[0], 0.4 + moved[1], 0.16, 0.3) - 70 * spot(0.72 + moved[2], 0.4, 0.14, 0.28)
    drawn += 90 * spot(0.58 + moved[3], 0.62 + moved[4], 0.15, 0.14) - 60 * spot(0.7 + moved[5], 0.86, 0.12, 0.06)
    drawn += 40 * spot(0.5, 0.1 + moved[6], 0.08, 0.12) + rng.normal(0, 4, drawn.shape)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def wrong(fault: str) -> Grey:
    picture = chest(1000)
    made = {
        "blank": 90 + np.random.default_rng(3).normal(0, 3, picture.shape),
        "clipped": np.clip((picture.astype(float) - 110) * 20, 0, 255),
        "inverted": 255 - picture,
        "upside-down": np.rot90(picture, 2),
        "turned": np.rot90(picture),
        "mirrored": np.fliplr(picture),
        "wrong-body-part": scene(5, SIDE),
    }[fault]
    return np.ascontiguousarray(made).astype(np.uint8)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("quality")
    for seed in range(COUNT):
        PIL.Image.fromarray(chest(seed)).save(folder / f"sound{seed}.png")
    for fault in SEEN:
        PIL.Image.fromarray(wrong(fault)).save(folder / f"{fault}.png")
    opened = open_gallery(folder / "gallery", create=True)
    index(opened, sorted(folder.glob("*.png")))
    return opened


def test_each_picture_is_listed_for_what_is_wrong_with_it(gallery: Gallery) -> None:
    audit = audit_quality(gallery, SEEN)
    assert {Path(each.source).stem: each.fault for each in audit.findings} == {fault: fault for fault in SEEN}
    assert (audit.records, audit.compared) == (COUNT + len(SEEN), COUNT + len(SEEN))
    for each in audit.findings:
        below = each.fault in ("blank", "clipped") and each.measure != "share that is white"
        assert (each.value < each.threshold) == below
        assert each.id in str(audit)
    assert [each.listed for each in audit.faults] == [1] * len(SEEN)


def test_pictures_as_they_are_raise_no_alarm(gallery: Gallery) -> None:
    audit = audit_quality(gallery, ["inverted", "clipped"], where="source~sound")
    assert audit.findings == ()
    assert audit.compared == COUNT
    assert [each.fault for each in audit.faults] == ["clipped", "inverted"]


def test_what_is_not_told_is_said(gallery: Gallery) -> None:
    few = audit_quality(gallery, ["mirrored"], where="source~sound1")
    assert not few.faults[0].judged
    assert "it takes 20 pictures" in str(few)
    with pytest.raises(UsageError, match="no fault is called 'blurred'; there are blank"):
        audit_quality(gallery, ["blurred"])
    with pytest.raises(UsageError, match="no record has a field 'Part'"):
        audit_quality(gallery, ["wrong-body-part"], part="Part")


def test_text_is_read_in_the_file(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    texts = {"written": "MILLER ANNA 12.03.1954", "initials": "GV"}
    for name in ("written", "initials", "plain", "gone"):
        picture = PIL.Image.fromarray(chest(len(name))).resize((480, 480))
        if name in texts:
            font = PIL.ImageFont.load_default(26)
            PIL.ImageDraw.Draw(picture).text((20, 440), texts[name], fill=255, font=font)
        picture.save(tmp_path / f"{name}.png")
    gallery = make_gallery()
    index(gallery, sorted(tmp_path.glob("*.png")))
    (tmp_path / "gone.png").unlink()
    audit = audit_quality(gallery, ["burned-in-text"])
    assert [(Path(each.source).stem, "initials" in each.reason) for each in audit.findings] == [
        ("initials", True),
        ("written", False),
    ]
    assert audit.findings[0].value >= audit.findings[0].threshold
    assert "in 1 of 4 pictures, whose files could not be read (1 no longer there)" in audit.faults[0].note
    assert "MILLER" not in str(audit)


def test_text_that_was_not_looked_for_is_not_said_to_be_absent(
    tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    PIL.Image.fromarray(chest(1)).save(tmp_path / "one.png")
    gallery = make_gallery()
    index(gallery, [tmp_path / "one.png"])
    change_ownership(gallery.store.id, lambda found: replace(found, roots=()))
    fault = audit_quality(gallery, ["burned-in-text"]).faults[0]
    assert not fault.judged
    assert "in 1 of 1 pictures, whose files could not be read (1 outside of the folders that" in fault.note
    assert "one.png" not in fault.note


def test_versions_are_those_of_turned_pictures() -> None:
    square = np.asarray(PIL.Image.fromarray(chest(7)).resize((64, 64)))
    made = versions(gradient_histogram(square)[None])
    for version in range(16):
        seen = oriented(square if version < 8 else 255 - square, version % 8).astype(np.uint8)
        again = versions(gradient_histogram(np.ascontiguousarray(seen))[None])[0, 0]
        assert again @ made[version, 0] == pytest.approx(1, abs=0.01)


def test_the_threshold_is_where_the_likelihoods_differ_enough() -> None:
    rng = np.random.default_rng(0)
    upright = rng.normal(0, 0.2, (400, 16))
    upright[:, 0] += 2
    sides = rng.normal(1, 0.2, 400)
    for fault in ("mirrored", "upside-down"):
        fitted = stance(upright, sides, fault)
        assert fitted.threshold is not None
        assert -1 < fitted.threshold <= 0
        assert fitted.found > 0.95
        nothing = stance(rng.normal(0, 0.2, (400, 16)), rng.normal(0, 0.2, 400), fault)
        assert nothing.threshold is None


def test_a_picture_and_its_mirror_image_have_opposite_sides() -> None:
    """To what has learnt from the same others; of shapes without a side nothing is told."""
    pictures = [np.asarray(PIL.Image.fromarray(chest(seed)).resize((64, 64))) for seed in range(60)]
    pictures[3] = np.ascontiguousarray(np.fliplr(pictures[3]))
    patients = [str(seed) for seed in range(60)]
    sides = side_fits(np.stack(pictures), patients, 0)
    assert np.flatnonzero(sides < 0).tolist() == [3]
    pictures[3] = np.ascontiguousarray(np.fliplr(pictures[3]))
    again = side_fits(np.stack(pictures), patients, 0)
    assert again[3] == pytest.approx(-sides[3], rel=0.05)
    even = [((each.astype(int) + np.fliplr(each)) // 2).astype(np.uint8) for each in pictures]
    nothing = side_fits(np.stack(even), patients, 0)
    assert np.abs(nothing).max() < 0.1 * np.abs(again).min()
    assert set(WAYS) == {"inverted", "upside-down", "turned", "mirrored"}


def test_mirrored_pictures_do_not_teach_the_wrong_side() -> None:
    """A fifth of them, of shapes whose heart is moved about: what lies the other way at first is not learnt from."""
    rng = np.random.default_rng(1)
    drawn = [np.roll(chest(seed), int(rng.integers(-12, 13)), axis=1) for seed in range(60)]
    squares = np.stack([np.asarray(PIL.Image.fromarray(each).resize((64, 64))) for each in drawn])
    mirrored = np.arange(60) % 5 == 0
    squares[mirrored] = squares[mirrored][:, :, ::-1]
    sides = side_fits(squares, [str(seed) for seed in range(60)], 0)
    assert np.flatnonzero(sides < 0).tolist() == np.flatnonzero(mirrored).tolist()
    told = stance(np.repeat([[2.0, 2.0] + [0.0] * 14], 60, axis=0), sides, "mirrored")
    assert np.flatnonzero(told.listed).tolist() == np.flatnonzero(mirrored).tolist()


def test_noise_a_slope_and_a_mark_are_nothing() -> None:
    rng = np.random.default_rng(0)
    for seen in (
        rng.normal(128, 50, (SIDE, SIDE)),
        np.linspace(0, 255, SIDE)[:, None] + rng.normal(0, 9, (SIDE, SIDE)),
    ):
        assert stands_out(np.clip(seen, 0, 255).astype(np.uint8)) < LEAST_DETAIL
    assert stands_out(chest(0)) > LEAST_DETAIL
    white, between = tones(np.array([[0, 255], [128, 100]], np.uint8).repeat(20, 0).repeat(20, 1))
    assert (white, between) == (0.25, 0.5)
