"""The files of a record that was pulled or received: they lie in its PACS, and are fetched while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast

from lookalike.errors import NotFoundError, UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.sources.pacs import ListedStudy, PacsSource, is_uid
from lookalike.sources.s3.address import is_bucket_uri
from lookalike.sources.source import source_of
from lookalike.store.identities import dicom_identity, instances_of_record


@contextmanager
def files_in_pacs(gallery: Gallery, id: str, pacs: Sequence[str]) -> Iterator[list[Path]]:
    """The files that a record was made of, of a linked gallery, in a folder that only this user can read. pacs: URIs of
    where it may be, asked one after the other. All of the files or none: without one, a slice's number names another.

    Raises NotFoundError: none of them has it; PacsError, UsageError, GalleryError (``identities.dicom_identity``).
    """
    identity = dicom_identity(gallery.store, id)
    instances = instances_of_record(gallery.store, gallery.store.record(id).key)
    study, series = identity.study_instance_uid, identity.series_instance_uid
    with ExitStack() as stack:
        for uri in _of_pacs(pacs) if is_uid(study) and is_uid(series) else ():  # a file may call anything a UID
            source = stack.enter_context(closing(_named(gallery, uri)))
            files = list(_fetched(stack, source, study, series, instances))
            if files and len(files) == len(instances):
                yield files
                return
        raise NotFoundError("the PACS does not send the image of this record now", "elsewhere")


def _of_pacs(uris: Sequence[str]) -> list[str]:
    return [uri for uri in uris if not is_bucket_uri(uri)]


def _named(gallery: Gallery, uri: str) -> PacsSource:
    source = source_of(uri)
    if not isinstance(source, PacsSource):
        raise UsageError("images are fetched from dicomweb+https://host/path or dimse://OUR-TITLE@host:port/ITS-TITLE")
    return cast(PacsSource, source.named_by(gallery.store.identity.group, reports=False))


def _fetched(stack: ExitStack, source: PacsSource, study: str, series: str, instances: Set[str]) -> Iterable[Path]:
    """Those of some instances that a PACS sends: each file is called as its instance."""
    for listed in source.series_of([ListedStudy(study, (None, None))]):
        for item in (item for each in listed if each.uid == series for item in source.items_of(each)):
            if not item.apart and instances & {*item.instances}:
                try:
                    files = stack.enter_context(source.fetch(item))
                except UnreadableImageError:
                    continue
                yield from (file for file in files if file.name in instances)
