"""The gallery as a whole, its spaces, its facets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from lookalike.server.about import about, spaces_of
from lookalike.server.routes import API, Admin, Reader, Served
from lookalike.server.said import said
from lookalike.verbs.facets import facets
from lookalike.verbs.records import drop_space, refused

router = APIRouter(prefix=API, tags=["gallery"])
Where = Annotated[str | None, Query(max_length=10_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=4096)]


@router.get("/gallery")
def get_gallery(service: Served, caller: Reader) -> Response:
    """What this gallery holds and can do."""
    return said({**about(service), "role": caller.role})


@router.get("/spaces")
def get_spaces(service: Served, _caller: Reader) -> Response:
    """The encoder's own space and the adapted ones."""
    return said({"items": spaces_of(service.gallery), "next_cursor": None})


@router.delete("/spaces/{name}", status_code=204)
def delete_space(name: str, service: Served, _caller: Admin) -> Response:
    """Remove an adapted space."""
    drop_space(service.gallery, name)
    return Response(status_code=204)


@router.get("/facets")
def get_facets(service: Served, _caller: Reader, where: Where = None) -> Response:
    """What the records say in each field, with counts."""
    return said({"items": facets(service.gallery, where=where), "next_cursor": None})


@router.get("/refused")
def get_refused(service: Served, _caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Files that could not be read, with reasons."""
    return said(refused(service.gallery, limit=limit, cursor=cursor))
