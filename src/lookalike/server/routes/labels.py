"""Labelling: which records are worth a label next, or a look at their label."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lookalike.server.audited_records import note_records
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsContributor, Served, SpaceName, Where
from lookalike.types import BASE
from lookalike.verbs.label_next import LabelNext, LabelOrder, label_next

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
