"""Records: look, label, remove."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from lookalike.server import files
from lookalike.server.bodies import ChangeLabels, SetLabels
from lookalike.server.problems import not_found
from lookalike.server.routes import API, Admin, Contributor, Reader, Served
from lookalike.server.routes.gallery import Cursor, Limit, Where
from lookalike.server.routes.uploads import Number, Size, Slice
from lookalike.server.said import picture, said
from lookalike.verbs import records

router = APIRouter(prefix=API, tags=["records"])


@router.get("/records")
def get_records(
    service: Served, _caller: Reader, where: Where = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """A page of records."""
    return said(records.browse(service.gallery, where=where, limit=limit, cursor=cursor))


@router.get("/records/{identity}")
def get_record(identity: str, service: Served, _caller: Reader) -> Response:
    """One record."""
    return said(records.info_of(service.gallery.store.record(identity)))


@router.get("/records/{identity}/thumbnail")
def get_thumbnail(identity: str, service: Served, _caller: Reader) -> Response:
    """The small picture that is kept with it."""
    jpeg = service.gallery.store.thumbnail(service.gallery.store.record(identity).key)
    if not jpeg:
        raise not_found("this record has no thumbnail", "no-thumbnail")
    return picture(jpeg)


@router.get("/records/{identity}/picture")
def get_picture(identity: str, service: Served, _caller: Reader, slice: Slice = None, size: Size = 512) -> Response:
    """A slice as the encoder is shown it."""
    return picture(files.drawn(service, identity, slice, size).jpeg)


@router.get("/records/{identity}/files")
def get_files(identity: str, service: Served, _caller: Reader) -> Response:
    """How many files there are, and which viewer opens them."""
    count = len(files.files_of(service, files.record_of(service, identity)))
    return said({"viewer": files.drawn(service, identity, None, 64).viewer, "count": count})


@router.get("/records/{identity}/file")
def get_file(identity: str, service: Served, _caller: Reader, n: Number = 0) -> Response:
    """The bytes of a file."""
    path = files.file_of(service, identity, n)
    return FileResponse(path, media_type="application/octet-stream", filename=f"{identity}-{n:05}.bin")


@router.patch("/records/{identity}")
def patch_record(identity: str, body: SetLabels, service: Served, _caller: Contributor) -> Response:
    """Give it other labels."""
    return said(records.relabel(service.gallery, identity, body.labels))


@router.post("/labels")
def post_labels(body: ChangeLabels, service: Served, _caller: Contributor) -> Response:
    """Label many records at once."""
    return said({"changed": records.label(service.gallery, body.ids, add=body.add, remove=body.remove)})


@router.delete("/records/{identity}")
def delete_record(identity: str, service: Served, _caller: Admin) -> Response:
    """Remove it everywhere."""
    return said({"records": records.remove(service.gallery, [identity])})


@router.delete("/patients/{group}")
def delete_patient(group: str, service: Served, _caller: Admin) -> Response:
    """Remove all records of a patient everywhere."""
    return said({"records": records.remove_group(service.gallery, group)})
