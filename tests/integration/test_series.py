"""Real series, spoiled in every way that a transfer spoils them; multi-frame and 4-D files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from test_volumes import AXIAL, body, reasons, records, write_nifti, write_series

from dicoms import data_set, item, save
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.types import VolumeRecipe
from lookalike.verbs.index import index
from lookalike.verbs.search import search

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

MakeGallery = Callable[..., Gallery]
PASSED_OVER = "README LICENSE DICOMDIR notes.txt index.html"


@pytest.fixture
def chest(shared_data: Path, tmp_path: Path) -> list[Path]:
    """A copy of a real CT series of eight slices, from one end to the other."""
    folder = tmp_path / "chest"
    shutil.copytree(shared_data / "volumes" / "ct_chest" / "fnndsc_andrei_ct", folder)
    folder.chmod(0o755)
    files = sorted(folder.iterdir(), key=lambda file: pydicom.dcmread(file).ImagePositionPatient[2])
    for file in files:
        file.chmod(0o644)
    assert len(files) == 8
    return files


def only_refusal(gallery: Gallery, folder: Path) -> tuple[str, str]:
    result = index(gallery, [folder])
    assert (result.added, len(result.refused)) == (0, 1), result
    assert result.refused[0].source == str(folder)
    return result.refused[0].reason, result.refused[0].detail


def test_a_gap_is_refused_with_its_place_and_read_once_filled(
    make_gallery: MakeGallery, chest: list[Path], tmp_path: Path
) -> None:
    lost = [chest[3].rename(tmp_path / "lost-3"), chest[5].rename(tmp_path / "lost-5")]
    before, after = (pydicom.dcmread(chest[i]).ImagePositionPatient[2] for i in (2, 4))
    gallery = make_gallery()
    reason, detail = only_refusal(gallery, chest[0].parent)
    assert reason == "incomplete-series"
    assert detail.startswith("2 missing at the usual distance of 1 mm: ")
    assert f"{abs(before):g}" in detail
    assert f"{abs(after):g}" in detail
    for place, file in zip((3, 5), lost, strict=True):
        file.rename(chest[place])
    assert index(gallery, [chest[0].parent]).added == 1
    assert not gallery.store.refused()


def test_a_doubled_slice_is_refused_with_its_numbers(make_gallery: MakeGallery, chest: list[Path]) -> None:
    ds = pydicom.dcmread(chest[2])
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.InstanceNumber = 77
    ds.save_as(chest[2].with_name("again.dcm"))
    reason, detail = only_refusal(make_gallery(), chest[0].parent)
    assert reason == "incomplete-series"
    assert detail.startswith("1 of 8 places hold several slices: ")
    assert "77" in detail
    assert str(pydicom.dcmread(chest[2]).InstanceNumber) in detail


def test_a_truncated_slice_refuses_the_series(make_gallery: MakeGallery, chest: list[Path]) -> None:
    chest[4].write_bytes(chest[4].read_bytes()[:-3000])
    assert only_refusal(make_gallery(), chest[0].parent)[0] == "damaged-pixels"


def test_what_a_refusal_says_holds_no_patient_data(make_gallery: MakeGallery, chest: list[Path]) -> None:
    for file in chest:
        ds = pydicom.dcmread(file)
        ds.PatientName, ds.PatientID, ds.AccessionNumber = "Moriarty^James", "MRN-0815", "ACC-4711"
        ds.save_as(file)
    chest[3].unlink()
    ds = pydicom.dcmread(chest[1])
    ds.SOPInstanceUID = "1.2.3"
    ds.save_as(chest[1].with_name("copy"))
    _, detail = only_refusal(make_gallery(), chest[0].parent)
    assert "several slices" in detail
    assert "missing" in detail
    assert not any(word in detail for word in ("Moriarty", "MRN", "4711", "chest", "copy", "/"))


def test_names_and_order_do_not_matter(make_gallery: MakeGallery, chest: list[Path], tmp_path: Path) -> None:
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    names = [f"{i}.dcm" for i in range(8)]
    random.Random(5).shuffle(names)
    for file, name in zip(chest, names, strict=True):
        shutil.copy(file, shuffled / name)
    one, other = make_gallery("one"), make_gallery("other")
    assert index(one, [chest[0].parent]).added == index(other, [shuffled]).added == 1
    (ours,), (theirs,) = records(one), records(other)
    assert ours.id == theirs.id
    np.testing.assert_array_equal(one.store.vectors_of(ours.key), other.store.vectors_of(theirs.key))


def test_mixed_series_in_one_folder_come_apart(make_gallery: MakeGallery, chest: list[Path], shared_data: Path) -> None:
    knee = shared_data / "volumes" / "mr_brain_hippocampus_dicom" / "udacity_study1_hcrop"
    for file in knee.iterdir():
        shutil.copy(file, chest[0].parent / f"other-{file.name}")
    gallery = make_gallery()
    result = index(gallery, [chest[0].parent])
    assert (result.added, result.refused) == (2, ())
    slices = sorted(float(record.attributes["slices"]) for record in records(gallery))
    assert slices == sorted([8.0, float(len(list(knee.iterdir())))])


def test_a_copied_series_is_one_record(make_gallery: MakeGallery, chest: list[Path], tmp_path: Path) -> None:
    shutil.copytree(chest[0].parent, tmp_path / "copied")
    gallery = make_gallery()
    result = index(gallery, [chest[0].parent, tmp_path / "copied"])
    assert (result.added, result.skipped, result.refused, result.records) == (1, 8, (), 1)
    # The same instances stored in another way are copies too.
    for file in (tmp_path / "copied").iterdir():
        ds = pydicom.dcmread(file)
        ds.ImageComments = "exported again"
        ds.save_as(file)
    result = index(gallery, [chest[0].parent, tmp_path / "copied"])
    assert (result.added, result.refused, result.records) == (0, (), 1)
    # Under other identifiers they are another record, of the same patient.
    for number, file in enumerate(sorted((tmp_path / "copied").iterdir())):
        ds = pydicom.dcmread(file)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        ds.save_as(file)
    for _ in range(2):
        result = index(gallery, [chest[0].parent, tmp_path / "copied"])
        assert (result.refused, result.records) == ((), 2)
    assert (result.added, len({record.patient for record in records(gallery)})) == (0, 1)


def test_copies_of_slices_spoil_nothing_and_add_nothing(
    make_gallery: MakeGallery, chest: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    copies = [tmp_path / name for name in ("0.dcm", "z.dcm", "DICOMDIR", "a/0.dcm", "a/1.dcm")]
    for copy, file in zip(copies, (chest[0], chest[3], chest[7], chest[1], chest[2]), strict=True):
        shutil.copy(file, copy)
    shutil.copy(chest[5], chest[5].with_name("again.dcm"))
    copies[4].write_bytes(copies[4].read_bytes()[:-3000])  # cut short on its way
    gallery = make_gallery()
    first = index(gallery, [tmp_path])
    assert (first.added, first.skipped, first.refused) == (1, 6, ())
    for _ in range(2):
        again = index(gallery, [tmp_path])
        assert (again.added, again.skipped, again.refused, again.records) == (0, 7, (), 1)
    (record,) = records(gallery)
    only = make_gallery("only")
    for copy in (*copies, chest[5].with_name("again.dcm")):
        copy.unlink()
    index(only, [tmp_path])
    assert [one.id for one in records(only)] == [record.id]


def test_a_series_spread_over_folders_is_one(make_gallery: MakeGallery, chest: list[Path], tmp_path: Path) -> None:
    (tmp_path / "rest").mkdir()
    for file in chest[::2]:
        file.rename(tmp_path / "rest" / file.name)
    gallery = make_gallery()
    assert index(gallery, [tmp_path / "rest", chest[0].parent]).added == 1
    assert records(gallery)[0].attributes["slices"] == 8


def test_a_series_that_grew_is_another_record(make_gallery: MakeGallery, chest: list[Path], tmp_path: Path) -> None:
    later = [file.rename(tmp_path / file.name) for file in chest[5:]]
    gallery = make_gallery()
    assert index(gallery, [chest[0].parent]).added == 1
    for file, name in zip(later, chest[5:], strict=True):
        file.rename(name)
    result = index(gallery, [chest[0].parent])
    assert (result.added, result.records, result.refused) == (1, 2, ())
    both = records(gallery)
    assert sorted(record.attributes["slices"] for record in both) == [5, 8]
    # They are one patient's: neither is ever the other's hit.
    assert len({record.patient for record in both}) == 1
    assert search(gallery, id=both[0].id).hits == ()


def test_a_folder_with_notes_beside_the_slices_is_a_query(
    make_gallery: MakeGallery, chest: list[Path], shared_data: Path
) -> None:
    gallery = make_gallery()
    index(gallery, [chest[0].parent])
    for name in PASSED_OVER.split():
        (chest[0].parent / name).write_text("not an image\n")
    hits = search(gallery, chest[0].parent, k=1, same_patient=True).hits
    assert [hit.id for hit in hits] == [records(gallery)[0].id]
    assert hits[0].score == pytest.approx(1, abs=1e-3)
    chest[3].unlink()
    with pytest.raises(UsageError, match=r"incomplete-series: 1 missing at the usual distance"):
        search(gallery, chest[0].parent)


def write_enhanced(path: Path, order: list[int], *, positions: list[float] | None = None, **elements: Any) -> Path:
    """An Enhanced CT of the planes of ``body`` in this order, their places in the functional groups only."""
    planes = body(3, depth=6)[order]
    heights = positions or [2.5 * number for number in order]
    frames = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, height])],
            FrameContentSequence=[item(DimensionIndexValues=[1, number + 1])],
        )
        for number, height in enumerate(heights)
    ]
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(AXIAL))],
        PixelMeasuresSequence=[item(PixelSpacing=[1.0, 1.0], SliceThickness=2.5)],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=0, RescaleType="HU")],
    )
    groups = {"PerFrameFunctionalGroupsSequence": frames, "SharedFunctionalGroupsSequence": [shared], **elements}
    ds = data_set(
        planes, signed=True, Modality="CT", PatientID="MRN-3", SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1", **groups
    )
    return save(ds, path)


def test_an_enhanced_file_is_the_volume_of_its_series(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_series(tmp_path / "series", 3)
    write_enhanced(tmp_path / "enhanced.dcm", [0, 1, 2, 3, 4, 5])
    write_enhanced(tmp_path / "shuffled.dcm", [4, 0, 5, 2, 1, 3])
    gallery = make_gallery()
    assert index(gallery, [tmp_path]).added == 3
    enhanced, series, shuffled = records(gallery)
    assert enhanced.attributes["slices"] == shuffled.attributes["slices"] == 6
    for record in (enhanced, shuffled):
        np.testing.assert_array_equal(gallery.store.vectors_of(record.key), gallery.store.vectors_of(series.key))
    found = search(gallery, tmp_path / "shuffled.dcm", k=1, same_patient=True).hits[0]
    assert found.score == pytest.approx(1, abs=1e-3)


def test_gaps_and_doubles_of_an_enhanced_file_are_refused(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_enhanced(tmp_path / "gap.dcm", [0, 1, 2, 4, 5])
    write_enhanced(tmp_path / "double.dcm", [0, 1, 2, 2, 3, 4])
    result = index(make_gallery(), [tmp_path / "gap.dcm", tmp_path / "double.dcm"])
    assert reasons(result) == {"gap.dcm": "incomplete-series", "double.dcm": "incomplete-series"}
    gap, double = (refusal.detail for refusal in result.refused)
    assert gap == "1 missing at the usual distance of 2.5 mm: 5 to 10 mm; seen: 5 slices at 5 places"
    assert double == "1 of 5 places hold several slices: 5 mm (InstanceNumber 3, 4); seen: 6 slices at 5 places"


def test_places_that_are_no_numbers_are_refused(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_enhanced(tmp_path / "nan.dcm", [0, 1, 2, 3], positions=[0.0, float("nan"), 5.0, 7.5])
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])],
        PixelMeasuresSequence=[item(PixelSpacing=[1.0, 1.0])],
    )
    write_enhanced(tmp_path / "flat.dcm", [0, 1, 2, 3], SharedFunctionalGroupsSequence=[shared])
    result = index(make_gallery(), [tmp_path / "nan.dcm", tmp_path / "flat.dcm"])
    assert set(reasons(result).values()) <= {"damaged-geometry", "incomplete-series"}
    assert len(result.refused) == 2


def test_frames_that_are_no_slices_stay_pictures(make_gallery: MakeGallery, tmp_path: Path) -> None:
    write_enhanced(tmp_path / "one-place.dcm", [0, 1, 2, 3], positions=[5.0] * 4)
    write_enhanced(tmp_path / "two-frames.dcm", [0, 1])
    write_enhanced(tmp_path / "ultrasound.dcm", [0, 1, 2]).write_bytes(
        (tmp_path / "ultrasound.dcm").read_bytes().replace(b"CS\x02\x00CT", b"CS\x02\x00US")
    )
    gallery = make_gallery()
    assert index(gallery, [tmp_path]).added == 4 + 2 + 3
    assert not any("slices" in record.attributes for record in records(gallery))


def test_real_enhanced_files_are_volumes(make_gallery: MakeGallery, shared_data: Path) -> None:
    folder = shared_data / "odd-dicom" / "files" / "dcmqi"
    gallery = make_gallery()
    assert index(gallery, [folder / "ae5703_mf.dcm", folder / "df42d7_mf.dcm"]).added == 2
    assert [record.attributes["slices"] for record in records(gallery)] == [3, 3]


def test_4d_files_are_refused_or_split_by_choice(make_gallery: MakeGallery, tmp_path: Path) -> None:
    import SimpleITK

    folder = tmp_path / "files"
    folder.mkdir()
    points = [body(seed).transpose(2, 1, 0) for seed in (1, 2, 3)]
    write_nifti(folder / "four.nii.gz", np.stack(points, axis=-1))
    for number, values in enumerate(points):
        write_nifti(folder / f"single{number}.nii", values)
    images = [SimpleITK.GetImageFromArray(values.transpose(2, 1, 0)) for values in points]
    SimpleITK.WriteImage(SimpleITK.JoinSeries(images), folder / "four.nrrd")
    refused = index(make_gallery("refuse"), [folder])
    assert reasons(refused) == {"four.nii.gz": "four-dimensional", "four.nrrd": "four-dimensional"}
    assert {refusal.detail for refusal in refused.refused} == {"3 volumes in one file"}
    gallery = make_gallery("split", volumes=VolumeRecipe(four_d="split"))
    assert index(gallery, [folder]).added == 9
    vectors: dict[str, list[Any]] = {}
    for record in sorted(records(gallery), key=lambda record: (record.source, record.frame)):
        vectors.setdefault(Path(record.source).name, []).append(gallery.store.vectors_of(record.key))
    for number in range(3):
        np.testing.assert_array_equal(vectors["four.nii.gz"][number], vectors[f"single{number}.nii"][0])
        assert len(vectors["four.nrrd"][number]) == 6
    # The second time point as a query, and the file alone, which is its first.
    second = search(gallery, f"{folder / 'four.nii.gz'}#1", k=1, same_patient=True).hits[0]
    assert second.score == pytest.approx(1, abs=1e-3)
    first = search(gallery, folder / "four.nii.gz", k=1, same_patient=True).hits[0]
    assert first.score == pytest.approx(1, abs=1e-3)
    assert first.id != second.id
    again = index(gallery, [folder])
    assert (again.added, again.records) == (0, 9)


@pytest.mark.parametrize("last", [False, True])
def test_a_list_axis_of_a_nrrd_file_is_no_colour(last: bool, make_gallery: MakeGallery, tmp_path: Path) -> None:
    points = np.stack([body(seed) for seed in (1, 2, 3)])  # (time, depth, rows, columns)
    values, axes = (points, (1, 2, 3, 0)) if last else (np.moveaxis(points, 0, -1), (0, 1, 2, 3))
    kinds, directions = ["list", "domain", "domain", "domain"], ["none", "(1,0,0)", "(0,1,0)", "(0,0,2.5)"]
    header = (
        f"NRRD0005\ntype: short\ndimension: 4\nspace: left-posterior-superior\n"
        f"sizes: {' '.join(str(n) for n in values.shape[::-1])}\nkinds: {' '.join(kinds[i] for i in axes)}\n"
        f"space directions: {' '.join(directions[i] for i in axes)}\nspace origin: (0,0,0)\n"
        f"endian: little\nencoding: raw\n\n"
    )
    (tmp_path / "in.seq.nrrd").write_bytes(header.encode() + values.astype("<i2").tobytes())
    assert reasons(index(make_gallery("refuse"), [tmp_path / "in.seq.nrrd"])) == {"in.seq.nrrd": "four-dimensional"}
    gallery = make_gallery("split", volumes=VolumeRecipe(four_d="split"))
    assert index(gallery, [tmp_path / "in.seq.nrrd"]).added == 3
    for record in records(gallery):
        write_nifti(tmp_path / "one.nii", points[record.frame].transpose(2, 1, 0), np.diag([-1, -1, 2.5, 1]))
        (hit,) = search(gallery, tmp_path / "one.nii", k=1, same_patient=True).hits
        assert (hit.id, hit.score) == (record.id, pytest.approx(1, abs=1e-3))
