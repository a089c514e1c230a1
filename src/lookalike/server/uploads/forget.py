"""Drop the uploads that hold what was removed from the gallery."""

from __future__ import annotations

from typing import Final

from lookalike.asking.query import open_query
from lookalike.erasing import Named, digest_of, digest_of_series
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.server.uploads.store import Upload, Uploads

_READ: Final = 32  # uploads that nobody has asked with yet and that are read to learn whose they are, the latest ones


def forget_uploads(uploads: Uploads, gallery: Gallery, named: Named) -> None:
    """Drop the uploads of removed patients, those with the bytes of removed files, and tables that name either. What
    was taken to be indexed and nobody asks with has done its work, and goes too where nothing says whose it is.
    """
    read = 0
    for upload in uploads.latest_first():
        read += upload.query is None
        if _holds(upload, gallery, named, may_read=read <= _READ):
            uploads.discard(upload)


def _holds(upload: Upload, gallery: Gallery, named: Named, *, may_read: bool) -> bool:
    try:
        upload.digests = upload.digests or tuple(map(digest_of, upload.files))
        if not named.digests.isdisjoint([*upload.digests, digest_of_series(upload.digests)]):
            return True
        if upload.is_table:
            return upload.indexed or _tells(upload, named)
        if upload.query is None and (upload.indexed or not may_read):
            return True
        query = upload.query or open_query(gallery, upload.source)
    except (OSError, LookalikeError):
        return True
    return not named.patients.isdisjoint(query.patients)


def _tells(upload: Upload, named: Named) -> bool:
    text = b"\n".join(file.read_bytes() for file in upload.files)
    return any(word.encode() in text for word in named.words)
