"""The image that an object is derived of: which one it is, and where what is shown lies on it, by what is read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import CTImageStorage

from dicoms import data_set, item, save
from lookalike.errors import UnreadableImageError
from lookalike.pixels import upright
from lookalike.planes import Plane, orient
from lookalike.readers import read
from lookalike.readers.header_elements import data_set_of, elements_of
from lookalike.readers.source_image import SourceImage, describe_source_image, source_image_of
from lookalike.types import VolumeRecipe

SHAPE: Final = (3, 4, 5)
AXES: Final = np.eye(3)
PLANES: Final = get_args(Plane)


def directions() -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Every way in which rows and columns can lie along the axes of a patient, with their normal."""
    for (i, along_rows), (j, along_columns) in itertools.permutations(enumerate(AXES), 2):
        assert i != j
        for signs in itertools.product((1, -1), repeat=2):
            one, other = along_rows * signs[0], along_columns * signs[1]
            yield one, other, np.cross(one, other)


def geometry(number: int, row: NDArray[Any], column: NDArray[Any], normal: NDArray[Any]) -> dict[str, Any]:
    return {
        "ImagePositionPatient": [float(n) for n in number * 2.0 * normal],
        "ImageOrientationPatient": [float(n) for n in (*row, *column)],
        "PixelSpacing": [1, 1],
    }


def written(folder: Path, pixels: NDArray[Any], lie: tuple[Any, Any, Any], *, several: bool, kind: str) -> list[Path]:
    """A volume as a file a slice, stored in another order than it lies, or as one file of frames."""
    said: dict[str, Any] = {"Modality": "MR", "SeriesInstanceUID": "1.2.3.9", "MRAcquisitionType": kind}
    folder.mkdir()
    if several:
        files = []
        for name, n in enumerate((1, 2, 0)):
            own = {**said, **geometry(n, *lie), "SOPInstanceUID": f"1.2.3.9.{n + 1}", "InstanceNumber": 9 - n}
            files.append(save(data_set(pixels[n], **own), folder / f"{name}.dcm"))
        return files
    frames = []
    for n in (2, 0, 1):
        place = geometry(n, *lie)
        position = item(ImagePositionPatient=place["ImagePositionPatient"])
        frames.append(item(PlanePositionSequence=[position]))
    ds = data_set(pixels[[2, 0, 1]], **said)
    ds.PerFrameFunctionalGroupsSequence = frames
    orientation = item(ImageOrientationPatient=place["ImageOrientationPatient"])
    shared = item(PlaneOrientationSequence=[orientation], PixelMeasuresSequence=[item(PixelSpacing=[1, 1])])
    ds.SharedFunctionalGroupsSequence = [shared]
    return [save(ds, folder / "frames.dcm")]


def described(files: list[Path], number: int | None, frame: int = 0, **recipe: Any) -> SourceImage:
    """As it comes out of a decoding process."""
    told = json.dumps(describe_source_image(files, frame, number, VolumeRecipe(**recipe)))
    return source_image_of(json.loads(told))


def stored(files: list[Path], image: SourceImage) -> NDArray[Any]:
    """The pixels of the image that is meant, by another way."""
    by_uid = {str(ds.SOPInstanceUID): ds for ds in map(pydicom.dcmread, files)}
    pixels: NDArray[Any] = by_uid[str(image.header.SOPInstanceUID)].pixel_array
    return pixels if image.frame is None else pixels[image.frame - 1]


