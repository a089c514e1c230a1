"""Settings: each is declared once, the ways to give one are ranked, and what is wrong is said in lines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner, Result

import lookalike
from lookalike import cli
from lookalike.cli import pull, receive
from lookalike.configuration.file import ConfigFile, read_config_file
from lookalike.configuration.printed import settings_table
from lookalike.configuration.resolve import fill_environment, heed_config, resolve, setting_value
from lookalike.configuration.setting import GalleryPlace, Setting, as_text, read_text, read_value
from lookalike.configuration.table import SETTINGS
from lookalike.errors import UsageError
from lookalike.server.configured import configure, server_settings
from lookalike.server.settings import ServerSettings
from started import ran

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(lookalike.__file__).parent
KNOWN: Final = {each.variable for each in SETTINGS}
SECRET: Final = "c0ffee" * 10 + "c0fe"


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any of the variables, which is put back as it was; and a configuration of its own."""
    for name in KNOWN:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(tmp_path / "keys"))
    monkeypatch.setenv("COLUMNS", "1000")


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "lookalike.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def of_kind(setting: Setting, at: int) -> Any:
    """Four values that a setting may have, none of them its default, as the file gives them."""
    name = f"v{at}"
    if setting.among and setting.kind == "text":
        return setting.among[-1]
    return {
        "text": name,
        "whole": int(setting.least or 0) + 7 + at,
        "number": float((setting.least or 0) + 1 + at),
        "switch": True,
        "file": f"/x/{name}",
        "folder": f"/x/{name}",
        "texts": [name, f"{name}=a b"],
        "folders": {name: f"/x/{name}"},
        "galleries": {name: {"path": f"/x/{name}"}},
    }[setting.kind]


def as_option(setting: Setting, given: Any) -> Any:
    """As ``lookalike serve`` is told."""
    if setting.kind == "galleries":
        return [f"{name}={table['path']}" for name, table in given.items()]
    return [f"{name}={folder}" for name, folder in given.items()] if setting.kind == "folders" else given


# One declaration


def test_every_variable_that_the_source_names_is_declared() -> None:
    """And every one that is declared for all commands is read by some."""
    texts = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if "configuration" not in path.parts]
    named = {name for text in texts for name in re.findall(r"LOOKALIKE_[A-Z][A-Z_]*", text)}
    beginnings = {name for name in named if name.endswith("_")}
    assert named - beginnings <= KNOWN
    assert all(any(known.startswith(each) for known in KNOWN) for each in beginnings)
    quoted = {name for text in texts for name in re.findall(r'"(LOOKALIKE_[A-Z_]*)"', text)}
    unread = {each.variable for each in SETTINGS if each.everywhere} - quoted
    asked = {key for text in texts for key in re.findall(r'setting_(?:value|default)\("([a-z_.]+)"\)', text)}
    by_key = {each.variable for each in SETTINGS if each.key in asked}
    assert {name for name in unread - by_key if not name.startswith("LOOKALIKE_PACS_")} <= {"LOOKALIKE_CONFIG_FILE"}


def test_variables_of_documents_are_declared() -> None:
    of_tests = re.compile(r"LOOKALIKE_(TEST_|TUTORIAL_|ENDURANCE|DAMAGES|NO_SKIPS|COMPLETE)")  # the last is click's
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        named = set(re.findall(r"(?<!_)LOOKALIKE_[A-Z_]*[A-Z]", page.read_text("utf-8")))
        assert {name for name in named if not of_tests.match(name)} <= KNOWN, page.name


def test_nothing_is_declared_twice() -> None:
    for names in ("key", "variable", "flag"):
        found = [getattr(each, names) for each in SETTINGS if getattr(each, names)]
        assert len(found) == len(set(found))
    assert all(each.about and each.variable.startswith("LOOKALIKE_") for each in SETTINGS)


def test_the_page_has_the_table() -> None:
    """If this fails: ``python -m lookalike.configuration``, into docs/configuration.md."""
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert "\n".join(settings_table()) in page


def test_the_example_of_the_page_is_one_that_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    read = read_config_file(written(tmp_path, example))
    assert read.problems == ()
    found, problems = resolve({}, {}, read)
    assert problems == ()
    assert [place.name for place in server_settings(found).galleries] == ["chest", "head"]


