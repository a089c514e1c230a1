"""All galleries of the service: which of them a caller may choose."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from lookalike.errors import NotFoundError
from lookalike.server.addressed import address_of
from lookalike.server.chooser import gallery_list
from lookalike.server.contract.answers import GalleryList
from lookalike.server.guard import API
from lookalike.server.responses import json_response
from lookalike.server.routes.parameters import All

galleries_router = APIRouter(tags=["galleries"])


@galleries_router.get(f"{API}/galleries", response_model=GalleryList)
def get_galleries(request: Request, galleries: All) -> Response:
    """The galleries that the caller may see; answered to everybody, with none to who is not known. At the address of
    each all addresses of this document are its own: /g/NAME/api/v1/search. Without a name they are the first one's.
    """
    return json_response(gallery_list(request, galleries))


@galleries_router.get("/g/{name}", include_in_schema=False)
def get_gallery_page(name: str, galleries: All) -> Response:
    """To the page of a gallery, whose address ends with a slash."""
    if not galleries.named(name):
        raise NotFoundError("no gallery is called that here; / shows those that there are", "no-gallery")
    return RedirectResponse(address_of(name), 308)
