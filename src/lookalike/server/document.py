"""The complete OpenAPI document: FastAPI's own, with every answer's fields required and every refusal a problem.

``python -m lookalike.server.document`` prints it; the page's types are generated from it (``make types``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

import lookalike
from lookalike.server.access import Needs
from lookalike.server.contract.answers import ProblemDetails
from lookalike.server.problems import MEDIA_TYPE
from lookalike.server.routes.cohorts import cohorts_router
from lookalike.server.routes.decisions import decisions_router
from lookalike.server.routes.dicomweb import dicomweb_router
from lookalike.server.routes.galleries import galleries_router
from lookalike.server.routes.gallery import gallery_router
from lookalike.server.routes.health import health_router
from lookalike.server.routes.jobs import jobs_router
from lookalike.server.routes.labels import labels_router
from lookalike.server.routes.maps import maps_router
from lookalike.server.routes.parameters import decoding_of
from lookalike.server.routes.readings import readers_router, readings_router
from lookalike.server.routes.records import records_router
from lookalike.server.routes.search import search_router
from lookalike.server.routes.session import session_router
from lookalike.server.routes.uploads import uploads_router

_ROUTERS: Final = (
    galleries_router,
    gallery_router,
    uploads_router,
    search_router,
    records_router,
    cohorts_router,
    labels_router,
    readings_router,
    readers_router,
    decisions_router,
    jobs_router,
    maps_router,
    session_router,
    dicomweb_router,
    health_router,
)
ROUTES: Final[tuple[BaseRoute, ...]] = tuple(route for router in _ROUTERS for route in router.routes)
_REFS: Final = "#/components/schemas/"
_GUARDED: Final = (400, 403, 408, 413, 421, 500)  # of any request: the guard's refusals, and a bug
_KEYED: Final = (401, 409, 429, 503)  # of routes that demand a role and use the gallery
_NAMED: Final = (404, 422)  # of routes with parameters or a body
_NEEDING: Final = (424,)  # of routes with a body, which may need the encoder or an optional package
_DECODING: Final = (503,)  # of routes that may decode a file
_OWN: Final = {
    "/api/v1/uploads": (415,),
    "/readyz": (503,),
    "/api/v1/session": (404, 503),
    "/api/v1/galleries": (429, 503),
}


def openapi_document(routes: Iterable[BaseRoute] = ROUTES) -> dict[str, Any]:
    """The document of the service's routes (OpenAPI 3.1)."""
    routes = list(routes)
    document = get_openapi(
        title="lookalike",
        version=lookalike.__version__,
        description="Pixel-based search for medical images. Not a medical device.",
        routes=routes,
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ProblemDetails"] = TypeAdapter(ProblemDetails).json_schema()
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REFS}ProblemDetails"}}}
    every = {*_GUARDED, *_KEYED, *_NAMED, *_NEEDING, *_DECODING, *chain.from_iterable(_OWN.values())}
    document["components"]["responses"] = {
        str(code): {"description": HTTPStatus(code).phrase, "content": content} for code in sorted(every)
    }
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in sorted(route.methods or ()):
                _complete(document["paths"][route.path_format][method.lower()], route)
    for name in _answered(document):
        _close(schemas[name])
    _untitle(document)
    return document


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    """Add an operation's name, role and problems, and the format of binary answers."""
    operation["operationId"] = route.name  # what generated clients call it
    role = next((call.role for call in _calls(route) if isinstance(call, Needs)), None)
    named, has_body = bool(operation.get("parameters")), "requestBody" in operation
    refusals = {
        *_GUARDED,
        *(_KEYED if role else ()),
        *(_NAMED if named or has_body else ()),
        *(_NEEDING if has_body else ()),
        *(_DECODING if decoding_of in _calls(route) else ()),
        *_OWN.get(route.path_format, ()),
    }
    if role:
        operation["security"], operation["x-role"] = [{}, {"key": []}], role
    answers = {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
    for answer in answers.values():
        for media, content in answer.get("content", {}).items():
            if media != "application/json":
                content["schema"] = {"type": "string", **({} if media.startswith("text/") else {"format": "binary"})}
    problems = {str(code): {"$ref": f"#/components/responses/{code}"} for code in sorted(refusals)}
    operation["responses"] = {**answers, **problems}


def _calls(route: APIRoute) -> Iterator[Any]:
    return (each.call for each in route.dependant.dependencies)


def _answered(document: Mapping[str, Any]) -> set[str]:
    """The names of the schemas that answers use."""
    schemas, found = document["components"]["schemas"], set[str]()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    open_ = ["ProblemDetails", *_refs([operation["responses"] for operation in operations])]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _refs(schemas[name])
    return found


def _refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str) and ref.startswith(_REFS):
            yield ref.removeprefix(_REFS)
        for each in node.values():
            yield from _refs(each)
    elif isinstance(node, list):
        for each in node:
            yield from _refs(each)


def _close(schema: dict[str, Any]) -> None:
    """An answer has every field, even where Python has a default, and no other."""
    schema["required"], schema["additionalProperties"] = list(schema["properties"]), False
    for field in schema["properties"].values():
        field.pop("default", None)


def _untitle(node: Any) -> None:
    """Remove titles: they only repeat the names of fields."""
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        if isinstance(each, dict) and "version" not in each and isinstance(each.get("title"), str):
            del each["title"]
        _untitle(each)


if __name__ == "__main__":
    print(json.dumps(openapi_document(), indent=1, ensure_ascii=False))
