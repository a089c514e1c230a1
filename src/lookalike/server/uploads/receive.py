"""Receive an upload: stream it to disk, then draw it once in a killable process to find out what it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from lookalike.errors import LookalikeError
from lookalike.server.contract.answers import UploadInfo
from lookalike.server.decoding import CallersDecoding
from lookalike.server.problems import Problem
from lookalike.server.service import Service
from lookalike.server.uploads.store import Upload, Uploads
from lookalike.sources.reading import series_in

_MOST_FILES: Final = 5000
_FILING: Final = CapacityLimiter(4)  # threads that write uploads: a slow disk must not take those that answer searches

_LATER: Final = {"Retry-After": "60"}

_T = TypeVar("_T")


async def receive_upload(request: Request, service: Service, caller: str, decodes: CallersDecoding) -> UploadInfo:
    """Store the files of a multipart body as an upload of the caller's, and describe it.

    Raises Problem, before the body is read where there is no room for it; UnreadableImageError.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(415, "send files as multipart/form-data, in the field file", "not-multipart")
    announced = int(request.headers.get("content-length", "0"))
    try:
        upload = await _filing(partial(service.uploads.new, caller, announced))
        try:
            return await _received(request, service, upload, decodes)
        except BaseException:  # the client may have gone, or the service end
            await _filing(partial(service.uploads.discard, upload))
            raise
    except (Problem, LookalikeError):
        raise
    except OSError:
        raise Problem(503, "the upload cannot be stored now; try again later", "storage", _LATER) from None
    except (MultiPartException, HTTPException, ValueError, KeyError):
        raise Problem(400, "the multipart body cannot be read", "multipart") from None


async def _received(request: Request, service: Service, upload: Upload, decodes: CallersDecoding) -> UploadInfo:
    await _Form(request, service.uploads, upload).parse()
    if len(upload.files) != 1:
        await decodes(partial(_keep_one, service, upload))
    await _filing(partial(service.uploads.keep, upload))
    return await upload_info(service, upload, decodes)


async def _filing(call: Callable[[], _T]) -> _T:
    return await to_thread.run_sync(call, limiter=_FILING)


class _Form(MultiPartParser):
    """Starlette's parser of multipart bodies. It writes the files of the field ``file`` where the upload keeps them,
    and takes room for them as they come.
    """

    def __init__(self, request: Request, uploads: Uploads, upload: Upload) -> None:
        super().__init__(request.headers, self._counted(request), max_files=_MOST_FILES, max_fields=10)
        self._uploads, self._upload = uploads, upload

    async def _counted(self, request: Request) -> AsyncGenerator[bytes, None]:
        came = 0
        async for chunk in request.stream():
            came += len(chunk)
            if came > self._upload.size:
                await _filing(partial(self._uploads.came, self._upload, came))
            yield chunk

    def on_headers_finished(self) -> None:
        """Called by the parser at the beginning of a part."""
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None:
            wanted = part.field_name == "file"
            place = partial(self._uploads.place, self._upload, part.file.filename) if wanted else None
            part.file = _Part(place, part.file.filename, part.file.headers)


class _Part(UploadFile):
    """A file of the body, as Starlette's parser writes it. place: gives its path; None: it is not kept."""

    def __init__(self, place: Callable[[], Path] | None, filename: str | None, headers: Headers) -> None:
        super().__init__(BytesIO(), filename=filename, headers=headers)
        self._place = place
        self._path: Path | None = None

    async def write(self, data: bytes) -> None:
        """Append to the file."""
        if self._place is not None:
            await _filing(partial(self._append, self._place, data))

    async def seek(self, _offset: int) -> None:
        """Called at the end of the part: an empty file has its place too."""
        await self.write(b"")

    def _append(self, place: Callable[[], Path], data: bytes) -> None:
        if self._path is None:
            self._path = place()
        with self._path.open("ab") as file:
            file.write(data)


def _keep_one(service: Service, upload: Upload) -> None:
    """Leave the files of the one series or picture among those sent. Raises Problem 400 where none was;
    UnreadableImageError (not-one-series).
    """
    if not upload.files:
        raise Problem(400, "the body has no file; send one in the field file", "no-file")
    upload.files = [Path(file) for file in series_in(service.gallery.readers, upload.folder).files]
    upload.name = upload.files[0].name


async def upload_info(service: Service, upload: Upload, decodes: CallersDecoding) -> UploadInfo:
    """Describe an upload to its sender. Raises UnreadableImageError, and as ``Decoding.run``."""
    if upload.is_table:
        return UploadInfo(upload.id, upload.name, len(upload.files), "table")
    shown = await decodes(partial(service.pictures.of_files, upload.files))
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
        shown.units,
    )
