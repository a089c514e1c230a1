"""From a volume to its slices: what orientation, choice, weights, grey mapping and pooling promise."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.grey import CT_WINDOWS, grey_map, is_hounsfield
from lookalike.planes import orient
from lookalike.slices import cut, pool, slice_rule, slice_weights
from lookalike.types import Image, VolumeRecipe

RANDOM = np.random.default_rng(0)
STORED = [(axes, flips) for axes in permutations(range(3)) for flips in product((False, True), repeat=3)]


def volume(pixels: NDArray[np.generic], affine: NDArray[np.float64] | None = None, modality: str = "") -> Image:
    return Image(pixels=pixels[..., None], affine=affine, modality=modality)


def lps(spacing: tuple[float, float, float] = (3.0, 2.0, 1.0)) -> NDArray[np.float64]:
    """(depth, row, column) -> RAS+ mm: depth to the head, rows to the back, columns to the patient's left."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = spacing[0], -spacing[1], -spacing[2], 1
    affine[:3, 3] = 11, -7, 5
    return affine


def stored_as(image: Image, axes: tuple[int, ...], flips: tuple[bool, ...]) -> Image:
    """The same volume with its array in another order, each voxel still at its place in the patient."""
    assert image.affine is not None
    shape = image.pixels.shape
    change = np.zeros((4, 4))  # new index -> old index
    change[3, 3] = 1
    pixels = np.transpose(image.pixels, (*axes, 3))
    for new, (old, flipped) in enumerate(zip(axes, flips, strict=True)):
        change[old, new] = -1 if flipped else 1
        change[old, 3] = shape[old] - 1 if flipped else 0
        if flipped:
            pixels = np.flip(pixels, new)
    return replace(image, pixels=pixels, affine=image.affine @ change)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_all_48_ways_to_store_an_array_give_the_same_slices(plane: str) -> None:
    image = volume(RANDOM.integers(0, 999, (4, 5, 6), dtype=np.int16), lps())
    expected = orient(image, plane)  # type: ignore[arg-type]
    for axes, flips in STORED:
        found = orient(stored_as(image, axes, flips), plane)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert found.affine is not None
        assert expected.affine is not None
        np.testing.assert_allclose(found.affine, expected.affine, atol=1e-9)
        assert found.spacing == pytest.approx(expected.spacing)


def test_planes_look_at_the_patient_as_radiologists_do() -> None:
    pixels = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    image = volume(pixels, lps())
    np.testing.assert_array_equal(orient(image).pixels[..., 0], pixels)
    # Coronal: from the front to the back, the head on top. Sagittal: from the right to the left, the face on
    # the left.
    np.testing.assert_array_equal(orient(image, "coronal").pixels[..., 0], pixels[::-1].transpose(1, 0, 2))
    np.testing.assert_array_equal(orient(image, "sagittal").pixels[..., 0], pixels[::-1].transpose(2, 0, 1))
    assert orient(image, "coronal").spacing == (2.0, 3.0, 1.0)


def test_without_an_affine_the_order_is_kept() -> None:
    image = volume(RANDOM.integers(0, 9, (3, 4, 5)))
    assert orient(image, "sagittal") is image


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STORED), st.tuples(*[st.floats(-0.5, 0.5)] * 3), st.tuples(*[st.floats(0.3, 8)] * 3))
def test_oblique_volumes_go_to_their_nearest_axes(
    stored: tuple[tuple[int, ...], tuple[bool, ...]], turns: tuple[float, ...], spacing: tuple[float, float, float]
) -> None:
    """Turned by at most 0.5 rad about each axis in turn, the order is that of the volume that was not turned."""
    x, y, z = (np.eye(4) for _ in range(3))
    for matrix, (a, b), turn in zip((x, y, z), ((1, 2), (0, 2), (0, 1)), turns, strict=True):
        matrix[a, a] = matrix[b, b] = np.cos(turn)
        matrix[a, b], matrix[b, a] = -np.sin(turn), np.sin(turn)
    straight = volume(np.arange(3 * 4 * 5).reshape(3, 4, 5), lps(spacing))
    assert straight.affine is not None
    turn_all = x @ y @ z
    columns = np.abs(turn_all[:3, :3])
    image = stored_as(replace(straight, affine=turn_all @ straight.affine), *stored)
    found = orient(image)
    assert found.affine is not None
    assert found.spacing is not None
    if (np.argmax(columns, axis=0) == range(3)).all() and (np.diag(columns) > 0.71).all():
        np.testing.assert_array_equal(found.pixels, straight.pixels)
    # However it is turned, each voxel stays where it was in the patient.
    np.testing.assert_allclose(_places(found), _places(image), atol=1e-6)
    np.testing.assert_allclose(sorted(found.spacing), sorted(spacing), rtol=1e-6)


