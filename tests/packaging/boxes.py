"""A process in a box, as far apart as a container would be: with a root of its own that may only be read, a network of
its own, another user, no capability, and nothing but the mounts that it is given.

The root is an image's, or this machine's, whose programs then stand for those of an image. What is not so: limits of
memory and processes are not in force. It needs root and Linux (overlayfs, namespaces).
"""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("unshare", "nsenter", "setpriv", "ip", "mount")
OWN = (Path(sys.prefix), Path(sys.base_prefix), ROOT)
"""Where this machine's Python and lookalike lie; a box of this machine's root has them, wherever that is."""
_OWN_PATH = f"{Path(sys.prefix) / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Box:
    """What runs in it, and in what. root: of an image, or this machine's. mounts: (place, source, ro or rw). scratch:
    place -> options of a temporary file system. hosts: name -> address.
    """

    command: Sequence[str]
    root: Path = Path("/")
    user: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[tuple[str, Path, str]] = ()
    scratch: Mapping[str, str] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment; on this machine's root lookalike is that of this tree."""
        own = {"PYTHONPATH": str(ROOT / "src")} if self.root == Path("/") else {}
        return {"PATH": _OWN_PATH, **own, **self.environment}


@dataclass
class Boxed:
    """A box with its process."""

    box: Box
    process: subprocess.Popen[bytes]
    log: Path

    def run(self, *command: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        """A command in the same box, by the same user or another."""
        who = self.box.user if user is None else user
        enter = ["nsenter", "-t", str(self.process.pid), "-n", "-m", "-r", "-w", f"-S{who}", f"-G{who}"]
        inside, variables = [*enter, "--", *command], self.box.variables
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=600, env=variables)

    def stop(self, seconds: float) -> int:
        """Its exit code after SIGTERM. Raises TimeoutExpired."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def said(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def skip_without(*programs: str) -> None:
    """Skip a test where a program is missing, or the rights to make a box."""
    missing = [name for name in (*NEEDED, *programs) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces and mounts are not this user's to make")


@contextmanager
def network() -> Iterator[int]:
    """A network of its own with a loopback interface, held by a process that is its number."""
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as holder:
        try:
            while Path(f"/proc/{holder.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
                time.sleep(0.01)
            ip(holder.pid, "link set lo up")
            yield holder.pid
        finally:
            holder.kill()


def ip(within: int, *lines: str) -> None:
    """Calls of ``ip`` within a network."""
    for line in lines:
        subprocess.run(["nsenter", "-t", str(within), "-n", "--", "ip", *line.split()], check=True)


def in_network(within: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of this machine within a network."""
    inside = ["nsenter", "-t", str(within), "-n", "--", *map(str, command)]
    return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def boxed(box: Box, within: int, work: Path) -> Iterator[Boxed]:
    """Start a box in a network. work: an empty folder for it, where its log is."""
    work.mkdir(parents=True)
    hosts = {"localhost": "127.0.0.1", **box.hosts}
    (work / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()), encoding="utf-8")
    log = work / "log"
    log.touch()
    log.chmod(0o666)  # who opens /dev/stdout anew may not be root
    script = "\n".join(_script(box, work))
    apart = ["nsenter", "-t", str(within), "-n", "--", "unshare", "--mount", "--ipc", "--propagation", "private"]
    with log.open("ab") as lines:
        process = subprocess.Popen(
            [*apart, "bash", "-euc", script], stdout=lines, stderr=subprocess.STDOUT, env=box.variables | _host_path()
        )
    try:
        while process.poll() is None and Path(f"/proc/{process.pid}/root").readlink() == Path("/"):
            time.sleep(0.01)
        yield Boxed(box, process, log)
    finally:
        process.kill()
        process.wait()


def _host_path() -> dict[str, str]:
    return {"HOST_PATH": _OWN_PATH}


def _script(box: Box, work: Path) -> Iterator[str]:
    """The lines of a shell that makes the root and becomes the process in it; the last one says who and what."""
    root = work / "box" / "root"
    yield "OWN=$PATH; PATH=$HOST_PATH; unset HOST_PATH"
    yield f"mkdir {work}/box; mount -t tmpfs box {work}/box; mkdir {work}/box/upper {work}/box/work {root}"
    yield f"mount -t overlay box -o lowerdir={box.root},upperdir={work}/box/upper,workdir={work}/box/work {root}"
    yield from (f"mount --rbind /{folder} {root}/{folder}" for folder in ("dev", "proc", "sys"))
    mounts = [*box.mounts, ("/etc/hosts", work / "hosts", "ro")]
    yield from (_there(root, place, source) for place, source, _ in mounts)
    if box.root == Path("/"):
        above = {each for program in OWN for each in (program, *program.parents)}
        yield f"chmod o+x {shlex.join(str(root / each.relative_to('/')) for each in sorted(above))}"
    yield f"mount -o remount,bind,ro {root}"
    yield from _scratch(box, root)
    for place, source, mode in mounts:
        yield f"mount --bind {source} {root}{place}; mount -o remount,bind,{mode} {root}{place}"
    who = f"--reuid {box.user} --regid {box.user} --clear-groups"
    yield f"cd {root}"
    yield (
        f"exec chroot {root} /usr/bin/env PATH=$OWN setpriv {who} --bounding-set=-all --inh-caps=-all --no-new-privs "
        f"{shlex.join(box.command)}"
    )


def _there(root: Path, place: str, source: Path) -> str:
    if source.is_dir():
        return f"mkdir -p {root}{place}"
    return f"mkdir -p {root}{Path(place).parent}; test -e {root}{place} || touch {root}{place}"


def _scratch(box: Box, root: Path) -> Iterator[str]:
    for place, options in box.scratch.items():
        yield f"mount -t tmpfs -o {options} scratch {root}{place}"
        hidden = [each for each in OWN if box.root == Path("/") and each.is_relative_to(place)]
        yield from (f"mkdir -p {root}{each}; mount --bind {each} {root}{each}" for each in hidden)
