"""Readings: contributors read and see their own; admins of the whole who do not read see all, and decide."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from lookalike.server.audited_records import note_records
from lookalike.server.contract.bodies import AdjudicateBody, GiveReadingsBody
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsContributor, Served, WholeAsAdmin
from lookalike.verbs import readings

readings_router = APIRouter(prefix=f"{API}/readings", tags=["readings"])


@readings_router.get("", response_model=readings.RoundList)
def get_readings(service: Served, _caller: WholeAsAdmin) -> Response:
    """The names of the rounds that there are."""
    return json_response(readings.list_rounds(service.gallery))


@readings_router.post("/{round}", response_model=readings.ReadingsGiven)
def post_readings(
    round: str, body: GiveReadingsBody, request: Request, service: Served, caller: AsContributor
) -> Response:
    """Say in a round what records show, as the reader that the caller is; instead of what it said before."""
    service.check_seen(caller, body.ids)
    note_records(request.state, body.ids)
    given = readings.give_readings(service.gallery, round, body.ids, labels=body.labels, reader=caller.name)
    return json_response(given)


@readings_router.get("/{round}/own", response_model=readings.OwnReadings)
def get_own_readings(round: str, request: Request, service: Served, caller: AsContributor) -> Response:
    """What the caller itself has said in a round."""
    own = readings.own_readings(service.seen_by(caller), round, reader=caller.name)
    note_records(request.state, (each.id for each in own.items))
    return json_response(own)


@readings_router.get("/{round}", response_model=readings.ReadingRound)
def get_reading_round(round: str, request: Request, service: Served, caller: WholeAsAdmin) -> Response:
    """Every reading of a round, and what was decided; not for who reads in it (403 ``blinded``)."""
    found = readings.list_readings(service.gallery, round, by=caller.name)
    note_records(request.state, (each.id for each in found.items))
    return json_response(found)


@readings_router.get("/{round}/agreement", response_model=readings.ReadingAgreement)
def get_reading_agreement(round: str, service: Served, caller: WholeAsAdmin) -> Response:
    """How far the readers of a round agree beyond chance; not for who reads in it (403 ``blinded``)."""
    return json_response(readings.reading_agreement(service.gallery, round, by=caller.name))


@readings_router.post("/{round}/adjudicate", response_model=readings.ReadingsGiven)
def post_adjudicate(
    round: str, body: AdjudicateBody, request: Request, service: Served, caller: WholeAsAdmin
) -> Response:
    """Decide what records of a round show; not for who reads in it (403 ``blinded``). These labels count then."""
    decided = readings.adjudicate(
        service.gallery, round, body.ids, labels=body.labels, agreed=body.agreed, by=caller.name
    )
    note_records(request.state, body.ids, change=decided.change or 0)
    return json_response(decided)
