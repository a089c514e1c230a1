"""HTTP responses: JSON, pictures, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Response
from fastapi.responses import FileResponse

from lookalike.server.serialise import json_bytes

NEVER_KEPT: Final = {"Cache-Control": "no-store"}
"""The header of what a browser must not keep: who asks next may have another role."""


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A verb's result as JSON (``serialise``). It is not validated again: a test does that for every route."""
    return Response(json_bytes(value), status, dict(headers or {}), "application/json")


class JPEG(Response):
    """A JPEG picture."""

    media_type = "image/jpeg"


class Packed(Response):
    """Numbers as bytes, for the page to read."""

    media_type = "application/octet-stream"


class FileOfBytes(FileResponse):
    """A file that a browser saves and never displays."""

    media_type = "application/octet-stream"


def picture_response(jpeg: bytes) -> Response:
    """A JPEG, which the browser may keep for a while, and shows to nobody who signs in after."""
    return JPEG(jpeg, headers={"Cache-Control": "private, max-age=300", "Vary": "Authorization, Cookie"})


def download_response(data: bytes, name: str, kind: str) -> Response:
    """Bytes that a browser saves and never displays."""
    return Response(data, media_type=kind, headers=saved_as(name))


def saved_as(name: str) -> dict[str, str]:
    """The header by which a browser saves an answer."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
