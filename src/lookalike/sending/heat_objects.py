"""The heat of a record as images beside it: a segmentation of where it resembles another one, and a parametric map."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage

from lookalike.errors import UsageError
from lookalike.readers.source_image import SourceImage
from lookalike.sending.terms import MAKER, RESEARCH_USE, VERSION, equipment, highdicom, new_series, own_code

SEGMENTED_FROM: Final = 0.5
"""Of the heat, 0 to 1: what is as much or more is in the segment."""


def heat_over(image: SourceImage, heat: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """A heat (rows, columns) of 0 to 1 over a displayed picture, as (Rows, Columns) of the image itself.

    Raises UsageError where what is displayed lies across several images.
    """
    if image.across:
        raise UsageError(
            "the heat of this volume lies across its images, which are not of the plane that the gallery looks at; "
            "send sr or kos"
        )
    small = PIL.Image.fromarray(np.ascontiguousarray(image.as_stored(np.asarray(heat, np.float32))), "F")
    size = (int(image.header.Columns), int(image.header.Rows))
    return np.asarray(small.resize(size, PIL.Image.Resampling.BILINEAR), np.float32).clip(0, 1)


def heat_segmentation(image: SourceImage, heat: NDArray[np.float32]) -> Dataset:
    """A Segmentation (PS3.3 A.51), BINARY, of where the heat (Rows, Columns) is ``SEGMENTED_FROM`` or more.

    Raises UsageError where nothing is.
    """
    hd, header, segment = highdicom(), _as_own_file(image), heat >= SEGMENTED_FROM
    if not segment.any():
        raise UsageError("nowhere does this picture resemble the other one by half; send a parametric map: map")
    described = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Resembles the similar case",
        segmented_property_category=codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=own_code("alike", "Resembles the similar case"),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            MAKER, codes.cid7162.ArtificialIntelligence, VERSION, parameters={"from": f"{SEGMENTED_FROM}"}
        ),
    )
    made = hd.seg.Segmentation(
        source_images=[header],
        pixel_array=segment[None],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[described],
        content_description=RESEARCH_USE,
        series_description=f"Where it is alike ({RESEARCH_USE})",
        **new_series("seg"),
        **equipment(),
    )
    if not header.get("ImageOrientationPatient"):
        made.PatientOrientation = header.get("PatientOrientation", "")  # type 2C (PS3.3 C.7.6.1), may be empty
    return _of_frame(made, image)


def heat_map(image: SourceImage, heat: NDArray[np.float32]) -> Dataset:
    """A Parametric Map (PS3.3 A.75) of the heat (Rows, Columns), float32, 0 to 1 without a unit.

    Raises UsageError for an image that lies nowhere in a patient, such as a plain radiograph.
    """
    header = _as_own_file(image)
    if not header.get("FrameOfReferenceUID") or not header.get("ImagePositionPatient"):
        raise UsageError("a parametric map needs an image that lies in a frame of reference; send a segmentation: seg")
    hd = highdicom()
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="alike",
        lut_explanation="How much it resembles the similar case",
        unit=codes.UCUM.NoUnits,
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=own_code("heat", "How much it resembles the similar case"),
    )
    made = hd.pm.ParametricMap(
        source_images=[header],
        pixel_array=heat[None],
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
        content_description=RESEARCH_USE,
        series_description=f"How alike it is ({RESEARCH_USE})",
        **new_series("map"),
        **equipment(),
    )
    made.Laterality = header.get("Laterality", "")  # type 2C (PS3.3 C.7.3.1), may be empty
    return _of_frame(made, image)


def _as_own_file(image: SourceImage) -> Dataset:
    """The header as the library takes it: a frame of several as a file of its own, of a kind that has no frames."""
    header = deepcopy(image.header)
    if image.frame is not None:
        header.SOPClassUID = SecondaryCaptureImageStorage
    return header


def _of_frame(made: Dataset, image: SourceImage) -> Dataset:
    """The object with the kind of its image and the number of the frame that it is derived of (PS3.3 C.10.3)."""
    if image.frame is None:
        return made
    derived = [groups.DerivationImageSequence[0] for groups in made.PerFrameFunctionalGroupsSequence]
    sources = [source for each in (made, *derived) for source in each.get("SourceImageSequence", ())]
    for source in sources:
        source.ReferencedFrameNumber = image.frame
    instances = [each for series in made.ReferencedSeriesSequence for each in series.ReferencedInstanceSequence]
    for each in (*sources, *instances):
        each.ReferencedSOPClassUID = image.header.SOPClassUID
    return made
