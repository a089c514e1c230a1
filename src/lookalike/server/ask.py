"""Run search, explain and classify for a request body: the body's fields become the verb's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from lookalike.asking import study_query
from lookalike.asking.query import Query, read_query
from lookalike.errors import ForbiddenError, LookalikeError, UsageError
from lookalike.server.audited_records import note_records
from lookalike.server.callers import Caller
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, QueryBody, SearchBody
from lookalike.server.decoding import CallersDecoding
from lookalike.server.problems import Problem
from lookalike.server.responses import NEVER_KEPT, json_response, saved_as
from lookalike.server.service import Service
from lookalike.server.uploads.store import Upload
from lookalike.types import BASE

if TYPE_CHECKING:
    from lookalike.asking.heat import Explanation
    from lookalike.gallery import Gallery
    from lookalike.plots.evidence_files import EvidenceKind
    from lookalike.verbs.classify import ClassifyResult
    from lookalike.verbs.search import SearchResult

_KINDS: Final = {"html": "text/html", "pdf": "application/pdf"}
EVIDENCE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {kind: {} for kind in _KINDS.values()}}}
"""What the interface's document says of an answer with evidence."""


async def asked(
    service: Service,
    caller: Caller,
    decodes: CallersDecoding,
    query: QueryBody,
    answer: Callable[[Query | None], Any],
    *,
    pixels: bool = False,
    respond: Callable[[Any], Response] = json_response,
) -> Response:
    """An answer about a query: ``answer`` is given the upload that it names, and ``respond`` what was found. Uploads
    are read in decoding threads, and what asks for the pixels of files as well (pixels, a region, or a study of
    uploads) is answered there.
    """
    upload = None
    if query.upload is not None:
        upload = await decodes(partial(read_upload, service, query.upload, caller))

    def answered() -> Response:  # in one go: each change of threads is a turn in the queue for the interpreter
        found = answer(upload)
        note_records(decodes.request.state, _records_of(query, found), hits=len(getattr(found, "hits", ())))
        return respond(found)

    return await (decodes if pixels or query.roi or query.study_uploads else run_in_threadpool)(answered)


def _records_of(query: QueryBody, found: Any) -> Iterator[str]:
    """The records that a query names, and those that its answer tells of."""
    yield from query.ids or ()
    yield from [query.record] if query.record else ()
    yield from (hit.id for hit in getattr(found, "hits", ()))
    yield from (each.id for each in getattr(found, "evidence", ()) if each.id)
    yield from [found.record] if isinstance(getattr(found, "record", None), str) else ()


def answer_search(
    service: Service, body: SearchBody, caller: Caller, upload: Query | None = None, *, pictures: bool = False
) -> SearchResult:
    """Search. upload: the query's, read. pictures: with thumbnails. Raises as ``verbs.search.search``."""
    from lookalike.verbs.search import search

    query, gallery = body.query, service.seen_by(caller)
    found = search(
        gallery,
        upload,
        text=query.text,
        report=query.report,
        study=_study(service, query, caller),
        ids=query.ids or ([query.record] if query.record else ()),
        vector=query.vector,
        **_region(query),
        **body.model_dump(exclude={"query"}),
        pictures=pictures,
    )
    service.metrics.stages(found.seconds)
    return found


def evidence_response(
    service: Service, body: SearchBody, caller: Caller, kind: EvidenceKind, found: SearchResult
) -> Response:
    """What a search found as a page to keep. Raises MissingExtraError, and Problem 429 or 503 (``Outgoing``)."""
    from lookalike.plots import evidence_bytes, search_evidence

    query = body.query
    options = {**body.model_dump(exclude={"query"}), **_region(query), "text": query.text, "report": query.report}
    data = evidence_bytes(search_evidence(service.seen_by(caller), found, options, title=service.title), kind)
    headers = {**saved_as(f"lookalike-evidence.{kind}"), **NEVER_KEPT}
    return service.outgoing.response(caller.name, data, _KINDS[kind], headers)


def who_searches(body: SearchBody, caller: Caller) -> Caller:
    """The caller in the role that a search needs. Raises ForbiddenError where reports are searched by who may not see
    them: by the ranks of names that are asked for they could be read all the same.
    """
    if body.query.report is None:
        return caller
    if not caller.may("admin"):
        raise ForbiddenError(
            f"reports are searched by who may see them, which needs the role admin; {caller.known_as} is for a "
            f"{caller.role}",
            "role",
        )
    return caller.acts("admin")


