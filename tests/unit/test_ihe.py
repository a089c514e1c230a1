"""docs/ihe.md claims nothing that no test shows."""

from __future__ import annotations

import re

import click

from lookalike.cli import main
from pages import rows_under, text_of

PAGE = "ihe.md"


def _rows() -> list[dict[str, str]]:
    headings = re.findall(r"^## (.+)$", text_of(PAGE), re.MULTILINE)
    return [row for heading in headings for row in rows_under(PAGE, heading)]


def test_whatever_is_there_names_its_test_and_its_command() -> None:
    for row in _rows():
        assert row["How far"] in ("yes", "partly", "no")
        claimed = row["How far"] != "no"
        assert bool(row["Test"]) == bool(row["Command"]) == claimed, row
        assert row["What, and what is missing"] or not claimed, row


def test_every_command_that_it_names_is_there() -> None:
    context = click.Context(main)
    for said in (text for row in _rows() for text in re.findall(r"`([^`]+)`", row["Command"])):
        name, *rest = said.split()
        command = main.get_command(context, name)
        assert command is not None, said
        if isinstance(command, click.Group) and rest:
            command = command.get_command(context, rest.pop(0))
            assert command is not None, said
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, said
