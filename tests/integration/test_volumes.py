"""Series and volume files, from the folder to the hits."""

from __future__ import annotations

import gzip
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psutil
import pydicom
import pytest
from numpy.typing import NDArray
from running import HELD

from awaited import eventually
from conftest import texture
from dicoms import data_set, save
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.types import Record, VolumeRecipe
from lookalike.verbs.index import IndexResult, index
from lookalike.verbs.search import search
from started import Started

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

MakeGallery = Callable[..., Gallery]
AXIAL = (1, 0, 0, 0, 1, 0)


def body(seed: int, depth: int = 6) -> NDArray[np.int16]:
    """A volume (depth, 24, 24) in Hounsfield-like numbers that changes along its depth."""
    start, end = (texture(seed + i, 24).astype(float) for i in (0, 1000))
    mixed = [start + (end - start) * i / (depth - 1) for i in range(depth)]
    return (np.stack(mixed) * 4 - 600).astype(np.int16)


def write_series(
    folder: Path, seed: int = 1, *, depth: int = 6, uid: str = "", names: list[str] | None = None, **elements: Any
) -> list[Path]:
    """A CT series, a file a slice, from the feet up."""
    folder.mkdir(exist_ok=True, parents=True)
    return [
        save(
            data_set(
                plane,
                signed=True,
                Modality="CT",
                SeriesInstanceUID=uid or f"1.2.{seed}",
                PatientID=f"MRN-{seed}",
                InstanceNumber=number,
                PixelSpacing=[1.0, 1.0],
                RescaleSlope=1,
                RescaleIntercept=0,
                **{"ImagePositionPatient": [0, 0, 2.5 * number], "ImageOrientationPatient": [*AXIAL], **elements},
            ),
            folder / (names[number] if names else f"s{number:02}.dcm"),
        )
        for number, plane in enumerate(body(seed, depth))
    ]


def records(gallery: Gallery) -> list[Record]:
    return sorted(gallery.store.records().values(), key=lambda record: record.source)


def reasons(result: IndexResult) -> dict[str, str]:
    return {Path(refusal.source).name: refusal.reason for refusal in result.refused}


