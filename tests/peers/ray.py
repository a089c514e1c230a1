"""A real Ray cluster of several hosts: each is a network namespace of its own, where everything can be killed at once.

The hosts are joined by a bridge and reach nobody else. Whoever is to use the cluster runs in one of them, too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from awaited import PATIENCE, eventually

_ROUTED = "ip route add default dev net"  # by which Ray finds out a host's own address; it leads nowhere
_PORT, _CLIENTS = 6379, 10001
_HOLDER = "ip link set lo up; mount --make-rprivate /; echo; exec sleep infinity"
_STARTED = (
    *("--num-gpus=0", "--object-store-memory=100000000", "--include-log-monitor=false", "--disable-usage-stats"),
    "--block",
)
_WATCHED = 'while :; do "$@"; sleep 1; done'  # as a supervisor does
_HEAD = ("--head", f"--port={_PORT}", f"--ray-client-server-port={_CLIENTS}", "--include-dashboard=false")


class Host:
    """A machine: a network and mounts of its own. address: in the network of all hosts."""

    def __init__(self, address: str, environment: Mapping[str, str]) -> None:
        self.address, self._environment = address, dict(environment)
        self._holder = subprocess.Popen(["unshare", "-n", "-m", "sh", "-c", _HOLDER], stdout=subprocess.PIPE)
        assert self._holder.stdout is not None
        self._holder.stdout.read(1)
        self.network = _network(self._holder.pid)
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))  # sockets have short paths

    @property
    def pid(self) -> int:
        return self._holder.pid

    def words(self, *command: str) -> list[str]:
        """The words of a command that runs here."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "--", *command]

    def run(self, *command: str) -> None:
        """Run a command of the system's here."""
        subprocess.run(self.words(*command), check=True, capture_output=True)

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command of ours here."""
        environment = self._environment | options.pop("environment", {})
        return subprocess.Popen(self.words(*command), env=environment, text=True, **options)

    def start_ray(self, *words: str, cpus: int) -> None:
        """Start Ray's processes here, and again whenever they have ended."""
        known = [f"--node-ip-address={self.address}", f"--temp-dir={self._folder}", f"--num-cpus={cpus}", *_STARTED]
        with (self._folder / "log").open("wb") as log:
            command = [str(Path(sys.executable).with_name("ray")), "start", *words, *known]
            watched = ["sh", "-c", _WATCHED, "watching", *command]
            self.start(*watched, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def processes(self, named: str = "") -> list[psutil.Process]:
        """What runs here, the holder of the network last. named: what their title begins with."""
        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                here = process.pid != self.pid and _network(process.pid) == self.network
                if here and (not named or " ".join(process.cmdline()).startswith(named)):
                    found.append(process)
        return found

    def end_ray(self) -> None:
        """Kill Ray's processes, and not what watches over them."""
        for process in self.processes():
            with suppress(psutil.Error):
                if process.cmdline()[:2] != ["sh", "-c"]:
                    process.send_signal(signal.SIGKILL)

    def kill(self) -> None:
        """As when its power fails."""
        while found := self.processes():
            for process in found:
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
        self._holder.kill()
        self._holder.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _network(pid: int) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


class RayCluster:
    """A head that gives no processors, and hosts that join it. environment: of every process of it."""

    def __init__(self, stack: ExitStack, environment: Mapping[str, str]) -> None:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
        quiet = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        self._stack, self._environment = stack, {**os.environ, **token, **quiet, **environment}
        self.hosts: list[Host] = []
        self._own: dict[str, str] = {}
        self.head = self._host()
        self.head.run("sh", "-c", "ip link add hosts type bridge && ip link set hosts up")
        self.head.run("sh", "-c", f"ip addr add {self.head.address}/24 dev hosts && ip route add default dev hosts")
        self.head.start_ray(*_HEAD, cpus=0)
        # Hosts share the processes that they see: "auto" could find the cluster of another test.
        self._own = {"RAY_ADDRESS": f"{self.head.address}:{_PORT}"}
        self.address = f"ray://{self.head.address}:{_CLIENTS}"
        self._wait(1)

    def join(self, *, hidden: Sequence[Path] = ()) -> Host:
        """A host more. hidden: folders that are others there, with nothing in them."""
        host = self._host()
        name = f"host{len(self.hosts)}"
        self.head.run("ip", "link", "add", name, "type", "veth", "peer", "name", "net", "netns", str(host.pid))
        self.head.run("sh", "-c", f"ip link set {name} master hosts && ip link set {name} up")
        host.run("sh", "-c", f"ip addr add {host.address}/24 dev net && ip link set net up && {_ROUTED}")
        for folder in hidden:
            host.run("mount", "-t", "tmpfs", "none", str(folder))
        before = len(self.nodes())
        host.start_ray(f"--address={self.head.address}:{_PORT}", cpus=1)
        self._wait(before + 1)
        return host

    def nodes(self) -> list[str]:
        """The addresses of the nodes that are alive."""
        asked = "import ray; ray.init('auto', log_to_driver=False, logging_level='CRITICAL')\n"
        asked += "print('nodes', *(node['NodeManagerAddress'] for node in ray.nodes() if node['Alive']))"
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        said = self.head.start(sys.executable, "-c", asked, environment=self._own, **pipes)
        out, _ = said.communicate(timeout=PATIENCE)
        return out.partition("nodes ")[2].split()

    def lookalike(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """The command, started on the head."""
        command = [sys.executable, "-m", "lookalike", *words]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return self.head.start(*command, environment={**self._own, **environment}, **pipes)

    def _host(self) -> Host:
        host = Host(f"10.77.0.{len(self.hosts) + 1}", self._environment)
        self.hosts.append(host)
        self._stack.callback(host.kill)
        return host

    def _wait(self, count: int) -> None:
        eventually(self.nodes, lambda nodes: len(nodes) >= count)


@contextmanager
def ray_cluster(environment: Mapping[str, str] | None = None) -> Iterator[RayCluster]:
    """A cluster that no host has joined yet. Skips where no hosts can be made."""
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made")
    with ExitStack() as stack:
        yield RayCluster(stack, environment or {})


def said(process: subprocess.Popen[str], words: Sequence[str] = ()) -> str:
    """What a command printed, once it has ended well."""
    out, error = process.communicate(timeout=4 * PATIENCE)
    assert process.returncode == 0, (words, out[-2000:], error[-2000:])
    return out