def _places(image: Image) -> NDArray[np.float64]:
    """Patient coordinates of the voxels, ordered by the voxels' values."""
    assert image.affine is not None
    index = np.indices(image.pixels.shape[:3]).reshape(3, -1)
    places = image.affine[:3, :3] @ index + image.affine[:3, 3:]
    found: NDArray[np.float64] = places[:, np.argsort(image.pixels.ravel())]
    return found


@given(
    st.sampled_from(["every", "random", "even", "middle"]), st.integers(1, 60), st.integers(1, 90), st.integers(0, 9)
)
def test_chosen_slices_are_ascending_unique_in_range_and_as_many_as_asked(
    how: str, number: int, count: int, seed: int
) -> None:
    rule = slice_rule(f"{how}:{number}", seed)
    chosen = rule.pick(count)
    assert (np.diff(chosen) > 0).all()
    assert chosen[0] >= 0
    assert chosen[-1] < count
    assert len(chosen) == (-(-count // number) if how == "every" else min(number, count))
    np.testing.assert_array_equal(chosen, slice_rule(f"{how}:{number}", seed).pick(count))
    if how in ("even", "middle"):
        assert abs((chosen[0] + chosen[-1]) - (count - 1)) <= 1  # centred


def test_all_takes_every_slice_and_seeds_differ() -> None:
    assert slice_rule("all").pick(5).tolist() == [0, 1, 2, 3, 4]
    assert len({tuple(slice_rule("random:5", seed).pick(100)) for seed in range(10)}) == 10


@pytest.mark.parametrize("text", ["", "some", "every", "every:0", "random:-1", "even:1.5", "middle:x", "all:3"])
def test_an_unknown_slice_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="slices are all, every:N"):
        slice_rule(text)


@given(st.integers(1, 80), st.one_of(st.just("uniform"), st.floats(1e-9, 1e9).map(lambda s: f"gaussian:{s}")))
def test_weights_sum_to_one_and_are_symmetric(count: int, text: str) -> None:
    weights = slice_weights(text, np.arange(count) / max(count - 1, 1))
    assert weights.sum() == pytest.approx(1)
    if count > 1:
        np.testing.assert_allclose(weights, weights[::-1], atol=1e-9)
        assert (np.diff(weights[: (count + 1) // 2]) >= -1e-12).all()  # rising to the centre


def test_gaussian_weights_are_the_formula() -> None:
    z = np.linspace(0, 1, 7)
    bell = np.exp(-((z - 0.5) ** 2) / (2 * 0.3**2))
    np.testing.assert_allclose(slice_weights("gaussian:0.3", z), bell / bell.sum())
    # However narrow, the slices nearest to the centre count, not all alike.
    assert slice_weights("gaussian:0.001", np.linspace(0, 1, 4)) == pytest.approx([0, 0.5, 0.5, 0])


@pytest.mark.parametrize(
    "text", ["", "gauss", "gaussian:0", "gaussian:-1", "gaussian:nan", "gaussian:inf", "gaussian:x"]
)
def test_unknown_weights_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="weights are uniform or gaussian"):
        slice_weights(text, np.zeros(3))


@pytest.mark.parametrize("window", ["auto", *CT_WINDOWS])
def test_ct_windows_map_hounsfield_units(window: str) -> None:
    center, width = CT_WINDOWS[window.replace("auto", "soft-tissue")]
    pixels = np.full((2, 2, 2), -1000, np.int16)
    ct = volume(pixels, modality="CT")
    shown = grey_map(ct, window).show(np.array([[[center - width / 2 - 1], [center], [center + width / 2 + 1]]]))
    np.testing.assert_array_equal(shown[0, :, 0], [0, 128, 255])


def test_ct_channels_are_lung_soft_tissue_and_bone() -> None:
    ct = volume(np.array([[[-1000, 400]]], np.int16), modality="CT")
    shown = grey_map(ct, "channels").show(np.array([[[-600.0]], [[40.0]], [[480.0]]]))
    assert shown.shape == (3, 1, 3)
    assert shown[[0, 1, 2], 0, [0, 1, 2]].tolist() == [128, 128, 128]


def test_other_modalities_are_mapped_by_percentiles_of_the_whole_volume() -> None:
    pixels = RANDOM.normal(500, 60, (6, 40, 40))
    pixels[0, 0, 0], pixels[0, 0, 1] = 1e6, np.nan  # one voxel must not decide, nor one that is no number
    mr = volume(pixels, modality="MR")
    low, high = np.nanpercentile(pixels, (1, 99))
    assert grey_map(mr).ranges[0] == pytest.approx((low, high), rel=0.02)
    assert grey_map(mr, "lung").ranges == grey_map(mr).ranges
    with pytest.raises(UsageError, match="no window is called 'liver'"):
        grey_map(mr, "liver")


def test_what_hounsfield_units_are() -> None:
    assert is_hounsfield(volume(np.array([[[-1000.0, 400]]]), modality="CT"))
    assert is_hounsfield(volume(np.array([[[-1000.0, 400]]])))
    assert is_hounsfield(volume(np.array([[[-1000.0, np.nan, 400]]]), modality="CT"))
    assert not is_hounsfield(volume(np.array([[[-1000.0, 400]]]), modality="MR"))
    assert not is_hounsfield(volume(np.array([[[0.0, 400]]]), modality="CT"))  # not rescaled: 0 is no water
    assert not is_hounsfield(volume(np.array([[[0.0, 400]]])))


def head(air: float) -> NDArray[np.float64]:
    """Mostly soft tissue, a tenth bone, a share of air, -3024 in the corners."""
    values = RANDOM.normal(40, 30, 30_000)
    values[:3_000] = RANDOM.normal(1000, 150, 3_000)
    values[-int(air * 30_000) :] = RANDOM.normal(-990, 15, int(air * 30_000))
    values[15_000:18_000] = -3024
    return values.reshape(30, 100, 10)


def test_without_a_modality_air_is_the_proof() -> None:
    """Values below -500 are none: phases, differences and field maps have them."""
    inside = RANDOM.random(30_000) < 0.4
    uniform = {
        "phase, noise around": RANDOM.integers(-2048, 2048, 30_000) * 2,
        "phase, nothing around": np.where(inside, RANDOM.integers(-2048, 2048, 30_000) * 2, 0),
        "phase, the least value around": np.where(inside, RANDOM.integers(-2048, 2048, 30_000) * 2, -4096),
        "phase in thousandths": RANDOM.integers(-3142, 3143, 30_000),
        "phase, to 1000": RANDOM.integers(-1000, 1001, 30_000),
        "real part": RANDOM.normal(0, 600, 30_000),
        "difference": RANDOM.laplace(0, 200, 30_000),
        "field map": RANDOM.normal(0, 150, 30_000),
    }
    for name, values in uniform.items():
        assert not is_hounsfield(volume(values.reshape(30, 100, 10))), name
    assert is_hounsfield(volume(head(0.2)))
    assert is_hounsfield(volume(np.clip(head(0.2), -1000, 1000)))
    assert not is_hounsfield(volume(head(0.001)))  # the corners alone
    lung = np.concatenate([RANDOM.normal(-820, 40, 5_000), RANDOM.normal(40, 30, 25_000)])
    assert is_hounsfield(volume(lung.reshape(30, 100, 10)))


def textured(depth: int, blank: tuple[int, ...]) -> Image:
    pixels = RANDOM.integers(0, 1000, (depth, 12, 12)).astype(np.int16)
    pixels[list(blank)] = 0
    return volume(pixels, lps((1.0, 1.0, 1.0)), "MR")


def test_blank_slices_are_left_out_but_never_all() -> None:
    cut_up = list(cut(textured(7, (0, 3, 6)), VolumeRecipe()))
    assert [(number, count) for number, count, _ in cut_up] == [(1, 7), (2, 7), (4, 7), (5, 7)]
    assert [number for number, _, _ in cut(textured(7, tuple(range(7))), VolumeRecipe())] == [3]
    assert [number for number, _, _ in cut(textured(7, (0,)), VolumeRecipe(slices="every:3"))] == [3, 6]


@pytest.mark.parametrize(
    ("spacing", "size"), [((1, 1, 1), (10, 8)), ((1, 3, 1), (10, 24)), ((1, 1, 2), (20, 8)), ((1, 1, 900), (200, 8))]
)
def test_pixels_become_square(spacing: tuple[float, float, float], size: tuple[int, int]) -> None:
    image = volume(RANDOM.integers(0, 99, (3, 8, 10)), lps(spacing))
    assert {shown.size for _, _, shown in cut(image, VolumeRecipe())} == {size}


@pytest.mark.parametrize("how", ["mean", "median", "max"])
def test_pooling_gives_a_unit_vector(how: str) -> None:
    vectors = RANDOM.normal(size=(9, 5)).astype(np.float32)
    weights = slice_weights("gaussian:0.2", np.linspace(0, 1, 9))
    pooled = pool(vectors, weights, how)
    plain = {"mean": weights @ vectors, "median": np.median(vectors, 0), "max": vectors.max(0)}[how]
    assert pooled.shape == (1, 5)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled[0], plain / np.linalg.norm(plain), rtol=1e-5)
    assert np.isfinite(pool(np.zeros((2, 3), np.float32), np.full(2, 0.5), how)).all()


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(UsageError, match="pooling is mean, median or max"):
        pool(np.ones((1, 2), np.float32), np.ones(1), "sum")
