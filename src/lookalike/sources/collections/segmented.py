"""Collections of volumes with masks: the Medical Segmentation Decathlon and TotalSegmentator.

A record's labels are the structures in its mask. The axial slices that show a structure, counted from the feet as a
gallery with the plane ``axial`` cuts them, are in the attribute ``axial slices of NAME`` ("12-40,43"), so that
slices have labels too.
Masks are read when the collection is opened, which takes hours for all of TotalSegmentator; ``labels=liver,spleen``
reads only these.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtraError, UsageError
from lookalike.planes import orient
from lookalike.sources.collections.collection import LabelledPicture, OfficialSplit, Options
from lookalike.sources.collections.csvfiles import dicom_attributes, table_rows
from lookalike.types import Attribute, Image

TASKS: Final[dict[str, tuple[str, str, str]]] = {
    "Task01": ("MR", "head", "brain"),
    "Task02": ("MR", "chest", "heart"),
    "Task03": ("CT", "abdomen", "liver"),
    "Task04": ("MR", "head", "hippocampus"),
    "Task05": ("MR", "pelvis", "prostate"),
    "Task06": ("CT", "chest", "lung"),
    "Task07": ("CT", "abdomen", "pancreas"),
    "Task08": ("CT", "abdomen", "liver"),
    "Task09": ("CT", "abdomen", "spleen"),
    "Task10": ("CT", "abdomen", "colon"),
}
"""Modality, body region and organ of each task of the Decathlon, by the beginning of its folder's name."""

COARSE: Final = "coarse"
_SIDE: Final = re.compile(r"_(left|right)(?=_|$)")
_PARTS: Final = ("gluteus", "heart", "lung", "rib", "vertebrae")
_VESSELS: Final = frozenset(
    (
        *("aorta", "inferior_vena_cava", "superior_vena_cava", "portal_vein_and_splenic_vein", "pulmonary_artery"),
        *("pulmonary_vein", "iliac_artery", "iliac_vena", "brachiocephalic_trunk", "brachiocephalic_vein"),
        *("common_carotid_artery", "subclavian_artery"),
    )
)
SLICES_OF: Final = "axial slices of "
_MOST_VOXELS: Final = 1 << 29
_TOTAL_SPLITS: Final[dict[str, OfficialSplit]] = {"train": "train", "val": "val", "test": "test"}


def read_msd(root: Path, options: Options) -> Iterator[LabelledPicture]:
    """The Decathlon: one task's folder, or the folder that holds several. Only ``training`` has masks."""
    folders = [root] if (root / "dataset.json").is_file() else sorted(root.glob("Task*/"))
    tasks = [folder for folder in folders if (folder / "dataset.json").is_file()]
    if not tasks:
        raise UsageError(f"{root} holds no dataset.json and no folders Task01_BrainTumour ... Task10_Colon")
    for task in tasks:
        table = _dataset_json(task / "dataset.json")
        modality, region, organ = _of_task(task.name, table)
        names = {int(n): _full(str(name), organ) for n, name in table.get("labels", {}).items() if int(n)}
        about: dict[str, Attribute] = {
            "modality": modality,
            "body_region": region,
            "organ": organ,
            "anatomy": organ,
            "task": task.name,
        }
        for pair in table.get("training", ()):
            image, mask = task / pair["image"], task / pair["label"]
            shown = _shown(mask, names, options) if image.is_file() and mask.is_file() else {}
            patient = f"{task.name}/{image.name.partition('.')[0]}"
            yield LabelledPicture(image, tuple(shown), patient=patient, attributes={**about, **_slices_of(shown)})


def _dataset_json(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text("utf-8"))
        if isinstance(table, dict) and all({"image", "label"} <= set(pair) for pair in table.get("training", ())):
            return table
    except (OSError, ValueError, TypeError):
        pass
    raise UsageError(f"{path} is no dataset.json of the Decathlon (labels, training: image and label)")


def _of_task(folder: str, table: Mapping[str, Any]) -> tuple[str, str, str]:
    """Modality, body region and organ of a known task; for others in the same layout from their table."""
    if (known := TASKS.get(folder[:6])) is not None:
        return known
    modality = str(next(iter(table.get("modality", {}).values()), ""))
    return ("CT" if modality == "CT" else "MR" if "MR" in modality else modality, "", str(table.get("name", folder)))


def _full(label: str, organ: str) -> str:
    """A label with its organ: "cancer" of the lung is not that of the colon."""
    return label if organ.lower() in label.lower() else f"{organ} {label}"


