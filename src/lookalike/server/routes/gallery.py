"""The gallery as a whole, its spaces, its facets and the refused files."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lookalike.server.contract.answers import FacetPage, GalleryAnswer, ImportFolders, SpacePage, gallery_answer
from lookalike.server.contract.bodies import ImportFoldersBody
from lookalike.server.guard import API
from lookalike.server.imports import list_import_folders
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import AsReader, Cursor, Limit, Served, Where, WholeAsAdmin, WholeAsContributor
from lookalike.verbs.gallery import drop_space, gallery_info, list_spaces
from lookalike.verbs.records import RefusedPage, facets, refused

gallery_router = APIRouter(prefix=API, tags=["gallery"])


@gallery_router.get("/gallery", response_model=GalleryAnswer)
def get_gallery(service: Served, caller: AsReader) -> Response:
    """What this gallery holds and can do."""
    imports = tuple(sorted(service.settings.imports)) if caller.part is None else ()
    return json_response(gallery_answer(gallery_info(service.seen_by(caller)), service.title, imports, caller.role))


@gallery_router.post("/imports/{name}", response_model=ImportFolders)
def post_import_folders(name: str, body: ImportFoldersBody, service: Served, _caller: WholeAsContributor) -> Response:
    """The folders that may be chosen in an import folder, or in a folder of it."""
    return json_response(list_import_folders(service.settings.imports, name, body.subfolders))


@gallery_router.get("/spaces", response_model=SpacePage)
def get_spaces(service: Served, caller: AsReader) -> Response:
    """The encoder's own space and the adapted ones."""
    return json_response(SpacePage(list_spaces(service.seen_by(caller))))


@gallery_router.delete("/spaces/{name}", status_code=204)
def delete_space(name: str, service: Served, _caller: WholeAsAdmin) -> Response:
    """Remove an adapted space."""
    drop_space(service.gallery, name)
    return Response(status_code=204)


@gallery_router.get("/facets", response_model=FacetPage)
def get_facets(service: Served, caller: AsReader, where: Where = None) -> Response:
    """The values of each field, with counts."""
    return json_response(FacetPage(facets(service.seen_by(caller), where=where)))


@gallery_router.get("/refused", response_model=RefusedPage)
def get_refused(service: Served, caller: AsReader, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Files that could not be read, with reasons."""
    return json_response(refused(service.seen_by(caller), limit=limit, cursor=cursor))