def test_a_series_is_one_record_whatever_its_file_names(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", names=["q.dcm", "a", "z.IMA", "0", "k.dcm", "b.dcm"])
    one, other = make_gallery("g1"), make_gallery("g2")
    assert index(one, [tmp_path / "a"]).added == index(other, [tmp_path / "b"]).added == 1
    ours, theirs = records(one)[0], records(other)[0]
    assert (ours.source, theirs.source) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert ours.id == theirs.id
    assert ours.attributes == theirs.attributes
    assert ours.attributes["slices"] == 6
    assert one.store.slices_of(ours.key)[0] == other.store.slices_of(theirs.key)[0] == tuple(range(6))
    np.testing.assert_array_equal(one.store.vectors_of(ours.key), other.store.vectors_of(theirs.key))


def test_a_second_run_skips_and_the_same_series_elsewhere_too(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    gallery = make_gallery()
    index(gallery, [tmp_path / "a"])
    again = index(gallery, [tmp_path / "a"])
    assert (again.added, again.skipped, again.files, again.records) == (0, 1, 6, 1)
    shutil.move(tmp_path / "a", tmp_path / "moved")
    moved = index(gallery, [tmp_path / "moved"])
    assert (moved.added, moved.skipped, moved.records) == (0, 1, 1)


def test_gaps_and_doubles_are_refused_and_the_rest_goes_on(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "whole", 1)
    write_series(tmp_path / "gap", 2)[3].unlink()
    doubled = write_series(tmp_path / "double", 3)
    other = pydicom.dcmread(doubled[2])
    other.SOPInstanceUID = "1.2.3.5"
    other.save_as(doubled[2].with_name("other.dcm"))
    cut = write_series(tmp_path / "cut", 4)
    cut[2].write_bytes(cut[2].read_bytes()[:-500])
    PIL.Image.fromarray(texture(9)).save(tmp_path / "cut" / "picture.png")
    gallery = make_gallery()
    result = index(gallery, [tmp_path])
    found = {Path(r.source).relative_to(tmp_path).parts[0]: r.reason for r in result.refused}
    assert found == {"gap": "incomplete-series", "double": "incomplete-series", "cut": "damaged-pixels"}
    assert [Path(r.source).name for r in records(gallery)] == ["picture.png", "whole"]
    assert (result.added, result.files) == (2, 25)
    # Once the missing slice is there, the next run reads the series and forgets the refusal.
    write_series(tmp_path / "gap", 2)
    assert index(gallery, [tmp_path / "gap"]).added == 1
    assert [r.source for r in records(gallery) if r.source == str(tmp_path / "gap")]


def test_two_series_in_one_folder_are_two_volumes(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path, 1, names=[f"a{i}" for i in range(6)])
    write_series(tmp_path, 2, depth=4, names=[f"b{i}" for i in range(4)])
    gallery = make_gallery()
    assert index(gallery, [tmp_path]).added == 2
    assert {Path(r.source).name: r.attributes["slices"] for r in records(gallery)} == {"a0": 6, "b0": 4}


def test_too_few_places_are_pictures_of_their_own(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "two", 1, depth=2)
    # The same slice in several files is no volume.
    write_series(tmp_path / "same", 2, depth=5, ImagePositionPatient=[0, 0, 7])
    # A localizer: one series, three directions.
    for number, directions in enumerate([AXIAL, (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)]):
        write_series(
            tmp_path / "localizer",
            30 + number,
            depth=2,
            uid="1.2.3",
            ImageOrientationPatient=list(directions),
            names=[f"{number}-{i}" for i in range(2)],
        )
    gallery = make_gallery()
    result = index(gallery, [tmp_path])
    assert (result.added, result.files, result.refused) == (13, 13, ())
    assert not any("slices" in record.attributes for record in records(gallery))


def test_inverted_slices_are_negated_not_wrapped(make_gallery: MakeGallery, tmp_path: Path) -> None:
    """MONOCHROME1 of unsigned numbers looks as MONOCHROME2 of the numbers turned over."""
    for name, shown in (("plain", "MONOCHROME2"), ("inverted", "MONOCHROME1")):
        (tmp_path / name).mkdir()
        for number, plane in enumerate((body(5) + 600).astype(np.uint16)):
            save(
                data_set(
                    plane if name == "plain" else 1020 - plane,
                    Modality="PT",
                    SeriesInstanceUID=f"1.2.{len(name)}",
                    PhotometricInterpretation=shown,
                    ImagePositionPatient=[0, 0, number],
                    PixelSpacing=[1, 1],
                    ImageOrientationPatient=list(AXIAL),
                ),
                tmp_path / name / f"{number}.dcm",
            )
    gallery = make_gallery()
    assert index(gallery, [tmp_path]).added == 2
    one, other = (gallery.store.vectors_of(record.key) for record in records(gallery))
    np.testing.assert_allclose(one, other, atol=0.02)


def test_labels_by_folder(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "a", 1)
    write_series(tmp_path / "b", 2)
    (tmp_path / "labels.csv").write_text("path,label,patient_id,organ\na,chest,p1,lung\nb,head,p2,brain\n")
    gallery = make_gallery()
    result = index(gallery, [tmp_path], labels=tmp_path / "labels.csv")
    assert (result.added, result.unmatched, result.ignored) == (2, 0, 1)
    assert [(r.labels, r.attributes["organ"]) for r in records(gallery)] == [(("chest",), "lung"), (("head",), "brain")]
    # A table given later reaches the records that are there.
    (tmp_path / "labels.csv").write_text("path,label\na,thorax\nb,skull\n")
    assert index(gallery, [tmp_path], labels=tmp_path / "labels.csv").skipped == 2
    assert [r.labels for r in records(gallery)] == [("thorax",), ("skull",)]


def write_nifti(path: Path, values: NDArray[Any], affine: NDArray[np.float64] | None = None) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def test_odd_nifti_files_are_read_or_refused(make_gallery: MakeGallery, tmp_path: Path) -> None:
    values = body(1).transpose(2, 1, 0).astype(np.float32)
    folder = tmp_path / "files"
    folder.mkdir()
    write_nifti(folder / "good.nii.gz", values)
    write_nifti(folder / "one.nii", values[..., None])  # a fourth dimension of one
    holed = values.copy()
    holed[:3] = np.nan
    write_nifti(folder / "holed.nii", holed)
    coloured = np.zeros(values.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    coloured["R"] = (values + 600) / 4
    write_nifti(folder / "rgb.nii", coloured)
    write_nifti(folder / "four.nii", np.stack([values, values], axis=-1))
    write_nifti(folder / "nan.nii", np.full_like(values, np.nan))
    write_nifti(folder / "complex.nii", values.astype(np.complex64))
    flat = np.diag([1.0, 1, 0, 1])
    broken = {"affine-nan": np.diag([np.nan, 1, 1, 1]), "affine-flat": flat}
    for name, affine in broken.items():
        image = nibabel.Nifti1Image(values, np.eye(4))
        image.header["sform_code"], image.header["qform_code"] = 1, 0
        for row in range(3):
            image.header[f"srow_{'xyz'[row]}"] = affine[row]
        header = image.header.binaryblock
        whole = write_nifti(folder / f"{name}.nii", values).read_bytes()
        (folder / f"{name}.nii").write_bytes(header + whole[len(header) :])
    whole = (folder / "one.nii").read_bytes()
    (folder / "zero.nii").write_bytes(whole[:42] + b"\x00\x00" + whole[44:])  # dim[1]
    (folder / "short.nii").write_bytes(whole[:-900])
    packed = bytearray(gzip.compress(whole))
    packed[-8] ^= 255
    (folder / "checksum.nii.gz").write_bytes(packed)
    (folder / "mask_good.nii.gz").write_bytes((folder / "good.nii.gz").read_bytes())
    gallery = make_gallery()
    result = index(gallery, [folder])
    assert [Path(r.source).name for r in records(gallery)] == ["good.nii.gz", "holed.nii", "one.nii", "rgb.nii"]
    assert result.ignored == 1
    assert reasons(result) == {
        "four.nii": "four-dimensional",
        "nan.nii": "damaged-pixels",
        "complex.nii": "unsupported-pixels",
        "affine-nan.nii": "damaged-geometry",
        "affine-flat.nii": "damaged-geometry",
        "short.nii": "damaged-pixels",
        "checksum.nii.gz": "damaged-pixels",
        "zero.nii": "unsupported-pixels",
    }


def test_one_volume_in_two_files_is_stored_once(make_gallery: MakeGallery, tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        write_nifti(tmp_path / folder / "same.nii", body(1).transpose(2, 1, 0))
    gallery = make_gallery()
    result = index(gallery, [tmp_path])
    assert (result.added, result.skipped, result.records) == (1, 2, 1)
    (record,) = records(gallery)
    assert record.source == str(tmp_path / "a" / "same.nii")  # the first one counts
    assert len(gallery.store.vectors_of(record.key)) == 6


def test_search_by_slice_folder_and_id(make_gallery: MakeGallery, tmp_path: Path) -> None:
    # One volume larger than the number of slice hits that are looked at first must not hide the others.
    for seed in range(1, 5):
        write_series(tmp_path / f"v{seed}", seed, depth=230 if seed == 1 else 6)
    gallery = make_gallery()
    assert index(gallery, [tmp_path]).added == 4
    by_source = {Path(record.source).name: record for record in records(gallery)}
    asked = by_source["v1"]
    every_rank = ("auto", "pool", "pool:median", "pool:max", "count", "max", "sum", "maxsim")
    queries: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("v1", {"query": tmp_path / "v1" / "s100.dcm"}, ("auto", "sum")),  # files are read anew for each
        ("v2", {"query": tmp_path / "v2"}, ("auto", "maxsim")),
        ("v1", {"id": asked.id}, every_rank),
    ]
    for name, query, ranks in queries:
        for rank in ranks:
            every = search(gallery, **query, k=4, rank=rank, same_patient=True)
            assert len(every.hits) == len({hit.id for hit in every.hits}) == 4, (query, rank)
            others = search(gallery, **query, k=4, rank=rank)
            assert {hit.id for hit in others.hits} == {hit.id for hit in every.hits} - {by_source[name].id}
            assert [hit.score for hit in others.hits] == sorted((hit.score for hit in others.hits), reverse=True)
            for hit in every.hits:
                assert hit.match is not None
                assert 0 <= hit.match.slice < float(hit.attributes["slices"])
                assert hit.match.slice in hit.match.slices
    itself = search(gallery, id=asked.id, k=1, same_patient=True).hits[0]
    assert itself.id == asked.id
    assert itself.score == pytest.approx(1, abs=1e-3)
    folder = search(gallery, tmp_path / "v2", k=1, same_patient=True).hits[0]
    assert folder.id == by_source["v2"].id
    assert folder.score == pytest.approx(1, abs=1e-3)
    with pytest.raises(UsageError, match="no series of one volume"):
        search(gallery, tmp_path)


def test_a_killed_run_leaves_whole_volumes_and_the_next_one_ends_it(make_gallery: MakeGallery, tmp_path: Path) -> None:
    for seed in range(24):  # several transactions
        write_series(tmp_path / "all" / f"v{seed:02}", seed, depth=5)
    gallery = make_gallery()
    process = Started("-c", HELD, "after", "index", tmp_path / "all", "--gallery", gallery.folder)
    eventually(lambda: gallery.store.count() or process.poll() is not None)
    psutil.Process(process.pid).kill()
    assert process.wait() == -signal.SIGKILL
    left = records(gallery)
    assert 0 < len(left) < 24
    assert {len(gallery.store.vectors_of(record.key)) for record in left} == {5}
    assert index(gallery, [tmp_path / "all"]).added == 24 - len(left)
    assert {len(gallery.store.vectors_of(record.key)) for record in records(gallery)} == {5}


def test_slices_plane_and_window_are_kept_with_the_gallery(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_nifti(tmp_path / "v.nii", body(1, depth=9).transpose(2, 1, 0))
    gallery = make_gallery(volumes=VolumeRecipe("coronal", "even:4", "wide"))
    index(gallery, [tmp_path / "v.nii"])
    (record,) = records(gallery)
    views, vectors = gallery.store.slices_of(record.key)
    assert (len(views), len(vectors), record.attributes["slices"]) == (4, 4, 24)
    found = search(gallery, tmp_path / "v.nii", k=1, same_patient=True).hits[0]
    assert found.score == pytest.approx(1, abs=1e-3)


def test_every_broken_nifti_of_the_real_set_is_read_or_refused(make_gallery: MakeGallery, shared_data: Path) -> None:
    folder = shared_data / "bad-input" / "nifti-bad"
    files = [path for path in folder.rglob("*") if path.is_file()]
    result = index(make_gallery(), [folder])
    assert result.files == len(files)
    assert result.added + result.skipped + result.ignored + len(result.refused) == len(files)
    assert "decoder-crash" not in reasons(result).values()
    assert {"affine_nan.nii", "affine_sing.nii", "gz_crc.nii.gz", "dims_zero.nii"} <= reasons(result).keys()


def test_one_head_stored_in_six_ways_is_the_same_head(make_gallery: MakeGallery, shared_data: Path) -> None:
    gallery = make_gallery()
    heads = shared_data / "volumes" / "orientation"
    others = sorted((shared_data / "volumes" / "mr_brain_hippocampus_msd").glob("hippocampus_*.nii.gz"))[:4]
    assert index(gallery, [heads, *others]).added == 6 + len(others)
    stored = pooled_vectors(gallery)
    by_key = gallery.store.records()
    same = np.array([Path(by_key[int(key)].source).parent == heads for key in stored.records])
    pooled = stored.vectors[same]
    assert (pooled @ pooled.T).min() >= 0.98
    for key in stored.records[same]:
        hits = search(gallery, id=by_key[int(key)].id, k=5).hits
        assert {Path(hit.source).parent for hit in hits} == {heads}
