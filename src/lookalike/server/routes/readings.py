"""Readings: contributors read and see their own, all of them once a round is closed; admins of the whole gallery who do
not read start and close rounds, see all, and decide.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from lookalike.server.audited_records import note_records
from lookalike.server.callers import Caller
from lookalike.server.contract.bodies import AdjudicateBody, GiveReadingsBody, StartRoundBody
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsContributor, Served, WholeAsAdmin
from lookalike.verbs.curation import adjudicate, readings

readings_router = APIRouter(prefix=f"{API}/readings", tags=["readings"])
readers_router = APIRouter(prefix=f"{API}/readers", tags=["readings"])


def _decides(caller: Caller) -> bool:
    """Whether a caller is an admin who sees the whole gallery."""
    return caller.may("admin") and caller.acts("admin").part is None


@readings_router.get("", response_model=readings.RoundList)
def get_readings(service: Served, caller: AsContributor) -> Response:
    """The rounds: for admins who see the whole gallery all of them, for others those in which they read."""
    if _decides(caller):
        return json_response(readings.list_rounds(service.gallery, reader=caller.name))
    return json_response(readings.list_rounds(service.seen_by(caller), reader=caller.name, own=True))


@readers_router.get("", response_model=readings.ReaderList)
def get_readers(service: Served, _caller: WholeAsAdmin) -> Response:
    """Who may be asked to read: the names of keys that may label and have not expired, and who was asked before; only
    for who may start a round.
    """
    return json_response(readings.list_readers(service.gallery))


@readings_router.post("", response_model=readings.RoundInfo)
def post_round(body: StartRoundBody, request: Request, service: Served, caller: WholeAsAdmin) -> Response:
    """Ask readers to say which of some labels records bear, each apart from the others."""
    note_records(request.state, body.ids)
    return json_response(readings.start_round(service.gallery, **body.model_dump(), by=caller.name))


@readings_router.post("/{round}/close", response_model=readings.RoundInfo)
def post_close(round: str, service: Served, _caller: WholeAsAdmin) -> Response:
    """End the reading of a round: nobody reads in it any more, and its readers may see what all said."""
    return json_response(readings.close_round(service.gallery, round))


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
def get_reading_round(round: str, request: Request, service: Served, caller: AsContributor) -> Response:
    """Every reading of a round, and what was decided; for who reads in it once it is closed (403 ``blinded``)."""
    if _decides(caller):
        found = readings.list_readings(service.gallery, round, by=caller.name)
    else:
        found = readings.list_readings(service.seen_by(caller), round, by=caller.name, as_reader=True)
    note_records(request.state, (each.id for each in found.items))
    return json_response(found)


@readings_router.get("/{round}/agreement", response_model=adjudicate.ReadingAgreement)
def get_reading_agreement(round: str, service: Served, caller: AsContributor) -> Response:
    """How far the readers of a round agree beyond chance; for who reads in it once it is closed (403 ``blinded``)."""
    if _decides(caller):
        return json_response(adjudicate.reading_agreement(service.gallery, round, by=caller.name))
    return json_response(adjudicate.reading_agreement(service.seen_by(caller), round, by=caller.name, as_reader=True))


@readings_router.post("/{round}/adjudicate", response_model=readings.ReadingsGiven)
def post_adjudicate(
    round: str, body: AdjudicateBody, request: Request, service: Served, caller: WholeAsAdmin
) -> Response:
    """Decide what records of a round show; not for who reads in it (403 ``blinded``). These labels count then."""
    decided = adjudicate.adjudicate(
        service.gallery, round, body.ids, labels=body.labels, agreed=body.agreed, by=caller.name
    )
    note_records(request.state, body.ids, change=decided.change or 0)
    return json_response(decided)
