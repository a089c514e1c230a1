"""Records: browse, label, remove."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from lookalike.configuration.resolve import setting_value
from lookalike.erasing import Removal, Removed
from lookalike.errors import NotFoundError
from lookalike.pictures import stored_thumbnail
from lookalike.roles import Role
from lookalike.server.audited_records import note_records
from lookalike.server.callers import Caller
from lookalike.server.contract.answers import RecordFiles
from lookalike.server.contract.bodies import ChangeLabelsBody, RemoveBody, SendBody, SetLabelsBody, UndoLabelsBody
from lookalike.server.guard import API
from lookalike.server.responses import JPEG, NEVER_KEPT, FileOfBytes, json_response, picture_response, saved_as
from lookalike.server.routes.parameters import (
    AsAdmin,
    AsContributor,
    AsReader,
    Cursor,
    Decodes,
    FileNumber,
    Limit,
    RecordId,
    Served,
    Size,
    SliceNumber,
    SpaceName,
    StudyCount,
    Where,
)
from lookalike.server.service import Service
from lookalike.types import BASE
from lookalike.verbs import records
from lookalike.verbs.curation import labelling
from lookalike.verbs.send import Sent, send_to
from lookalike.verbs.similar_studies import RecordLinks, record_links
from lookalike.verbs.timeline import Timeline, timeline

_SENDING: Final = CapacityLimiter(2)  # threads that wait for a PACS
_ERASING: Final = CapacityLimiter(64)  # threads that wait to erase, together, apart from those that answer
records_router = APIRouter(prefix=API, tags=["records"])


@records_router.get("/records", response_model=records.RecordPage)
def get_records(
    request: Request,
    service: Served,
    caller: AsReader,
    where: Where = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    order: Annotated[str, Query(min_length=1, max_length=200)] = "indexed",
) -> Response:
    """A page of records. order: "indexed", "label", "source", "patient" or a field; with "-" before it from the end."""
    page = records.browse(service.seen_by(caller), where=where, limit=limit, cursor=cursor, order=order)
    note_records(request.state, (each.id for each in page.items))
    return json_response(page)


@records_router.get("/records/{identity}", response_model=records.RecordInfo)
def get_record(identity: str, service: Served, caller: AsReader) -> Response:
    """One record."""
    return json_response(records.record_info(service.seen_by(caller), identity))


@records_router.get("/records/{identity}/timeline", response_model=Timeline)
def get_record_timeline(
    identity: str,
    service: Served,
    caller: AsReader,
    like: RecordId = None,
    space: SpaceName = BASE,
    k: StudyCount = 100,
) -> Response:
    """The studies of a record's patient in the order of time, each with its record that is most similar to ``like``."""
    return json_response(timeline(service.seen_by(caller), identity, like=like, space=space, k=k))


@records_router.get("/records/{identity}/links", response_model=RecordLinks)
def get_record_links(identity: str, service: Served, caller: AsReader) -> Response:
    """Where a record of a linked gallery can be opened in its PACS, where the service knows that."""
    return json_response(record_links(service.seen_by(caller), identity))


@records_router.get("/records/{identity}/report", response_model=records.RecordReport)
def get_record_report(identity: str, service: Served, caller: AsAdmin) -> Response:
    """The words of a record's report."""
    return json_response(records.read_report(service.seen_by(caller), identity))


@records_router.get("/records/{identity}/study", response_model=records.StudyRecords)
def get_record_study(identity: str, service: Served, caller: AsReader) -> Response:
    """The records of a record's study."""
    return json_response(records.study_records(service.seen_by(caller), identity))


@records_router.get("/records/{identity}/thumbnail", response_class=JPEG)
def get_thumbnail(identity: str, service: Served, caller: AsReader) -> Response:
    """A record's thumbnail."""
    return picture_response(stored_thumbnail(service.seen_by(caller), identity))


@records_router.get("/records/{identity}/picture", response_class=JPEG)
async def get_record_picture(
    identity: str, service: Served, caller: AsReader, decodes: Decodes, slice: SliceNumber = None, size: Size = 512
) -> Response:
    """A slice of a record as the encoder sees it."""
    await _check_seen(service, caller, [identity])
    shown = await decodes(partial(service.pictures.of_record, identity, slice=slice, size=size))
    return picture_response(shown.jpeg)


