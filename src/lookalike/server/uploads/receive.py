"""Receive an upload: stream it to disk, then draw it once in a killable process to find out what it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from lookalike.errors import LookalikeError, UnreadableImageError
from lookalike.server.contract.answers import UploadInfo
from lookalike.server.problems import Problem
from lookalike.server.service import Service
from lookalike.server.uploads.store import Upload
from lookalike.sources.reading import series_in

_MOST_FILES: Final = 5000
_TABLES: Final = (".csv", ".tsv", ".txt")  # label tables, which are no pictures


async def receive(request: Request, service: Service) -> UploadInfo:
    """Store the files of a multipart body as an upload, and describe it. Raises Problem, UnreadableImageError."""
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


def _keep(service: Service, parts: list[tuple[str | None, BinaryIO]]) -> UploadInfo:
    if not parts:
        raise Problem(400, "the body has no file; send one in the field file", "no-file")
    upload = service.uploads.new()
    try:
        for name, source in parts:
            with service.uploads.place(upload, name).open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        if len(upload.files) > 1:
            _keep_one(service, upload)
        service.uploads.keep(upload)
        return upload_info(service, upload)
    except (OSError, Problem, UnreadableImageError):
        service.uploads.discard(upload)
        raise


def _keep_one(service: Service, upload: Upload) -> None:
    """Leave the files of the one series or picture among those sent. Raises UnreadableImageError (not-one-series)."""
    upload.files = [Path(file) for file in series_in(service.gallery.readers, upload.folder).files]
    upload.name = upload.files[0].name


def upload_info(service: Service, upload: Upload) -> UploadInfo:
    """Describe an upload to its sender. Raises UnreadableImageError."""
    if upload.name.lower().endswith(_TABLES):
        return UploadInfo(upload.id, upload.name, len(upload.files), "table")
    shown = service.pictures.of_files(upload.files)
    return UploadInfo(
        upload.id,
        upload.name,
        len(upload.files),
        shown.kind,
        shown.rows,
        shown.columns,
        shown.depth,
        shown.modality,
        shown.window,
        shown.plane,
        shown.viewer,
    )
