"""Collections of files in folders: RadImageNet, MedNIST, and any folder with a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.sources.collections.collection import LabelledPicture, OfficialSplit, Options
from lookalike.sources.collections.csvfiles import dicom_attributes, table_rows
from lookalike.sources.files import walk
from lookalike.sources.kinds import kind_beside
from lookalike.sources.labels import LabelRow, read_label_table
from lookalike.types import Attribute

_RADIMAGENET: Final[dict[str, OfficialSplit]] = {
    "RadiologyAI_train.csv": "train",
    "RadiologyAI_val.csv": "val",
    "RadiologyAI_test.csv": "test",
}
_MEDNIST: Final = {
    "AbdomenCT": ("CT", "Abdomen"),
    "BreastMRI": ("MR", "Breast"),
    "CXR": ("X-ray", "Chest"),
    "ChestCT": ("CT", "Chest"),
    "Hand": ("X-ray", "Hand"),
    "HeadCT": ("CT", "Head"),
}
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".jp2")
SPLITS: Final[dict[str, OfficialSplit]] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""The official splits by what columns call them, in lower case."""


def read_radimagenet(root: Path, _options: Options) -> Iterator[LabelledPicture]:
    """RadImageNet: radiology_ai/modality/anatomy/pathology/picture.png, and three tables of file names.

    The owners split by patient and publish no patient identifiers.
    """
    tables = [root / name for name in _RADIMAGENET if (root / name).is_file()]
    if not tables:
        raise UsageError(f"{root} holds none of {', '.join(_RADIMAGENET)}; give the folder with the tables")
    for table in tables:
        for row in table_rows(table, ["filename", "label"]):
            parts = Path(row["filename"]).parts
            if len(parts) < 4:
                raise UsageError(f"{table.name} must name files as modality/anatomy/pathology/picture.png")
            modality, anatomy, pathology = parts[-4:-1]
            inside = parts if (root / parts[0]).is_dir() else parts[1:]  # the tables may lie in radiology_ai
            attributes = {"modality": modality, "anatomy": anatomy}
            yield LabelledPicture(root.joinpath(*inside), (pathology,), _RADIMAGENET[table.name], attributes=attributes)


def read_mednist(root: Path, _options: Options) -> Iterator[LabelledPicture]:
    """MedNIST: one folder a class. No patient identifiers are published."""
    folders = [name for name in _MEDNIST if (root / name).is_dir()]
    if not folders:
        raise UsageError(f"{root} holds none of the folders {', '.join(_MEDNIST)}; give the folder MedNIST")
    for name in folders:
        modality, anatomy = _MEDNIST[name]
        for path in _pictures(root / name):
            yield LabelledPicture(path, (name,), attributes={"modality": modality, "anatomy": anatomy})


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in walk([folder]) if path.name.lower().endswith(_PICTURES))


def read_folder(root: Path, options: Options) -> Iterator[LabelledPicture]:
    """A folder with a label table, or, without one, with a folder a class. A column ``split`` is respected."""
    if not (root / options.table).is_file():
        yield from _folder_a_class(root, options)
        return
    for path, row in _rows_of_files(root, options):
        attributes = dict(row.attributes or {})
        split = SPLITS.get(str(attributes.pop("split", "")).lower(), "")
        yield LabelledPicture(path, row.labels, split, row.patient, attributes | _shared(options))


def _rows_of_files(root: Path, options: Options) -> Iterator[tuple[Path, LabelRow]]:
    """The file of each row of the table, whether it is there or not."""
    table = read_label_table(root / options.table, options.labels, options.patient)
    if all((root / text).exists() for text, _row in table.items()):
        yield from ((root / text, row) for text, row in table.items())
        return
    found = table.match(str(path) for path in walk([root]) if not kind_beside(path))
    yield from ((Path(file), row) for file, row in found.rows.items())
    yield from ((root / text, row) for text, row in table.items() if text not in found.used)


def _folder_a_class(root: Path, options: Options) -> Iterator[LabelledPicture]:
    for path in _pictures(root):
        inside = path.relative_to(root).parts
        if len(inside) > 1:
            yield LabelledPicture(path, (inside[0],), attributes=_shared(options))


def _shared(options: Options) -> dict[str, Attribute]:
    return dicom_attributes(modality=options.modality, anatomy=options.anatomy)