def read_totalsegmentator(root: Path, options: Options) -> Iterator[LabelledPicture]:
    """TotalSegmentator: s0000/ct.nii.gz (or mri.nii.gz), s0000/segmentations/ORGAN.nii.gz, meta.csv."""
    folders = sorted(path.parent for path in root.glob("s*/segmentations/"))
    if not folders:
        raise UsageError(f"{root} holds no s0000/segmentations ...; give the folder with the subjects")
    table, classes = _meta(root / "meta.csv"), coarse_classes(root, options.classes)
    for folder in folders:
        image = folder / ("mri.nii.gz" if (folder / "mri.nii.gz").is_file() else "ct.nii.gz")
        masks = {path.name.partition(".")[0]: path for path in sorted((folder / "segmentations").glob("*.nii*"))}
        shown: dict[str, NDArray[np.bool_]] = {}
        for fine, path in masks.items():
            name = classes.get(fine, coarse_name(fine)) if options.classes else fine
            for slices in _shown(path, {}, options, name).values() if _is_wanted(name, options) else ():
                shown[name] = shown.get(name, np.zeros(len(slices), bool)) | slices
        row = table.get(folder.name, {})
        attributes = dicom_attributes(
            modality="CT" if image.name.startswith("ct") else "MR",
            pathology=row.get("pathology", ""),
            study_type=row.get("study_type", ""),
            PatientSex=row.get("gender", ""),
            PatientAge=row.get("age", ""),
        )
        split = _TOTAL_SPLITS.get(row.get("split", ""), "")
        yield LabelledPicture(image, tuple(shown), split, folder.name, {**attributes, **_slices_of(shown)})


def _is_wanted(structure: str, options: Options) -> bool:
    return not options.labels or structure in options.labels


def coarse_name(structure: str) -> str:
    """The coarse class of a structure of TotalSegmentator: without its side, number, lobe, chamber or layer, and all
    vessels as one. The 104 structures of version 1 become 29.
    """
    plain = _SIDE.sub("", structure)
    if plain in _VESSELS:
        return "vessels"
    return next((part for part in _PARTS if plain.startswith(f"{part}_")), plain)


def coarse_classes(root: Path, table: str) -> dict[str, str]:
    """The coarse class of each structure that a table names, with the columns ``fine`` and ``coarse``; none for
    "coarse", which is ``coarse_name``'s. Raises UsageError.
    """
    if table in ("", COARSE):
        return {}
    path = root / table if (root / table).is_file() else Path(table)
    return {row["fine"]: row["coarse"] for row in table_rows(path, ["fine", "coarse"]) if row["coarse"]}


def _meta(path: Path) -> dict[str, dict[str, str]]:
    """The table of subjects, separated by semicolons; empty if there is none."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, delimiter=";", restval="")
        return {row["image_id"]: {k: v or "" for k, v in row.items() if k} for row in rows if row.get("image_id")}


def _shown(mask: Path, names: Mapping[int, str], options: Options, name: str = "") -> dict[str, NDArray[np.bool_]]:
    """The axial slices that show each structure in a mask file. name: of a mask with one structure."""
    volume = orient(_read_mask(mask))
    found: dict[str, NDArray[np.bool_]] = {}
    for number in (int(n) for n in np.unique(volume.pixels) if n > 0):
        structure = name or names.get(number, str(number))
        if _is_wanted(structure, options):
            there = (volume.pixels == number).any(axis=(1, 2, 3))
            found[structure] = found.get(structure, np.zeros(len(there), bool)) | there
    return found


def _read_mask(path: Path) -> Image:
    try:
        import nibabel
    except ImportError:
        raise MissingExtraError("reading masks", "volumes") from None
    try:
        opened: Any = nibabel.load(path)
        shape = opened.shape if math.prod(opened.shape) <= _MOST_VOXELS else ()
        values = np.asanyarray(opened.dataobj).reshape(shape[:3]).transpose(2, 1, 0)  # a mask has this shape
        return Image(np.rint(values[..., None]).astype(np.int32), opened.affine[:, [2, 1, 0, 3]])
    except Exception:  # nibabel raises many types on damaged files
        raise UsageError(f"{path.name} cannot be read as a mask; get it again, or take its case out") from None


def _slices_of(shown: Mapping[str, NDArray[np.bool_]]) -> dict[str, Attribute]:
    return {f"{SLICES_OF}{name}": as_ranges(slices) for name, slices in shown.items()}


def as_ranges(flags: NDArray[np.bool_]) -> str:
    """(n,) bool -> the indices that are set, as text: "12-40,43"."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    pairs = edges.reshape(-1, 2)
    return ",".join(f"{a}" if b - a == 1 else f"{a}-{b - 1}" for a, b in pairs.tolist())


def from_ranges(text: str, count: int) -> NDArray[np.bool_]:
    """The text of ``as_ranges`` -> (count,) bool. Raises UsageError for any other text."""
    flags = np.zeros(count, bool)
    for part in text.split(",") if text else ():
        if (match := re.fullmatch(r"(\d+)(?:-(\d+))?", part)) is None:
            raise UsageError(f"slices are written as 12-40,43; got {text!r}")
        flags[int(match[1]) : int(match[2] or match[1]) + 1] = True
    return flags
