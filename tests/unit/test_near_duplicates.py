"""Near-duplicates: fingerprints, registration, and what is found among pictures and named how."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import lookalike
from conftest import grained
from lookalike import cli
from lookalike.evaluation.near_duplicates import AGREES
from lookalike.fingerprints import bit_distances, content_box, fingerprint, orientation_matrix, oriented
from lookalike.registration import align
from lookalike.store import Batch, NewRecord

Picture = NDArray[np.uint8]


def jpeg(picture: Picture, quality: int) -> Picture:
    out = io.BytesIO()
    PIL.Image.fromarray(picture).save(out, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(out))


def cut(picture: Picture, share: float) -> Picture:
    rows, columns = (round(side * (1 - share) / 2) for side in picture.shape)
    return picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]


def noisy(picture: Picture) -> Picture:
    return (picture + np.random.default_rng(0).normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


def turned(picture: Picture, degrees: float) -> Picture:
    return np.asarray(PIL.Image.fromarray(picture).rotate(degrees, PIL.Image.Resampling.BICUBIC))


def small(picture: Picture) -> Picture:
    return np.asarray(PIL.Image.fromarray(picture).resize((40, 40), PIL.Image.Resampling.BICUBIC))


COPIES: Final[dict[str, tuple[str, Callable[[Picture], Picture]]]] = {
    "JPEG 60": ("re-encoded", lambda picture: jpeg(picture, 60)),
    "JPEG 30": ("re-encoded", lambda picture: jpeg(picture, 30)),
    "quarter": ("re-encoded", small),
    "noise": ("re-encoded", noisy),
    "brighter": ("re-encoded", lambda picture: (255 * (picture / 255) ** 0.7).astype(np.uint8)),
    "black frame": ("framed", lambda picture: np.pad(picture, 8)),
    "white frame": ("framed", lambda picture: np.pad(picture, 8, constant_values=255)),
    "one side": ("framed", lambda picture: np.pad(picture, ((0, 40), (0, 0)))),
    "crop": ("cropped", lambda picture: cut(picture, 0.95)),
    "corner": ("cropped", lambda picture: picture[:150, :150]),
    "mirror": ("mirrored", lambda picture: picture[:, ::-1]),
    "upside down": ("mirrored", lambda picture: picture[::-1]),
    "mirrored and turned": ("mirrored", lambda picture: turned(picture[:, ::-1], 4)),
    "5 degrees": ("rotated", lambda picture: turned(picture, 5)),
    "-5 degrees": ("rotated", lambda picture: turned(picture, -5)),
    "a quarter turn": ("rotated", np.rot90),
    "half a turn": ("rotated", lambda picture: picture[::-1, ::-1]),
}


def new(number: int, picture: Picture, patient: str = "") -> NewRecord:
    out = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(picture)).save(out, "JPEG", quality=80)
    vector = np.random.default_rng(number // 100).standard_normal((1, 384)).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return NewRecord(f"/data/{number}.png", f"{number:064x}", 0, patient, ("a",), {}, vector, out.getvalue())


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures, and every kind of copy of one of them each; a blank picture twice."""
    records = [new(100 * i, grained(i), f"patient-{i}") for i in range(30)]
    for i, (_, change) in enumerate(COPIES.values()):
        records.append(new(100 * i + 1, change(grained(i)), f"other-{i}" if i % 2 else f"patient-{i}"))
    records += [new(9000 + i, np.zeros((160, 160), np.uint8)) for i in range(2)]
    folder = tmp_path_factory.mktemp("copies") / "g"
    with lookalike.open(folder, create=True) as gallery:
        gallery.store.write(Batch(records=records))
    return folder


def test_every_kind_of_copy_is_found_and_named(copies: Path) -> None:
    with lookalike.open(copies) as gallery:
        audit = lookalike.audit_duplicates(gallery)
    found = {Path(pair.first.source).stem: pair for pair in audit.pairs}
    assert {int(number) // 100: pair.kind for number, pair in found.items()} == {
        i: kind for i, (kind, _) in enumerate(COPIES.values())
    }
    assert all(int(number) + 1 == int(Path(pair.second.source).stem) for number, pair in found.items())
    assert all(pair.same_patient is (int(number) // 100 % 2 == 0) for number, pair in found.items())
    assert all(AGREES <= pair.score <= 1 for pair in audit.pairs)
    assert (audit.records, audit.compared, sum(audit.kinds.values())) == (49, 49, len(COPIES))
    assert any("are of different patients" in each for each in audit.warnings)


def test_the_command_prints_the_pairs_and_no_word_means_confounds(copies: Path) -> None:
    run = CliRunner().invoke(cli.main, ["audit", "duplicates", "-g", str(copies)])
    assert run.exit_code == 0
    assert f"Near-duplicates: {len(COPIES)} pairs among 49 records" in run.output
    plain, named = (
        CliRunner().invoke(cli.main, ["audit", *word, "-g", str(copies), "--against", "nothing"])
        for word in ([], ["confounds"])
    )
    assert plain.exit_code == 1
    assert plain.output == named.output
    assert "Commands" in CliRunner().invoke(cli.main, ["audit", "--help"]).output


def test_an_empty_gallery_has_none(tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "g", create=True) as gallery:
        audit = lookalike.audit_duplicates(gallery)
    assert (audit.records, audit.pairs, audit.warnings) == (0, (), ("No near-duplicates were found.",))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_the_code_of_an_orientation_is_that_of_the_turned_picture(seed: int, orientation: int) -> None:
    picture = grained(seed, 64)
    made = fingerprint(np.ascontiguousarray(oriented(picture, orientation)).astype(np.uint8))
    assert bit_distances(made.codes[0, 0], fingerprint(picture).codes[0, orientation]) <= 4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 7), st.integers(0, 63), st.integers(0, 63))
