"""What a newcomer reads is true: commands, options, targets and versions that the documents name exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

import lookalike
from lookalike import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_lines(document: Path) -> list[str]:
    """The lines of a document's code blocks that call lookalike, continued ones joined."""
    blocks = [code for kind, code in FENCE.findall(document.read_text(encoding="utf-8")) if kind in ("", "sh")]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("lookalike ")]


def command_names(group: click.Group = cli.main, words: tuple[str, ...] = ("lookalike",)) -> Iterator[str]:
    """Every command as one writes it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from command_names(command, (*words, name))
        else:
            yield " ".join((*words, name))


def parse(words: list[str]) -> None:
    """What click does with the words before the command runs. Raises click.UsageError."""
    command: click.Command = cli.main
    context = click.Context(command, info_name=words.pop(0))
    while isinstance(command, click.Group):
        _, words, _ = command.make_parser(context).parse_args(words)
        name, inner, words = command.resolve_command(context, words)
        assert inner is not None
        command = inner
        if not isinstance(command, click.Group):
            command.make_context(name, words, parent=context)


# The calls of extend.md need its plug-ins: tests/extend runs them.
CALLS = [(page.name, line) for page in DOCUMENTS if page.name != "extend.md" for line in shell_lines(page)]


def test_the_documents_call_the_command() -> None:
    names = {name for name, _ in CALLS}
    assert {"README.md", "server.md", "volumes.md", "protocols.md", "classify.md", "regions.md"} <= names
    assert len(CALLS) > 40


@pytest.mark.parametrize(("document", "line"), CALLS)
def test_a_documented_call_is_one_that_the_command_takes(document: str, line: str) -> None:
    words = shlex.split(line.partition(" > ")[0], comments=True)  # the shell takes what is behind it
    try:
        parse(words)
    except click.UsageError as error:
        pytest.fail(f"{document}: {line}\n{error.format_message()}")


def test_a_call_with_an_unknown_option_is_seen() -> None:
    with pytest.raises(click.NoSuchOption):
        parse(shlex.split("lookalike search q.png --gallery g --no-such-option"))


@pytest.mark.parametrize("name", sorted(command_names()))
def test_every_command_is_documented(name: str) -> None:
    assert any(name in document.read_text(encoding="utf-8") for document in DOCUMENTS), f"no document speaks of {name}"


def test_targets_that_documents_name_exist() -> None:
    made = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for document in DOCUMENTS:
        named = re.findall(r"`make ([a-z-]+)", document.read_text(encoding="utf-8"))
        assert set(named) <= set(made), document.name


def test_tests_that_documents_name_exist() -> None:
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"`(tests/[\w/.]+\.py)(?:::\w+)?`", document.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_one_version() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert lookalike.__version__ == declared == str(cited["version"])
    assert cited["license"] == "Apache-2.0"


def test_extras_that_documents_name_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for document in DOCUMENTS:
        for named in re.findall(r"(?:'\.|'?lookalike)\[([\w,]+)\]", document.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= set(extras), document.name


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_are_forms(form: Path) -> None:
    fields = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(fields)
    assert all(part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"} for part in fields["body"])
