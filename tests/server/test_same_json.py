"""Python, command and HTTP answer with the same JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from served import Server, make_gallery, serving, to_json

import lookalike
from started import ran


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(make_gallery(tmp_path_factory.mktemp("served"))) as running:
        yield running


def by_name(value: Any) -> Any:
    """The same without what may differ: paths become file names, seconds are left out."""
    if isinstance(value, dict):
        named = {name: by_name(each) for name, each in value.items() if name != "seconds"}
        return {**named, **{n: Path(named[n]).name for n in ("source", "query") if isinstance(named.get(n), str)}}
    return [by_name(each) for each in value] if isinstance(value, list) else value


def command(server: Server, *arguments: str) -> Any:
    return json.loads(ran(*arguments, "--gallery", server.folder, "--json").stdout)


def in_python(server: Server, verb: str, *arguments: Any, **options: Any) -> Any:
    with lookalike.open(server.folder) as gallery:
        return to_json(asdict(getattr(lookalike, verb)(gallery, *arguments, **options)))


def test_search_by_file(server: Server) -> None:
    path = server.folder.parent / "pictures" / "p03.png"
    body = {"query": {"image": server.upload(path)}, "k": 4, "where": "site=north", "group_by": "patient"}
    over_http = server.post("/search", body).json()
    by_command = command(server, "search", str(path), "-k", "4", "--where", "site=north", "--one-per-patient")
    by_python = in_python(server, "search", path, k=4, where="site=north", group_by="patient")
    assert len(over_http["hits"]) == 3
    assert over_http["seconds"].keys() >= {"open", "search", "fetch"}
    assert by_name(over_http) == by_name(by_command) == by_name(by_python)


def test_search_by_examples(server: Server) -> None:
    first, second, third = (one["id"] for one in server.get("/records", params={"limit": 3}).json()["items"])
    body = {"query": {"ids": [first]}, "k": 5, "positive": [second], "negative": [third]}
    over_http = server.post("/search", body).json()
    by_command = command(server, "search", "--id", first, "-k", "5", "--like", second, "--unlike", third)
    by_python = in_python(server, "search", id=first, k=5, positive=[second], negative=[third])
    assert by_name(over_http) == by_name(by_command) == by_name(by_python)


def test_classify(server: Server) -> None:
    first = server.get("/records", params={"limit": 1}).json()["items"][0]["id"]
    over_http = server.post("/classify", {"query": {"ids": [first]}, "method": "knn", "k": 3}).json()
    by_command = command(server, "classify", "--id", first, "--method", "knn", "-k", "3")
    by_python = in_python(server, "classify", id=first, method="knn", k=3)
    assert by_name(over_http) == by_name(by_command) == by_name(by_python)
