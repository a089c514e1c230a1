"""Decisions about what audits have found: contributors decide, whoever sees the records looks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lookalike.errors import ForbiddenError
from lookalike.server.audited_records import note_records
from lookalike.server.contract.bodies import ChangeNumber, DecideBody
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsContributor, AsReader, Served
from lookalike.verbs.curation import decisions

decisions_router = APIRouter(prefix=f"{API}/decisions", tags=["decisions"])


@decisions_router.get("", response_model=decisions.DecisionList)
def get_decisions(
    request: Request,
    service: Served,
    caller: AsReader,
    audit: Annotated[decisions.AuditName | None, Query()] = None,
    decision: Annotated[decisions.DecisionName | None, Query()] = None,
) -> Response:
    """What was decided, the oldest first; of a pair only where both records are seen."""
    found = decisions.list_decisions(service.seen_by(caller), audit=audit, decision=decision)
    note_records(request.state, {id: None for each in found.items for id in each.ids})
    return json_response(found)


@decisions_router.post("", response_model=decisions.Decided)
def post_decisions(body: DecideBody, request: Request, service: Served, caller: AsContributor) -> Response:
    """Decide. ``accept`` and ``same-patient`` change records: not for who sees a part of the gallery (403 ``part``)."""
    if caller.part is not None and decisions.changes_records(body.decision):
        raise ForbiddenError("this decision changes records, which takes the whole of the gallery", "part")
    service.check_seen(caller, body.ids)
    made = decisions.decide(
        service.gallery, body.audit, body.decision, body.ids, about=body.about, value=body.value, by=caller.signs
    )
    note_records(request.state, body.ids, decision=made.number)
    return json_response(made)


@decisions_router.post("/{number}/undo", response_model=decisions.Decided)
def post_decisions_undo(number: ChangeNumber, service: Served, caller: AsContributor) -> Response:
    """Take a decision back, and what it changed."""
    decisions.check_may_undo(service.gallery, service.seen_by(caller), number)
    return json_response(decisions.undo_decision(service.gallery, number))