def test_without_anything_the_server_has_its_defaults() -> None:
    found, problems = resolve({}, {}, ConfigFile())
    assert problems == ()
    assert server_settings(found) == ServerSettings()


# Which way counts


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.key)
def test_option_before_variable_before_file_before_default(setting: Setting) -> None:
    values = [of_kind(setting, at) for at in range(3)]
    read = [read_value(setting, value) for value in values]
    options = {setting.key: as_option(setting, values[0])}
    environment = {setting.variable: as_text(setting, read[1])}
    file = ConfigFile(Path("/x"), {setting.key: read[2]})
    ways = (
        (options, environment, file, "option", read[0]),
        ({}, environment, file, "environment", read[1]),
        ({}, {setting.variable: "  "}, file, "file", read[2]),
        ({setting.key: None}, {}, ConfigFile(), "default", setting.otherwise),
    )
    for option, variables, given, origin, value in ways:
        found, problems = resolve(option, variables, given)
        assert problems == ()
        assert (found[setting.key].origin, found[setting.key].value) == (origin, value)
        others = [each for key, each in found.items() if key != setting.key]
        assert all(each.origin == "default" for each in others)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.key)
def test_a_value_survives_the_way_through_a_variable(setting: Setting) -> None:
    value = read_value(setting, of_kind(setting, 1))
    assert read_text(setting, as_text(setting, value)) == value


def test_receive_and_pull_heed_the_file_and_options_count_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_receive = '[receive]\naet = "WARD"\nallow = ["PACS1@10.1.2.3", "10.1.7.0/24"]\nstable = 45\n'
    path = written(tmp_path, f"{of_receive}[pull]\nrate = 20\n")
    monkeypatch.setenv("LOOKALIKE_CONFIG_FILE", str(path))
    heed_config()
    heeded = {"aet": "WARD", "allow": ("PACS1@10.1.2.3", "10.1.7.0/24"), "stable": 45.0, "port": 11112}
    asked: tuple[tuple[click.Command, list[str], dict[str, Any]], ...] = (
        (receive.command, [], heeded),
        (receive.command, ["--aet", "OTHER", "--allow", "10.0.0.1"], {"aet": "OTHER", "allow": ("10.0.0.1",)}),
        (pull.command, [], {"rate": 20.0, "at_once": 4, "stable": 60.0}),
        (pull.command, ["--rate", "0"], {"rate": 0.0}),
    )
    for command, words, told in asked:
        found = command.make_context("command", ["--gallery", "g", *words]).params
        assert {name: found[name] for name in told} == told


def test_several_values_in_a_variable() -> None:
    grants = next(each for each in SETTINGS if each.key == "access.grants")
    assert read_text(grants, "a=reader; b=reader:site=north ;") == ("a=reader", "b=reader:site=north")
    assert read_text(grants, "a=reader:x='1;2'\n") == ("a=reader:x='1;2'",)
    galleries = next(each for each in SETTINGS if each.key == "galleries")
    assert read_text(galleries, "/data/chest") == (GalleryPlace("chest", Path("/data/chest")),)
    assert read_text(galleries, "ct=/a;/b/mr") == (GalleryPlace("ct", Path("/a")), GalleryPlace("mr", Path("/b/mr")))


def test_paths_of_the_file_are_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, '[galleries.chest]\npath = "g"\nroots = ["in"]\n[server]\ntls_cert = "cert.pem"\n')
    monkeypatch.chdir("/")
    values = read_config_file(path).values
    assert values["server.tls_cert"] == tmp_path / "cert.pem"
    assert values["galleries"] == (GalleryPlace("chest", tmp_path / "g", roots=(tmp_path / "in",)),)


def test_the_file_lies_in_the_folder_of_keys_or_where_a_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    assert read_config_file() == ConfigFile()
    written(tmp_path / "keys", "[server]\nport = 1\n")
    assert read_config_file().values == {"server.port": 1}
    monkeypatch.setenv("LOOKALIKE_CONFIG_FILE", str(written(tmp_path, "[server]\nport = 2\n")))
    assert read_config_file().values == {"server.port": 2}
    monkeypatch.setenv("LOOKALIKE_CONFIG_FILE", str(tmp_path / "none.toml"))
    assert "there is no file" in read_config_file().problems[0]


