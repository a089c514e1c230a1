"""No option is lost between the command line and the function that does the work.

A table (``options.COMMANDS``) gives every option of every command a value that is not its default, and says what
the function must be told, or what must be seen. An option without a row fails, and so does a row without an option.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import click
import PIL.Image
import pytest
from click.testing import CliRunner, Result
from options import COMMANDS, GOES_ON, VERBS, Shown, Told

import lookalike
from conftest import texture
from lookalike import cli
from lookalike.evaluation.protocols.protocol import PRECISION, PROTOCOL_GROUP
from lookalike.plugins import plugin_names
from lookalike.verbs.curation.readings import give_readings, start_round
from lookalike.verbs.jobs import submit_job

PICTURES = 24


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands for the places in the words: pictures of twelve people, and two galleries."""
    base = tmp_path_factory.mktemp("options")
    folder, rows = base / "pictures", ["file,label,patient_id,who,site"]
    folder.mkdir()
    for i in range(PICTURES):
        PIL.Image.fromarray(texture(i)).save(folder / f"p{i:02}.png")
        rows.append(f"p{i:02}.png,{'odd' if i % 2 else 'even'},patient-{i // 2},w{i},{'north' if i % 3 else 'south'}")
    for name in ("labels.csv", "other.csv"):
        (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    with lookalike.open(base / "g", create=True) as gallery:
        lookalike.index(gallery, [folder], labels=folder / "labels.csv", patches=True)
        identity = min(record.id for record in gallery.store.records().values())
        lookalike.save_cohort(gallery, "c", every=True)
        for reader in ("anna", "ben"):
            give_readings(gallery, "r", [identity], labels=["even"], reader=reader)
        job = submit_job(gallery, "audit", {}, "anna").id
        start_round(gallery, "r2", [identity], labels=["even"], readers=["anna", "ben"])
    with lookalike.open(base / "other", create=True) as other:
        lookalike.index(other, [folder / "p00.png"])
    shutil.copytree(folder, base / "more")
    names = {
        "more": base / "more",
        "job": job,
        "g": base / "g",
        "other": base / "other",
        "folder": folder,
        "table": folder / "labels.csv",
    }
    names |= {"picture": folder / "p03.png", "picture2": folder / "p04.png"}
    return {**{name: str(path) for name, path in names.items()}, "id": identity}


@pytest.fixture
def here(places: dict[str, str], tmp_path: Path) -> dict[str, str]:
    return {**places, "out": str(tmp_path / "out")}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a watched function gives back where a run would take too long. Its class has what commands note of an answer
    in the audit log, which is not shown.
    """

    value: int = 7
    change: ClassVar[int] = 0
    changed: ClassVar[int] = 0
    records: ClassVar[int] = 0
    relocated: ClassVar[int] = 0
    encoded: ClassVar[int] = 0
    accepted: ClassVar[bool] = True
    cases: ClassVar[tuple[str, ...]] = ()
    cohort: ClassVar[Any] = SimpleNamespace(version=0)
    members: ClassVar[int] = 0
    number: ClassVar[int] = 0


class Watched:
    """The functions of ``VERBS`` in every module that names them: the first call is noted, and the command ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Answer | None = None) -> None:
        self.told: list[dict[str, Any]] = []
        self._answer = answer
        leaves()  # so that every command is loaded, and nobody imports what stands in for a function
        for name, function in watchable():
            instead = self._instead_of(name, function)
            for loaded, said in holders(len(sys.modules))[id(function)]:
                monkeypatch.setattr(loaded, said, instead)

    def _instead_of(self, name: str, function: Any) -> Any:
        signature = inspect.signature(function)

        def instead(*arguments: Any, **options: Any) -> Any:
            bound = signature.bind(*arguments, **options)
            bound.apply_defaults()
            self.told.append(dict(bound.arguments))
            if name in GOES_ON:
                return function(*arguments, **options)
            if self._answer is None:
                raise click.exceptions.Exit(0)
            if "say" in bound.arguments and name == "serve":
                return bound.arguments["say"]("http://127.0.0.1:1/")
            return self._answer

        return instead

    def values(self, keywords: str) -> list[Any]:
        """What any of the names stands for, in what the functions were told or in a value among that."""
        return [value for told in self.told for name, value in _named(told) if name in keywords.split()]


@cache
def holders(_modules: int) -> Mapping[int, Sequence[tuple[ModuleType, str]]]:
    """The modules that name each function of ``VERBS``, and how; by its id. Looked for anew when more are loaded."""
    found: dict[int, list[tuple[ModuleType, str]]] = {id(function): [] for _name, function in watchable()}
    for loaded in [m for key, m in sys.modules.items() if key.split(".")[0] == "lookalike"]:
        for said, value in vars(loaded).items():
            if id(value) in found:
                found[id(value)].append((loaded, said))
    return found


@cache
def watchable() -> list[tuple[str, Any]]:
    """The functions of ``VERBS``."""
    homes = [home.split(":") for home in VERBS]
    return [(name, getattr(importlib.import_module(module), name)) for module, name in homes]


def _named(values: Any, depth: int = 6) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(values) and not isinstance(values, type):
        values = {each.name: getattr(values, each.name, None) for each in dataclasses.fields(values)}
    if isinstance(values, list | tuple) and depth:
        for value in values:
            yield from _named(value, depth - 1)
    if not isinstance(values, Mapping) or depth == 0:
        return
    for name, value in values.items():
        yield str(name), value
        yield from _named(value, depth - 1)


