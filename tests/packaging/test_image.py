"""The container image, built from this tree with buildah, and containers of it: what it is, what it lacks, a first
search, health, and that nothing of its root is written to. ``-s`` prints how long things took and what it weighs.

No registry can be reached, so the base is Debian by debootstrap, kept in build/. ``buildah run --isolation=chroot``
sets no limits and no read-only root; what needs these runs on the image's root in a box (``boxes``).
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypeAlias

import PIL.Image
import pytest
from boxes import Box, Boxed, boxed, in_network, network, skip_without

import lookalike
from conftest import texture

sys.path.insert(0, str(Path(__file__).parents[2]))
from supply.sbom import image_bill, normal, python_bill

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BASE = ROOT / "build" / "debian-bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # of this machine: a mirror's certificate may need them
PATIENCE = 900.0
API = "http://127.0.0.1:8765"
PICTURES = 24
VOLUMES = {"galleries": "rw", "config": "rw", "pictures": "ro"}


Start: TypeAlias = Callable[..., AbstractContextManager[Boxed]]
"""What starts a container: its words, or those of the image where there are none."""


class Buildah:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self._words = ["buildah", "--storage-driver=vfs", f"--root={folder / 'root'}", f"--runroot={folder / 'run'}"]

    def __call__(self, *words: str | Path, timeout: float = PATIENCE) -> str:
        done = subprocess.run(
            [*self._words, *map(str, words)], capture_output=True, text=True, check=False, timeout=timeout
        )
        assert done.returncode == 0, f"buildah {words[0]}: {done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    skip_without("buildah", "debootstrap", "npm", "curl")
    return Buildah(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def image(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the built image."""
    context = tmp_path_factory.mktemp("context")
    _make_context(context)
    base = buildah("from", "scratch")
    buildah("add", "--quiet", base, _debian())
    buildah("commit", "--quiet", base, "localhost/base")
    options = [f"--build-arg={name}" for name in ("BASE=localhost/base", f"VERSION={lookalike.__version__}")]
    if AUTHORITIES.is_file():
        options += [f"--volume={AUTHORITIES}:/run/authorities.pem:ro", "--build-arg=PIP_CERT=/run/authorities.pem"]
    started = time.monotonic()
    buildah(
        *("bud", "--isolation=chroot", "--format=docker", "--pull-never", *options, "--tag=localhost/lookalike"),
        *("--file", ROOT / "deploy" / "Containerfile", context),
    )
    print(f"\nimage: built in {time.monotonic() - started:.0f} s")
    return "localhost/lookalike"


def _make_context(context: Path) -> None:
    """What .dockerignore lets through, and a wheel of this tree."""
    if not (ROOT / "src/lookalike/server/static/index.html").is_file():
        subprocess.run(["make", "page"], cwd=ROOT, check=True, capture_output=True)
    tree = context / "tree"
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", tree / "src", ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", context / "dist", tree]
    subprocess.run(command, check=True, capture_output=True, cwd=context)
    shutil.rmtree(tree)
    shutil.copy(ROOT / "constraints.txt", context)
    shutil.copytree(ROOT / "deploy", context / "deploy")


def _debian() -> Path:
    """A minimal Debian in a folder, fetched once."""
    if not (BASE / "etc" / "debian_version").is_file():
        fresh = BASE.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", fresh], check=True, capture_output=True)
        (fresh / "etc/apt/sources.list").write_text(
            "deb http://deb.debian.org/debian bookworm main\n"
            "deb http://deb.debian.org/debian-security bookworm-security main\n"
        )
        fresh.rename(BASE)
    return BASE


@pytest.fixture(scope="module")
def configured(buildah: Buildah, image: str) -> dict[str, Any]:
    """What the image says about itself."""
    return dict(json.loads(buildah("inspect", "--type=image", image))["Docker"]["config"])


@pytest.fixture(scope="module")
def root(buildah: Buildah, image: str) -> Path:
    """The image's root as a folder."""
    return Path(buildah("mount", buildah("from", "--pull-never", image)))


