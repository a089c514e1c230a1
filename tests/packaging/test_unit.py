"""The units under a systemd of their own (process 1 of a namespace of processes): with everything that they are denied,
pictures are still decoded in processes that the kernel confines, and searched; all end when they are told to.

Not in force here: limits of memory, where this machine's control groups are not handed on.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from boxes import OWN, ROOT, in_network, network, skip_without
from running import lookalike
from served import make_gallery

from awaited import eventually

pytestmark = pytest.mark.slow
SYSTEMD: Final = Path("/lib/systemd/systemd")
DEPLOY: Final = ROOT / "deploy"
USER: Final = 990
API: Final = "http://127.0.0.1:8765"
RAY: Final = f"RAY_OPTIONS=--node-ip-address=127.0.0.1 --object-store-memory=100000000\nRAY_AUTH_TOKEN={'a1' * 32}"
# This machine's Python may lie where the unit sees nothing, nothing collects what is printed, and it may be busy.
DROP_IN: Final = f"""[Service]
ProtectHome=tmpfs
BindReadOnlyPaths={" ".join(map(str, OWN))}
Environment=PYTHONPATH={ROOT / "src"} PYTHONDONTWRITEBYTECODE=1
TimeoutStopSec=300
StandardOutput=append:/printed
StandardError=append:/printed
"""
BOOT: Final = """
mount -t tmpfs box {box}; mkdir {box}/upper {box}/work {box}/root
mount -t overlay box -o lowerdir=/,upperdir={box}/upper,workdir={box}/work {box}/root; cd {box}/root
for each in {own}; do while [ "$each" != / ]; do chmod o+x ".$each"; each=$(dirname "$each"); done; done
mount --rbind /dev dev; mount -t proc proc proc; mount -t sysfs sys sys; mount -t tmpfs run run
if grep -q name=systemd /proc/self/cgroup; then
  mount -t tmpfs groups sys/fs/cgroup; mkdir sys/fs/cgroup/unified sys/fs/cgroup/systemd
  mount -t cgroup2 groups sys/fs/cgroup/unified; mount -t cgroup -o none,name=systemd,xattr groups sys/fs/cgroup/systemd
else
  mount -t cgroup2 groups sys/fs/cgroup
