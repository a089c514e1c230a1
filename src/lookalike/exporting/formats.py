"""What other programs read of an exported cohort: COCO, FiftyOne, a MONAI data list, DICOM key objects.

Each is written beside the files that were exported, and names them as they are called there: by pseudonyms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import PIL.Image
from pydicom.dataset import Dataset

from lookalike.atomic import write_atomically
from lookalike.exporting.folder import ExportedRecord
from lookalike.sending.documents import research_selection
from lookalike.sending.headers import whole_header
from lookalike.text import DISCLAIMER

_MONAI: Final = {"": "training", "train": "training", "val": "validation", "test": "test"}


@dataclass(frozen=True, slots=True)
class ExportedCohort:
    """What was exported, and where. version, digest: of the cohort. header: of a DICOM file, as a decoding process
    reads it.
    """

    folder: Path
    name: str
    version: int
    digest: str
    records: Sequence[ExportedRecord]
    header: Callable[[Path], Dataset]

    @property
    def classes(self) -> list[str]:
        """Every label, sorted."""
        return sorted({label for each in self.records for label in each.record.labels})

    @property
    def one_label_each(self) -> bool:
        """Whether each record has just one label."""
        return all(len(each.record.labels) == 1 for each in self.records)

    def by_part(self) -> Iterator[tuple[str, list[ExportedRecord]]]:
        """The records of each part that has some; all under "" where there is no split."""
        for part in _MONAI:
            if own := [each for each in self.records if each.part == part]:
                yield part, own


def write_coco(cohort: ExportedCohort) -> None:
    """``annotations/instances_PART.json`` (cocodataset.org, object detection). A label is of the whole picture, so that
    its box is the picture's; a picture without labels has no annotation.
    """
    (cohort.folder / "annotations").mkdir()
    for part, records in cohort.by_part():
        _write(cohort, f"annotations/instances{f'_{part}' if part else ''}.json", _coco(cohort, records))


def _coco(cohort: ExportedCohort, records: Sequence[ExportedRecord]) -> dict[str, Any]:
    numbers = {name: number for number, name in enumerate(cohort.classes, 1)}
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for number, each in enumerate(records, 1):
        with PIL.Image.open(cohort.folder / each.file) as picture:
            width, height = picture.size
        name = each.file.removeprefix("images/")
        told = {"patient_id": each.patient, "attributes": dict(each.told)}
        images.append({"id": number, "file_name": name, "width": width, "height": height, **told})
        annotations += [
            _annotation(len(annotations) + place, number, numbers[label], width, height)
            for place, label in enumerate(each.record.labels, 1)
        ]
    return {
        "info": {"description": cohort.name, "version": str(cohort.version), "contributor": DISCLAIMER},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": "label"} for name, number in numbers.items()],
    }


def _annotation(number: int, image: int, category: int, width: int, height: int) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [0, 0, width, height],
        "area": width * height,
        "segmentation": [[0, 0, width, 0, width, height, 0, height]],
        "iscrowd": 0,
    }


def write_fiftyone(cohort: ExportedCohort) -> None:
    """A FiftyOneImageClassificationDataset, one in a folder for each part: ``labels.json`` beside the pictures' folder
    ``data``. Other attributes of a record are those of its labels.
    """
    for part, records in cohort.by_part():
        labels = {Path(each.file).stem: _classified(cohort, each) for each in records}
        _write(cohort, f"{part}/labels.json", {"classes": cohort.classes, "labels": labels})


def _classified(cohort: ExportedCohort, each: ExportedRecord) -> Any:
    numbers = [cohort.classes.index(label) for label in each.record.labels]
    told = [{"label": number, "attributes": {"patient_id": each.patient, **each.told}} for number in numbers]
    return told[0] if cohort.one_label_each else told


def write_monai(cohort: ExportedCohort) -> None:
    """``dataset.json``, a data list as the Medical Segmentation Decathlon has them, for
    ``monai.data.load_decathlon_datalist``: of one label each its class as a number, else 0 and 1 for each class.
    """
    parts = {_MONAI[part]: [_listed(cohort, each) for each in records] for part, records in cohort.by_part()}
    lists = {name: parts.get(name, []) for name in dict.fromkeys(_MONAI.values())}
    _write(
        cohort,
        "dataset.json",
        {
            "name": cohort.name,
            "description": DISCLAIMER,
            "release": f"{cohort.version} ({cohort.digest})",
            "labels": {str(number): name for number, name in enumerate(cohort.classes)},
            "numTraining": len(lists["training"]),
            "numValidation": len(lists["validation"]),
            "numTest": len(lists["test"]),
            **lists,
        },
    )


def _listed(cohort: ExportedCohort, each: ExportedRecord) -> dict[str, Any]:
    own, classes = each.record.labels, cohort.classes
    label = classes.index(own[0]) if cohort.one_label_each else [int(name in own) for name in classes]
    frame = {"frame": each.record.frame} if each.record.frame else {}
    return {"image": each.file, "label": label, "patient_id": each.patient, **frame}


def write_key_objects(cohort: ExportedCohort) -> None:
    """``key-objects``: a Key Object Selection Document for each study and part, of the files in ``images``."""
    (cohort.folder / "key-objects").mkdir()
    for part, records in cohort.by_part():
        said = f"Cohort {cohort.name}, version {cohort.version}{f', {part}' if part else ''}"
        for number, images in enumerate(_by_study(cohort, records).values(), 1):
            made = research_selection(list(images.values()), said)
            made.save_as(cohort.folder / "key-objects" / f"{part or 'all'}-{number:05}.dcm", enforce_file_format=True)


def _by_study(cohort: ExportedCohort, records: Sequence[ExportedRecord]) -> dict[str, dict[str, Dataset]]:
    """The headers of the files, by study and instance; the records of one file have one."""
    found: dict[str, dict[str, Dataset]] = {}
    for each in records:
        place = cohort.folder / each.file
        for file in sorted(place.iterdir()) if place.is_dir() else [place]:
            header = whole_header(cohort.header(file))
            found.setdefault(str(header.StudyInstanceUID), {})[str(header.SOPInstanceUID)] = header
    return found


def _write(cohort: ExportedCohort, name: str, told: Any) -> None:
    write_atomically(cohort.folder / name.lstrip("/"), json.dumps(told, indent=1, ensure_ascii=False).encode())
