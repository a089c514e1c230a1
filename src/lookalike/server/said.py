"""Answers: JSON, pictures, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from lookalike.server.plain import to_bytes


def said(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A result as an answer."""
    return Response(to_bytes(value), status, dict(headers or {}), "application/json")


def picture(jpeg: bytes) -> Response:
    """A JPEG, which the browser may keep for a while."""
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


def download(data: bytes, name: str, kind: str) -> Response:
    """Bytes that a browser saves and never shows."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers=headers)