def test_commands_and_what_they_start_heed_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, '[pacs]\nsources = ["dicomweb+https://p.example/x;y"]\nviewer = "https://v.example"\n')
    environment: dict[str, str] = {"LOOKALIKE_VIEWER": "https://mine.example"}
    fill_environment(read_config_file(tmp_path / "lookalike.toml"), environment)
    assert setting_value("pacs.sources", environment) == ("dicomweb+https://p.example/x;y",)
    assert environment["LOOKALIKE_VIEWER"] == "https://mine.example"  # the variable comes first
    command = "import os; from lookalike.cli import main; main(['doctor', '--json'], standalone_mode=False)\n"
    told = "print(os.environ['LOOKALIKE_VIEWER'])"
    monkeypatch.setenv("LOOKALIKE_CONFIG_FILE", str(tmp_path / "lookalike.toml"))
    done = ran("-c", command + told)
    assert done.stdout.splitlines()[-1] == "https://v.example", done.stderr


def test_a_service_has_what_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[server]\nport = 9\nhost = "::1"\n[imports]\nnew = "."\n[access]\ngrants = ["a=reader@chest"]\n'
    path = written(tmp_path, text + f'[oidc]\nissuer = "https://i.example"\nclient = "c"\nsecret = "{SECRET}"\n')
    monkeypatch.setenv("LOOKALIKE_PORT", "10")
    settings = configure({"server.host": "127.0.0.1"}, path)
    assert (settings.host, settings.port, settings.imports) == ("127.0.0.1", 10, {"new": tmp_path})
    assert settings.people.oidc is not None
    assert (settings.people.oidc.client_secret, settings.people.grants[0].grant.gallery) == (SECRET, "chest")
    assert SECRET not in repr(settings)


# What is wrong


def checked(path: Path, *more: str, code: int = 1) -> Result:
    done = CliRunner().invoke(cli.main, ["config", "check", "--config", str(path), *more])
    assert done.exit_code == code, done.output
    return done


