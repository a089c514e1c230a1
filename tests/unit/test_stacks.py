"""The rule for what makes a volume, over generated series: whatever is regular is read, whatever is not is refused."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers.geometry import SeriesPart, SliceGeometry
from lookalike.readers.grouping import SliceFile, volume_files
from lookalike.readers.stacks import alike, count_places, stacks_of

SPACING = (0.7, 0.9)
MANY = 300  # generated series a property


def turned(seed: int) -> NDArray[np.float64]:
    """(3, 3) of rank 3: the directions of rows, columns and normal, turned at random."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.sign(np.linalg.det(matrix))


def series(
    count: int,
    *,
    step: float = 3.0,
    tilt: float = 0.0,
    decimals: int | None = None,
    turn: int | None = None,
    volumes: int = 1,
    dimension: str = "EchoTime",
) -> list[SliceGeometry]:
    """A regular series, volume by volume, tilted by degrees about its rows. decimals: of its positions."""
    axes = np.eye(3) if turn is None else turned(turn)
    radians = math.radians(tilt)
    rows, columns = axes[:, 0], axes[:, 1] * math.cos(radians) - axes[:, 2] * math.sin(radians)
    made = []
    for volume in range(volumes):
        for place in range(count):
            position = np.array([-80.4321, 17.7777, 5.1234]) + axes[:, 2] * step * place
            made.append(
                SliceGeometry(
                    tuple((position if decimals is None else position.round(decimals)).tolist()),
                    (*rows.tolist(), *columns.tolist()),
                    SPACING,
                    (64, 48),
                    (volume * count + place + 1, 0),
                    {"Modality": "MR", dimension: str(volume)} if volumes > 1 else {},
                )
            )
    return made


def shuffled(slices: Sequence[SliceGeometry], seed: int) -> list[SliceGeometry]:
    return random.Random(seed).sample(list(slices), len(slices))


def reason(slices: Sequence[SliceGeometry]) -> tuple[str, str]:
    with pytest.raises(UnreadableImageError) as refused:
        stacks_of(slices)
    return refused.value.reason, refused.value.detail


def test_tilted_and_rounded_series_in_any_order_are_volumes() -> None:
    draw = random.Random(1)
    for seed in range(MANY):
        count, step, tilt = draw.randrange(3, 60), draw.uniform(0.5, 9), draw.uniform(-30, 30)
        decimals = draw.choice([1, 2, 3, 4, None])
        slices = shuffled(series(count, step=step, tilt=tilt, decimals=decimals, turn=seed), seed)
        assert len(alike(slices)) == 1
        (stack,) = stacks_of(slices)
        assert sorted(stack.slices) == list(range(count))
        # Every slice lies where the affine says, within what the decimals allow.
        off = 1e-6 if decimals is None else 1.01 * 10**-decimals
        for depth, index in enumerate(stack.slices):
            at = stack.affine @ [depth, 0, 0, 1]
            np.testing.assert_allclose(at[:3] * [-1, -1, 1], slices[index].position, atol=off)
        # The step of a tilted gantry leans; rows and columns do not.
        normal = np.cross(slices[0].orientation[:3], slices[0].orientation[3:]) * [-1, -1, 1]
        lean = normal @ stack.affine[:3, 0] / np.linalg.norm(stack.affine[:3, 0])
        assert math.degrees(math.acos(min(1, lean))) == pytest.approx(abs(tilt), abs=0.1 + 60 * off / (step * count))
        np.testing.assert_allclose(np.linalg.norm(stack.affine[:3, 1:3], axis=0), SPACING)


def test_positions_in_whole_millimetres_are_regular() -> None:
    assert len(stacks_of(series(40, step=2.5, decimals=0))) == 1
    assert len(stacks_of(series(40, step=3.75, decimals=0))) == 1


@given(st.integers(4, 40), st.integers(0, 4), st.floats(0.8, 8), st.data())
def test_a_gap_is_refused_and_said(count: int, decimals: int, step: float, data: st.DataObject) -> None:
    slices = series(count, step=step, decimals=decimals or None)
    del slices[data.draw(st.integers(1, count - 2), label="missing")]
    if len(slices) == 2:
        return
    why, detail = reason(slices)
    assert why == "incomplete-series"
    assert detail.startswith("1 missing at the usual distance of") or len(slices) == 3
    assert detail.endswith(f"seen: {count - 1} slices at {count - 1} places")


