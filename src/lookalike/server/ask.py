"""Run search, explain and classify for a request body: the body's fields become the verb's arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from lookalike.asking import study_query
from lookalike.asking.query import Query, read_query
from lookalike.errors import ForbiddenError, LookalikeError, UsageError
from lookalike.server.access import Caller
from lookalike.server.contract.bodies import ClassifyBody, ExplainBody, QueryBody, SearchBody
from lookalike.server.decoding import CallersDecoding
from lookalike.server.problems import Problem
from lookalike.server.responses import json_response
from lookalike.server.service import Service
from lookalike.server.uploads.store import Upload
from lookalike.types import BASE

if TYPE_CHECKING:
    from lookalike.asking.heat import Explanation
    from lookalike.verbs.classify import ClassifyResult
    from lookalike.verbs.search import SearchResult


async def asked(
    service: Service,
    caller: Caller,
    decodes: CallersDecoding,
    query: QueryBody,
    answer: Callable[[Query | None], Any],
    *,
    pixels: bool = False,
) -> Response:
    """An answer about a query: ``answer`` is given the upload that it names. Uploads are read in decoding threads, and
    what asks for the pixels of files as well (pixels, a region, or a study of uploads) is answered there.
    """
    upload = None
    if query.upload is not None:
        upload = await decodes(partial(read_upload, service, query.upload, caller.name))
    respond = partial(_responded, answer, upload)
    return await (decodes(respond) if pixels or query.roi or query.study_uploads else run_in_threadpool(respond))


def _responded(answer: Callable[[Query | None], Any], upload: Query | None) -> Response:
    return json_response(answer(upload))


def answer_search(service: Service, body: SearchBody, caller: Caller, upload: Query | None = None) -> SearchResult:
    """Search. upload: the query's, read. Raises as ``verbs.search.search``; ForbiddenError where reports are searched
    by who may not see them: by the ranks of names that are asked for they could be read all the same.
    """
    from lookalike.verbs.search import search

    query = body.query
    if query.report is not None and not caller.may("admin"):
        raise ForbiddenError(
            f"reports are searched by who may see them, which needs the role admin; the key {caller.name} is for a "
            f"{caller.role}",
            "role",
        )
    found = search(
        service.gallery,
        upload,
        text=query.text,
        report=query.report,
        study=_study(service, query, caller.name),
        ids=query.ids or ([query.record] if query.record else ()),
        vector=query.vector,
        **_region(query),
        **body.model_dump(exclude={"query"}),
        pictures=False,
    )
    service.metrics.stages(found.seconds)
    return found


def answer_explain(service: Service, body: ExplainBody, upload: Query | None = None) -> Explanation:
    """Explain a hit. upload: the query's, read. Raises as ``verbs.explain.explain``."""
    from lookalike.verbs.explain import explain

    identity = None if upload is not None else _record(body.query)
    return explain(service.gallery, upload, id=identity, record=body.record, **_region(body.query), space=body.space)


def answer_classify(
    service: Service, body: ClassifyBody, caller: Caller, upload: Query | None = None
) -> ClassifyResult:
    """Classify the query. upload: the query's, read. Raises as ``verbs.classify.classify``; and for a method that is
    trained ForbiddenError if the caller is only a reader, Problem 429 while another one is being trained.
    """
    from lookalike.verbs.classify import classify

    space = None if body.space == BASE and body.method != "adapter" else body.space
    with _training(service, caller, body.method):
        return classify(
            service.gallery,
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
def _training(service: Service, caller: Caller, method: str) -> Iterator[None]:
    """Training takes seconds to minutes of a processor: one at a time, and for those who may start jobs."""
    from lookalike.verbs.classify import is_trained, untrained_methods

    if not is_trained(method):
        yield
        return
    if not caller.may("contributor"):
        raise ForbiddenError(
            f"{method} is trained on the gallery, which needs the role contributor; the key {caller.name} is for a "
            f"{caller.role}, who may ask for {', '.join(untrained_methods())}",
            "role",
        )
    if not service.training.acquire(blocking=False):
        detail = "another classifier is being trained; ask again when it is done"
        raise Problem(429, detail, "training", {"Retry-After": "5"})
    try:
        yield
    finally:
        service.training.release()


def read_upload(service: Service, identity: str, owner: str) -> Query:
    """A caller's upload as a query. It is read and encoded once, and again when the gallery's records have changed; a
    refusal is kept likewise. Raises NotFoundError, and as ``read_query``.
    """
    upload = service.uploads.get(identity, owner)
    return _read_once(service, [upload], "picture", lambda: read_query(service.gallery, upload.source))


def read_uploads(service: Service, identities: Sequence[str], owner: str) -> Query:
    """A caller's uploads as one study, read as ``read_upload`` reads one. Raises NotFoundError, and as
    ``study_query.read_study``.
    """
    uploads = [service.uploads.get(identity, owner) for identity in dict.fromkeys(identities)]
    folders = [upload.folder for upload in uploads]
    return _read_once(service, uploads, "study", lambda: study_query.read_study(service.gallery, folders))


def _read_once(service: Service, uploads: Sequence[Upload], kind: str, read: Callable[[], Query]) -> Query:
    """What uploads are as a query of some kind, kept with the first of them."""
    first, names = uploads[0], [upload.name for upload in uploads]
    asked = (kind, service.gallery.space(BASE).version, *(upload.id for upload in uploads))
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


def _study(service: Service, query: QueryBody, owner: str) -> str | Query | None:
    if query.study_uploads is not None:
        return read_uploads(service, query.study_uploads, owner)
    return None if query.study is None else study_query.known_study(service.gallery, query.study)


def _region(query: QueryBody) -> dict[str, Any]:
    return {"box": query.roi.box, "slice": query.roi.slice} if query.roi else {}


def _record(query: QueryBody) -> str:
    """The id of the one record that the query names. Raises UsageError for any other query."""
    if query.record is None:
        raise UsageError("this is asked with one picture: an upload, or the id of one record")
    return query.record
