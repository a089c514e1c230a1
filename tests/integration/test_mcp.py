"""The tools, asked by the protocol's own client: the command is started, and answers on its standard output."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import PIL.Image
import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters

import lookalike
from conftest import write_pictures
from lookalike.gallery import open_gallery
from lookalike.verbs.curation.labelling import label_log
from lookalike.verbs.records import list_records

COMMAND = str(Path(sys.executable).with_name("lookalike"))
Work = Callable[[Callable[[Client], Any]], Any]
LOOKS = {"gallery", "search", "classify", "explain", "evaluate", "records", "record"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("asked")
    pictures = write_pictures(place / "pictures")
    with open_gallery(place / "g", create=True) as gallery:
        lookalike.index(gallery, [pictures], labels=pictures / "labels.csv", patches=True)
    return place


@pytest.fixture(scope="module")
def asked(folder: Path) -> Iterator[Work]:
    """What a piece of work gives with the client of one server, which does nothing but look."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(asking(folder)) as client:

        async def run(work: Callable[[Client], Any]) -> Any:
            with anyio.fail_after(120):
                return await work(client)

        yield lambda work: portal.call(run, work)


@asynccontextmanager
async def asking(folder: Path, *words: str) -> AsyncIterator[Client]:
    given = ("LOOKALIKE_", "PYTHON", "PATH", "HOME")
    environment = {name: value for name, value in os.environ.items() if name.startswith(given)}
    server = StdioServerParameters(command=COMMAND, args=["mcp", "-g", str(folder / "g"), *words], env=environment)
    async with Client(server) as client:
        yield client


def told(folder: Path, work: Callable[[Client], Any], *words: str) -> Any:
    """What the work gives, with a client of a new server."""

    async def run() -> Any:
        with anyio.fail_after(120):
            async with asking(folder, *words) as client:
                return await work(client)

    return anyio.run(run)


async def call(client: Client, tool: str, **given: Any) -> Any:
    result = await client.call_tool(tool, given)
    text = result.content[0].text
    assert not result.is_error, text
    return json.loads(text) if text.startswith("{") else text


def test_a_program_looks_searches_classifies_and_sees(folder: Path, asked: Work) -> None:
    async def work(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == LOOKS
        assert all(tool.annotations.read_only_hint for tool in tools)
        holds = await call(client, "gallery")
        assert holds["records"] == 12
        assert "label" in {each["field"] for each in holds["fields"]}
        first = (await call(client, "records", limit=5))["items"][0]
        found = await call(client, "search", id=first["id"], k=3)
        with open_gallery(folder / "g") as gallery:
            expected = lookalike.search(gallery, id=first["id"], k=3)
        assert [hit["id"] for hit in found["hits"]] == [hit.id for hit in expected.hits]
        assert [hit["cosine"] for hit in found["hits"]] == [round(hit.score, 4) for hit in expected.hits]
        picture = (await client.read_resource(found["hits"][0]["picture"])).contents[0]
        assert picture.mime_type == "image/jpeg"
        assert PIL.Image.open(io.BytesIO(base64.b64decode(picture.blob))).width > 16
        classified = await call(client, "classify", id=first["id"])
        assert classified["labels"] or classified["abstained"]
        heat = (await call(client, "explain", id=first["id"], record=found["hits"][0]["id"]))["hit"]["heat"]
        assert len(heat) > 1
        assert "precision" in (await call(client, "evaluate")).lower()

    asked(work)


def test_no_path_no_group_and_no_file_name_is_told(folder: Path, asked: Work) -> None:
    async def work(client: Client) -> str:
        page = await call(client, "records")
        first = page["items"][0]["id"]
        answers = [page, await call(client, "search", id=first), await call(client, "classify", id=first)]
        answers.append(await call(client, "evaluate"))
        return json.dumps([*answers, await call(client, "record", id=first), await call(client, "gallery")])

    said = asked(work)
    with open_gallery(folder / "g") as gallery:
        for record in list_records(gallery).items:
            assert record.patient not in said
            assert Path(record.source).name not in said


def test_files_are_read_where_the_gallery_reads_its_own(folder: Path, asked: Work, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    PIL.Image.new("L", (32, 32), 128).save(outside)
    inside = next((folder / "pictures").glob("*.png"))

    async def work(client: Client) -> None:
        found = await call(client, "search", file=str(inside), k=2)
        assert len(found["hits"]) == 2
        behind_a_frame = f"{inside}#/../../../{outside.relative_to('/')}"
        for path in (outside, Path("/etc/passwd"), folder / "pictures" / ".." / ".." / "x.png", behind_a_frame):
            refused = await client.call_tool("search", {"file": str(path)})
            assert refused.is_error
            assert "outside of the folders" in refused.content[0].text

    asked(work)


def test_what_is_wrong_is_said_in_a_sentence_and_it_goes_on(asked: Work) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("search", {"id": "0" * 16}, "no record"),
        ("search", {}, "give"),
        ("search", {"id": "0" * 16, "k": 51}, "from 1 to 50"),
        ("records", {"where": "label="}, "filter"),
        ("records", {"limit": 0}, "from 1 to 50"),
        ("label", {"ids": ["0" * 16], "add": ["x"]}, "label"),
    ]

    async def work(client: Client) -> None:
        for tool, given, says in wrong:
            result = await client.call_tool(tool, given)
            assert result.is_error, tool
            assert says in result.content[0].text.lower()
            assert "Traceback" not in result.content[0].text
        assert (await call(client, "gallery"))["records"] == 12

    asked(work)


def test_only_a_part_is_there_and_labels_need_leave(folder: Path) -> None:
    with open_gallery(folder / "g") as gallery:
        ids = {each.id: each.labels for each in list_records(gallery).items}
    wanted = next(iter(ids.values()))[0]
    inside = [identity for identity, labels in ids.items() if wanted in labels]
    outside = next(identity for identity, labels in ids.items() if wanted not in labels)

    async def work(client: Client) -> str:
        assert {each["id"] for each in (await call(client, "records"))["items"]} == {*inside}
        refused = await client.call_tool("label", {"ids": [outside], "add": ["x"]})
        assert refused.is_error
        return str((await call(client, "label", ids=inside[:1], add=["seen"]))["undo"])

    undo = told(folder, work, "--where", f"label={wanted}", "--may-label")
    with open_gallery(folder / "g") as gallery:
        last = label_log(gallery, limit=1).items[0]
        assert (last.by, last.added, undo) == ("mcp", ("seen",), f"lookalike records undo {last.number}")
