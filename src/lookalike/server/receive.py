"""Take an upload in: to disk as it comes, then drawn once by a process that may be killed, to see what it is."""

from __future__ import annotations

import shutil
from typing import Any, BinaryIO, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from lookalike.errors import LookalikeError, UnreadableImageError
from lookalike.server.problems import Problem
from lookalike.server.service import Service
from lookalike.server.uploads import Upload

_MOST_FILES: Final = 5000
_TABLES: Final = (".csv", ".tsv", ".txt")  # label tables come with images, and are no pictures


async def receive(request: Request, service: Service) -> dict[str, Any]:
    """The upload that a multipart body carries, described. Raises Problem, UnreadableImageError."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(415, "send files as multipart/form-data, in the field file", "not-multipart")
    try:
        async with request.form(max_files=_MOST_FILES, max_fields=10) as form:
            parts = [part for name, part in form.multi_items() if name == "file" and isinstance(part, UploadFile)]
            files = [(part.filename, part.file) for part in parts]
            return await run_in_threadpool(_keep, service, files)
    except (Problem, LookalikeError):
        raise
    except (MultiPartException, HTTPException, ValueError, KeyError):
        raise Problem(400, "the multipart body cannot be read", "multipart") from None


def _keep(service: Service, parts: list[tuple[str | None, BinaryIO]]) -> dict[str, Any]:
    if not parts:
        raise Problem(400, "the body has no file; send one in the field file", "no-file")
    upload = service.uploads.new()
    try:
        for name, source in parts:
            with service.uploads.place(upload, name).open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        service.uploads.keep(upload)
        return described(service, upload)
    except (OSError, Problem, UnreadableImageError):
        service.uploads.discard(upload)
        raise


def described(service: Service, upload: Upload) -> dict[str, Any]:
    """What an upload is, as its sender is told. Raises UnreadableImageError."""
    about: dict[str, Any] = {"id": upload.id, "name": upload.name, "files": len(upload.files)}
    if upload.name.lower().endswith(_TABLES):
        return {
            **about,
            "kind": "table",
            "rows": 0,
            "columns": 0,
            "depth": 0,
            "modality": "",
            "window": None,
            "viewer": None,
        }
    shown = service.display.draw(upload.files)
    return {
        **about,
        "kind": shown.kind,
        "rows": shown.rows,
        "columns": shown.columns,
        "depth": shown.depth,
        "modality": shown.modality,
        "window": shown.window,
        "viewer": shown.viewer,
    }
