"""Searching by a region of a volume: planted patterns are found in the slices that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from lookalike.errors import UsageError
from lookalike.evaluation.protocols.localisation import intersection_over_union
from lookalike.gallery import open_gallery
from lookalike.store.patches import patches_of
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.explain import explain
from lookalike.verbs.index import index
from lookalike.verbs.search import search
from planted import plant, scene
from started import ran

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

DEPTH, HELD = 9, (4, 5)


def write_volume(folder: Path, seed: int, spot: tuple[int, int] | None) -> Path:
    """Slices that change slowly; the pattern in two of them, and a mask that says so. Stored as RAS+."""
    start, end = scene(seed, 112), scene(seed + 500, 112)
    slices = np.stack([start + (end - start) * z / (DEPTH - 1) for z in range(DEPTH)])
    mask = np.zeros(slices.shape, np.uint8)
    if spot is not None:
        for z in HELD:
            plant(slices[z], *spot, side=30)
            mask[z, spot[1] : spot[1] + 30, spot[0] : spot[0] + 30] = 1
    folder.mkdir(exist_ok=True)
    file = folder / f"v{seed}.nii.gz"
    # A picture's rows run to the patient's back and its columns to the left: both are flipped in RAS+.
    for name, values in ((file, slices), (folder / f"mask_v{seed}.nii.gz", mask)):
        if values.any():
            stored = values.clip(0, 255).astype(np.uint8)[:, ::-1, ::-1].transpose(2, 1, 0)
            nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), name)
    return file


SPOTS = {1: (10, 20), 2: (70, 60), 3: (40, 5), 4: (66, 70)}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Eight volumes, four with the pattern in two slices; indexed with patches."""
    folder = tmp_path_factory.mktemp("volumes") / "files"
    for seed in range(1, 9):
        write_volume(folder, seed, SPOTS.get(seed))
    with open_gallery(folder.parent / "gallery", create=True) as gallery:
        index(gallery, [folder], patches=True)
    return folder, folder.parent / "gallery"


def test_a_region_of_a_volume_is_found_in_the_right_slices(volumes: tuple[Path, Path]) -> None:
    folder, stored = volumes
    PIL.Image.fromarray(texture(3, 112)).save(folder.parent / "flat.png")
    with open_gallery(stored) as gallery:
        for seed, (left, top) in SPOTS.items():
            box = (left / 112, top / 112, (left + 30) / 112, (top + 30) / 112)
            by_box = search(gallery, folder / f"v{seed}.nii.gz", box=box, slice=4, k=3)
            by_mask = search(gallery, folder / f"v{seed}.nii.gz", mask=folder / f"mask_v{seed}.nii.gz", k=3)
            for result in (by_box, by_mask):
                assert {Path(hit.source).name for hit in result.hits} == {
                    f"v{other}.nii.gz" for other in SPOTS if other != seed
                }
                for hit in result.hits:
                    assert hit.region is not None
                    assert hit.match is not None
                    assert hit.region.slice == hit.match.slice
                    assert hit.match.slice in HELD
                    assert set(HELD) <= set(hit.match.slices)
                    x, y = SPOTS[int(Path(hit.source).name[1])]
                    there = (x / 112, y / 112, (x + 30) / 112, (y + 30) / 112)
                    assert intersection_over_union(hit.region.box, there) > 0.3
        with pytest.raises(UsageError, match="give a mask of the same volume"):
            search(gallery, folder.parent / "flat.png", mask=folder / "mask_v1.nii.gz")
        with pytest.raises(UsageError, match="marks nothing in slice 1"):
            search(gallery, folder / "v1.nii.gz", mask=folder / "mask_v1.nii.gz", slice=1)


def test_explain_volumes(volumes: tuple[Path, Path], tmp_path: Path) -> None:
    folder, stored = volumes
    with open_gallery(stored) as gallery, open_gallery(tmp_path / "bare", create=True) as bare:
        index(bare, [folder])
        record = next(r for r in gallery.store.records().values() if r.source.endswith("v2.nii.gz"))
        assert len(patches_of(gallery.store, record.key)) == DEPTH
        assert not patches_of(bare.store, record.key)
        shown = explain(gallery, folder / "v1.nii.gz", record=record.id)
        match = next(hit.match for hit in search(gallery, folder / "v1.nii.gz", k=7).hits if hit.id == record.id)
        assert shown.match == match
        assert match is not None
        assert (shown.query.slice, shown.hit.slice) == (match.query_slice, match.slice)
        assert (shown.pairs[0].query_slice, shown.pairs[0].slice) == (match.query_slice, match.slice)
        assert len({pair.query_slice for pair in shown.pairs}) == len({pair.slice for pair in shown.pairs}) == 5
        marked = {"mask": folder / "mask_v1.nii.gz"}
        for options in ({}, marked, {**marked, "context": False}, {"slice": 2}):
            made, kept_ = (explain(g, folder / "v1.nii.gz", record=record.id, **options) for g in (bare, gallery))
            assert made == kept_
        assert explain(gallery, folder / "v1.nii.gz", record=record.id, slice=2).query.slice == 2


def test_localisation(volumes: tuple[Path, Path], tmp_path: Path) -> None:
    folder, stored = volumes
    table = tmp_path / "patients.csv"
    table.write_text("file,finding,patient_id\n" + "".join(f"v{seed}.nii.gz,pattern,p{seed}\n" for seed in SPOTS))
    with open_gallery(stored) as gallery, open_gallery(tmp_path / "bare", create=True) as bare:
        index(bare, [folder], labels=table)
        report, without = (evaluate(each, protocol="localisation", k=(3,)) for each in (gallery, bare))
        with pytest.raises(UsageError, match="fewer than two volumes have a mask"):
            evaluate(gallery, protocol="localisation", where="source~v1")
    # A file of NIfTI names no patient: they are known only where a table says them.
    assert (report.volumes, report.patients, report.left_out) == (4, 0, 0)
    assert "No patient is known" in " ".join(report.notes)
    assert (without.volumes, without.patients, without.left_out) == (4, 4, 0)
    assert "No patient is known" not in " ".join(without.notes)
    whole = report.scores[-1]
    assert (whole.label, whole.queries) == ("all", 4)
    assert whole.place == 1
    assert whole.overlap is not None
    assert whole.overlap_unmoved is not None
    assert whole.overlap > 0.4 > whole.overlap_unmoved
    assert whole.slices_chance == pytest.approx(len(HELD) / DEPTH)
    assert whole.slices > whole.slices_chance
    assert without.scores[-1].slices == whole.slices
    assert without.scores[-1].place is None
    assert "keeps no patches" in str(without)
    told = ran("evaluate", "-g", stored, "--protocol", "localisation", "-k", "3")
    assert told.stdout.startswith(report.tables())
