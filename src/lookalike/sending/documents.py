"""The similar cases of a record as documents beside it: a structured report and a key object selection.

Both name images alone, by their UIDs: of the patients of the similar cases nothing stands in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from lookalike.sending.terms import MAKER, RESEARCH_USE, VERSION, highdicom, new_series, new_uid, own_code


@dataclass(frozen=True, slots=True)
class SimilarCase:
    """image: its four UIDs (``headers.reference``). score: as in ``search``. labels: of the record."""

    image: Dataset
    rank: int
    score: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """How the cases were found. encoder, trained_on: of the gallery. space: searched in. vectors: how many it holds."""

    encoder: str
    space: str
    vectors: int
    trained_on: str


def similar_cases_report(header: Dataset, cases: Sequence[SimilarCase], method: SearchMethod) -> Dataset:
    """A Comprehensive 3D SR after TID 1500 "Measurement Report" (PS3.16): a group of measurements a similar case, with
    its score, its rank and its labels, and the image that it is. Its title is a code of ours (CID 7021 is extensible):
    viewers look for drawn measurements in an "Imaging Measurement Report", and show others as text.

    header: of the image that was asked with (``headers.with_whole_header``); patient and study are its own.
    """
    hd = highdicom()
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_device()),
        procedure_reported=Code("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=[_group(header, case, method) for case in cases],
        title=own_code("similar-cases", "Similar cases"),
    )
    _set_separate(report[0])
    return hd.sr.Comprehensive3DSR(
        evidence=[header, *_others(header, cases)],
        content=report[0],
        **new_series("sr"),
        manufacturer=MAKER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=f"Similar cases ({RESEARCH_USE})",
    )


def similar_cases_selection(header: Dataset, cases: Sequence[SimilarCase]) -> Dataset:
    """A Key Object Selection Document (TID 2010, PS3.16; PS3.3 A.35.4) of the similar cases' images, beside the image
    that was asked with. The cases are other patients': the document is filed once, in the study that was asked with,
    and has no identical copies in theirs.
    """
    hd = highdicom()
    images = _others(header, cases)
    content = hd.ko.KeyObjectSelection(
        document_title=codes.DCM.OfInterest,
        referenced_objects=images,
        observer_device_context=_device(),
        description=f"Similar cases, most similar first. {RESEARCH_USE}.",
    )
    own = hd.ko.KeyObjectSelection(codes.DCM.OfInterest, [header], observer_device_context=_device())
    made = hd.ko.KeyObjectSelectionDocument(evidence=[header], content=own, manufacturer=MAKER, **new_series("kos"))
    # The library takes references within one study alone, so what is selected takes the place of the image itself.
    made.ContentSequence = content[0].ContentSequence
    current, other = hd.sr.utils.collect_evidence([header, *images], content[0])
    made.CurrentRequestedProcedureEvidenceSequence = [*current, *other]
    made.SeriesDescription = f"Similar cases ({RESEARCH_USE})"
    return made


def research_selection(images: Sequence[Dataset], description: str) -> Dataset:
    """A Key Object Selection Document (TID 2010, PS3.16) "For Research" of images of one study.

    images: their headers (``headers.whole_header``); patient and study are theirs. description: what they are.
    """
    hd = highdicom()
    content = hd.ko.KeyObjectSelection(
        document_title=codes.DCM.ForResearch,
        referenced_objects=images,
        observer_device_context=_device(),
        description=f"{description}. {RESEARCH_USE}.",
    )
    made = hd.ko.KeyObjectSelectionDocument(evidence=images, content=content, manufacturer=MAKER, **new_series("kos"))
    made.SeriesDescription = description[:64]
    return made


def _set_separate(item: Dataset) -> None:
    """Say that what stands in containers is no running text, so that it is shown with its names (PS3.3 C.18.8)."""
    if item.ValueType == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
        for each in item.ContentSequence:
            _set_separate(each)


def _others(header: Dataset, cases: Sequence[SimilarCase]) -> list[Dataset]:
    """The images of the cases, each once, without the one that was asked with."""
    by_uid = {case.image.SOPInstanceUID: case.image for case in cases}
    by_uid.pop(header.SOPInstanceUID, None)
    return list(by_uid.values())


def _group(header: Dataset, case: SimilarCase, method: SearchMethod) -> Any:
    """A case: TID 1501 "Measurement and Qualitative Evaluation Group"."""
    hd = highdicom()
    image = hd.sr.SourceImageForMeasurement(case.image.SOPClassUID, case.image.SOPInstanceUID)
    asked = hd.sr.SourceImageForMeasurement(header.SOPClassUID, header.SOPInstanceUID)
    algorithm = hd.sr.AlgorithmIdentification(MAKER, VERSION, _parameters(method))
    count = codes.UCUM.NoUnits
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=new_uid(), identifier=_named(case)),
        finding_type=own_code("similar-case", "Similar case"),
        measurements=[
            hd.sr.Measurement(
                own_code("similarity", "Similarity of the images' embeddings"),
                round(case.score, 6),
                count,
                algorithm_id=algorithm,
                referenced_images=[image, asked],
            ),
            hd.sr.Measurement(own_code("rank", "Rank among the similar cases"), case.rank, count),
        ],
    )


def _named(case: SimilarCase) -> str:
    """What a person reads of a case; a short string (LO holds 64 characters)."""
    labels = ", ".join(case.labels)
    return f"Similar case {case.rank}{f': {labels}' if labels else ''}"[:64]


def _parameters(method: SearchMethod) -> list[str]:
    return [
        f"encoder={method.encoder}",
        f"encoder trained on={method.trained_on}",
        f"space={method.space}",
        f"vectors in the space={method.vectors}",
        RESEARCH_USE,
    ]


def _device() -> Any:
    hd = highdicom()
    return hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=new_uid(), name=MAKER, manufacturer_name=MAKER, model_name=f"{MAKER} {VERSION}"
        ),
    )