def answer_explain(service: Service, body: ExplainBody, caller: Caller, upload: Query | None = None) -> Explanation:
    """Explain a hit. upload: the query's, read. Raises as ``verbs.explain.explain``."""
    from lookalike.verbs.explain import explain

    identity = None if upload is not None else _record(body.query)
    gallery = service.seen_by(caller)
    return explain(gallery, upload, id=identity, record=body.record, **_region(body.query), space=body.space)


def answer_classify(
    service: Service, body: ClassifyBody, caller: Caller, upload: Query | None = None
) -> ClassifyResult:
    """Classify the query. upload: the query's, read. Raises as ``verbs.classify.classify``; and for a method that is
    trained Problem 429 while another one is being trained.
    """
    from lookalike.verbs.classify import classify

    space = None if body.space == BASE and body.method != "adapter" else body.space
    with _training(service, body.method):
        return classify(
            service.seen_by(caller),
            upload,
            id=None if upload is not None else _record(body.query),
            method=body.method,
            k=body.k,
            space=space,
            where=body.where,
            set=body.set,
            prompts=body.prompts or None,
            **_region(body.query),
        )


@contextmanager
def _training(service: Service, method: str) -> Iterator[None]:
    """Training takes seconds to minutes of a processor: one at a time."""
    from lookalike.verbs.classify import is_trained

    if not is_trained(method):
        yield
        return
    if not service.training.acquire(blocking=False):
        detail = "another classifier is being trained; ask again when it is done"
        raise Problem(429, detail, "training", {"Retry-After": "5"})
    try:
        yield
    finally:
        service.training.release()


def who_classifies(body: ClassifyBody, caller: Caller) -> Caller:
    """The caller in the role that a method needs: training is for those who may start jobs. Raises ForbiddenError."""
    from lookalike.verbs.classify import is_trained, untrained_methods

    if not is_trained(body.method):
        return caller
    if not caller.may("contributor"):
        raise ForbiddenError(
            f"{body.method} is trained on the gallery, which needs the role contributor; {caller.known_as} is for a "
            f"{caller.role}, who may ask for {', '.join(untrained_methods())}",
            "role",
        )
    return caller.acts("contributor")


def read_upload(service: Service, identity: str, caller: Caller) -> Query:
    """A caller's upload as a query. It is read and encoded once, and again when the gallery's records have changed, or
    those of it that the caller sees; a refusal is kept likewise. Raises NotFoundError, and as ``read_query``.
    """
    upload, gallery = service.uploads.get(identity, caller.name), service.seen_by(caller)
    return _read_once(service, gallery, [upload], "picture", lambda: read_query(gallery, upload.source))


def read_uploads(service: Service, identities: Sequence[str], caller: Caller) -> Query:
    """A caller's uploads as one study, read as ``read_upload`` reads one. Raises NotFoundError, and as
    ``study_query.read_study``.
    """
    gallery = service.seen_by(caller)
    uploads = [service.uploads.get(identity, caller.name) for identity in dict.fromkeys(identities)]
    folders = [upload.folder for upload in uploads]
    return _read_once(service, gallery, uploads, "study", lambda: study_query.read_study(gallery, folders))


def _read_once(
    service: Service, gallery: Gallery, uploads: Sequence[Upload], kind: str, read: Callable[[], Query]
) -> Query:
    """What uploads are as a query of some kind, kept with the first of them. gallery: as the caller sees it."""
    first, names = uploads[0], [upload.name for upload in uploads]
    asked = (kind, gallery.space(BASE).version, gallery.part, *(upload.id for upload in uploads))
    with first.reading:
        if first.asked != asked:
            first.query, first.refused = None, None
        if first.refused is not None:
            raise first.refused
        if first.query is None:
            first.asked = asked
            service.pictures.release()
            try:
                first.query = replace(read(), name=", ".join(names))
            except LookalikeError as error:
                first.refused = error
                raise
            service.uploads.bound_pixels()
        return first.query


def _study(service: Service, query: QueryBody, caller: Caller) -> str | Query | None:
    if query.study_uploads is not None:
        return read_uploads(service, query.study_uploads, caller)
    return None if query.study is None else study_query.known_study(service.seen_by(caller), query.study)


def _region(query: QueryBody) -> dict[str, Any]:
    return query.roi.model_dump(include={"box", "slice", "slices"}) if query.roi else {}


def _record(query: QueryBody) -> str:
    """The id of the one record that the query names. Raises UsageError for any other query."""
    if query.record is None:
        raise UsageError("this is asked with one picture: an upload, or the id of one record")
    return query.record
