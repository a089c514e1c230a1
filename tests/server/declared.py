"""Every answer that a test gets is held against what the OpenAPI document declares for its route and status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from lookalike.server.document import openapi_document

NO_GALLERY: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
}
"""What any address below /g/NAME/ says where there is no such gallery."""


@cache
def document() -> dict[str, Any]:
    """Made once: it takes longer than most requests."""
    return openapi_document()


@cache
def operations() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """(path, method, operation); paths with fewer parameters first."""
    paths = sorted(document()["paths"].items(), key=lambda pair: pair[0].count("{"))
    return [
        (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), method.upper(), operation)
        for path, found in paths
        for method, operation in found.items()
    ]


@cache
def validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": document()["components"]})


def holds(answer: httpx.Response) -> None:
    """An event hook of httpx. Raises AssertionError for an answer that is not declared."""
    method, asked = answer.request.method, answer.request.url.path
    path = re.sub("^/g/[^/]+/", "/", asked)
    operation = next((op for wanted, of, op in operations() if of == method and wanted.fullmatch(path)), None)
    if operation is None:  # the page, or no route
        return
    where = f"{method} {path}: {answer.status_code}"
    declared = operation["responses"].get(str(answer.status_code))
    if declared is None and path != asked and answer.status_code == 404:
        declared = NO_GALLERY
    assert declared is not None, f"{where} is not declared"
    content = resolved(declared).get("content", {})
    media = answer.headers.get("content-type", "").partition(";")[0]
    assert media in content if content else not media, f"{where} is {media}, declared: {', '.join(content)}"
    answer.read()
    if reference := content.get(media, {}).get("schema", {}).get("$ref"):
        said = answer.json()
        wrong = [f"{error.json_path}: {error.message[:300]}" for error in validator(reference).iter_errors(said)]
        assert not wrong, f"{where}: {wrong}"


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """What a reference into the document's components stands for."""
    if "$ref" not in node:
        return node
    _, _, kind, name = node["$ref"].split("/")
    return dict(document()["components"][kind][name])


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)