fi
rm -rf etc/systemd/system/* lib/systemd/system/*.target.wants
cp {deploy}/*.service {deploy}/*.timer {deploy}/ray/*.service {work}/doctor.service etc/systemd/system
mkdir etc/systemd/system/service.d; cp {work}/drop-in.conf etc/systemd/system/service.d
printf '[Unit]\\nDefaultDependencies=no\\n' > etc/systemd/system/box.target
install -D -m 600 {work}/environment etc/lookalike/environment; install -m 600 {work}/ray etc/lookalike/ray
echo 'lookalike:x:{user}:{user}::/var/lib/lookalike:/usr/sbin/nologin' >> etc/passwd
echo 'lookalike:x:{user}:' >> etc/group
mkdir -p opt/lookalike/bin var/lib/lookalike; ln -s {program} {ray} opt/lookalike/bin
mount --bind {work}/state var/lib/lookalike; touch printed; mount --bind {work}/printed printed
mkdir before; pivot_root . before; cd /; umount --lazy before  # in a chroot no namespace of users can be made
exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin {systemd} --unit=box.target --show-status=no
"""


@dataclass
class Booted:
    """pid: of process 1, as this machine has it. printed: by all units. key: of somebody who may do everything."""

    pid: int
    printed: Path
    key: str
    pictures: Path

    def control(self, *words: str) -> str:
        """What ``systemctl`` says. Raises AssertionError where it fails."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w", "--"]
        done = subprocess.run(
            [*enter, "systemctl", "--no-pager", *words], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}\n{self.printed.read_text()}"
        return done.stdout

    def property(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.control("show", "--value", f"--property={name}", unit).strip()

    def ask(self, path: str, *options: str) -> Any:
        """JSON of the service."""
        words = ("curl", "--silent", "--show-error", "--fail", "-H", f"Authorization: Bearer {self.key}")
        done = in_network(self.pid, *words, *options, API + path)
        assert done.returncode == 0, done.stderr + self.printed.read_text()
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    skip_without("curl", "systemctl")
    if not SYSTEMD.is_file():
        pytest.skip("not installed: systemd")
    work = tmp_path_factory.mktemp("units")
    key = _make_state(work)
    for name in ("box", "printed"):
        (work / name).mkdir() if name == "box" else (work / name).touch()
    told = (DEPLOY / "environment").read_text()
    (work / "environment").write_text(f"{told}\nRECEIVE_OPTIONS=--aet UNIT\n")
    (work / "ray").write_text(f"{(DEPLOY / 'ray' / 'environment').read_text()}\n{RAY}\n")
    (work / "drop-in.conf").write_text(DROP_IN)
    unit = (DEPLOY / "lookalike.service").read_text().replace("Type=exec", "Type=oneshot").replace("Restart=", "#")
    program = Path(sys.prefix) / "bin" / "lookalike"
    doctor = "/bin/sh -c 'exec /opt/lookalike/bin/lookalike doctor --json > /var/lib/lookalike/doctor.json'"
    unit = re.sub("^ExecStart=.*$", f"ExecStart={doctor}", unit, flags=re.MULTILINE)
    (work / "doctor.service").write_text(unit.replace("StartLimit", "#"))
    own = " ".join(map(str, OWN))
    script = BOOT.format(
        box=work / "box",
        work=work,
        deploy=DEPLOY,
        own=own,
        user=USER,
        program=program,
        ray=program.with_name("ray"),
        systemd=SYSTEMD,
    )
    with network() as within:
        yield from _boot(script, within, Booted(0, work / "printed", key, work / "pictures"))


def _make_state(work: Path) -> str:
    """A gallery and a key, as somebody makes them before the first start; returns the key."""
    state = work / "state"
    state.mkdir()
    make_gallery(work)
    (work / "g").rename(state / "gallery")
    (state / "config").mkdir(mode=0o700)
    shutil.copytree(os.environ["LOOKALIKE_CONFIG"], state / "config", dirs_exist_ok=True)
    variables = {**os.environ, "LOOKALIKE_CONFIG": str(state / "config")}
    made = lookalike("keys", "add", "it", "--role", "admin", "--json", "--gallery", state / "gallery", env=variables)
    assert made.returncode == 0, made.stderr
    for each in [state, *state.rglob("*")]:
        os.chown(each, USER, USER)
    return str(json.loads(made.stdout)["key"])


def _boot(script: str, within: int, booted: Booted) -> Iterator[Booted]:
    apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup"]
    command = ["nsenter", "-t", str(within), "-n", "--", *apart, "--propagation", "private", "bash", "-euc", script]
    groups = [each for each in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")) if each.is_dir()]
    own = [each / f"lookalike-test-{os.getpid()}" for each in groups or [Path("/sys/fs/cgroup")]]
    joined = "".join(f"echo 0 > {each}/cgroup.procs; " for each in own) + 'exec "$@"'
    for each in own:
        each.mkdir()
    try:
        with (
            booted.printed.open("a") as printed,
            subprocess.Popen(["bash", "-euc", joined, "-", *command], stdout=printed, stderr=printed) as outer,
        ):
            try:
                children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
                booted.pid = int(eventually(children.read_text, lambda found: found.strip() or outer.poll()) or 0)
                assert booted.pid, booted.printed.read_text()
                eventually(lambda: outer.poll() is not None or _is_up(booted))
                assert outer.poll() is None, booted.printed.read_text()
                yield booted
            finally:
                outer.kill()
    finally:
        for each in own:
            _remove_groups(each)


def _is_up(booted: Booted) -> bool:
    with suppress(AssertionError):
        return "box.target" in booted.control("list-units", "box.target")
    return False


def _remove_groups(folder: Path) -> None:
    def gone() -> bool:
        with suppress(OSError):
            for inner, _folders, _files in os.walk(folder, topdown=False):
                Path(inner).rmdir()
        return not folder.exists()

    eventually(gone)


def _is_healthy(booted: Booted, address: str) -> bool:
    return in_network(booted.pid, sys.executable, DEPLOY / "health.py", address).returncode == 0


def test_the_service_decodes_searches_and_ends(booted: Booted) -> None:
    booted.control("start", "lookalike")
    eventually(lambda: _is_healthy(booted, f"{API}/healthz"))
    proxied = ("-H", "Host: look.example.org", "-H", "X-Forwarded-For: 10.1.2.3")
    upload = booted.ask("/api/v1/uploads", *proxied, "-F", f"file=@{booted.pictures / 'p03.png'}")
    asked = json.dumps({"query": {"image": upload["id"]}, "k": 3, "same_patient": True})
    found = booted.ask("/api/v1/search", *proxied, "-H", "Content-Type: application/json", "-d", asked)
    assert found["hits"][0]["score"] > 0.99
    status = Path(f"/proc/{_process(booted, 'lookalike')}/status").read_text()
    for line in (
        f"Uid:\t{USER}",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "CapBnd:\t0000000000000000",
        "CapEff:\t0000000000000000",
    ):
        assert line in status
    booted.control("stop", "lookalike")
    assert booted.property("lookalike", "Result") == "success"
    assert booted.property("lookalike", "ExecMainStatus") == "0"


def _process(booted: Booted, unit: str) -> int:
    """The number of a unit's main process, as this machine has it."""
    inner = booted.property(unit, "MainPID")
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            numbers = lines["NSpid"].split()
            if numbers[-1] == inner and len(numbers) > 1 and _same_namespace(booted.pid, status.parent):
                return int(numbers[0])
    raise AssertionError(f"no process {inner} of {unit}")


def _same_namespace(pid: int, process: Path) -> bool:
    return (process / "ns" / "pid").readlink() == Path(f"/proc/{pid}/ns/pid").readlink()


def test_everything_works_within_what_the_unit_denies(booted: Booted) -> None:
    """``lookalike doctor`` in the service's place: encoder, index, decoding, and the kernel's hold on decoders."""
    booted.control("start", "doctor")
    told = json.loads((booted.printed.parent / "state" / "doctor.json").read_text())
    checks = {each["name"]: each for each in told["checks"] if not each["name"].startswith("extra")}
    assert {each["state"] for each in checks.values()} == {"ok"}, checks
    assert "Landlock" in checks["confinement"]["detail"]


def test_the_receiver_is_asked_and_ends(booted: Booted) -> None:
    booted.control("start", "lookalike-receive")
    eventually(lambda: _is_healthy(booted, "dimse://UNIT@127.0.0.1:11112"))
    booted.control("stop", "lookalike-receive")
    assert booted.property("lookalike-receive", "Result") == "success"


def test_rays_head_comes_back_by_itself(booted: Booted) -> None:
    """After all of its processes were killed."""
    booted.control("start", "lookalike-ray-head")
    eventually(lambda: _has_head(booted))
    first = booted.property("lookalike-ray-head", "MainPID")
    booted.control("kill", "--kill-whom=all", "--signal=KILL", "lookalike-ray-head")
    eventually(lambda: booted.property("lookalike-ray-head", "NRestarts"), lambda restarts: int(restarts) == 1)
    eventually(lambda: booted.property("lookalike-ray-head", "MainPID"), lambda pid: pid not in ("0", first))
    eventually(lambda: _has_head(booted))
    booted.control("stop", "lookalike-ray-head")


def _has_head(booted: Booted) -> bool:
    """Whether one says that it is well, to who has the token."""
    told = ["env", "RAY_AUTH_MODE=token", RAY.splitlines()[1]]
    words = [*told, str(Path(sys.prefix) / "bin" / "ray"), "health-check", "--address", "127.0.0.1:6379"]
    return in_network(booted.pid, *words).returncode == 0


def test_the_timer_waits_for_the_night(booted: Booted) -> None:
    booted.control("start", "lookalike-pull.timer")
    assert "02:" in booted.property("lookalike-pull.timer", "NextElapseUSecRealtime")