def test_doubles_are_refused_with_sorted_numbers() -> None:
    slices = series(12)
    again = [replace(slices[4], number=(number, 0)) for number in (100, 20, 9)]
    why, detail = reason(shuffled([*slices, *again], 3))
    assert why == "incomplete-series"
    assert "1 of 12 places hold several slices" in detail
    assert "(InstanceNumber 5, 9, 20, 100)" in detail


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: [*s[:5], *(replace(each, position=(each.position[0] + 4, *each.position[1:])) for each in s[5:])],
        lambda s: [replace(each, position=(*each.position[:2], each.position[2] ** 1.2)) for each in s],
        lambda s: [replace(s[3], position=(*s[3].position[:2], s[3].position[2] + 1.2)), *s[:3], *s[4:]],
    ],
    ids=["shifted", "ever wider", "one out of place"],
)
def test_mixtures_are_refused(spoil: Callable[[list[SliceGeometry]], list[SliceGeometry]]) -> None:
    assert reason(spoil(series(10)))[0] == "incomplete-series"


def test_places_that_are_no_numbers_are_refused() -> None:
    slices = series(5)
    assert reason([*slices[:4], replace(slices[4], position=(0.0, math.nan, 0.0))])[0] == "damaged-geometry"
    assert reason([replace(each, orientation=(1, 0, 0, 1, 0, 0)) for each in slices])[0] == "damaged-geometry"


DIMENSIONS = ("DiffusionBValue", "EchoTime", "ImageType", "TemporalPositionIdentifier", "b value (GE)")


@given(st.sampled_from(DIMENSIONS), st.integers(3, 20), st.integers(2, 6), st.integers(0, 1000))
def test_volumes_at_the_same_places_come_apart(dimension: str, count: int, volumes: int, seed: int) -> None:
    slices = series(count, volumes=volumes, dimension=dimension)
    # Numbers tell nothing, and every slice has a time of its own.
    numbers = random.Random(seed).sample(range(1, len(slices) + 1), len(slices))
    slices = [
        replace(each, number=(number, 0), dimensions={"TriggerTime": str(number), **each.dimensions})
        for each, number in zip(slices, numbers, strict=True)
    ]
    given = shuffled(slices, seed)
    stacks = stacks_of(given)
    assert [len(stack.slices) for stack in stacks] == [count] * volumes
    for stack in stacks:
        assert len({given[i].dimensions[dimension] for i in stack.slices}) == 1
        assert [given[i].position for i in stack.slices] == [each.position for each in slices[:count]]
    firsts = [min(given[i].number for i in stack.slices) for stack in stacks]
    assert firsts == sorted(firsts)


