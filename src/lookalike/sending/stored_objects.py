"""The files of a record that came from an object store: fetched while they are read, where that was allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from lookalike.errors import NotFoundError, UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.sources.s3.address import is_bucket_uri, parse_bucket_address
from lookalike.sources.source import source_of
from lookalike.store.fetched import FetchedFile, fetched_as
from lookalike.types import Record

_WHICH: Final = (
    "the image of this record is in an object store and no file here; say that it may be read: --pacs s3://BUCKET"
)
_CHANGED: Final = "the object store does not give the image of this record as it was read: it is gone or has changed"


@contextmanager
def files_in_bucket(
    gallery: Gallery, record: Record, allowed: Sequence[str], series_of: Callable[[Sequence[Path]], Sequence[Path]]
) -> Iterator[list[Path]]:
    """The files that a record was made of, in the version that was read, in a folder that only this user can read.
    allowed: URIs of what may be fetched, since a gallery from elsewhere may name any bucket. series_of: those of some
    files that are of the first one's series.

    Raises NotFoundError; ObjectStoreError, UsageError, MissingExtraError.
    """
    if not any(f"{record.source}/".startswith(f"{_uri(uri)}/") for uri in allowed if is_bucket_uri(uri)):
        raise NotFoundError(_WHICH, "elsewhere")
    with gallery.store.begin() as connection:
        read = fetched_as(connection, record.source)
    if read is None:
        raise NotFoundError(_CHANGED, "elsewhere")
    source = source_of(read.item)
    with ExitStack() as fetched:
        files: Sequence[Path] = ()
        for item in source.items():
            if (item.name, item.version) == (read.item, read.version):
                with suppress(UnreadableImageError):
                    files = fetched.enter_context(source.fetch(item))
                if len(files) < len(item.instances):  # without one, a slice's number names another
                    files = ()
        if not files:
            raise NotFoundError(_CHANGED, "elsewhere")
        yield _of_record(record, read, files, series_of)


def _uri(uri: str) -> str:
    return parse_bucket_address(uri).uri


def _of_record(
    record: Record, read: FetchedFile, files: Sequence[Path], series_of: Callable[[Sequence[Path]], Sequence[Path]]
) -> list[Path]:
    """Those of an item's files that the record was made of: all of an item that is a series, else the one that names
    the record, or the series of that one.
    """
    if record.source == read.item:
        return [*files]
    first = next(file for file in files if f"{read.item}/{file.name}" == record.source)
    return [first] if record.depth == 1 else [*series_of([first, *(file for file in files if file != first)])]