@pytest.fixture(scope="module")
def start(root: Path, configured: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start containers of the image that have the same volumes, and a folder of pictures."""
    work = tmp_path_factory.mktemp("containers")
    for name in ("galleries", "config"):
        (work / name).mkdir(mode=0o700)
        os.chown(work / name, 10001, 10001)
    (work / "pictures").mkdir()
    for number in range(PICTURES):
        PIL.Image.fromarray(texture(number, 256)).save(work / "pictures" / f"{number}.png")
    variables = dict(each.split("=", 1) for each in configured["Env"])
    mounts = [(f"/{name}", work / name, mode) for name, mode in VOLUMES.items()]
    numbers = itertools.count()

    @contextmanager
    def started(*command: str) -> Iterator[Boxed]:
        words = [*configured["Entrypoint"], *(command or configured["Cmd"])]
        box = Box(words, root, 10001, variables, mounts, {"/tmp": "size=1g,mode=1777"})
        with network() as within, boxed(box, within, work / f"container-{next(numbers)}") as found:
            yield found

    return started


def _done(start: Start, *command: str) -> str:
    """What a container says that runs to its end."""
    with start(*command) as container:
        assert container.process.wait(PATIENCE) == 0, container.said()
        return container.said()


def _asked(container: Boxed, path: str, key: str, *options: str) -> Any:
    """JSON from the service, asked from the machine that the container runs on."""
    words = ("curl", "--silent", "--show-error", "--fail", "-H", f"Authorization: Bearer {key}", *options, API + path)
    done = in_network(container.process.pid, *words)
    assert done.returncode == 0, done.stderr + container.said()
    return json.loads(done.stdout)


def test_it_says_what_it_is(configured: dict[str, Any], buildah: Buildah, image: str) -> None:
    labels = configured["Labels"]
    assert labels["org.opencontainers.image.version"] == lookalike.__version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert configured["User"] == "10001:10001"
    assert set(configured["Volumes"]) == {"/galleries", "/config"}
    assert configured["StopSignal"] == "SIGTERM"
    container = buildah("from", "--pull-never", image)
    said = buildah("run", "--isolation=chroot", container, "--", "lookalike", "--version")
    assert lookalike.__version__ in said
    assert buildah("run", "--isolation=chroot", container, "--", "id", "-u") == "10001"
    buildah("rm", container)


def test_it_has_neither_compiler_nor_installer_nor_ways_to_become_root(root: Path) -> None:
    programs = {
        each.name
        for place in ("usr/bin", "usr/sbin", "usr/local/bin", "opt/lookalike/bin")
        for each in (root / place).glob("*")
    }
    assert "python3" in programs
    assert not programs & {"gcc", "cc", "c++", "make", "ld", "pip", "pip3", "git", "curl", "wget", "node", "npm"}
    assert not list(root.glob("opt/lookalike/lib/python3*/site-packages/pip"))
    assert not [each for each in _files(root) if each.stat().st_mode & 0o6000]


def _files(root: Path) -> Iterator[Path]:
    for folder, _inner, names in os.walk(root):
        yield from (each for name in names if not (each := Path(folder, name)).is_symlink() and each.is_file())


def test_everything_in_it_is_in_the_bill_of_materials(root: Path) -> None:
    installed = {
        (normal(found.metadata["Name"]), found.version)
        for found in distributions(path=[str(each) for each in root.glob("opt/lookalike/lib/python3*/site-packages")])
    }
    bill = {(part["name"], part.get("version")) for part in python_bill()["components"]}
    assert installed - {("lookalike", lookalike.__version__)} <= bill
    whole = image_bill(root)
    assert {part["purl"].split("/")[0] for part in whole["components"]} == {"pkg:pypi", "pkg:deb"}
    assert installed <= {(part["name"], part["version"]) for part in whole["components"]}


def test_a_first_search_from_a_fresh_container(start: Start, configured: dict[str, Any]) -> None:
    begun = time.monotonic()
    indexed = json.loads(_done(start, "index", "/pictures", "--gallery", "/galleries/first", "--json"))
    assert (indexed["added"], indexed["refused"]) == (PICTURES, [])
    key = json.loads(_done(start, "keys", "add", "first", "--role", "admin", "--json", "--gallery", "/galleries/first"))
    print(f"\ngallery of {PICTURES} pictures: {time.monotonic() - begun:.1f} s after the first container was started")
    served = time.monotonic()
    with start(*configured["Cmd"], "--gallery", "/galleries/first") as container:
        _until_healthy(container, configured)
        print(f"healthy: {time.monotonic() - served:.1f} s after serve was started")
        upload = _asked(container, "/api/v1/uploads", key["key"], "-F", f"file=@{_picture(container)}")
        asked = json.dumps({"query": {"image": upload["id"]}, "k": 3, "same_patient": True})
        found = _asked(container, "/api/v1/search", key["key"], "-H", "Content-Type: application/json", "-d", asked)
        print(f"first answer: {time.monotonic() - served:.1f} s after serve was started")
        print(f"first search from a fresh container: {time.monotonic() - begun:.1f} s, indexing included")
        assert found["hits"][0]["score"] > 0.99
        page = in_network(container.process.pid, "curl", "--silent", f"{API}/")
        assert "<title>" in page.stdout
        _assert_confined(container)
        assert container.stop(PATIENCE) == 0


def _picture(container: Boxed) -> Path:
    return next(source for place, source, _ in container.box.mounts if place == "/pictures") / "5.png"


def _until_healthy(container: Boxed, configured: dict[str, Any]) -> None:
    kind, *check = configured["Healthcheck"]["Test"]
    assert kind == "CMD"
    end = time.monotonic() + PATIENCE
    while container.run(*check).returncode:
        assert container.process.poll() is None, container.said()
        assert time.monotonic() < end, container.said()
        time.sleep(0.2)


def _assert_confined(container: Boxed) -> None:
    """Nobody's process on a root that even root cannot write to, with decoders that the kernel confines."""
    status = Path(f"/proc/{container.process.pid}/status").read_text()
    assert "Uid:\t10001" in status
    assert "CapBnd:\t0000000000000000" in status
    assert container.run("touch", "/opt/lookalike/there", user=0).returncode
    told = json.loads(container.run("lookalike", "doctor", "--json").stdout)
    states = {each["name"]: each["state"] for each in told["checks"] if not each["name"].startswith("extra")}
    assert set(states.values()) == {"ok"}, told


def test_a_health_check_fails_where_nothing_answers(start: Start, configured: dict[str, Any]) -> None:
    with start("receive", "--gallery", "/galleries/received") as container:
        assert container.run(*configured["Healthcheck"]["Test"][1:]).returncode == 1
        check = ("python", "/opt/lookalike/health.py", "dimse://LOOKALIKE@127.0.0.1:11112")
        end = time.monotonic() + PATIENCE
        while container.run(*check).returncode:
            assert time.monotonic() < end, container.said()
            time.sleep(0.2)
