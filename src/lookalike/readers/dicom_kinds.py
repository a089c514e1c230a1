"""What a DICOM object is, if it is no image: by its SOP class (PS3.4 B.5), or else its modality (PS3.3 C.7.3.1.1.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydicom.filereader import read_partial
from pydicom.tag import Tag
from pydicom.uid import UID

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_CLASSES: Final[dict[str, str]] = {  # the part behind _STORAGE, with all below it
    "4.2": "spectroscopy",
    "8": "overlay",
    "9": "waveform",
    "10": "look-up table",
    "11": "PR",
    "66": "raw data",
    "66.1": "REG",
    "66.2": "FID",
    "66.3": "REG",
    "66.4": "SEG",
    "66.5": "SEG",
    "66.6": "tractography",
    "66.7": "SEG",
    "67": "value mapping",
    "68": "surface mesh",
    "77.1.5.3": "stereometry",
    "78": "ophthalmic measurement",
    "79": "ophthalmic measurement",
    "80": "ophthalmic measurement",
    "88": "SR",
    "88.59": "KO",
    "90": "SR",
    "91": "annotation",
    "104": "DOC",
    "131": "display protocol",
    "200": "acquisition protocol",
    "481.2": "RTDOSE",
    "481.3": "RTSTRUCT",
    "481.4": "RTRECORD",
    "481.5": "RTPLAN",
    "481.6": "RTRECORD",
    "481.7": "RTRECORD",
    "481.8": "RTPLAN",
    "481.9": "RTRECORD",
    "481.10": "RTPLAN",
    "481.11": "RTPLAN",
    "481.12": "RTPLAN",
    "481.13": "RTPLAN",
    "481.14": "RTRECORD",
    "481.15": "RTRECORD",
    "481.16": "RTRECORD",
}
_OTHERS: Final[dict[str, str]] = {
    "1.2.840.10008.1.3.10": "DICOMDIR",
    "1.2.840.10008.5.1.4.34": "RTPLAN",
    "1.2.840.10008.5.1.4.38": "display protocol",
    "1.2.840.10008.5.1.4.39": "look-up table",
    "1.2.840.10008.5.1.4.43": "implant template",
    "1.2.840.10008.5.1.4.44": "implant template",
    "1.2.840.10008.5.1.4.45": "implant template",
}
_KINDS: Final = {**{_STORAGE + part: kind for part, kind in _CLASSES.items()}, **_OTHERS}

_MARKINGS: Final = frozenset({"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD"})
_PAPERS: Final[dict[str, str]] = {
    **{modality: modality for modality in ("SR", "PR", "KO", "REG", "FID", "DOC", "PLAN")},
    **dict.fromkeys(("ECG", "EPS", "HD", "RESP", "EEG", "EMG", "EOG", "POS"), "waveform"),
}
_TAGS: Final = (Tag("SOPClassUID"), Tag("Modality"))


def kind_of_dicom(file: Path) -> str:
    """The kind of a file that is no image; "" for an image, and for a file whose header cannot be read.

    Reads to the modality only.
    """
    return kind_of_object(*_class_and_modality(file))


def modality_of(file: Path) -> str:
    """The modality that a file names in its place; "" if there is none. Reads to the modality only."""
    return _class_and_modality(file)[1]


def _class_and_modality(file: Path) -> tuple[str, str]:
    try:
        with file.open("rb") as opened:
            ds = read_partial(opened, stop_when=_behind_modality, force=True, specific_tags=list(_TAGS))
        sop_class = str(ds.get("SOPClassUID") or ds.file_meta.get("MediaStorageSOPClassUID") or "").strip("\0 ")
        return sop_class, str(ds.get("Modality") or "").strip("\0 ")
    except Exception:  # a damaged header: reading the file reports what is wrong
        return "", ""


def kind_of_object(sop_class: str, modality: str) -> str:
    """The kind of an object that is no image, by the UID of its SOP class and its modality; "" for an image.

    An image's SOP class counts more than its modality, unless that says segmentation, plan or dose: a screenshot of a
    report is a picture, a label map stored as MR images is none.
    """
    parts = sop_class.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    if kind := next((_KINDS[prefix] for prefix in prefixes if prefix in _KINDS), ""):
        return kind
    if modality in _MARKINGS:
        return modality
    return "" if "Image Storage" in UID(sop_class).name else _PAPERS.get(modality, "")


def _behind_modality(tag: Any, _vr: str | None, _length: int) -> bool:
    return int(tag) > int(_TAGS[-1])
