"""What every test may ask for."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import hypothesis
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from dicoms import save
from lookalike.gallery import Gallery, open_gallery
from lookalike.readers import read
from lookalike.store import BASE, Store
from lookalike.store.place import put_elsewhere
from lookalike.types import Image
from peers.milvus import Milvus, milvus
from skips import is_allowed

# A busy machine is no error, so neither an example has a deadline nor who draws it; where CI is set every run draws the
# same ones.
_UNHURRIED: Final[dict[str, Any]] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("anywhere", **_UNHURRIED)
hypothesis.settings.register_profile("ci", **_UNHURRIED, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "anywhere")

ROOT = Path(__file__).parents[1]
NO_SKIPS = "LOOKALIKE_NO_SKIPS"
ON_POSTGRESQL = "--on-postgresql"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option that lets tests which know nothing of it work on another database."""
    parser.addoption(ON_POSTGRESQL, action="store_true", help="galleries keep their records in a PostgreSQL")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is imported and collected stays to the end: looking for garbage in it, over and over, took a third of the
    time until the first test, and half a second whenever everything was looked at later.
    """
    gc.disable()
    _begin_elsewhere(session.config)
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def _begin_elsewhere(config: pytest.Config) -> None:
    """Where several collect all tests at the same time, each begins with another folder. Most of the time of the first
    run goes into rewriting assertions, and what one has rewritten the others find.
    """
    if (worker := getattr(config, "workerinput", None)) and config.args == ["tests"]:
        files = Counter(str(path.parent.relative_to(ROOT)) for path in (ROOT / "tests").glob("*/test_*.py"))
        folders = [folder for folder, _ in files.most_common()]
        first = int(worker["workerid"].removeprefix("gw")) % len(folders)
        config.args[:] = folders[first:] + folders[:first]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put all in one order; leave out what looks into SQLite's file where there is none."""
    items.sort(key=lambda item: item.path)
    if config.getoption(ON_POSTGRESQL):
        out = [item for item in items if item.get_closest_marker("sqlite_file")]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_configure(config: pytest.Config) -> None:
    """What the user's configuration says of galleries lies in a folder of the session, for processes too."""
    os.environ["LOOKALIKE_CONFIG"] = folder = tempfile.mkdtemp(prefix="configuration-of-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where every test has to run."""
    report = yield
    return _no_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So does a skipped module."""
    report = yield
    return _no_skip(report)


def _no_skip(report: Report) -> Report:
    if not report.skipped or hasattr(report, "wasxfail") or not os.environ.get(NO_SKIPS):
        return report
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_allowed(reason):
        report.outcome = "failed"
        report.longrepr = f"{reason}\n{NO_SKIPS} is set and tests/skips.py does not list this reason"
    return report


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the project, or where LOOKALIKE_TEST_DATA says."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LOOKALIKE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no shared/data beside the project and LOOKALIKE_TEST_DATA is not set")
    return folder


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    """One real Milvus for all tests of the process; whoever kills it waits until it is back."""
    with milvus(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL for the session (``peers.postgresql.PostgreSQL``)."""
    from peers.postgresql import postgresql

    with postgresql() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _every_gallery_elsewhere(request: pytest.FixtureRequest) -> None:
    """With ``--on-postgresql`` new galleries keep their records there, those of processes too."""
    if request.config.getoption(ON_POSTGRESQL):
        os.environ["LOOKALIKE_STORE"] = request.getfixturevalue("postgresql_server").url()


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """A test leaves its process with the priority, the limits and the folder that it had: all later tests of a worker,
    and what they start, would have others.
    """
    before = _of_process()
    yield
    assert _of_process() == before


def _of_process() -> tuple[object, ...]:
    limits = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    return os.getpriority(os.PRIO_PROCESS, 0), Path.cwd(), *map(resource.getrlimit, limits)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where new galleries keep their records in this test: "" for files, in tests of ``both_databases`` also the
    address of a PostgreSQL, each gallery in a schema of its own.
    """
    if getattr(request, "param", "sqlite") == "sqlite":
        return os.environ.get("LOOKALIKE_STORE", "")
    url: str = request.getfixturevalue("postgresql_server").url()
    monkeypatch.setenv("LOOKALIKE_STORE", url)
    return url


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that are marked so on both databases, unless they look into SQLite's file."""
    marked = metafunc.definition.get_closest_marker
    once = metafunc.config.getoption(ON_POSTGRESQL)
    if marked("both_databases") and not marked("sqlite_file") and not once:
        metafunc.fixturenames.insert(0, "store_url")
        metafunc.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def make_gallery(tmp_path: Path) -> Iterator[Callable[..., Gallery]]:
    """Open galleries under the test's own folder; they are closed at the end."""
    opened: list[Gallery] = []

    def make(name: str = "gallery", **options: object) -> Gallery:
        opened.append(open_gallery(tmp_path / name, create=True, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for gallery in opened:
        gallery.close()


@pytest.fixture
def make_store(tmp_path: Path, store_url: str) -> Iterator[Callable[[], Store]]:
    """Open the store of the test's own folder, as often as asked."""
    opened: list[Store] = []

    def make() -> Store:
        if store_url:
            put_elsewhere(tmp_path, store_url)
        opened.append(Store(tmp_path))
        if BASE not in opened[-1].spaces():
            opened[-1].put_space(BASE, {"name": "none", "identity": {"name": "none"}}, None)
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., list[Image]]:
    """Write a data set and read it back."""

    def through(ds: Dataset, **options: Any) -> list[Image]:
        return list(read([save(ds, tmp_path / "image.dcm", **options)]))

    return through


def texture(seed: int, side: int = 64) -> NDArray[np.uint8]:
    """A smooth random grey picture (side, side), the same for the same seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse).resize((side, side), PIL.Image.Resampling.BICUBIC))


def grained(seed: int, side: int = 160) -> NDArray[np.uint8]:
    """A random grey picture (side, side) with coarse and fine details, the same for the same seed."""
    total = np.zeros((side, side))
    for number, cells in enumerate((5, 12, 30)):
        coarse = np.random.default_rng([seed, number]).integers(0, 256, (cells, cells), dtype=np.uint8)
        layer = PIL.Image.fromarray(coarse).resize((side, side), PIL.Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float64)
    return (total / 3).astype(np.uint8)


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Twelve PNGs of four patients and two classes, with a label table."""
    return write_pictures(tmp_path / "pictures")


def write_pictures(folder: Path) -> Path:
    """What ``picture_folder`` gives."""
    folder.mkdir()
    rows = ["file,label,patient_id,site"]
    for i in range(12):
        PIL.Image.fromarray(texture(i)).save(folder / f"p{i:02}.png")
        label, site = "even" if i % 2 == 0 else "odd", "north" if i < 6 else "south"
        rows.append(f"p{i:02}.png,{label},patient-{i % 4},{site}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
