"""Uploads: files to query with or to index."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from lookalike.errors import NotFoundError
from lookalike.server.contract.answers import UploadInfo
from lookalike.server.guard import API
from lookalike.server.responses import JPEG, FileOfBytes, json_response, picture_response
from lookalike.server.routes.parameters import AsReader, FileNumber, Served, Size, SliceNumber
from lookalike.server.uploads.receive import receive, upload_info

uploads_router = APIRouter(prefix=f"{API}/uploads", tags=["uploads"])
_FILES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


@uploads_router.post("", status_code=201, openapi_extra=_FILES, response_model=UploadInfo)
async def post_upload(request: Request, service: Served, _caller: AsReader) -> Response:
    """One file, or the files of a series, in the multipart field ``file``."""
    return json_response(await receive(request, service), 201)


@uploads_router.get("/{identity}", response_model=UploadInfo)
def get_upload(identity: str, service: Served, _caller: AsReader) -> Response:
    """What an upload is."""
    return json_response(upload_info(service, service.uploads.get(identity)))


@uploads_router.get("/{identity}/picture", response_class=JPEG)
def get_upload_picture(
    identity: str, service: Served, _caller: AsReader, slice: SliceNumber = None, size: Size = 512
) -> Response:
    """A slice of an upload as the encoder sees it."""
    files = service.uploads.get(identity).files
    return picture_response(service.pictures.of_files(files, slice=slice, size=size).jpeg)


@uploads_router.get("/{identity}/file", response_class=FileOfBytes)
def get_upload_file(identity: str, service: Served, _caller: AsReader, n: FileNumber = 0) -> Response:
    """The bytes of one of an upload's files."""
    files = service.uploads.get(identity).files
    if n >= len(files):
        raise NotFoundError(f"the upload has {len(files)} files, counted from 0")
    return FileOfBytes(files[n], filename=f"{n:05}.bin")
