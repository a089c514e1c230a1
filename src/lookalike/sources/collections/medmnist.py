"""MedMNIST: pictures as arrays in an .npz file, with official splits.

Arrays as the owners name them: ``train_images`` (n, rows, columns) or (n, rows, columns, 3) uint8, of the 3-D
sets (n, depth, rows, columns); ``train_labels`` (n, 1) class numbers or (n, labels) 0/1; the same for ``val``
and ``test``. A file that holds pickled objects is refused: unpickling can run code from the file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.sources.collections.collection import LabelledPicture, OfficialSplit, Options
from lookalike.types import Attribute

_MAX_BYTES: Final = 24 << 30  # unpacked bytes; the largest published file (OrganA, 224 px) holds 3 GB
_SPLITS: Final[tuple[OfficialSplit, ...]] = ("train", "val", "test")

_ORGANS: Final = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
CLASSES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "pathmnist": (
        "Histology",
        "Colon",
        (
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
    ),
    "chestmnist": (
        "X-ray",
        "Chest",
        (
            "atelectasis",
            "cardiomegaly",
            "effusion",
            "infiltration",
            "mass",
            "nodule",
            "pneumonia",
            "pneumothorax",
            "consolidation",
            "edema",
            "emphysema",
            "fibrosis",
            "pleural",
            "hernia",
        ),
    ),
    "dermamnist": (
        "Dermatoscopy",
        "Skin",
        (
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ),
    ),
    "octmnist": ("OCT", "Retina", ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal")),
    "pneumoniamnist": ("X-ray", "Chest", ("normal", "pneumonia")),
    "retinamnist": ("Fundus", "Retina", ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4")),
    "breastmnist": ("US", "Breast", ("malignant", "normal, benign")),
    "bloodmnist": (
        "Microscopy",
        "Blood",
        (
            "basophil",
            "eosinophil",
            "erythroblast",
            "immature granulocytes",
            "lymphocyte",
            "monocyte",
            "neutrophil",
            "platelet",
        ),
    ),
    "tissuemnist": (
        "Microscopy",
        "Kidney cortex",
        (
            "Collecting Duct, Connecting Tubule",
            "Distal Convoluted Tubule",
            "Glomerular endothelial cells",
            "Interstitial endothelial cells",
            "Leukocytes",
            "Podocytes",
            "Proximal Tubule Segments",
            "Thick Ascending Limb",
        ),
    ),
    "organamnist": ("CT", "Abdomen", _ORGANS),
    "organcmnist": ("CT", "Abdomen", _ORGANS),
    "organsmnist": ("CT", "Abdomen", _ORGANS),
}
"""Modality, anatomy and the class names by number, of each 2-D set."""

VOLUMES: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "organmnist3d": (
        "CT",
        "Abdomen",
        (
            "liver",
            "kidney-right",
            "kidney-left",
            "femur-right",
            "femur-left",
            "bladder",
            "heart",
            "lung-right",
            "lung-left",
            "spleen",
            "pancreas",
        ),
    ),
    "nodulemnist3d": ("CT", "Chest", ("benign", "malignant")),
    "adrenalmnist3d": ("CT", "Abdomen", ("normal", "hyperplasia")),
    "fracturemnist3d": ("CT", "Chest", ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture")),
    "vesselmnist3d": ("MR", "Head", ("vessel", "aneurysm")),
    "synapsemnist3d": ("Microscopy", "Brain", ("inhibitory synapse", "excitatory synapse")),
}
"""The same of each 3-D set. AdrenalMNIST3D and VesselMNIST3D are shapes of two values, not grey pictures."""

NEGATIVE: Final = "no finding"
"""The class of a multi-label picture whose labels are all 0: ChestMNIST names only findings."""

CONTAINS: Final = {
    "chestmnist": ("chestx-ray14",),
    "dermamnist": ("ham10000",),
    "pathmnist": ("nct-crc-he-100k",),
    "pneumoniamnist": ("kermany-chest-xray",),
    "octmnist": ("kermany-oct",),
    "breastmnist": ("busi",),
    "organamnist": ("lits",),
    "organcmnist": ("lits",),
    "organsmnist": ("lits",),
    "organmnist3d": ("lits",),
    "nodulemnist3d": ("lidc-idri",),
    "fracturemnist3d": ("ribfrac",),
    "vesselmnist3d": ("intra",),
}
"""The earlier collection that each set was made from."""


def read_medmnist(file: Path, _options: Options) -> Iterator[LabelledPicture]:
    """Every picture or volume of one .npz file, numbered through train, val and test."""
    flag = file.stem.partition("_")[0]  # pneumoniamnist_224.npz is the same set at 224 px
    modality, anatomy, names = {**CLASSES, **VOLUMES}.get(flag, ("", "", ()))
    attributes: dict[str, Attribute] = {"modality": modality, "anatomy": anatomy} if modality else {}
    arrays = _load(file)
    row = 0
    for split in _SPLITS:
        images, labels = arrays.get(f"{split}_images"), arrays.get(f"{split}_labels")
        if images is None or labels is None:
            continue
        _check(file, split, images, labels, solid=flag in VOLUMES)
        for pixels, numbers in zip(images, labels.reshape(len(labels), -1).tolist(), strict=True):
            yield LabelledPicture(
                file,
                _labels(numbers, names),
                split,
                attributes=attributes,
                pixels=pixels,
                row=row,
                solid=flag in VOLUMES,
            )
            row += 1


def _labels(numbers: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    if len(numbers) == 1:
        return (names[numbers[0]] if 0 <= numbers[0] < len(names) else str(numbers[0]),)
    found = tuple(names[i] if i < len(names) else str(i) for i, number in enumerate(numbers) if number)
    return found or (NEGATIVE,)


def _load(file: Path) -> dict[str, NDArray[np.generic]]:
    if not file.is_file():
        there = sorted(path.name for path in file.glob("*.npz")) if file.is_dir() else []
        raise UsageError(f"{file} is no .npz file; give one" + (f": {', '.join(there)}" if there else ""))
    wanted = [f"{split}_{what}" for split in _SPLITS for what in ("images", "labels")]
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise UsageError(f"{file.name} unpacks to more than {_MAX_BYTES >> 30} GiB; no published set does")
        with np.load(file, allow_pickle=False) as opened:
            return {name: opened[name] for name in wanted if name in opened}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise UsageError(
            f"{file.name} is no .npz file of plain arrays (pickled objects are refused); get it from MedMNIST again"
        ) from None


def _check(file: Path, split: str, images: NDArray[np.generic], labels: NDArray[np.generic], *, solid: bool) -> None:
    wanted = "(depth, rows, columns)" if solid else "(rows, columns) or (rows, columns, 3)"
    flat = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] == 3)
    if not (images.ndim == 4 if solid else flat):
        raise UsageError(f"{file.name} holds {split} pictures of shape {images.shape[1:]}; this set has {wanted}")
    if len(labels) != len(images) or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"{file.name} has {len(images)} {split} pictures and {len(labels)} rows of labels")
