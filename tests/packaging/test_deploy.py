"""What stands in deploy/ is true: its commands are ones that lookalike takes, its variables ones that are read, its
files have the form that systemd and Compose want, and the unit's own command line starts, answers and ends.

tests/packaging/test_image.py and test_compose.py build and start the whole; they take minutes.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jsonschema
import pytest
from composed import DEPLOY, compose_file
from served import make_gallery
from test_door import parse

from awaited import PATIENCE, eventually
from lookalike.configuration.table import SETTINGS
from lookalike.server.settings import PORT
from peers.ports import held_port

ROOT: Final = Path(__file__).parents[2]
UNITS: Final = sorted(DEPLOY.glob("*.service"))
OF_RAY: Final = sorted((DEPLOY / "ray").glob("*.service"))  # tests/packaging/test_unit.py starts the head
SERVICES: Final = compose_file()["services"]
OURS: Final = [name for name, each in SERVICES.items() if each["image"].startswith("localhost/lookalike:")]
VARIABLES: Final = {setting.variable for setting in SETTINGS}


def lines_of(unit: Path, name: str) -> list[str]:
    """The values of an option."""
    found = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return [str(each) for each in found]


def instructions(file: Path, name: str) -> list[str]:
    """What follows an instruction of a Containerfile, continued lines joined."""
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    return [str(each).strip() for each in re.findall(rf"^{name} (.*)$", text, re.MULTILINE)]


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """(where it stands, the words after ``lookalike``) of every call."""
    for unit in UNITS:
        for line in lines_of(unit, "ExecStart"):
            yield unit.name, [word for word in shlex.split(line)[1:] if not word.startswith("$")]
    yield "Containerfile", json.loads(instructions(DEPLOY / "Containerfile", "CMD")[-1])
    yield from ((f"compose.yaml: {name}", SERVICES[name]["command"]) for name in OURS)
    for line in (DEPLOY / "environment").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"#?(RECEIVE|PULL)_OPTIONS=(.*)", line):
            yield line, [found[1].lower(), *shlex.split(found[2])]


@pytest.mark.parametrize(("place", "words"), [*command_lines()])
def test_every_command_is_one_that_lookalike_takes(
    place: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_GALLERY", "g")  # as the unit, and the compose file, have it
    parse(["lookalike", *words])


def named_variables() -> Iterator[tuple[str, str]]:
    """(where, name) of every variable that is set for lookalike."""
    for unit in UNITS:
        yield from ((unit.name, line.partition("=")[0]) for line in lines_of(unit, "Environment"))
    for line in (DEPLOY / "environment").read_text(encoding="utf-8").splitlines():
        if (found := re.fullmatch(r"#?([A-Z_]+)=.*", line)) and not found[1].endswith("_OPTIONS"):
            yield "environment", found[1]
    yield from (("compose.yaml", name) for service in OURS for name in SERVICES[service]["environment"])
    for line in instructions(DEPLOY / "Containerfile", "ENV"):
        yield from (("Containerfile", name) for name in re.findall(r"(LOOKALIKE_\w+)=", line))


def test_every_variable_is_a_setting() -> None:
    named = [*named_variables()]
    assert len(named) > 12
    assert not [(place, name) for place, name in named if name not in VARIABLES]


def test_options_that_units_name_are_told_by_the_environment_file() -> None:
    told = (DEPLOY / "environment").read_text(encoding="utf-8")
    for unit in UNITS:
        for line in lines_of(unit, "ExecStart"):
            assert all(f"#{name}=" in told for name in re.findall(r"\$(\w+)", line)), unit.name


def test_units_are_equally_hardened() -> None:
    def hardening(unit: Path) -> list[str]:
        lines = unit.read_text(encoding="utf-8").partition("KillSignal=")[2].partition("[Install]")[0].splitlines()
        return [line for line in lines if line and not line.startswith(("#", "TimeoutStartSec="))]

    first, *others = map(hardening, UNITS)
    assert len(first) > 30
    assert all(each == first for each in others)


def test_the_kernels_confinement_of_decoders_is_let_through() -> None:
    calls = {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"}
    for unit in UNITS:
        assert calls <= set(lines_of(unit, "SystemCallFilter")[0].split()), unit.name
        assert "yes" in lines_of(unit, "NoNewPrivileges")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="not installed: systemd-analyze")
def test_systemd_takes_the_units_and_finds_them_closed(tmp_path: Path) -> None:
    for file in [*UNITS, DEPLOY / "lookalike-pull.timer", *OF_RAY]:
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(re.sub("/opt/lookalike/bin/(lookalike|ray)", sys.executable, text))
    files = sorted(tmp_path.iterdir())
    checked = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr.strip()) == (0, "")
    for unit in files:
        if unit.name in {each.name for each in UNITS}:
            rated = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
            judged = subprocess.run(rated, capture_output=True, text=True, check=False)
            assert judged.returncode == 0, judged.stdout[-300:]


def test_the_units_command_starts_answers_and_ends(tmp_path: Path) -> None:
    """As systemd starts it, with its places moved: another folder of state, and a port that is free."""
    unit = DEPLOY / "lookalike.service"
    make_gallery(tmp_path)
    port = held_port()
    text = "\n".join([*lines_of(unit, "Environment"), *_settings(DEPLOY / "environment")])
    moved = text.replace("/var/lib/lookalike/gallery", str(tmp_path / "g")).replace("/var/l", f"{tmp_path}/var/l")
    variables = dict(line.split("=", 1) for line in moved.splitlines())
    own = {**os.environ, **variables, "LOOKALIKE_PORT": str(port), "LOOKALIKE_CONFIG": os.environ["LOOKALIKE_CONFIG"]}
    lookalike = Path(sys.executable).with_name("lookalike")
    _add_key(lookalike, own)
    words = [str(lookalike), *shlex.split(lines_of(unit, "ExecStart")[0])[1:]]
    address = f"http://127.0.0.1:{port}/healthz"
    with (tmp_path / "log").open("w") as log, subprocess.Popen(words, env=own, stdout=log, stderr=log) as process:
        try:
            eventually(lambda: process.poll() is not None or _healthy(address))
            assert process.poll() is None, (tmp_path / "log").read_text()
            process.send_signal(getattr(__import__("signal"), lines_of(unit, "KillSignal")[0]))
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    assert not _healthy(address)


def _settings(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def _add_key(lookalike: Path, variables: dict[str, str]) -> None:
    """Behind a proxy there has to be one."""
    words = [lookalike, "keys", "add", "someone", "--role", "admin"]
    subprocess.run(words, env=variables, check=True, capture_output=True)


def _healthy(address: str) -> bool:
    done = subprocess.run([sys.executable, DEPLOY / "health.py", address], capture_output=True, text=True, check=False)
    assert address in done.stdout
    assert done.stderr == ""
    return done.returncode == 0


def test_compose_has_the_form_of_its_specification() -> None:
    place = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(compose_file(), json.loads(place.read_text(encoding="utf-8")))


def test_only_the_proxy_can_be_reached() -> None:
    file = compose_file()
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["proxy"]
    assert file["networks"]["back"]["internal"] is True
    assert all({*each["networks"]} <= {"back"} for name, each in SERVICES.items() if name != "proxy")
    assert not [name for name, each in SERVICES.items() if "network_mode" in each or each.get("privileged")]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert all(each.startswith("/tmp:size=") for each in service["tmpfs"])
    assert service["logging"]["options"]["max-size"]
    assert "healthcheck" in service or name in ("serve", "orthanc")  # the image's own; Orthanc's has no client


def test_secrets_are_files() -> None:
    file = compose_file()
    assert all(each.keys() == {"file"} for each in file["secrets"].values())
    secret = {setting.variable for setting in SETTINGS if setting.secret}
    assert not [name for service in OURS for name in SERVICES[service]["environment"] if name in secret]


def test_files_that_are_mounted_and_copied_are_there() -> None:
    for service in SERVICES.values():
        for source in (each.split(":")[0] for each in service.get("volumes", ())):
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in compose_file()["volumes"]
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for line in instructions(DEPLOY / "Containerfile", "COPY"):
        for source in line.split()[:-1]:
            assert line.startswith("--from=") or f"!{source.partition('/')[0]}" in let_through, line


def test_addresses_agree() -> None:
    """Whom the proxy trusts, whom the receiver lets in, and where Orthanc sends to, by the file's own addresses."""
    address = {name: each["networks"]["back"]["ipv4_address"] for name, each in SERVICES.items()}
    assert f"--trusted-proxy={address['proxy']}" in SERVICES["serve"]["command"]
    assert f"ORTHANC@{address['orthanc']}" in SERVICES["receive"]["command"]
    orthanc = json.loads((DEPLOY / "orthanc.json").read_text(encoding="utf-8"))
    title, host, port = orthanc["DicomModalities"]["lookalike"]
    assert (orthanc["DicomAet"], host) == ("ORTHANC", "receive")
    assert {title, str(port)} <= {*SERVICES["receive"]["command"]}
    proxy = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    asked = set(re.findall(r"proxy_pass http://([\w:]+)", proxy))
    assert asked == {f"serve:{PORT}", f"orthanc:{orthanc['HttpPort']}"}


def test_the_image_is_nobodys_and_checks_its_health() -> None:
    file = DEPLOY / "Containerfile"
    assert instructions(file, "USER") == ["10001:10001"]
    assert f"http://127.0.0.1:{PORT}/healthz" in instructions(file, "HEALTHCHECK")[0]
    assert str(PORT) in instructions(file, "EXPOSE")[0]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = next(line for line in instructions(file, "ARG") if line.startswith("EXTRAS="))
    assert set(named.removeprefix("EXTRAS=").split(",")) <= set(extras)


def test_the_timer_starts_a_unit_that_is_there() -> None:
    assert (DEPLOY / "lookalike-pull.timer").with_suffix(".service") in UNITS
