"""send: the similar cases of a record, or where it resembles one, as a DICOM object into the PACS that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final

from pydicom.dataset import Dataset

from lookalike.errors import NotFoundError, UsageError
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.hits import Hit
from lookalike.pacs_links import destinations
from lookalike.pictures import Pictures
from lookalike.readers.source_image import SourceImage
from lookalike.sending.documents import SearchMethod, SimilarCase, similar_cases_report, similar_cases_selection
from lookalike.sending.headers import reference, with_whole_header
from lookalike.sending.heat_objects import heat_map, heat_over, heat_segmentation
from lookalike.sending.originals import files_in_pacs
from lookalike.sending.stored_objects import files_in_bucket
from lookalike.sending.terms import SERIES_NUMBERS
from lookalike.sending.ways import way_to
from lookalike.sources.s3.address import is_bucket_uri
from lookalike.store import BASE
from lookalike.store.identities import dicom_identities, dicom_identity
from lookalike.verbs.explain import explain
from lookalike.verbs.search import SearchResult, search

SENT_KINDS: Final = tuple(SERIES_NUMBERS)
"""sr: a structured report of the similar cases; kos: a key object selection of them; seg: a segmentation of where the
record resembles the most similar one; map: the same as a parametric map."""

_HEATS: Final = ("seg", "map")
_WHICH_PACS: Final = (
    "the image of this record is in its PACS and no file here; say which PACS that is: --pacs dicomweb+https://..., "
    "or pacs.sources in lookalike.toml"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """kind: one of ``SENT_KINDS``. to: where it was sent. sop_class: of the object. study_instance_uid,
    series_instance_uid, sop_instance_uid: its own; series and instance are new. cases: ids of the records that it
    tells of. left_out: hits that it could not name, since their files do not say who they are. note: what must be
    known to read it.
    """

    kind: str
    to: str
    sop_class: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    cases: tuple[str, ...]
    left_out: int
    note: str


def send(
    gallery: Gallery,
    kind: str,
    *,
    id: str,
    to: str,
    record: str | None = None,
    k: int = 5,
    where: str | Filter | None = None,
    space: str = BASE,
    pacs: Sequence[str] = (),
) -> Sent:
    """File an answer beside the record that was asked with, in its study; a linked gallery alone can.

    kind: one of ``SENT_KINDS``. id: of the record. to: a folder, ``dicomweb+https://host/path`` (STOW-RS) or
    ``dimse://AET@host:port`` (C-STORE). record: what seg and map compare it with, the most similar record by default.
    k, where, space: as in ``search``. pacs: URIs, as ``pull`` takes them, of where what was pulled or received is
    fetched from; and ``s3://BUCKET/PREFIX``, below which images are fetched that came from there. The object is
    new, derived, and says that it is for research; patient and study are those of the record's file, other patients
    stand in it as UIDs alone.

    Raises UsageError, GalleryError (an anonymous gallery, or its key is not here), NotFoundError (unknown id; the file
    is gone or does not say who it is; nothing is similar), PacsError (not taken), MissingExtraError.
    """
    if kind not in SENT_KINDS:
        raise UsageError(f"what is sent is one of {', '.join(SENT_KINDS)}, got {kind!r}")
    dicom_identity(gallery.store, id)  # refused before anything is sought
    way, compared = way_to(to), record if kind in _HEATS else None
    found = None
    if compared is None:
        found = search(gallery, id=id, k=k, where=where, space=space, pictures=False)
        compared = _first(found).id
    with closing(Pictures(gallery)) as pictures:
        originals = _Originals(gallery, pictures, pacs)
        if found is None or kind in _HEATS:
            made = _heat(gallery, originals, kind, id, compared, space)
        else:
            made = _documents(gallery, originals, kind, id, found)
    way(made.object)
    return _told(kind, to, made)


def send_to(gallery: Gallery, kind: str, *, destination: str, id: str, **asked: Any) -> Sent:
    """``send`` to one of the destinations of a service (``pacs_links.destinations``), which is told by its name alone.

    Raises UsageError for a name that is none, and as ``send``.
    """
    known = destinations()
    if destination not in known:
        named = (
            f"to {', '.join(known)} alone" if known else "nowhere: whoever runs it names where to, LOOKALIKE_SEND_TO"
        )
        raise UsageError(f"this service sends {named}")
    return replace(send(gallery, kind, id=id, to=known[destination], **asked), to=destination)


@dataclass(frozen=True, slots=True)
class _Originals:
    """The images that records were made of. pacs: where those are that are no files here."""

    gallery: Gallery
    pictures: Pictures
    pacs: Sequence[str]

    def image(self, id: str, slice: int | None = None) -> SourceImage:
        """With a header that an object can be made of. Raises NotFoundError, PacsError."""
        return with_whole_header(self._found(id, slice))

    def _found(self, id: str, slice: int | None) -> SourceImage:
        try:
            return self.pictures.source_image(id, slice=slice)
        except NotFoundError as error:
            if error.reason != "elsewhere":
                raise
            if is_bucket_uri((record := self.gallery.store.record(id)).source):
                series_of = self.pictures.of_first_series
                with files_in_bucket(self.gallery, record, self.pacs, series_of) as found:
                    return self.pictures.source_image(id, slice=slice, files=found)
            if not self.pacs:
                raise NotFoundError(_WHICH_PACS, "elsewhere") from None
        with files_in_pacs(self.gallery, id, self.pacs) as files:
            return self.pictures.source_image(id, slice=slice, files=files)


@dataclass(frozen=True, slots=True)
class _Made:
    """An object, and what is told of it."""

    object: Dataset
    cases: tuple[str, ...]
    left_out: int = 0
    note: str = ""


def _told(kind: str, to: str, made: _Made) -> Sent:
    return Sent(
        kind,
        to,
        str(made.object.SOPClassUID.name),
        made.object.StudyInstanceUID,
        made.object.SeriesInstanceUID,
        made.object.SOPInstanceUID,
        made.cases,
        made.left_out,
        made.note,
    )


def _documents(gallery: Gallery, originals: _Originals, kind: str, id: str, found: SearchResult) -> _Made:
    cases = {hit.id: image for hit in found.hits if (image := _image_of(gallery, originals, hit)) is not None}
    named = [SimilarCase(cases[hit.id], hit.rank, hit.score, hit.labels) for hit in found.hits if hit.id in cases]
    if not named:
        raise NotFoundError("none of the similar cases' files says who it is in a PACS", "no-identity")
    asked = originals.image(id).header
    trained_on = ", ".join(gallery.spec.trained_on) or "unknown"
    method = SearchMethod(found.encoder, found.space, found.records, trained_on)
    made = similar_cases_report(asked, named, method) if kind == "sr" else similar_cases_selection(asked, named)
    return _Made(made, tuple(cases), len(found.hits) - len(named), found.note)


def _heat(gallery: Gallery, originals: _Originals, kind: str, id: str, other: str, space: str) -> _Made:
    explained = explain(gallery, id=id, record=other, space=space)
    image = originals.image(id, explained.query.slice)
    made = (heat_segmentation if kind == "seg" else heat_map)(image, heat_over(image, explained.query.heat))
    note = "" if explained.match is None else f"of the slice that is most similar, number {explained.query.slice}"
    return _Made(made, (other,), note=note)


def _first(found: SearchResult) -> Hit:
    if not found.hits:
        raise NotFoundError(f"nothing answers: {found.note or 'no other record may'}", "no-hits")
    return found.hits[0]


def _image_of(gallery: Gallery, originals: _Originals, hit: Hit) -> Dataset | None:
    """The UIDs of a hit's image; of a volume of several files that of the slice that matches best, or of the middle
    one. None: its files do not say them.
    """
    key = gallery.store.record(hit.id).key
    identity = dicom_identities(gallery.store, [key]).get(key)
    if identity is None or identity.sop_instance_uid:
        return None if identity is None else reference(identity, identity.sop_instance_uid or "")
    try:
        image = originals.image(hit.id, hit.match.slice if hit.match else None)
        return reference(identity, image.header.SOPInstanceUID)
    except NotFoundError:
        return None
