"""Cohorts: list, look, save, combine, split, export, remove."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lookalike.server.audited_records import note_records
from lookalike.server.contract.answers import JobAnswer
from lookalike.server.contract.bodies import CombineCohortsBody, ExportCohortBody, SaveCohortBody, SplitCohortBody
from lookalike.server.exports import MOST_OF_A_COHORT, check_room
from lookalike.server.guard import API
from lookalike.server.jobs.cohort import MOST_PACKED
from lookalike.server.jobs.submit import accepted, queue
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsReader, Served, WholeAsAdmin, WholeAsContributor
from lookalike.verbs.cohorts import cohorts

cohorts_router = APIRouter(prefix=API, tags=["cohorts"])


@cohorts_router.get("/cohorts", response_model=cohorts.CohortList)
def get_cohorts(service: Served, caller: AsReader) -> Response:
    """Every cohort; of who sees a part of the gallery those that have a member there."""
    return json_response(cohorts.list_cohorts(service.seen_by(caller)))


@cohorts_router.get("/cohorts/{name}", response_model=cohorts.CohortShown)
def get_cohort(
    name: str, request: Request, service: Served, caller: AsReader, limit: Annotated[int, Query(ge=1, le=100_000)] = 50
) -> Response:
    """A cohort, its first members, and what its definition gives now other than what was saved."""
    found = cohorts.show_cohort(service.seen_by(caller), name, limit=limit)
    note_records(request.state, (each.id for each in found.items))
    return json_response(found)


@cohorts_router.post("/cohorts", response_model=cohorts.CohortSaved)
def post_cohort(body: SaveCohortBody, service: Served, caller: WholeAsContributor) -> Response:
    """Save records by name with what chose them, or evaluate that again."""
    return json_response(cohorts.save_cohort(service.gallery, **body.model_dump(), by=caller.signs))


@cohorts_router.post("/cohorts/combine", response_model=cohorts.CohortSaved)
def post_cohorts_combine(body: CombineCohortsBody, service: Served, caller: WholeAsContributor) -> Response:
    """Save the records that are in all of some cohorts, in any of others, and in none of others."""
    return json_response(cohorts.combine_cohorts(service.gallery, **body.model_dump(), by=caller.signs))


@cohorts_router.post("/cohorts/{name}/split", status_code=202, response_model=JobAnswer)
def post_cohort_split(name: str, body: SplitCohortBody, service: Served, caller: WholeAsContributor) -> Response:
    """Divide a cohort into train, val and test."""
    stored = cohorts.check_cohort(service.gallery, name)
    return accepted(queue(service, caller, "split", {"name": stored, **body.model_dump()}))


@cohorts_router.post("/cohorts/{name}/export", status_code=202, response_model=JobAnswer)
def post_cohort_export(name: str, body: ExportCohortBody, service: Served, caller: WholeAsAdmin) -> Response:
    """Export a cohort without identity; the job's ``export`` is the packed cohort."""
    stored = cohorts.check_cohort(service.gallery, name)
    check_room(service.gallery)
    given = {"name": stored, **body.model_dump(), MOST_PACKED: MOST_OF_A_COHORT}
    return accepted(queue(service, caller, "export", given))


@cohorts_router.delete("/cohorts/{name}", response_model=cohorts.CohortRemoved)
def delete_cohort(name: str, service: Served, _caller: WholeAsContributor) -> Response:
    """Remove a cohort; its records stay."""
    return json_response(cohorts.remove_cohort(service.gallery, name))
