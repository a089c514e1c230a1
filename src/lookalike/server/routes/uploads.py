"""Uploads: files to query with or to index."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from lookalike.errors import NotFoundError
from lookalike.server.contract.answers import UploadInfo
from lookalike.server.guard import API
from lookalike.server.responses import JPEG, FileOfBytes, json_response, picture_response
from lookalike.server.routes.parameters import AsReader, Decodes, FileNumber, Served, Size, SliceNumber
from lookalike.server.uploads.receive import receive_upload, upload_info

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
async def post_upload(request: Request, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """One file, or the files of a series, in the multipart field ``file``."""
    return json_response(await receive_upload(request, service, caller.name, decodes), 201)


@uploads_router.get("/{identity}", response_model=UploadInfo)
async def get_upload(identity: str, service: Served, caller: AsReader, decodes: Decodes) -> Response:
    """What an upload is."""
    return json_response(await upload_info(service, service.uploads.get(identity, caller.name), decodes))


@uploads_router.get("/{identity}/picture", response_class=JPEG)
async def get_upload_picture(
    identity: str, service: Served, caller: AsReader, decodes: Decodes, slice: SliceNumber = None, size: Size = 512
) -> Response:
    """A slice of an upload as the encoder sees it."""
    files = service.uploads.get(identity, caller.name).files
    shown = await decodes(partial(service.pictures.of_files, files, slice=slice, size=size))
    return picture_response(shown.jpeg)


@uploads_router.get("/{identity}/file", response_class=FileOfBytes)
async def get_upload_file(identity: str, service: Served, caller: AsReader, n: FileNumber = 0) -> Response:
    """The bytes of one of an upload's files."""
    files = service.uploads.get(identity, caller.name).files
    if n >= len(files):
        raise NotFoundError(f"the upload has {len(files)} files, counted from 0")
    return FileOfBytes(files[n], filename=f"{n:05}.bin")
