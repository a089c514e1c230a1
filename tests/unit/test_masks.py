"""Masks are told by their names, and no image is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike.readers import named_as_volume
from lookalike.sources.files import walk
from lookalike.sources.masks import is_mask, mask_beside

# Per collection or program: an image, and its masks as they lie beside it.
NAMED: dict[str, tuple[str, list[str]]] = {
    "KiTS": (
        "case_00000/imaging.nii.gz",
        ["case_00000/segmentation.nii.gz", "case_00000/instances/kidney_instance-2_annotation-3.nii.gz"],
    ),
    "LiTS": ("volume-0.nii", ["segmentation-0.nii"]),
    "CT-ORG": ("volume-12.nii.gz", ["labels-12.nii.gz"]),
    "AMOS": ("imagesVa/amos_0008.nii.gz", ["labelsVa/amos_0008.nii.gz"]),
    "MSD": ("imagesTr/liver_0.nii.gz", ["labelsTr/liver_0.nii.gz", "labelsTs/liver_1.nii.gz"]),
    "nnU-Net": ("imagesTr/case_001_0000.nii.gz", ["labelsTr/case_001.nii.gz"]),
    "TotalSegmentator": ("s0001/ct.nii.gz", ["s0001/segmentations/liver.nii.gz"]),
    "BTCV": ("img/img0001.nii.gz", ["label/label0001.nii.gz"]),
    "ACDC": ("patient001_frame01.nii.gz", ["patient001_frame01_gt.nii.gz"]),
    "BIDS": (
        "sub-01_run-1_T1w.nii.gz",
        ["sub-01_run-1_dseg.nii.gz", "sub-01_desc-brain_mask.nii.gz", "sub-01_label-GM_probseg.nii.gz"],
    ),
    "BraTS": ("BraTS19_2013_2_1_t1.nii.gz", ["BraTS19_2013_2_1_seg.nii.gz", "BraTS-GLI-00000-000-seg.nii.gz"]),
    "ISLES": ("sub-strokecase0001_ses-0001_dwi.nii.gz", ["sub-strokecase0001_ses-0001_msk.nii.gz"]),
    "autoPET": ("CTres.nii.gz", ["SEG.nii.gz"]),
    "Slicer": ("CTChest.nrrd", ["Segmentation.seg.nrrd", "CTChest-label.nrrd", "A B.Seg.NRRD", "Segmentation_1.nrrd"]),
    "FreeSurfer": ("brainmask.mgz", ["aseg.mgz", "aparc.a2009s+aseg.mgz", "lh.ribbon.mgz", "wmparc.mgz"]),
    "COVID": ("coronacases_001.nii.gz", ["Lung_and_Infection_Mask/coronacases_001.nii.gz"]),
    "MONAI": ("spleen_10_trans.nii.gz", ["spleen_10_seg.nii.gz", "labels/final/spleen_10.nii.gz"]),
    "UIDs": ("1.2.840.1.7.nii.gz", ["1.2.840.1.7_mask.nii.gz", "1.2.840.1.7.mask.nii.gz", "mask_1.2.840.1.7.nii"]),
    "several": ("x.mha", ["x_mask-1.mha", "x_seg_2.mha", "x mask.mhd", "x-Label.nrrd"]),
}
IMAGES = [
    "x_masked.nii.gz", "x_unsegmented.nrrd", "x_labelled_cells.nii", "amask.nii.gz", "x_without_mask.nii.gz", "gtv.nii",
    "segment-1_ct.nii.gz", "T1_seg_removed.nii.gz", "sub-1_label-2_bold.nii.gz", "2.nii", "masker.mha", "orig.mgz",
    "images/x.nii.gz", "seg_study/x.nii.gz", "benign/x.nii.gz", "mask.txt", "mask.dcm", "x_mask.csv", "sego.nii",
]  # fmt: skip


@pytest.mark.parametrize("collection", NAMED)
def test_masks_of_a_collection_are_told_from_its_images(collection: str) -> None:
    image, masks = NAMED[collection]
    assert not is_mask(Path("/data", image))
    assert [mask for mask in masks if not is_mask(Path("/data", mask))] == []


def test_images_are_not_taken_for_masks() -> None:
    assert [name for name in IMAGES if is_mask(Path("/data", name))] == []


@pytest.mark.parametrize("collection", ["KiTS", "LiTS", "AMOS", "MSD", "nnU-Net", "ACDC", "BIDS", "BraTS", "ISLES",
                                        "Slicer", "MONAI", "UIDs", "several"])  # fmt: skip
def test_the_mask_beside_an_image_is_found(collection: str, tmp_path: Path) -> None:
    image, (mask, *_) = NAMED[collection]
    if collection == "MONAI":
        image = "spleen_10.nii.gz"
    for name in (image, mask):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert mask_beside(tmp_path / image) == tmp_path / mask


def test_a_mask_is_no_other_images(tmp_path: Path) -> None:
    for name in (
        "a.nrrd",
        "b.nrrd",
        "b_1.nrrd",
        "b_seg.nrrd",
        "Segmentation.seg.nrrd",
        "volume-1.nii",
        "segmentation-10.nii",
    ):
        (tmp_path / name).touch()
    assert mask_beside(tmp_path / "a.nrrd") is None
    assert mask_beside(tmp_path / "b.nrrd") == tmp_path / "b_seg.nrrd"
    assert mask_beside(tmp_path / "b_1.nrrd") is None
    assert mask_beside(tmp_path / "volume-1.nii") is None
    assert mask_beside(tmp_path / "b_seg.png") is None


def test_a_picture_is_a_mask_only_beside_the_picture_that_it_marks(tmp_path: Path) -> None:
    names = {
        "benign (1).png": False, "benign (1)_mask.png": True, "benign (1)_mask_1.png": True, "lone_mask.png": False,
        "isic/images/1.jpg": False, "isic/masks/1_segmentation.png": True, "isic/masks/2.png": False,
        "kvasir/images/a.jpg": False, "kvasir/masks/a.jpg": True, "labels/benign/1.png": False,
    }  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {name: is_mask(tmp_path / name) for name in names} == names


def test_no_real_image_is_set_apart_by_its_name(shared_data: Path) -> None:
    files = walk([shared_data])
    named = [path for path in files if is_mask(path)]
    assert len(files) > 8000
    assert {path.name.split("_")[0] for path in named} <= {"mask"}
    assert {path.parent.parent.name for path in named} <= {"volumes"}
    assert all(map(named_as_volume, named))
