"""schemathesis over the OpenAPI document: whatever is asked, the service does not break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from served import API, Server, make_gallery, serving

EXAMPLES = 8  # of each operation


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("served"))) as running:
        yield running


def test_no_request_breaks_the_service(server: Server) -> None:
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}{API}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30
    broken: list[str] = []

    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:
            status = case.call(timeout=60).status_code
            if status >= 500:
                broken.append(f"{case.method} {case.path} {case.query} {case.body}: {status}")

        ask()
    assert not broken
    assert "unexpected" not in server.lines()


def test_it_is_a_document_of_version_3_1(server: Server) -> None:
    said = server.get("/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    assert f"{API}/search" in said["paths"]
    assert not [path for path in said["paths"] if Path(path).suffix]