def test_two_dimensions_make_their_product() -> None:
    slices = [
        replace(each, dimensions={"EchoTime": str(i // 6 % 2), "ImageType": str(i // 12)}, number=(1, 0))
        for i, each in enumerate(series(6, volumes=4))
    ]
    stacks = stacks_of(shuffled(slices, 9))
    assert [len(stack.slices) for stack in stacks] == [6] * 4


@pytest.mark.parametrize("place_by_place", [False, True])
def test_the_order_of_acquisition_tells_volumes_apart_at_last(place_by_place: bool) -> None:
    slices = [replace(each, dimensions={}) for each in series(7, volumes=3)]
    if place_by_place:
        slices = [replace(each, number=(i % 7 * 3 + i // 7, 0)) for i, each in enumerate(slices)]
    given = shuffled(slices, 4)
    for number, stack in enumerate(stacks_of(given)):
        assert {slices.index(given[i]) // 7 for i in stack.slices} == {number}


def test_what_nothing_tells_apart_is_refused() -> None:
    slices = [replace(each, dimensions={}, number=(1, 0)) for each in series(7, volumes=2)]
    why, detail = reason(slices)
    assert why == "incomplete-series"
    assert detail.startswith("7 of 7 places hold several slices")
    assert reason(series(7, volumes=2)[:-1])[0] == "incomplete-series"  # the last volume lacks a slice


@given(st.floats(-1, 1, allow_nan=False), st.integers(0, 10_000))
def test_no_border_parts_slices_of_one_direction(cosine: float, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-0.004, 0.004, (10, 6))
    base = np.array([1, 0, 0, 0, cosine, math.sqrt(1 - cosine * cosine)])
    slices = [replace(each, orientation=tuple(base + n)) for each, n in zip(series(10), noise, strict=True)]
    assert len(alike(slices)) == 1
    other = replace(slices[0], orientation=(0, 1, 0, 0, 0, -1), position=(0, 0, 0))
    assert [len(group) for group in alike([*slices, other, replace(other, shape=(64, 64))])] == [10, 1, 1]


def test_positions_that_differ_in_their_last_digits_are_one_place() -> None:
    slices = series(8, volumes=3)
    noise = np.random.default_rng(5).uniform(-0.004, 0.004, (24, 3))
    near = [replace(e, position=tuple((np.array(e.position) + n).tolist())) for e, n in zip(slices, noise, strict=True)]
    assert count_places(near) == 8
    assert len(stacks_of(near)) == 3


def files(slices: Sequence[SliceGeometry], folder: str, *, kind: str = "a", uid: str = "") -> list[SliceFile]:
    return [
        SliceFile(name, name, uid + kind + str(each.number), 1000, SeriesPart("series", True, uid + name_of, (each,)))
        for each in slices
        if (name_of := f"{each.number}") and (name := f"/{folder}/{each.number[0]:03}")
    ]


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["a", "b/c", "whole", "z"])), max_size=14), st.randoms())
def test_copies_of_slices_change_nothing(copies: list[tuple[int, str]], draw: random.Random) -> None:
    whole = files(series(8), "whole")
    others = [
        replace(whole[number], file=f"/{folder}/copy{i}", source=f"/{folder}/copy{i}")
        for i, (number, folder) in enumerate(copies)
    ]
    given = [*whole, *others]
    draw.shuffle(given)
    (group,) = volume_files(given)
    assert group.whole
    assert len(group.files) == 8
    assert {file.file for file in group.files} | {file.file for file in group.copies} == {file.file for file in given}
    assert len(group.copies) == len(copies)
    kept = {file.file for file in group.files}
    for _ in range(3):  # whatever the order
        draw.shuffle(given)
        assert {file.file for file in next(volume_files(given)).files} == kept
    if all(folder != "whole" for _, folder in copies) and len({number for number, _ in copies}) < 8:
        assert kept == {file.file for file in whole}


def test_files_without_a_series_are_a_volume_only_if_they_are_sound() -> None:
    loose = [replace(file, part=replace(file.part, named=False)) for file in files(series(8), "folder")]
    assert next(volume_files(loose)).whole
    assert not next(volume_files(loose[:3] + loose[4:])).whole


def test_a_series_stored_twice_under_other_identifiers_is_two() -> None:
    one, other = files(series(6), "one"), files(series(6), "other", uid="other")
    assert [(group.whole, len(group.files)) for group in volume_files([*one, *other])] == [(True, 6), (True, 6)]
    # In one folder they are doubles.
    mixed = [replace(file, file=f"/one/{file.sha256}") for file in other]
    assert [(group.whole, len(group.files)) for group in volume_files([*one, *mixed])] == [(True, 12)]
    # Two volumes in two folders, whose slices have numbers of their own, are of one series.
    first, second = series(6, volumes=2)[:6], series(6, volumes=2)[6:]
    assert [len(group.files) for group in volume_files([*files(first, "one"), *files(second, "two")])] == [12]


def test_one_slice_in_several_encodings_is_a_picture_each() -> None:
    (slice_,) = files(series(1), "a")
    encodings = [replace(slice_, file=f"/a/{i}", source=f"/a/{i}", sha256=str(i)) for i in range(5)]
    (group,) = volume_files(encodings)
    assert (group.whole, len(group.files), group.copies) == (False, 5, ())
