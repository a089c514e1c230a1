"""The generated client of the HTTP interface, asked of a real service: made anew from the document that it serves."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Server, make_gallery, serving

CONTRACT = Path(__file__).parents[2] / "web" / "contract"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of lookalike_client, which can be imported."""
    folder = tmp_path_factory.mktemp("client") / "made"
    subprocess.run(
        [
            *(Path(sys.executable).with_name("openapi-python-client"), "generate", "--fail-on-warning"),
            *("--path", CONTRACT / "openapi.json", "--config", CONTRACT / "client.yaml"),
            *("--meta", "setup", "--output-path", folder),
        ],
        check=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
    )
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("g"))) as started:
        yield started


@pytest.fixture
def ask(client_package: Path, server: Server) -> Ask:
    """ask("records", "get_record", identity=...): what the client's function of that name gives."""
    module: Any = importlib.import_module("lookalike_client")
    client = module.Client(base_url=f"http://127.0.0.1:{server.port}", raise_on_unexpected_status=True)

    def asked(part: str, name: str, **arguments: Any) -> Any:
        return importlib.import_module(f"lookalike_client.api.{part}.{name}").sync(client=client, **arguments)

    return asked


@pytest.fixture
def models(client_package: Path) -> Any:
    return importlib.import_module("lookalike_client.models")


def test_it_uploads_searches_and_fetches_pictures(ask: Ask, models: Any, server: Server) -> None:
    about = ask("gallery", "get_gallery")
    assert (about.records, about.encoder.name) == (12, "lite0")
    file = importlib.import_module("lookalike_client.types").File
    picture = min((server.folder.parent / "pictures").glob("*.png"))
    with picture.open("rb") as opened:
        body = models.PostUploadBody(file=[file(payload=opened, file_name=picture.name)])
        upload = ask("uploads", "post_upload", body=body)
    found = ask("ask", "post_search", body=models.SearchBody(query=models.QueryBody(image=upload.id), k=3))
    theirs = server.post("/search", {"query": {"image": upload.id}, "k": 3}).json()
    assert found.to_dict()["hits"] == theirs["hits"]
    thumbnail = ask("records", "get_thumbnail", identity=found.hits[0].id)
    assert thumbnail.payload.read().startswith(b"\xff\xd8")


def test_it_writes_and_is_told_why_not(ask: Ask, models: Any) -> None:
    (record, *_rest) = ask("records", "get_records", limit=2).items
    ask("records", "post_labels", body=models.ChangeLabelsBody(ids=[record.id], add=["seen"]))
    assert "seen" in ask("records", "get_record", identity=record.id).labels
    refused = ask("records", "get_record", identity="nobody")
    assert isinstance(refused, models.ProblemDetails)
    assert refused.status == 404


@pytest.mark.slow
def test_a_program_that_uses_it_is_checked_by_its_types(client_package: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from lookalike_client import AuthenticatedClient\n"
        "from lookalike_client.api.records import get_records\n"
        "from lookalike_client.models import RecordPage\n"
        "client = AuthenticatedClient(base_url='http://127.0.0.1', token='key')\n"
        "page = get_records.sync(client=client)\n"
        "if isinstance(page, RecordPage):\n"
        "    reveal_type(page.items[0].id)\n"
        "    page.items[0].nothing\n"
    )
    words = ["--strict", "--follow-imports=silent", "--cache-dir", tmp_path / "cache", program]
    told = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(client_package)},
    )
    assert 'Revealed type is "str"' in told.stdout.replace("builtins.", "")
    assert '"RecordInfo" has no attribute "nothing"' in told.stdout
    assert "Found 1 error in 1 file" in told.stdout