def test_an_orientation_says_where_each_pixel_comes_from(orientation: int, row: int, column: int) -> None:
    numbered = np.arange(64 * 64).reshape(64, 64)
    x, y = orientation_matrix(orientation) @ [column - 31.5, row - 31.5] + 31.5
    assert oriented(numbered, orientation)[row, column] == numbered[round(y), round(x)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 30), min_size=4, max_size=4), st.sampled_from([0, 128, 255]))
def test_margins_are_taken_off(seed: int, margins: list[int], level: int) -> None:
    left, top, right, bottom = margins
    framed = np.pad(grained(seed, 100), ((top, bottom), (left, right)), constant_values=level)
    found = content_box(framed)
    wanted = (left, top, left + 100, top + 100)
    # A row more where there is a margin; pixels of the picture's own edge may be of the margin's level.
    assert all(abs(one - other) <= 4 for one, other in zip(found, wanted, strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(-9, 9), st.floats(0.9, 1.1), st.floats(-0.08, 0.08), st.floats(-0.08, 0.08))
def test_registration_finds_the_map(seed: int, degrees: float, scale: float, right: float, down: float) -> None:
    side, angle = 64, np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    big = PIL.Image.fromarray(grained(seed, 192))
    middle = big.crop((64, 64, 128, 128))
    # Pillow's map goes from the pixels of the result to those of the picture.
    inverse = np.linalg.inv(turn)
    offset = np.array([96, 96]) - inverse @ (np.array([32, 32]) * (1 + np.array([right, down])))
    data = (*inverse[0], offset[0], *inverse[1], offset[1])
    moved = big.transform((side, side), PIL.Image.Transform.AFFINE, data, PIL.Image.Resampling.BICUBIC)
    found = align(np.asarray(middle)[None], np.asarray(moved)[None], np.array([False]))
    assert found.score[0] >= AGREES
    assert found.maps[0] == pytest.approx(np.column_stack([turn, [right, down]]), abs=0.02)


def test_pictures_with_nothing_in_them_agree_with_nothing() -> None:
    blank = np.zeros((2, 64, 64), np.uint8)
    other = np.stack([grained(1, 64)] * 2)
    for fixed, moving in ((blank, blank), (blank, other), (other, blank)):
        assert (align(fixed, moving, np.array([True, False])).score < AGREES).all()


@pytest.mark.slow
def test_alike_pictures_of_different_patients_are_not_copies(shared_data: Path, tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "g", create=True) as gallery:
        lookalike.index(gallery, [shared_data / "chest-xray-dicom5"])
        assert lookalike.audit_duplicates(gallery).pairs == ()


@pytest.mark.slow
def test_the_true_pairs_of_a_collection_are_found(shared_data: Path, tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "g", create=True) as gallery:
        lookalike.index(gallery, [shared_data / "breast-us-busi"])
        pairs = lookalike.audit_duplicates(gallery).pairs
    assert {frozenset(Path(each.source).stem for each in (pair.first, pair.second)) for pair in pairs} == {
        frozenset(("benign_163", "benign_86")),
        frozenset(("normal_122", "normal_25")),
        frozenset(("normal_42", "normal_49")),
    }
    assert all(pair.same_patient is None for pair in pairs)


def test_outside_copies_are_counted(copies: Path, tmp_path: Path) -> None:
    """A query from outside that is a mirrored copy of a record of somebody else."""
    queries = tmp_path / "q"
    queries.mkdir()
    for name, picture in {"copy.png": grained(20)[:, ::-1], "new.png": grained(77)}.items():
        PIL.Image.fromarray(np.ascontiguousarray(picture)).save(queries / name)
    table = "file,label,patient_id\ncopy.png,a,stranger\nnew.png,a,another\n"
    (queries / "labels.csv").write_text(table)
    with lookalike.open(copies) as gallery:
        audit = lookalike.evaluate(gallery, queries=[queries], query_labels=queries / "labels.csv", samples=10).audit
    assert (audit.near_duplicates, audit.duplicate_kinds) == (1, {"mirrored": 1})
