"""Real series of many scanners against dcm2niix: how many volumes, how large, how far apart, where in the patient."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from awaited import PATIENCE
from lookalike.gallery import Gallery
from lookalike.readers import read, series_of
from lookalike.readers.grouping import SliceFile
from lookalike.sources.volumes import volume_items
from lookalike.types import Image, VolumeRecipe
from lookalike.verbs.index import index
from lookalike.verbs.search import search

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")


@pytest.fixture
def peer(shared_data: Path) -> Path:
    return shared_data / "series-peer"


def volumes_of(folder: Path) -> list[Image]:
    """The volumes of the series in a folder, as ``index`` finds them."""
    parts = ((file, series_of(file)) for file in sorted(folder.iterdir()))
    slices = [SliceFile(str(file), str(file), str(file), 0, part) for file, part in parts if part is not None]
    assert len(slices) == len(list(folder.iterdir()))
    return [volume for item in volume_items(slices) for volume in read([Path(file) for file in item.files])]


Axes = dict[str, tuple[int, float]]
"""Of each axis, by the letters of its two ends: voxels, mm. Neither order nor direction of the axes counts."""


def axes(letters: str, counts: Iterable[int], spacings: Iterable[float]) -> Axes:
    pairs = {"R": "RL", "L": "RL", "A": "AP", "P": "AP", "S": "SI", "I": "SI"}
    return {pairs[a]: (n, mm) for a, n, mm in zip(letters, counts, spacings, strict=True)}


def axes_of(volume: Image) -> Axes:
    assert volume.affine is not None
    assert volume.spacing is not None
    return axes("".join(nibabel.aff2axcodes(volume.affine)), volume.pixels.shape[:3], volume.spacing)


def axes_told(row: dict[str, str]) -> Axes:
    return axes(row["axes"], (int(row[i]) for i in "ijk"), (float(row[f"spacing_{i}"]) for i in "ijk"))


def are_equal(one: Axes, other: Axes) -> bool:
    return one.keys() == other.keys() and all(
        one[ends][0] == other[ends][0] and abs(one[ends][1] - other[ends][1]) < 0.002 for ends in one
    )


def test_every_series_is_as_its_peer_says(peer: Path) -> None:
    rows: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader((peer / "truth.csv").read_text("utf-8").splitlines()):
        rows.setdefault(row["series"], []).append(row)
    assert len(rows) == 22
    for name, truth in rows.items():
        volumes = volumes_of(peer / name)
        assert len(volumes) == sum(int(row["volumes"]) for row in truth), name
        assert {volume.frames for volume in volumes} == {len(volumes)}, name
        assert [volume.frame for volume in volumes] == list(range(len(volumes))), name
        assert all(are_equal(axes_of(volume), axes_told(row)) for volume in volumes for row in truth), name


def convert(folder: Path, out: Path) -> list[Path]:
    """What dcm2niix makes of a series."""
    if shutil.which("dcm2niix") is None:
        pytest.skip("the Debian package dcm2niix is not installed")
    out.mkdir(parents=True)
    command = ["dcm2niix", "-o", str(out), "-f", "%s-%t", "-b", "n", "-z", "n", str(folder)]
    subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    return sorted(out.glob("*.nii"))


def nifti_volumes(files: list[Path]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """(i, j, k) values and affine of each volume."""
    for file in files:
        opened = nibabel.load(file)
        values = np.asanyarray(opened.dataobj)
        for number in range(values.shape[3] if values.ndim == 4 else 1):
            yield (values[..., number] if values.ndim == 4 else values), opened.affine


def alike(volume: Image, values: NDArray[Any], affine: NDArray[Any]) -> tuple[float, float]:
    """The correlation of the volume's voxels with those of the other at the same millimetres of the patient, and how
    far, in voxels, they lie from these; -1 if some lie outside.
    """
    assert volume.affine is not None
    there = np.linalg.inv(affine) @ volume.affine
    indices = np.indices(volume.pixels.shape[:3]).reshape(3, -1)
    places = there[:3, :3] @ indices + there[:3, 3:]
    nearest = np.rint(places).astype(int)
    if (nearest < 0).any() or (nearest >= np.array(values.shape)[:, None]).any():
        return -1.0, np.inf
    ours, theirs = volume.pixels[..., 0].ravel().astype(float), values[tuple(nearest)].astype(float)
    return float(np.corrcoef(ours, theirs)[0, 1]), float(np.abs(places - nearest).max())


@pytest.mark.slow
def test_every_voxel_lies_where_the_peer_says(peer: Path, tmp_path: Path) -> None:
    for folder in sorted(path for path in peer.iterdir() if path.is_dir()):
        theirs = list(nifti_volumes(convert(folder, tmp_path / folder.name)))
        ours = volumes_of(folder)
        assert len(ours) == len(theirs), folder.name
        found = [max(alike(volume, *other) for other in theirs) for volume in ours]
        assert min(correlation for correlation, _ in found) > 0.99999, folder.name
        assert max(off for _, off in found) < 0.01, folder.name
        # What is turned by 180 degrees is told.
        values, affine = theirs[0]
        assert max(alike(volume, values[::-1, ::-1], affine)[0] for volume in ours) < 0.99, folder.name


@pytest.mark.slow
def test_every_nifti_of_the_peer_finds_its_series_first(
    peer: Path, tmp_path: Path, make_gallery: Callable[..., Gallery]
) -> None:
    folders = sorted(path for path in peer.iterdir() if path.is_dir())
    gallery = make_gallery(volumes=VolumeRecipe("native", four_d="split"))
    result = index(gallery, folders)
    assert result.refused == ()
    asked = 0
    for folder in folders:
        for file in convert(folder, tmp_path / folder.name):
            shape = nibabel.load(file).shape
            for number in range(shape[3] if len(shape) == 4 else 1):
                (hit,) = search(gallery, f"{file}#{number}", k=1, same_patient=True).hits
                assert folder in (Path(hit.source), *Path(hit.source).parents), (folder.name, number, hit)
                assert hit.score >= 0.99, (folder.name, number, hit)
                asked += 1
    assert asked == result.records
