"""The services of a compose file in boxes of this machine: with the file's commands, environment, mounts, secrets,
temporary file systems, addresses and names. ``boxes`` says what such a box lacks of a container.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from boxes import ROOT, Box, Boxed, boxed, in_network, ip, network

DEPLOY = ROOT / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True)
class Image:
    """What stands for a service's image. command: what the service's is put behind (the entry point). health: its own
    check, without CMD.
    """

    box: Box
    health: tuple[str, ...] = ()


@dataclass
class Composed:
    """What runs. hub: the network of the machine that it runs on."""

    hub: int
    services: dict[str, Boxed] = field(default_factory=dict)

    def outside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the machine that the services run on."""
        return in_network(self.hub, *command)


def compose_file(name: str = "compose.yaml", **variables: str) -> dict[str, Any]:
    """A file as it is read: merged and with its variables replaced."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return dict(yaml.safe_load(_VARIABLE.sub(lambda found: variables.get(found[1], found[2]), text)))


@contextmanager
def composed(file: Mapping[str, Any], images: Mapping[str, Image], work: Path) -> Iterator[Composed]:
    """Start every service in the order that the file asks for. images: by service. work: where the secrets are; volumes
    and logs come there.
    """
    with ExitStack() as stack:
        running = Composed(stack.enter_context(network()))
        ip(running.hub, "link add hub type bridge", "addr add 172.30.7.1/24 dev hub", "link set hub up")
        for name in _in_order(file["services"]):
            own = stack.enter_context(network())
            port = f"port{len(running.services)}"
            ip(running.hub, f"link add {port} type veth peer name eth0 netns {own}", f"link set {port} master hub up")
            ip(own, f"addr add {address(file['services'][name])}/24 dev eth0", "link set eth0 up")
            for other in _awaited(file["services"][name]):
                _await_health(running.services[other], health(file["services"][other], images[other]))
            box = _box(name, file, images[name].box, work)
            running.services[name] = stack.enter_context(boxed(box, own, work / name))
        yield running


def address(service: Mapping[str, Any]) -> str:
    """Where others reach a service."""
    return str(service["networks"]["back"]["ipv4_address"])


def health(service: Mapping[str, Any], image: Image) -> tuple[str, ...]:
    """The words of a health check: the file's, else the image's."""
    return tuple(service.get("healthcheck", {}).get("test", ("CMD", *image.health))[1:])


def _in_order(services: Mapping[str, Any]) -> list[str]:
    asked = {name: {*each.get("depends_on", {})} for name, each in services.items()}
    return list(TopologicalSorter(asked).static_order())


def _awaited(service: Mapping[str, Any]) -> list[str]:
    asked = service.get("depends_on", {})
    return [name for name, how in asked.items() if how["condition"] == "service_healthy"]


def _await_health(service: Boxed, command: tuple[str, ...]) -> None:
    end = time.monotonic() + 300
    while (done := service.run(*command)).returncode:
        assert service.process.poll() is None, f"{command}: {done.stdout}{done.stderr}\n{service.said()}"
        assert time.monotonic() < end, f"{command}: {done.stdout}{done.stderr}\n{service.said()}"
        time.sleep(0.5)


def _box(name: str, file: Mapping[str, Any], image: Box, work: Path) -> Box:
    service = file["services"][name]
    return replace(
        image,
        command=[*image.command, *service["command"]],
        environment={**image.environment, **service.get("environment", {})},
        mounts=[*image.mounts, *_mounts(service, file, work)],
        scratch=dict(each.split(":", 1) for each in service.get("tmpfs", ())),
        hosts={other: address(each) for other, each in file["services"].items()},
    )


def _mounts(service: Mapping[str, Any], file: Mapping[str, Any], work: Path) -> Iterator[tuple[str, Path, str]]:
    """A named volume is a folder of the work's, a secret a file there, and the rest lies beside the compose file."""
    for each in service.get("volumes", ()):
        source, place, mode = [*each.split(":"), "rw"][:3]
        yield place, work / "volumes" / source if source in file["volumes"] else (DEPLOY / source).resolve(), mode
    for secret in service.get("secrets", ()):
        yield f"/run/secrets/{secret}", work / Path(file["secrets"][secret]["file"]).name, "ro"
