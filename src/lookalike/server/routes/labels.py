"""Labelling: which records are worth a label next, or a look at their label; labels as a table."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lookalike.flat import csv_text
from lookalike.server.audited_records import note_records
from lookalike.server.contract.bodies import ImportLabelsBody
from lookalike.server.guard import API
from lookalike.server.responses import json_response, saved_as
from lookalike.server.routes.parameters import AsContributor, Served, SpaceName, Where
from lookalike.server.serialise import shown_name
from lookalike.types import BASE
from lookalike.verbs import records
from lookalike.verbs.curation import labelling
from lookalike.verbs.curation.label_next import LabelNext, LabelOrder, label_next


class CSV(Response):
    """A table of text that a browser saves."""

    media_type = "text/csv"


labels_router = APIRouter(prefix=API, tags=["records"])
_Budget = Annotated[int, Query(ge=1, le=1000)]
_Seed = Annotated[int, Query(ge=0, lt=1 << 32)]


@labels_router.get("/labels/next", response_model=LabelNext)
def get_labels_next(
    request: Request,
    service: Served,
    caller: AsContributor,
    budget: _Budget = 20,
    by: LabelOrder = "next",
    where: Where = None,
    space: SpaceName = BASE,
    seed: _Seed = 0,
) -> Response:
    """Records without a label that are worth one next, or records whose label is worth a look."""
    found = label_next(service.seen_by(caller), budget, by=by, where=where, space=space, seed=seed)
    note_records(request.state, (each.id for each in found.items))
    return json_response(found)


@labels_router.get("/labels/table", response_class=CSV)
def get_labels_table(request: Request, service: Served, caller: AsContributor, where: Where = None) -> Response:
    """The ids and labels of records with the names of their files, which ``POST /labels/import`` takes back."""
    found = records.list_records(service.seen_by(caller), where=where, limit=0).items
    note_records(request.state, (each.id for each in found))
    labels, names = [list(each.labels) for each in found], [shown_name(each.source) for each in found]
    text = csv_text({"id": [each.id for each in found], "labels": labels, "file": names})
    return CSV(text, headers=saved_as("labels.csv"))


@labels_router.post("/labels/import", response_model=labelling.Changed)
def post_labels_import(body: ImportLabelsBody, request: Request, service: Served, caller: AsContributor) -> Response:
    """Set the labels of records as an uploaded CSV table says, in one change, by its columns ``id`` and ``labels``,
    several with ``|`` between. ``change`` of the answer undoes it.
    """
    labels = labelling.labels_of_table(service.uploads.get(body.upload, caller.name).files[0])
    service.check_seen(caller, [*labels])
    note_records(request.state, labels)
    return json_response(labelling.label_each(service.gallery, labels, by=caller.signs))
