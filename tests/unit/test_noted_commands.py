"""Which commands are noted in the audit log: a table that knows every command, and commands that do what it says."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import PIL.Image
import pytest
from click.testing import CliRunner

from conftest import texture
from lookalike import cli
from lookalike.audit_log.place import AUDIT_LOG, audit_place
from lookalike.audit_log.verify import verify_log
from lookalike.cli.noting import NOTED, noted_import
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

WORD = "zqxj"  # in every name that is given; no line may have it


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        assert found is not None
        yield from leaves(found, f"{name} {each}".strip())


def noted_as(command: click.Command) -> set[str]:
    """The kinds that a command's function notes."""
    body = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(command.callback))))  # type: ignore[arg-type]
    calls = [node for node in ast.walk(body) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    noted = {ast.literal_eval(call.args[0]) for call in calls if call.func.id == "note_command"}  # type: ignore[attr-defined]
    return noted | {"import" for call in calls if call.func.id == "noted_import"}  # type: ignore[attr-defined]


def test_every_command_notes_what_the_table_says() -> None:
    found = dict(leaves(cli.main))
    assert NOTED.keys() == found.keys()
    said = {name: {kind} if kind else set() for name, kind in NOTED.items()}
    assert {name: noted_as(command) for name, command in found.items()} == said


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv(AUDIT_LOG, str(tmp_path / "log"))
    return tmp_path / "log"


def lines(log: Path) -> list[dict[str, Any]]:
    place = audit_place(log)
    assert place is not None
    assert verify_log(place).faults == ()
    return [json.loads(line) for path in sorted(log.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_what_is_done_to_a_gallery_is_noted_without_a_name(tmp_path: Path, log: Path) -> None:
    """Counts, and ids of records; no path, no label, no word of what was typed."""
    scans = tmp_path / WORD
    scans.mkdir()
    for number in range(4):
        PIL.Image.fromarray(texture(number)).save(scans / f"{WORD}-{number}.png")
    gallery = str(tmp_path / f"{WORD}-gallery")

    def run(*words: str) -> Any:
        done = CliRunner().invoke(cli.main, [*words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    run("index", str(scans), "-g", gallery)
    run("index", str(scans), "-g", gallery)
    with open_gallery(gallery) as opened:
        ids, name = sorted(record.id for record in opened.store.records().values()), opened.store.id
    run("records", "label", ids[0], "--set", WORD, "-g", gallery)
    run("records", "export", "--out", str(tmp_path / f"{WORD}-out"), "--burned-in", "keep", "-g", gallery)
    run("gallery", "relocate", str(scans), str(tmp_path / f"{WORD}-new"), "-g", gallery)
    run("gallery", "key", gallery)
    run("gallery", "adopt", gallery)
    run("search", "--id", ids[0], "-g", gallery)
    run("records", "remove", ids[0], "-g", gallery)
    told = [(line["kind"], line["means"], line["gallery"] == name, line["detail"]) for line in lines(log)]
    assert told == [
        ("import", "command", True, {"what": "index", "added": 4}),
        ("import", "command", True, {"what": "index", "added": 0}),
        ("label", "command", True, {"change": 1}),
        ("export", "command", True, {"what": "cohort", "files": 4}),
        ("change-gallery", "command", True, {"what": "relocate", "files": 0}),
        ("export", "command", True, {"what": "key"}),
        ("change-gallery", "command", True, {"what": "adopt", "folders": 0}),
        ("erase", "command", True, {"removed": 1}),
    ]
    assert [line["records"] for line in lines(log) if line["kind"] in ("label", "erase")] == [[ids[0]], [ids[0]]]
    assert not any(WORD in path.read_text() for path in log.glob("*"))


def test_an_import_is_noted_however_it_ends(tmp_path: Path, log: Path) -> None:
    """What a look of many brought is noted at once; what has come before an error or Ctrl-C, too; nothing twice."""
    PIL.Image.fromarray(texture(0)).save(tmp_path / "a.png")
    PIL.Image.fromarray(texture(1)).save(tmp_path / "b.png")
    with open_gallery(tmp_path / "g", create=True) as gallery:
        with suppress(KeyboardInterrupt), noted_import(gallery, "pull") as note:
            note()
            assert lines(log) == []
            index(gallery, [tmp_path / "a.png"])
            note()
            assert [line["detail"] for line in lines(log)] == [{"what": "pull", "added": 1}]
            index(gallery, [tmp_path / "b.png"])
            raise KeyboardInterrupt
        with suppress(ValueError), noted_import(gallery, "pull"):
            raise ValueError("nothing has come")
    assert [line["detail"]["added"] for line in lines(log)] == [1, 1]
