"""The OpenAPI document is whole and the one that the page is made from; whatever it lets be asked (schemathesis), the
service does not break and answers as declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from declared import holds, references, resolved, validator
from hypothesis import HealthCheck, given, settings
from served import API, PATIENCE, Server, make_gallery, serving

from lookalike.server.document import openapi_document

DOCUMENT = Path(__file__).parents[2] / "web" / "contract" / "openapi.json"
EXAMPLES = 4  # of each operation
MANY = 80


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("served"))) as running:
        yield running


@pytest.mark.parametrize("examples", [EXAMPLES, pytest.param(MANY, marks=pytest.mark.slow)])
def test_no_request_breaks_the_service(server: Server, examples: int) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}{API}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30
    broken: list[str] = []

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:
            answer = case.call(timeout=PATIENCE)
            kind = {"content-type": answer.headers.get("content-type", [""])[0]}
            asked = httpx.Request(case.method, str(answer.request.url))
            try:
                holds(httpx.Response(answer.status_code, headers=kind, content=answer.content, request=asked))
                assert answer.status_code < 500
            except AssertionError as error:
                broken.append(f"{case.method} {case.path} {case.query} {case.body}: {answer.status_code} {error}")

        ask()
    assert not broken
    assert "unexpected" not in server.lines()


def test_the_service_gives_the_document_that_the_page_is_made_from(server: Server) -> None:
    """If this fails: ``make types``."""
    stored = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert stored == openapi_document()
    said = server.get("/openapi.json").json()
    assert said == stored
    assert said["openapi"].startswith("3.1")
    assert f"{API}/search" in said["paths"]
    assert not [path for path in said["paths"] if Path(path).suffix]


def test_every_route_declares_its_answer_and_its_refusals() -> None:
    document = openapi_document()
    for path, method, operation in (
        (path, method, operation) for path, found in document["paths"].items() for method, operation in found.items()
    ):
        done = {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
        assert len(done) == 1, f"{method} {path}"
        for code, answer in done.items():
            assert code == "204" or answer["content"], f"{method} {path} does not say what it answers"
        refusals = [code for code in operation["responses"] if not code.startswith("2")]
        assert {"421", "500"} <= set(refusals)
        for code in refusals:
            content = resolved(operation["responses"][code])["content"]
            assert list(content) == ["application/problem+json"]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi_document()
    for reference in set(references(document)):
        assert resolved({"$ref": reference}), reference


def test_an_answer_says_every_field_and_no_other() -> None:
    whole = {"type": "about:blank", "title": "t", "status": 404, "detail": "d", "reason": "r"}
    check = validator("#/components/schemas/ProblemDetails")
    assert check.is_valid(whole)
    assert not check.is_valid({**whole, "more": 1})
    assert not check.is_valid({name: value for name, value in whole.items() if name != "reason"})
    hit = validator("#/components/schemas/Hit")
    fields = {"rank": 1, "score": 0.5, "id": "i", "source": "s", "labels": [], "attributes": {}, "match": None}
    rest = {
        "region": None,
        "percentile": None,
        "patient": "",
        "depth": 1,
        "nearness": None,
        "placed": [],
        "study": None,
        "study_id": "",
        "series_id": "",
        "day": None,
        "others": None,
        "links": {},
    }
    assert hit.is_valid({**fields, **rest})
    assert not hit.is_valid(fields)


def test_an_answer_that_is_not_declared_is_noticed() -> None:
    asked = httpx.Request("GET", f"http://here{API}/refused")
    holds(httpx.Response(200, json={"items": [], "next_cursor": None}, request=asked))
    for wrong in ({"items": []}, {"items": [], "next_cursor": None, "more": 1}, {"items": [{}], "next_cursor": None}):
        with pytest.raises(AssertionError, match="/refused"):
            holds(httpx.Response(200, json=wrong, request=asked))
    with pytest.raises(AssertionError, match="not declared"):
        holds(httpx.Response(418, json={}, request=asked))
