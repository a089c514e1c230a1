"""The three large chest radiograph collections: ChestX-ray14, CheXpert, MIMIC-CXR-JPG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.errors import UsageError
from lookalike.sources.collections.collection import LabelledPicture, OfficialSplit, Options
from lookalike.sources.collections.csvfiles import dicom_attributes, first_there, flagged, table_rows

CHEXPERT_LABELS: Final = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 14 observations of the CheXpert labeller; MIMIC-CXR-JPG was labelled with it too."""

_CHEST: Final = {"modality": "X-ray", "anatomy": "Chest"}
_NIH_TABLES: Final = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
_MIMIC: Final = "mimic-cxr-2.0.0-"
_MIMIC_SPLITS: Final[dict[str, OfficialSplit]] = {"train": "train", "validate": "val", "test": "test"}


def read_nih(root: Path, _options: Options) -> Iterator[LabelledPicture]:
    """ChestX-ray14: labels joined by '|'; the two official lists are disjoint by patient."""
    table = first_there(root, _NIH_TABLES)
    there = {path.name: path for path in sorted(root.glob("images*/images/*.png"))}
    there |= {path.name: path for path in sorted(root.glob("images/*.png"))}
    splits: dict[str, OfficialSplit] = {
        **dict.fromkeys(_listed(root / "train_val_list.txt"), "train"),
        **dict.fromkeys(_listed(root / "test_list.txt"), "test"),
    }
    for row in table_rows(table, ["Image Index", "Finding Labels", "Patient ID"]):
        name = row["Image Index"]
        yield LabelledPicture(
            there.get(name, root / "images" / name),
            tuple(label for label in row["Finding Labels"].split("|") if label),
            splits.get(name, ""),
            row["Patient ID"],
            _CHEST
            | dicom_attributes(
                PatientSex=row.get("Patient Gender") or row.get("Patient Sex", ""),
                PatientAge=row.get("Patient Age", ""),
                ViewPosition=row.get("View Position", ""),
            ),
        )


def _listed(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


def read_chexpert(root: Path, options: Options) -> Iterator[LabelledPicture]:
    """CheXpert: train.csv, valid.csv and, if present, test.csv; -1 is uncertain."""
    tables: list[tuple[str, OfficialSplit]] = [("train.csv", "train"), ("valid.csv", "val"), ("test.csv", "test")]
    found = [(root / name, split) for name, split in tables if (root / name).is_file()]
    if not found:
        raise UsageError(f"{root} holds neither train.csv nor valid.csv; give the folder CheXpert-v1.0 itself")
    for table, split in found:
        for row in table_rows(table, ["Path", "No Finding", "Pleural Effusion"]):
            inside = _from_split_on(row["Path"])
            positive, uncertain = flagged(row, CHEXPERT_LABELS, options.uncertain)
            patient = next((part for part in Path(inside).parts if part.startswith("patient")), "")
            frontal = row.get("Frontal/Lateral", "")
            yield LabelledPicture(
                root / inside,
                tuple(positive),
                split,
                patient,
                _CHEST
                | dicom_attributes(
                    PatientSex=row.get("Sex", ""),
                    PatientAge=row.get("Age", ""),
                    ViewPosition=row.get("AP/PA", "") or ("LATERAL" if frontal == "Lateral" else ""),
                ),
                tuple(uncertain),
            )


def _from_split_on(path: str) -> str:
    """A path without the collection's own folder, which the tables name: CheXpert-v1.0-small/train/... -> train/..."""
    parts = Path(path).parts
    start = next((i for i, part in enumerate(parts) if part in ("train", "valid", "test")), 0)
    return str(Path(*parts[start:])) if parts else path


def read_mimic(root: Path, options: Options) -> Iterator[LabelledPicture]:
    """MIMIC-CXR-JPG: labels belong to studies, splits to pictures; -1 is uncertain."""

    def table(name: str) -> Path:
        return first_there(root, [f"{_MIMIC}{name}.csv.gz", f"{_MIMIC}{name}.csv"])

    studies = {
        row["study_id"]: flagged(row, CHEXPERT_LABELS, options.uncertain)
        for row in table_rows(table("chexpert"), ["subject_id", "study_id", "No Finding"])
    }
    splits = {row["dicom_id"]: row["split"] for row in table_rows(table("split"), ["dicom_id", "split"])}
    for row in table_rows(table("metadata"), ["dicom_id", "subject_id", "study_id", "ViewPosition"]):
        subject, study, picture = row["subject_id"], row["study_id"], row["dicom_id"]
        positive, uncertain = studies.get(study, ([], []))
        yield LabelledPicture(
            root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{picture}.jpg",
            tuple(positive),
            _MIMIC_SPLITS.get(splits.get(picture, ""), ""),
            subject,
            _CHEST
            | dicom_attributes(
                ViewPosition=row["ViewPosition"], Rows=row.get("Rows", ""), Columns=row.get("Columns", "")
            ),
            tuple(uncertain),
        )
