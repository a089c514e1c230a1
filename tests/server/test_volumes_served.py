"""Volumes over HTTP: series and NIfTI files are asked with, drawn slice by slice and matched."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest
from served import Server, serving

from dicoms import data_set, save
from lookalike.errors import UnreadableImageError
from lookalike.gallery import open_gallery
from lookalike.pixels import picture
from lookalike.readers import read
from lookalike.readers.display import Display
from lookalike.slices import cut
from lookalike.types import Preprocessing, VolumeRecipe
from lookalike.verbs.index import index

DEPTH, SIDE = 7, 40


def values(seed: int) -> np.ndarray:
    """(depth, rows, columns): a ball on noise, another in every slice."""
    z, y, x = np.mgrid[:DEPTH, :SIDE, :SIDE]
    ball = np.hypot(np.hypot(x - 12 - 2 * seed, y - 20), 3 * (z - 3)) < 9
    return (np.random.default_rng(seed).integers(0, 60, z.shape) + 700 * ball + 9 * z).astype(np.int16)


def nifti(path: Path, seed: int) -> Path:
    nibabel.save(nibabel.Nifti1Image(values(seed).transpose(2, 1, 0), np.diag([-1.0, -1, 1, 1])), path)
    return path


def series(folder: Path, seed: int) -> list[Path]:
    folder.mkdir(parents=True)
    return [
        save(
            data_set(
                plane,
                signed=True,
                Modality="MR",
                SeriesInstanceUID=f"1.2.{seed}",
                PatientID=f"p{seed}",
                SOPInstanceUID=f"1.2.{seed}.{z}",
                ImagePositionPatient=[0, 0, float(z)],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[1, 1],
            ),
            folder / f"s{(z * 3) % DEPTH}.dcm",
        )
        for z, plane in enumerate(values(seed))
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("volumes")
    (base / "in").mkdir()
    for seed in range(3):
        nifti(base / "in" / f"v{seed}.nii.gz", seed)
    series(base / "in" / "series", 5)
    with open_gallery(base / "g", create=True) as gallery:
        assert index(gallery, [base / "in"]).added == 4
    with serving(base / "g") as running:
        yield running


def test_a_volume_is_scrolled_and_matched(server: Server, tmp_path: Path) -> None:
    upload = server.upload(nifti(tmp_path / "q.nii.gz", 0))
    said = server.get(f"/uploads/{upload}/picture", params={"slice": 0})
    other = server.get(f"/uploads/{upload}/picture", params={"slice": 3})
    assert said.status_code == other.status_code == 200
    assert said.content != other.content
    answer = server.post("/search", {"query": {"volume": upload}, "k": 4, "same_patient": True})
    found = answer.json()
    assert found["hits"][0]["source"] == "v0.nii.gz"
    assert found["hits"][0]["depth"] == DEPTH
    assert found["hits"][0]["match"]["score"] == pytest.approx(1, abs=1e-3)
    assert all(0 <= hit["percentile"] <= 100 for hit in found["hits"])
    assert server.get("/gallery").json()["volumes"]


def test_the_files_of_a_series_are_one_upload_and_one_record(server: Server, tmp_path: Path) -> None:
    files = series(tmp_path / "s", 5)
    form = [("file", (path.name, path.read_bytes())) for path in files]
    said = server.http.post("/api/v1/uploads", files=form).json()
    assert (said["kind"], said["depth"], said["files"], said["viewer"]) == ("volume", DEPTH, DEPTH, "dicom")
    found = server.post("/search", {"query": {"volume": said["id"]}, "k": 4, "same_patient": True}).json()
    (own,) = [hit for hit in found["hits"] if hit["source"] == "series"]
    assert own["match"]["score"] == pytest.approx(1, abs=1e-3)
    kept = server.get(f"/records/{own['id']}/files").json()
    assert kept == {
        "viewer": "dicom",
        "count": DEPTH,
        "plane": "axial",
        "rows": said["rows"],
        "columns": said["columns"],
        "units": "",
    }
    raw = {server.get(f"/records/{own['id']}/file", params={"n": n}).content for n in range(DEPTH)}
    assert raw == {path.read_bytes() for path in files}
    assert server.get(f"/records/{own['id']}/picture", params={"slice": 6}).status_code == 200


def test_what_is_drawn_is_what_the_encoder_is_shown(tmp_path: Path) -> None:
    recipe, volumes = Preprocessing(), VolumeRecipe()
    volume, flat = nifti(tmp_path / "v.nii.gz", 1), tmp_path / "p.png"
    PIL.Image.fromarray(values(2)[3].astype(np.uint8)).save(flat)
    display = Display(recipe, volumes)
    try:
        (image,) = read([volume])
        for number, count, shown in cut(image, volumes):
            drawn = display.draw([volume], slice=number)
            assert (drawn.slice, drawn.depth, drawn.rows, drawn.columns) == (number, count, SIDE, SIDE)
            assert alike(drawn.jpeg, shown)
        (image,) = read([flat])
        assert alike(display.draw([flat]).jpeg, picture(image, recipe.percentiles))
        with pytest.raises(UnreadableImageError, match="not-readable"):
            display.draw([tmp_path / "nothing.png"])
    finally:
        display.close()


def alike(jpeg: bytes, shown: PIL.Image.Image) -> bool:
    """But for what JPEG loses."""
    drawn = np.asarray(PIL.Image.open(io.BytesIO(jpeg)), np.float64)
    return bool(np.abs(drawn - np.asarray(shown, np.float64)).mean() < 4)