def plain(value: Any) -> Any:
    """Paths as text, sequences as tuples, so that values can be compared."""
    if isinstance(value, Path):
        return str(value)
    return tuple(map(plain, value)) if isinstance(value, list | tuple | set | frozenset) else value


def stands(value: Any, wanted: Any) -> bool:
    """Whether it is the value, or one of several."""
    value = plain(value)
    return bool(value == wanted and type(value) is type(wanted)) or (isinstance(value, tuple) and wanted in value)


def filled(words: str, places: Mapping[str, str]) -> list[str]:
    return [word.format_map(places) for word in words.split()]


def run(name: str, words: list[str]) -> Result:
    return CliRunner().invoke(cli.main, [*name.split(), *words])


@cache
def leaves() -> dict[str, click.Command]:
    """Every command that does something, by the words that call it."""
    context, found = click.Context(cli.main), {}
    for name in cli.main.list_commands(context):
        command = cli.main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {f"{name} {word}": command.commands[word] for word in command.commands}
        else:
            found[name] = command
    return found


def name_of(parameter: click.Parameter) -> str:
    """The longest name of an option; of ``-k`` alone too as ``--k``; the name of an argument."""
    if isinstance(parameter, click.Argument):
        return str(parameter.name)
    return "--" + max(parameter.opts, key=len).lstrip("-")


@cache
def offered(name: str, words: str) -> set[str]:
    """The options that a command has when it is called like this: those of ``evaluate`` hang on the protocol."""
    command = leaves()[name]
    context = command.make_context(name, words.split(), resilient_parsing=True)
    return {name_of(each) for each in command.get_params(context)} - {"--help"}


def test_every_option_of_every_command_has_a_row() -> None:
    assert set(leaves()) == set(COMMANDS)
    for name, command in COMMANDS.items():
        found = [offered(name, words) for words in command.modes.values()]
        assert set.union(*found) == set(command.options), name
    other = COMMANDS["evaluate"].options["--protocol"]
    assert isinstance(other, Told)
    assert set(plugin_names(PROTOCOL_GROUP)) == {*COMMANDS["evaluate"].modes, PRECISION, other.value} - {"", "outside"}


LONG = [("demo", "--json")]  # the whole job, for one line
ROWS = [
    pytest.param(
        name,
        mode,
        option,
        id=" ".join(filter(None, (name, mode, option))),
        marks=pytest.mark.slow if (name, option) in LONG else (),
    )
    for name, command in COMMANDS.items()
    for mode, words in command.modes.items()
    for option in command.options
    if option in offered(name, words)
]
TELLING = [row for row in ROWS if isinstance(COMMANDS[row.values[0]].options[row.values[2]], Told)]
SHOWING = [
    row
    for row in ROWS
    if isinstance(COMMANDS[row.values[0]].options[row.values[2]], Shown)
    and row.values[2] not in COMMANDS[row.values[0]].not_heard.get(row.values[1], ())
]


@pytest.mark.parametrize(("name", "mode", "option"), TELLING)
def test_the_function_is_told(
    name: str, mode: str, option: str, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = COMMANDS[name]
    row = command.options[option]
    assert isinstance(row, Told)
    wanted = row.value.format_map(here) if isinstance(row.value, str) else row.value
    watched = Watched(monkeypatch)
    plainly = filled(command.modes[mode], {**here, "out": here["out"] + "-plain"})
    run(name, plainly if row.words else [word for word in plainly if word != str(wanted)])
    assert not any(stands(value, wanted) for value in watched.values(row.keyword)), "this is the default"
    watched.told.clear()
    done = run(name, filled(f"{command.modes[mode]} {row.words}", here))
    heard = any(stands(value, wanted) for value in watched.values(row.keyword))
    if option in command.not_heard.get(mode, ()):
        assert not heard, "it is heard: take it out of not_heard"
        return
    assert done.exit_code == 0, done.output
    assert heard, f"{row.keyword} is {watched.values(row.keyword)}"


@pytest.mark.parametrize(("name", "mode", "option"), SHOWING)
def test_the_output_is_as_asked(
    name: str, mode: str, option: str, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = COMMANDS[name]
    row = command.options[option]
    assert isinstance(row, Shown)
    if row.kind == "elsewhere":
        file, test = row.has.split("::")
        (found,) = Path(__file__).parents[1].rglob(file)
        assert f"def {test}(" in found.read_text(encoding="utf-8")
        return
    if name == "keys remove":
        assert run("keys add", filled("gone --gallery {g}", here)).exit_code == 0
    if command.answer:
        Watched(monkeypatch, Answer())
    words = filled(command.modes[mode], here)
    done = run(name, [*words, *filled(row.words, here)])
    assert done.exit_code == 0, done.output
    if row.kind == "json":
        assert json.loads(done.stdout) is not None
        assert not command.answer or json.loads(done.stdout) in ({"value": 7}, {"address": "http://127.0.0.1:1/"})
        return
    written = [Path(word) for word in filled(row.words, here) if word.startswith(here["out"])]
    assert all(path.is_file() for path in written)
    if row.kind == "picture":
        with PIL.Image.open(written[0]) as picture:
            assert (picture.format, min(picture.size) > 50) == ("PNG", True)
        return
    assert row.has in (written[0].read_text(encoding="utf-8") if written else done.stdout)
    assert row.has not in (plainly := run(name, words)).stdout or written
    assert plainly.exit_code == 0