@pytest.mark.parametrize("kind", ["2D", "3D"])
@pytest.mark.parametrize("several", [True, False])
def test_what_is_shown_lies_where_the_image_has_it(several: bool, kind: Literal["2D", "3D"], tmp_path: Path) -> None:
    """For every way to lie and every plane: the slice that is shown, laid back, is the image's own pixels."""
    pixels = np.random.default_rng(7).permutation(np.arange(60, dtype=np.uint16)).reshape(SHAPE)
    laid = crossed = 0
    for number, lie in enumerate(directions()):
        files = written(tmp_path / f"{number}", pixels, lie, several=several, kind=kind)
        (volume,) = read(files)
        for plane in PLANES:
            shown = orient(upright(volume), plane).pixels[..., 0]
            for at, slice_ in enumerate(shown):
                image = described(files, at, plane=plane)
                whole = any(sorted(slice_.ravel()) == sorted(each.ravel()) for each in pixels)
                assert image.across != whole
                if whole:
                    own = stored(files, image)
                    assert np.array_equal(image.as_stored(np.asarray(slice_, np.float32)), own)
                    place = [float(n) for n in image.header.ImagePositionPatient]
                    (depth,) = (n for n in range(3) if np.array_equal(pixels[n], own))
                    assert place == geometry(depth, *lie)["ImagePositionPatient"]
                laid, crossed = laid + whole, crossed + (not whole)
    assert laid >= 24 * len(pixels)  # the plane that it was taken in, at least
    assert crossed > 100


def test_a_lone_slice_is_laid_back_as_it_was_turned(tmp_path: Path) -> None:
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    for number, lie in enumerate(directions()):
        file = save(data_set(pixels, Modality="CT", **geometry(0, *lie)), tmp_path / f"{number}.dcm")
        (image,) = read([file])
        shown = orient(upright(image), "native").pixels[0, ..., 0]
        assert np.array_equal(described([file], 0).as_stored(np.asarray(shown, np.float32)), pixels)
        as_picture = described([file], 0, lone="picture")
        assert (as_picture.transposed, as_picture.flipped) == (False, (False, False))


def test_a_frame_of_several_is_named_by_its_number_and_the_others_are_left_out(tmp_path: Path) -> None:
    ds = data_set(np.zeros((4, 6, 7), np.uint8), Modality="US", FrameIncrementPointer=0x00181063)
    image = described([save(ds, tmp_path / "us.dcm")], 0, frame=2)
    assert image.frame == 3
    assert not {"NumberOfFrames", "FrameIncrementPointer", "PixelData"} & {element.keyword for element in image.header}
    assert described([tmp_path / "us.dcm"], None).frame is None
    (tmp_path / "no.txt").write_text("no DICOM")
    assert not described([tmp_path / "no.txt"], 0).header


def test_a_header_comes_through_as_it_is(tmp_path: Path) -> None:
    """Numbers keep their digits, names their letters; what cannot be parsed is left out, what is bulky too."""
    ds = data_set(np.zeros((2, 2), np.uint16), SOPClassUID=CTImageStorage)
    ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 192", "Müller^Zoë=山田^太郎"
    ds.PixelSpacing, ds.RescaleSlope, ds.WindowCenter = ["0.6835937500", ".123456789012345"], "1E-3", [40, -600]
    ds.ImageType, ds.StudyID, ds.Laterality = ["ORIGINAL", "PRIMARY"], None, ""
    ds.ProcedureCodeSequence = [item(CodeValue="1", CodingSchemeDesignator="99X", CodeMeaning="Größe")]
    ds.add_new(0x00091001, "LO", "private")
    ds.add_new(0x00282000, "OB", bytes(8))
    ds.FrameIncrementPointer = [0x00181063, 0x00181065]
    read_back = pydicom.dcmread(save(ds, tmp_path / "a.dcm"))
    made = data_set_of(json.loads(json.dumps(elements_of(read_back))))
    left = {element.tag for element in read_back} - {element.tag for element in made}
    assert left == {0x7FE00010, 0x00091001, 0x00282000}
    assert all(made[element.tag] == read_back[element.tag] for element in made)
    assert [str(n) for n in made.PixelSpacing] == ["0.6835937500", ".123456789012345"]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"header": [[1, "SQ", 5]], "frame": None, "across": False, "transposed": False, "flipped": [False, False]},
        {"header": [["x", "LO", "y"]], "frame": None, "across": False, "transposed": False, "flipped": [False, False]},
        {"header": [[0x7FE00010, "OW", "y"]], "frame": 0, "across": 0, "transposed": 0, "flipped": [0, 0]},
        {"header": [], "frame": "x", "across": False, "transposed": False, "flipped": [False, False]},
        {"header": [], "frame": None, "across": False, "transposed": False, "flipped": [False]},
    ],
)
def test_what_a_broken_decoder_says_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(UnreadableImageError, match="decoder-crash"):
        source_image_of(told)
