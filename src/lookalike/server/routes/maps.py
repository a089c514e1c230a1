"""Maps that a job has drawn: as JSON, and for the page as bytes, since a million points as JSON are no answer."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from lookalike.errors import NotFoundError
from lookalike.server.contract.answers import MapPoints
from lookalike.server.guard import API
from lookalike.server.responses import NEVER_KEPT, Packed, json_response
from lookalike.server.routes.parameters import AsReader, Served
from lookalike.types import BASE
from lookalike.verbs.map import kept_map
from lookalike.verbs.map.fields import MapGroups, kept_or_refused, map_column, map_errors, map_groups

maps_router = APIRouter(prefix=API, tags=["jobs"])
MapMethod = Literal["umap", "tsne"]
MapSpace = Annotated[str, Query(max_length=64)]


@maps_router.get("/map", response_model=MapPoints)
def get_map(service: Served, caller: AsReader, method: MapMethod = "umap", space: MapSpace = BASE) -> Response:
    """A map that a job has drawn."""
    drawn = kept_map(service.seen_by(caller), method=method, space=space)
    if drawn is None:
        raise NotFoundError("this map has not been drawn since the records changed: POST /map", "not-made")
    return json_response(MapPoints(drawn.method, drawn.space, drawn.ids, drawn.x, drawn.y))


@maps_router.get("/map/points", response_class=Packed)
def get_map_points(service: Served, caller: AsReader, method: MapMethod = "umap", space: MapSpace = BASE) -> Response:
    """The same map in 13 bytes a point: all x, then all y, as little-endian uint16 of 0 to 1; all ids in 8 bytes; the
    number of the group of each in a byte, 255 for none.
    """
    drawn = kept_or_refused(service.seen_by(caller), method, space)
    return Packed(drawn.packed(), headers=NEVER_KEPT)


@maps_router.get("/map/column", response_class=Packed)
def get_map_column(
    service: Served,
    caller: AsReader,
    method: MapMethod = "umap",
    space: MapSpace = BASE,
    field: Annotated[str, Query(max_length=256)] = "label",
) -> Response:
    """What each record of a map says in a field, a byte each after a line of JSON that explains them."""
    gallery = service.seen_by(caller)
    return Packed(map_column(gallery, kept_or_refused(gallery, method, space), field).packed(), headers=NEVER_KEPT)


@maps_router.get("/map/errors", response_class=Packed)
def get_map_errors(service: Served, caller: AsReader, method: MapMethod = "umap", space: MapSpace = BASE) -> Response:
    """How wrong the space is about each record of a map, 0 to 1, as ``/map/column``: the share of the vote of its
    nearest records of other patients that does not go to its label.
    """
    gallery = service.seen_by(caller)
    drawn = kept_or_refused(gallery, method, space)
    return Packed(map_errors(gallery, drawn, space).packed(), headers=NEVER_KEPT)


@maps_router.get("/map/groups", response_model=MapGroups)
def get_map_groups(service: Served, caller: AsReader, method: MapMethod = "umap", space: MapSpace = BASE) -> Response:
    """The groups that show on a map, each named by what stands out in it, with the figures."""
    gallery = service.seen_by(caller)
    kept_or_refused(gallery, method, space)
    return json_response(map_groups(gallery, method=method, space=space))
