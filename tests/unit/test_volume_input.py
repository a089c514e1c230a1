"""How a whole volume becomes the input of a 3-D network, against other implementations of every step."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.slices import prepared, volume_input
from lookalike.types import Image, Preprocessing, VolumeInput


def volume(values: NDArray[np.generic], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Image:
    """An Image whose depth, rows and columns grow to Superior, Anterior and Right."""
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = spacing
    affine[3, 3] = 1
    return Image(values[..., None], affine, spacing)


def recipe(shape: tuple[int, int, int], **volume: object) -> Preprocessing:
    said: dict[str, object] = {"axes": "SAR", "values": (0.0, 1000.0), **volume}
    return Preprocessing(size=shape[1:], volume=VolumeInput(depth=shape[0], **said))  # type: ignore[arg-type]


def random_values(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 1000, shape).astype(np.float32)


def close(found: NDArray[np.uint16], wanted: NDArray[np.generic]) -> bool:
    """Within the half step that 16 bits leave, for values of 0 to 1000."""
    assert found.dtype == np.uint16
    return bool(np.abs(found / 65.535 - np.clip(wanted, 0, 1000)).max() < 0.01)


@pytest.mark.parametrize("shape", [(6, 7, 8), (9, 5, 8), (4, 12, 3)])
def test_its_own_spacing_is_a_crop_or_a_pad(shape: tuple[int, int, int]) -> None:
    values = random_values((6, 8, 7))
    found = volume_input(volume(values), recipe(shape, spacing=(1.0, 1.0, 1.0)))
    wanted = np.zeros(shape)
    inside, source = [], []
    for size, length in zip(shape, values.shape, strict=True):
        before, start = max(0, (size - length) // 2), max(0, length // 2 - size // 2)
        inside.append(slice(before, before + min(size, length)))
        source.append(slice(start, start + min(size, length)))
    wanted[tuple(inside)] = values[tuple(source)]
    assert close(found, wanted)


def test_resampling_is_linear_from_the_first_voxel_on() -> None:
    values, spacing, wanted = random_values((6, 9, 8)), (2.0, 1.5, 1.0), (1.0, 1.0, 1.7)
    sizes = tuple(round((n - 1) * have / want + 1) for n, have, want in zip(values.shape, spacing, wanted, strict=True))
    at = np.meshgrid(
        *[np.arange(n) * want / have for n, have, want in zip(sizes, spacing, wanted, strict=True)], indexing="ij"
    )
    oracle = scipy.ndimage.map_coordinates(values, at, order=1, mode="nearest")
    assert close(volume_input(volume(values, spacing), recipe(sizes, spacing=wanted)), oracle)


@pytest.mark.parametrize("shape", [(3, 4, 4), (7, 9, 5), (12, 16, 14)])
def test_area_is_the_mean_of_what_a_voxel_touches(shape: tuple[int, int, int]) -> None:
    torch = pytest.importorskip("torch")
    values = random_values((6, 8, 7))
    oracle = torch.nn.functional.interpolate(torch.from_numpy(values)[None, None], size=shape, mode="area")[0, 0]
    assert close(volume_input(volume(values), recipe(shape, resample="area")), oracle.numpy())
    linear = torch.nn.functional.interpolate(torch.from_numpy(values)[None, None], size=shape, mode="trilinear")
    assert close(volume_input(volume(values), recipe(shape)), linear[0, 0].numpy())


def test_one_volume_stored_in_every_axis_order_gives_one_input() -> None:
    plain = volume(random_values((6, 9, 8)), (2.0, 1.0, 1.5))
    assert plain.affine is not None
    how = recipe((5, 8, 8), spacing=(2.0, 1.2, 1.2), axes="IPL")
    wanted = volume_input(plain, how)
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):
            pixels, affine = np.transpose(plain.pixels, (*order, 3)), plain.affine[:, [*order, 3]].copy()
            for axis in np.flatnonzero(flips):
                affine[:3, 3] += affine[:3, axis] * (pixels.shape[axis] - 1)
                affine[:3, axis] *= -1
                pixels = np.flip(pixels, axis)
            stored = Image(pixels, affine, tuple(np.linalg.norm(affine[:3, :3], axis=0)))  # type: ignore[arg-type]
            assert np.array_equal(volume_input(stored, how), wanted)


def test_axes_name_where_the_input_grows() -> None:
    values = np.zeros((4, 4, 4), np.int16)
    values[3, 2, 1] = 1000  # superior, anterior of the middle, left of the middle
    assert volume_input(volume(values), recipe((4, 4, 4)))[3, 2, 1] == 65535
    assert volume_input(volume(values), recipe((4, 4, 4), axes="SPL"))[3, 1, 2] == 65535
    assert volume_input(volume(values), recipe((4, 4, 4), axes="SRA"))[3, 1, 2] == 65535
    assert volume_input(volume(values), recipe((4, 4, 4), axes="LIP"))[2, 0, 1] == 65535


def test_only_the_box_of_the_foreground_counts() -> None:
    values = np.full((9, 9, 9), -1000, np.int16)
    values[2:6, 3:7, 1:5] = random_values((4, 4, 4)).astype(np.int16)
    inside = volume_input(volume(values[2:6, 3:7, 1:5]), recipe((4, 4, 4)))
    assert np.array_equal(volume_input(volume(values), recipe((4, 4, 4), foreground=-1000.0)), inside)
    empty = volume_input(volume(np.full((4, 4, 4), -1000)), recipe((4, 4, 4), foreground=-1000.0))
    assert not empty.any()


def test_values_that_are_no_numbers_are_dark_and_shapes_are_seen() -> None:
    values = random_values((5, 5, 5))
    values[2, 2, 2] = np.nan
    assert volume_input(volume(values), recipe((5, 5, 5)))[2, 2, 2] == 0
    shape = np.zeros((6, 6, 6), np.uint8)
    shape[2:4, 2:4, 2:4] = 255
    found = volume_input(volume(shape), recipe((6, 6, 6), values=None))
    assert np.array_equal(found == 65535, shape == 255)
    assert np.array_equal(found == 0, shape == 0)


def test_pictures_and_colours_are_refused() -> None:
    with pytest.raises(UnreadableImageError, match="not-a-volume"):
        prepared(Image(np.zeros((1, 9, 9, 1))), recipe((4, 4, 4)))
    with pytest.raises(UnreadableImageError, match="unsupported-pixels"):
        prepared(Image(np.zeros((5, 9, 9, 3))), recipe((4, 4, 4)))


def test_a_recipe_comes_back_from_json_and_changes_no_older_hash() -> None:
    how = recipe((4, 5, 6), spacing=(1.0, 2.0, 3.0), foreground=-5.0)
    assert Preprocessing.from_fields(how.fields()) == how
    assert "volume" not in Preprocessing().fields()
    assert how.hash != Preprocessing(size=(5, 6)).hash
