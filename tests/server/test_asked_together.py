"""Several files in one upload: the slices of one series, one picture with what lies beside it, or a clear refusal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from served import API, Server, make_gallery, serving
from test_volumes_served import nifti, series

from dicoms import data_set, save


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("together"))) as running:
        yield running


def png(path: Path, seed: int = 0) -> Path:
    PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 30), np.uint8)).save(path)
    return path


def radiograph(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 4000, (40, 30)).astype(np.uint16)
    return save(data_set(pixels, Modality="CR", SOPInstanceUID=f"1.2.{seed}", SeriesInstanceUID=f"1.3.{seed}"), path)


def note(path: Path, text: str = "a,b\n1,2\n") -> Path:
    path.write_text(text)
    return path


def test_files_that_are_no_series_are_refused_with_a_reason_of_their_own(server: Server, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = series(tmp_path / "first", 5), series(tmp_path / "second", 6)
    for files in (
        [png(tmp_path / "a.png"), radiograph(tmp_path / "a.dcm")],
        [png(tmp_path / "a.png"), png(tmp_path / "b.png", 1)],
        [png(tmp_path / "a.png"), png(tmp_path / "other" / "a.png", 1)],  # of one name
        [radiograph(tmp_path / f"{seed}.dcm", seed) for seed in range(30)],
        [nifti(tmp_path / "v.nii.gz", 0), nifti(tmp_path / "w.nii.gz", 1)],
        [nifti(tmp_path / "v.nii.gz", 0), png(tmp_path / "a.png")],
        first[:2],  # too few for a volume
        first + second,
        [note(tmp_path / "b.txt"), note(tmp_path / "c.txt", "nothing")],
    ):
        form = [("file", (path.name, path.read_bytes())) for path in files]
        said = server.http.post(f"{API}/uploads", files=form)
        assert (said.status_code, said.json()["reason"]) == (422, "not-one-series"), files
        assert "image" in said.json()["detail"] or "ask with one of them" in said.json()["detail"]


def test_the_one_thing_among_the_files_is_asked_with(server: Server, tmp_path: Path) -> None:
    slices = series(tmp_path / "s", 5)
    for files, count, kind in (
        ([*slices, note(tmp_path / "README.txt"), note(tmp_path / "DICOMDIR", "no directory")], len(slices), "volume"),
        ([note(tmp_path / "n.csv"), radiograph(tmp_path / "a.dcm")], 1, "image"),
        ([note(tmp_path / "n.dcm", "damaged"), png(tmp_path / "p.png")], 1, "image"),
    ):
        form = [("file", (path.name, path.read_bytes())) for path in files]
        said = server.http.post(f"{API}/uploads", files=form)
        assert said.status_code == 201, said.text
        assert (said.json()["files"], said.json()["kind"]) == (count, kind)
        assert said.json()["name"] in {path.name for path in (slices if count > 1 else files[1:])}
        identity = said.json()["id"]
        assert server.get(f"/uploads/{identity}/picture").status_code == 200
        assert server.post("/search", {"query": {"image": identity}, "k": 1}).status_code == 200
