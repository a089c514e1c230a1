"""Patches a byte a number, and the score of a region, against plain loops."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import texture
from lookalike import encoders
from lookalike.pixels import from_array, prepare
from lookalike.ranking import window_scores
from lookalike.store.packed import packed, patches_in, row_of, sound, unpacked
from lookalike.types import Displayed


def unit_patches(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=shape)
    result: NDArray[np.float32] = (drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).astype(np.float32)
    return result


@given(
    st.integers(0, 10_000),
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8),
)
@settings(deadline=None)
def test_window_scores_are_their_definition(
    seed: int, pictures: int, rows: int, columns: int, cells: set[tuple[int, int]]
) -> None:
    first = min(row for row, _ in cells), min(column for _, column in cells)
    at = np.array(sorted((row - first[0], column - first[1]) for row, column in cells))
    height, width = at.max(axis=0) + 1
    rows, columns = rows + int(height) - 1, columns + int(width) - 1
    grids, region = unit_patches(seed, (pictures, rows, columns, 5)), unit_patches(seed + 1, (len(at), 5))
    scores = window_scores(np.einsum("mc,nrkc->mnrk", region, grids), at)
    assert scores.shape == (pictures, rows - height + 1, columns - width + 1)
    for (picture, row, column), score in np.ndenumerate(scores):
        cosines = [float(patch @ grids[picture, row + r, column + c]) for patch, (r, c) in zip(region, at, strict=True)]
        assert score == pytest.approx(sum(cosines) / len(cosines), abs=1e-5)


def test_what_a_byte_a_number_costs() -> None:
    """The figures that ``packed`` states."""
    encoder = encoders.load()
    assert isinstance(encoder, encoders.PatchEncoder)
    inputs = np.stack([prepare(from_array(texture(seed)), encoder.spec.preprocessing) for seed in range(4)])
    patches = encoder.encode_inputs_with_patches(inputs)[1]
    assert patches.shape == (4, 14, 14, 192)
    back = unpacked(np.stack([packed(one, Displayed(64, 64)).codes for one in patches]))
    assert (back * patches).sum(axis=-1).min() >= 0.9997
    assert len(row_of(1, "", 0, packed(patches[0], Displayed(64, 64)))["data"]) == 37_640
    rows, packed_rows = (array.reshape(-1, 192)[::5] for array in (patches, back))
    assert np.abs(rows @ rows.T - packed_rows @ packed_rows.T).max() <= 0.003


@given(
    st.integers(0, 10_000),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from([Displayed(480, 640), Displayed(480, 640, (24, 0, 456, 639))]),
)
def test_a_row_says_what_was_stored_and_any_change_is_seen(
    seed: int, rows: int, columns: int, dim: int, shown: Displayed
) -> None:
    patches = packed(unit_patches(seed, (rows, columns, dim)), shown)
    whole = {**row_of(7, "0123456789abcdef", 3, patches), "id": "0123456789abcdef"}
    assert len(whole["data"]) == 8 + rows * columns * dim + (16 if shown.inside else 0)
    row = SimpleNamespace(**whole)
    assert sound(row)
    back = patches_in(row)
    assert back.shown == shown
    np.testing.assert_array_equal(back.codes, patches.codes)
    random = np.random.default_rng(seed)
    data = bytearray(whole["data"])
    data[random.integers(len(data))] ^= 1 << int(random.integers(8))
    changes = [
        {"data": bytes(data)},
        {"data": whole["data"][:-1]},
        {"data": None},
        {"data": b""},
        {"view": 4},
        {"rows": rows + 1},
        {"rows": None},
        {"columns": 0},
        {"columns": "x"},
        {"id": "f"},
        {"checksum": None},
    ]
    if rows != columns:
        changes.append({"rows": columns, "columns": rows})
    for change in changes:
        assert not sound(SimpleNamespace(**{**whole, **change}))


def test_a_patch_of_zeros_stays_zero() -> None:
    patches = packed(np.zeros((1, 2, 4), np.float32), Displayed(1, 2))
    assert not patches.codes.any()
    assert not unpacked(patches.codes).any()