WRONG: Final[Mapping[str, tuple[str, str]]] = {
    "unknown key": ("[server]\nprot = 1", "no setting is called server.prot. Did you mean 'server.port'?"),
    "unknown table": ("[sever]\nport = 1", "no setting is called sever. Did you mean 'server'?"),
    "no table": ("port = 1", "no setting is called port."),
    "a table as a value": ("server = 1", "server is a table: [server]"),
    "text for a number": ('[server]\nport = "8000"', "server.port is a whole number from 0 to 65535; got '8000'"),
    "truth for a number": ("[server]\nport = true", "server.port is a whole number from 0 to 65535; got True"),
    "too large": ("[server]\nport = 70000", "server.port is a whole number from 0 to 65535; got 70000"),
    "no number": ("[oidc]\ncheck_seconds = nan", "oidc.check_seconds is a number from 0 to 3600; got nan"),
    "text for a list": ('[access]\ngrants = "a=reader"', "access.grants is a list of texts"),
    "text for a truth": ('[server]\nbehind_proxy = "yes"', "server.behind_proxy is true or false; got 'yes'"),
    "number for a text": ("[server]\nhost = 1", "server.host is a text; got 1"),
    "gallery without a path": ('[galleries.x]\ntitle = "X"', "[galleries.x] with path"),
    "gallery with more": ('[galleries.x]\npath = "."\ncolour = 1', "[galleries.x] with path"),
    "gallery of a bad name": ('[galleries."a/b"]\npath = "."', "a table each, [galleries.NAME]"),
    "gallery that is not there": ('[galleries.x]\npath = "none"', "make one: lookalike index FOLDER --gallery"),
    "import that is not there": ('[imports]\nnew = "none"', "imports.new: there is no folder"),
    "certificate without a key": ('[server]\ntls_cert = "lookalike.toml"', "TLS needs both a certificate and its key"),
    "file that is not there": ('[server]\ntls_cert = "a.pem"\ntls_key = "b.pem"', "server.tls_key: there is no file"),
    "grant of no role": ('[access]\ngrants = ["a=boss"]', "a grant is VALUE=ROLE"),
    "network without TLS": ('[server]\nhost = "0.0.0.0"', "needs TLS"),
    "viewer that is none": ('[pacs]\nviewer = "javascript:1"', "LOOKALIKE_VIEWER is an http or https address"),
    "destination without a name": ('[pacs]\nsend_to = ["dimse://A@b:104"]', "LOOKALIKE_SEND_TO holds NAME=WHERE"),
    "engine that is none": ('[engine]\naddress = "milvus://x"', "an engine is embedded or milvus://HOST:PORT"),
    "store that is none": ('[store]\nurl = "mysql://a@b/c"', "a store of the kind 'mysql' is not known"),
    "no TOML": ("[server\nport = 1", "lookalike.toml is no TOML (line 1)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, name: str) -> None:
    text, says = WRONG[name]
    path = written(tmp_path, text + "\n")
    out = checked(path).output
    assert says in out, out
    assert json.loads(checked(path, "--json").stdout)["problems"]


def test_nothing_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    path = written(tmp_path, '[galleries.chest]\npath = "g"\n[server]\nport = 0\n')
    assert "nothing is wrong" in checked(path, code=0).output
    path.chmod(0o644)  # it holds no secret
    assert "nothing is wrong" in checked(path, code=0).output


def test_what_others_may_write_or_read(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch(0o644)
    text = f'[imports]\nnew = "new"\n[server]\ntls_cert = "c.pem"\ntls_key = "k.pem"\n[pacs]\ntoken = "{SECRET}"\n'
    path = written(tmp_path, text, 0o640)
    (tmp_path / "k.pem").chmod(0o600)
    assert "nothing is wrong" in checked(path, code=0).output
    for change, mode, says in (
        ("lookalike.toml", 0o644, "holds pacs.token, and everybody may read it"),
        ("lookalike.toml", 0o660, "may be written to by others"),
        ("k.pem", 0o644, "server.tls_key: everybody may read"),
        ("c.pem", 0o646, "server.tls_cert: everybody may write to"),
        ("new", 0o777, "imports.new: everybody may write to"),
        (".", 0o777, "everybody may put another file in the place of"),
    ):
        before = (tmp_path / change).stat().st_mode
        (tmp_path / change).chmod(mode)
        out = checked(path).output
        assert says in out, out
        assert "1 problem." in out
        (tmp_path / change).chmod(before)


def test_no_secret_is_ever_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file, of the right kind and of a wrong one; in variables; in a file that is no TOML."""
    secrets = [each for each in SETTINGS if each.secret]
    assert len(secrets) > 5
    tables = "[oidc]\nsecret = %s\n[pacs]\ntoken = %s\n"
    texts = [tables % (each, each) for each in (f'"{SECRET}"', f'["{SECRET}"]', f'"{SECRET}')]
    for text in texts:
        path = written(tmp_path, text, 0o644)
        for words in (["check"], ["check", "--json"], ["show"], ["show", "--json"]):
            done = CliRunner().invoke(cli.main, ["config", *words, "--config", str(path)])
            assert SECRET not in done.output
        with pytest.raises(UsageError) as error:
            configure({}, path)
        assert SECRET not in str(error.value)
    for each in secrets:
        monkeypatch.setenv(each.variable, SECRET)
    shown = CliRunner().invoke(cli.main, ["config", "show", "--json"]).stdout
    assert SECRET not in shown
    values = {each["key"]: (each["value"], each["origin"]) for each in json.loads(shown)["settings"]}
    assert {values[each.key] for each in secrets} == {("***", "environment")}


def test_a_service_does_not_start_with_a_wrong_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[server]\nprot = 1\nport = true\n")
    done = CliRunner().invoke(cli.main, ["serve", "--config", str(path)])
    assert done.exit_code == 1
    assert "server.prot" in done.output
    assert f"(1 more); see: lookalike config check --config {path}" in done.output
    for words in (["--config", str(path), "encoders", "list"], ["--config", str(path), "keys", "list", "-g", "g"]):
        assert "server.prot" in CliRunner().invoke(cli.main, words).output


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_PORT", "many")
    done = CliRunner().invoke(cli.main, ["config", "check", "--json"])
    assert json.loads(done.stdout)["problems"] == [
        "LOOKALIKE_PORT: server.port is a whole number from 0 to 65535; got 'many'"
    ]
