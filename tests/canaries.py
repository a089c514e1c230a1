"""Files whose every text is a canary: what must not be found again anywhere."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo
from pydicom.datadict import DicomDictionary, RepeatersDictionary, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import JPEGBaseline8Bit

from conftest import texture
from dicoms import compressed, data_set
from lookalike.readers.confidentiality_profile import LISTED

WORD = "ZQXJ"
"""In every canary; no other text has it."""
UID = "9.8642.13579"
"""The beginning of every unique identifier that is a canary."""
NEEDLES = (WORD, UID)

_TEXTS = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
READ = ("SpecificCharacterSet", "SOPClassUID", "PhotometricInterpretation", "NumberOfFrames")
"""What decides how a file is read: a canary in one of them needs a file of its own."""
_SEQUENCES_OF_ANNEX_E = [Tag(tag) for tag in LISTED if DicomDictionary.get(tag, ("",))[0] == "SQ"]
_SEQUENCES = ("FrameVOILUTSequence", "PixelMeasuresSequence", "FrameContentSequence", "SourceImageSequence")


def canaried(seed: int = 60, **elements: Any) -> Dataset:
    """A radiograph with a canary in every element of the dictionary whose value is a text or a UID, in every attribute
    of PS3.15 Table E.1-1, in nested sequences, in private elements, in overlays and curves, and in the meta
    information. elements: stand as given.
    """
    ds = data_set(texture(seed))
    for element in _canaries():
        if element.tag not in ds:
            ds[element.tag] = element
    for tag in _SEQUENCES_OF_ANNEX_E:
        ds[tag] = DataElement(tag, "SQ", Sequence([_nested(0)]))
    ds.RequestAttributesSequence = Sequence([_nested(3)])
    ds.PerFrameFunctionalGroupsSequence = Sequence([_nested(2)])
    ds.SharedFunctionalGroupsSequence = Sequence([_nested(2)])
    ds.add_new(Tag(0x0009, 0x0010), "LO", f"{WORD} PRIVATE")
    ds.add_new(Tag(0x0009, 0x1001), "LT", f"{WORD} of a maker")
    ds.add_new(Tag(0x0009, 0x1002), "OB", f"{WORD} bytes ".encode())
    ds.add_new(Tag(0x0009, 0x1003), "UN", f"{WORD} unknown".encode())
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{UID}.{seed}"
    ds.file_meta.SourceApplicationEntityTitle = WORD
    ds.file_meta.ImplementationVersionName = WORD
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def with_canary(ds: Dataset, keyword: str) -> Dataset:
    """The data set with a canary in one more element."""
    ds[keyword] = _raw(Tag(keyword), dictionary_VR(keyword), WORD)
    return ds


def save_as_it_is(ds: Dataset, path: Path) -> Path:
    """Write a data set without a check of its values."""
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patched.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
        ds.save_as(path, enforce_file_format=True)
    return path


def _canaries() -> Iterator[RawDataElement]:
    tags = {Tag(tag): entry[0] for tag, entry in DicomDictionary.items() if tag >> 16 > 2}
    for name, entry in RepeatersDictionary.items():  # overlays and curves
        tags[Tag(int(name.replace("xx", "02").replace("x", "1"), 16))] = entry[0]
    tags |= {Tag(tag): "LO" for tag in LISTED if tag not in DicomDictionary}  # newer than the dictionary
    for tag, vr in tags.items():
        if vr in _TEXTS and keyword_for_tag(tag) not in READ:
            yield _raw(tag, vr, f"{UID}.{int(tag)}" if vr == "UI" else f"{WORD}{tag:08X}")


def _raw(tag: BaseTag, vr: str, value: str) -> RawDataElement:
    """An element as it lies in a file: its value may be none that its VR allows."""
    even = (value + " " * (len(value) % 2)).encode()
    return RawDataElement(tag, vr, len(even), even, 0, is_implicit_VR=False, is_little_endian=True)


def _nested(depth: int) -> Dataset:
    """An item with a few texts, and items in it."""
    made = Dataset()
    made.PatientName, made.ImageComments, made.LUTExplanation = f"{WORD}^NESTED", f"{WORD} {depth}", f"{WORD} lut"
    made.WindowCenterWidthExplanation = f"{WORD} window"
    made.add_new(Tag(0x0021, 0x1001), "LO", f"{WORD} PRIVATE")
    for keyword in _SEQUENCES if depth else ():
        setattr(made, keyword, Sequence([_nested(depth - 1)]))
    return made


def write_pictures_and_volumes(folder: Path) -> None:
    """A picture or a volume of each other format, with canaries wherever the format has room for text."""
    grey = PIL.Image.fromarray(texture(70))
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x013B] = f"{WORD} description", f"{WORD} artist"
    notes = PngInfo()
    notes.add_text("Comment", f"{WORD} in a chunk")
    grey.save(folder / "a.png", pnginfo=notes, exif=exif)
    colours = PIL.Image.fromarray(texture(71)).convert("RGB")
    colours.save(folder / "b.jpg", exif=exif, comment=f"{WORD} comment".encode())
    pages = [PIL.Image.fromarray(texture(72 + n)) for n in range(2)]
    pages[0].save(folder / "c.tif", save_all=True, append_images=pages[1:], description=f"{WORD} page")
    PIL.Image.fromarray(texture(74).astype(np.uint16) * 200).save(folder / "d.tif", description=f"{WORD} deep")
    values = np.stack([texture(80 + n) for n in range(6)]).astype(np.int16).transpose(2, 1, 0)
    _nifti(values, folder / "e.nii.gz")
    itk = pytest.importorskip("SimpleITK", reason="no SimpleITK: pip install 'lookalike[volumes]'")
    volume = itk.GetImageFromArray(values.transpose(2, 1, 0) + 1)
    volume.SetSpacing((0.5, 0.6, 2.0))
    volume.SetMetaData("Patient", f"{WORD}^JANE")
    itk.WriteImage(volume, str(folder / "f.nrrd"))
    itk.WriteImage(volume + 1, str(folder / "g.mha"))
    itk.WriteImage(volume + 2, str(folder / "h.mhd"))
    for name in ("g.mha", "h.mhd"):
        noted = (folder / name).read_bytes().replace(b"ObjectType", f"Comment = {WORD}\nObjectType".encode(), 1)
        (folder / name).write_bytes(noted)


def _nifti(values: NDArray[np.int16], path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="no nibabel: pip install 'lookalike[volumes]'")
    image = nibabel.Nifti1Image(values, np.diag([-0.5, -0.6, 2.0, 1.0]))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = WORD.encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", f"{WORD} in an extension".encode()))
    nibabel.save(image, path)


def with_comment(ds: Dataset) -> Dataset:
    """The data set with its pixels as a JPEG that holds a comment."""
    out = io.BytesIO()
    PIL.Image.fromarray(ds.pixel_array).save(out, "JPEG", quality=95, comment=f"{WORD} comment".encode())
    return compressed(ds, JPEGBaseline8Bit, [out.getvalue()])