@records_router.get("/records/{identity}/files", response_model=RecordFiles)
async def get_record_files(identity: str, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """How many files a record has, and which viewer opens them."""
    await _check_seen(service, caller, [identity])
    files = await decodes(partial(service.pictures.files_of, identity))
    shown = await decodes(partial(service.pictures.of_record, identity, size=64))
    return json_response(RecordFiles(shown.viewer, len(files), shown.plane, shown.rows, shown.columns, shown.units))


@records_router.get("/records/{identity}/file", response_class=FileOfBytes)
async def get_record_file(
    identity: str, service: Served, caller: AsReader, decodes: Decodes, n: FileNumber = 0
) -> Response:
    """One of a record's files: to an admin as it is, to others a new one with its pixels and without identity, unless a
    face can be made from it (403 ``head-volume``).
    """
    await _check_seen(service, caller, [identity], file=True)
    role: Role = "admin" if await run_in_threadpool(service.sees_as, caller, "admin", [identity]) else caller.acting
    await run_in_threadpool(records.check_may_have_file, service.gallery, identity, role)
    files = await decodes(partial(service.pictures.files_of, identity))
    if n >= len(files):
        raise NotFoundError(f"the record has {len(files)} files, counted from 0")
    name = f"{identity}-{n:05}"
    if role == "admin":
        return FileOfBytes(files[n], filename=f"{name}.bin", headers=NEVER_KEPT)
    suffix, data = await decodes(partial(service.pictures.without_identity, files[n]))
    headers = {**saved_as(name + suffix), **NEVER_KEPT}
    return service.outgoing.response(caller.name, data, FileOfBytes.media_type, headers)


@records_router.post("/records/{identity}/send", response_model=Sent)
async def post_record_send(
    identity: str, body: SendBody, request: Request, service: Served, caller: AsContributor
) -> Response:
    """File an answer in the PACS beside the image of a record: a report or a selection of the similar cases, or the
    heat as a segmentation or a parametric map. Of a linked gallery alone, and to a destination of the service.
    """
    seen, given = await run_in_threadpool(service.seen_by, caller), body.model_dump(exclude={"kind", "to"})
    given["pacs"] = setting_value("pacs.sources")
    filing = partial(send_to, seen, body.kind, destination=body.to, id=identity, **given)
    sent = await to_thread.run_sync(filing, limiter=_SENDING)
    note_records(request.state, sent.cases, sent=sent.kind, to=sent.to)
    return json_response(sent)


@records_router.patch("/records/{identity}", response_model=records.RecordInfo)
def patch_record(identity: str, body: SetLabelsBody, service: Served, caller: AsContributor) -> Response:
    """Replace a record's labels."""
    service.check_seen(caller, [identity])
    return json_response(labelling.relabel(service.gallery, identity, body.labels, by=caller.signs))


@records_router.post("/labels", response_model=labelling.Changed)
def post_labels(body: ChangeLabelsBody, request: Request, service: Served, caller: AsContributor) -> Response:
    """Change the labels of many records at once. ``change`` of the answer undoes it at ``/labels/undo``."""
    service.check_seen(caller, body.ids)
    note_records(request.state, body.ids)
    changed = labelling.label(
        service.gallery, body.ids, set=body.set, add=body.add, remove=body.remove, by=caller.signs
    )
    return json_response(changed)


@records_router.post("/labels/undo", response_model=labelling.Changed)
def post_labels_undo(body: UndoLabelsBody, service: Served, caller: AsContributor) -> Response:
    """Undo a change of labels, by default the last one that counts, whoever made it. One that concerns records that the
    caller does not see is none.
    """
    change = labelling.change_to_undo(service.gallery, service.seen_by(caller), body.change)
    return json_response(labelling.undo_labels(service.gallery, change))


@records_router.get("/labels/log", response_model=labelling.LabelLog)
def get_labels_log(service: Served, caller: AsContributor, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """The changes of labels, newest first."""
    return json_response(labelling.label_log(service.seen_by(caller), limit=limit, cursor=cursor))


@records_router.delete("/records/{identity}", response_model=Removed)
async def delete_record(identity: str, service: Served, caller: AsAdmin) -> Response:
    """Remove a record everywhere."""
    await _check_seen(service, caller, [identity])
    return await _removed(service, Removal((identity,)))


@records_router.post("/records/remove", response_model=Removed)
async def post_records_remove(body: RemoveBody, request: Request, service: Served, caller: AsAdmin) -> Response:
    """Remove many records everywhere, or none of them where one is not there."""
    await _check_seen(service, caller, body.ids)
    note_records(request.state, body.ids)
    return await _removed(service, Removal(tuple(body.ids)))


@records_router.delete("/patients/{group}", response_model=Removed)
async def delete_patient(group: str, service: Served, caller: AsAdmin) -> Response:
    """Remove all of a patient's records everywhere; of an admin who sees a part of the gallery those in it."""
    seen = await run_in_threadpool(service.seen_by, caller)
    if seen is service.gallery:
        return await _removed(service, Removal(patient=group))
    return await _removed(service, Removal(await run_in_threadpool(records.ids_of_patient, seen, group)))


async def _check_seen(service: Service, caller: Caller, ids: Sequence[str], *, file: bool = False) -> None:
    await run_in_threadpool(partial(service.check_seen, caller, ids, file=file))


async def _removed(service: Service, removal: Removal) -> Response:
    return json_response(await to_thread.run_sync(service.removing, removal, limiter=_ERASING))
