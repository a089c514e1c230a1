"""A question in the shape of QIDO-RS, for viewers and other programs that speak DICOMweb."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lookalike.server.audited_records import note_records
from lookalike.server.dicom_json import DicomJSON, studies_response
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsReader, Limit, Served, SpaceName, Where
from lookalike.types import BASE
from lookalike.verbs.similar_studies import SimilarStudies, similar_studies

dicomweb_router = APIRouter(prefix=API, tags=["dicomweb"])

SimilarTo = Annotated[str, Query(alias="SimilarTo", pattern=r"[0-9.]{1,64}")]


@dicomweb_router.get("/dicom-web/studies", response_class=DicomJSON)
def get_similar_studies(
    request: Request,
    service: Served,
    caller: AsReader,
    similar_to: SimilarTo,
    limit: Limit = 10,
    where: Where = None,
    space: SpaceName = BASE,
) -> Response:
    """The studies most similar to that of a StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID, as rows of QIDO-RS
    with score and rank in private elements (0077,10xx) of the creator LOOKALIKE. Of a linked gallery alone, and where
    the service knows the PACS.
    """
    found = similar_studies(service.seen_by(caller), similar_to, k=limit, where=where, space=space)
    note_records(request.state, (each.id for each in found.studies))
    return studies_response(found.studies)


@dicomweb_router.get("/similar-studies", response_model=SimilarStudies)
def get_similar_studies_told(
    request: Request,
    service: Served,
    caller: AsReader,
    similar_to: SimilarTo,
    limit: Limit = 10,
    where: Where = None,
    space: SpaceName = BASE,
) -> Response:
    """The studies of ``/dicom-web/studies`` with labels and links into the viewer: what the panel beside it shows."""
    found = similar_studies(service.seen_by(caller), similar_to, k=limit, where=where, space=space)
    note_records(request.state, (each.id for each in found.studies))
    return json_response(found)
