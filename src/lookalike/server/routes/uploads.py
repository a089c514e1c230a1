"""Files to ask with or to index."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from lookalike.server.problems import not_found
from lookalike.server.receive import described, receive
from lookalike.server.routes import API, Reader, Served
from lookalike.server.said import picture, said

router = APIRouter(prefix=f"{API}/uploads", tags=["uploads"])
Slice = Annotated[int | None, Query(ge=0, lt=1 << 20)]
Size = Annotated[int, Query(ge=16, le=4096)]
Number = Annotated[int, Query(ge=0, lt=1 << 20)]
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


@router.post("", status_code=201, openapi_extra=_FILES)
async def post_upload(request: Request, service: Served, _caller: Reader) -> Response:
    """One file, or the files of a series, in the multipart field ``file``."""
    return said(await receive(request, service), 201)


@router.get("/{identity}")
def get_upload(identity: str, service: Served, _caller: Reader) -> Response:
    """What it is, for whoever comes back to it."""
    return said(described(service, service.uploads.get(identity)))


@router.get("/{identity}/picture")
def get_picture(identity: str, service: Served, _caller: Reader, slice: Slice = None, size: Size = 512) -> Response:
    """As the encoder is shown it."""
    return picture(service.display.draw(service.uploads.get(identity).files, slice=slice, size=size).jpeg)


@router.get("/{identity}/file")
def get_file(identity: str, service: Served, _caller: Reader, n: Number = 0) -> Response:
    """The bytes as they came."""
    files = service.uploads.get(identity).files
    if n >= len(files):
        raise not_found(f"the upload has {len(files)} files, counted from 0")
    return FileResponse(files[n], media_type="application/octet-stream", filename=f"{n:05}.bin")
