"""similar_studies: the studies of a PACS most similar to one of its studies, series or images, by their UIDs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from lookalike.asking.links import links_of
from lookalike.errors import ForbiddenError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.hits import Hit
from lookalike.pacs_links import PacsAddresses, link_beside, links, pacs_addresses
from lookalike.store import BASE
from lookalike.store.identities import dicom_identities, record_of_uid
from lookalike.types import Attribute, DicomIdentity
from lookalike.verbs.search import search

_NOT_TOLD: Final = (
    "this service names nobody's UIDs: whoever runs it says where the PACS is, LOOKALIKE_DICOMWEB or LOOKALIKE_VIEWER"
)


@dataclass(frozen=True, slots=True)
class RecordLinks:
    """links: by kind (``pacs_links.links``); empty where the gallery is anonymous or no address is known."""

    id: str
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SimilarStudy:
    """identity: of the record of the study that is most similar. id: of that record. rank, score, labels: as in
    ``search``. links: as in ``RecordLinks``; "beside" opens it in the viewer beside the study that was asked with.
    """

    identity: DicomIdentity
    id: str
    rank: int
    score: float
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SimilarStudies:
    """named: what the UID names. id: of a record of it. studies: most similar first."""

    named: Literal["study", "series", "instance"]
    id: str
    studies: tuple[SimilarStudy, ...]


def record_links(gallery: Gallery, id: str) -> RecordLinks:
    """Where a record can be opened in the PACS that it came from. Raises NotFoundError (unknown id), UsageError."""
    key = gallery.store.record(id).key
    return RecordLinks(id, links_of(gallery, [key]).get(key, {}))


def similar_studies(
    gallery: Gallery, uid: str, *, k: int = 10, where: str | Filter | None = None, space: str = BASE
) -> SimilarStudies:
    """The studies most similar to the one of a StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID: a study is
    compared with studies, a series or an image with every other one, the best of each study.

    Raises NotFoundError (nothing here has this UID), GalleryError (an anonymous gallery), ForbiddenError (the service
    names nobody), UsageError.
    """
    if not (at := pacs_addresses()):
        raise ForbiddenError(_NOT_TOLD)
    dicom_identities(gallery.store, [])  # refused where nothing could be named
    named, record = record_of_uid(gallery.store, uid)
    asking: dict[str, Any] = {"study": record} if named == "study" else {"id": record, "group_by": "study"}
    hits = search(gallery, **asking, k=k, where=where, space=space, pictures=False).hits
    keys = {id: gallery.store.record(id).key for id in (record, *(hit.id for hit in hits))}
    known = dicom_identities(gallery.store, keys.values())
    told = [hit for hit in hits if keys[hit.id] in known]
    ours = known.get(keys[record])
    return SimilarStudies(
        named, record, tuple(_study(rank, hit, known[keys[hit.id]], ours, at) for rank, hit in enumerate(told, 1))
    )


def _study(
    rank: int, hit: Hit, identity: DicomIdentity, asked: DicomIdentity | None, at: PacsAddresses
) -> SimilarStudy:
    beside = "" if asked is None else link_beside(asked, identity, at)
    found = {**links(identity, at), **({"beside": beside} if beside else {})}
    return SimilarStudy(identity, hit.id, rank, hit.score, hit.labels, hit.attributes, found)
