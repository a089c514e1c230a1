"""A real browser for the tests of pages: Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import base64
import csv
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import lookalike.server
from lookalike.gallery import open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.index import index
from started import Started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium by itself asks its maker for updates and more: a test that watches requests wants none of it.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # pages of one context share what was compiled
)
DESK = {"width": 1280, "height": 800}
# What moves is drawn sixty times a second for as long as a test waits: a quarter of the processor time or more.
STILL = {"viewport": DESK, "reduced_motion": "reduce"}
PATIENCE = 120_000.0  # milliseconds for what must come; nothing is judged by how quick it is
OF_PAGES = ("viewport", "color_scheme")  # what a page of a context may have otherwise than another
# What the page says for a few seconds, in which a busy machine may not look.
NOTING = """() => {
    window.noticed = [];
    new MutationObserver(() => {
        const said = document.querySelector("[data-testid=notice]")?.textContent;
        if (said) window.noticed.push(said);
    }).observe(document, { subtree: true, childList: true, characterData: true });
}"""
# What glides has come to rest, but for what never does; what was drawn anew listens; and the page has been drawn again.
SETTLED = """() => new Promise((rested) => requestAnimationFrame(() => requestAnimationFrame(async () => {
    const ending = document.getAnimations().filter((one) => one.effect.getTiming().iterations !== Infinity);
    await Promise.allSettled(ending.map((one) => one.finished));
    rested(true);
})))"""
# What a page does after it was drawn and what a server answers come late, each by another time, LOOKALIKE_TEST_LATE at
# most, in milliseconds. A test that takes for granted what has not come yet fails then on every machine.
LATE = """(most) => {
    const { fetch, setTimeout } = window;
    const late = () => new Promise((done) => setTimeout(done, Math.random() * most));
    window.fetch = async (...given) => {
        await late();
        const answer = await fetch(...given);
        await late();
        return answer;
    };
    window.setTimeout = (call, after = 0, ...given) => setTimeout(call, after + Math.random() * most / 4, ...given);
}"""
http = httpx.Client(timeout=PATIENCE / 1000, limits=httpx.Limits(max_keepalive_connections=0))
"""What tests ask a service with, beside the page."""


def chromium_program() -> str | None:
    """Where Chromium is; None where it is nowhere."""
    return os.environ.get("LOOKALIKE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="package")  # Playwright's event loop runs until then, beside which no other can
def browser() -> Iterator[Browser]:
    """Chromium without a window. LOOKALIKE_TEST_CHROMIUM names its program where it has another name."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    if (program := chromium_program()) is None:
        pytest.skip("no Chromium on the path and LOOKALIKE_TEST_CHROMIUM is not set")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, headless=True, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def keys_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration of the test's own: keys are of a gallery wherever a copy of it lies, the other tests' too."""
    copy = shutil.copytree(os.environ["LOOKALIKE_CONFIG"], tmp_path / "configuration")
    monkeypatch.setenv("LOOKALIKE_CONFIG", str(copy))


@pytest.fixture(scope="package")
def kept_context(browser: Browser, served: str) -> Iterator[Callable[..., BrowserContext]]:
    """A context for the pages of ``served``, by its options, with nothing that was stored in it. A page in a context of
    its own loads and compiles everything anew, in twice to three times the processor time.
    """
    contexts: dict[str, tuple[BrowserContext, CDPSession]] = {}

    def clean(**options: Any) -> BrowserContext:
        if (key := repr(sorted(options.items()))) not in contexts:
            context = browser.new_context(**STILL, **options)
            context.set_default_timeout(PATIENCE)
            keeps = context.new_page()  # the process, while no test has a page
            keeps.goto(f"{served}healthz")
            contexts[key] = context, context.new_cdp_session(keeps)
        context, devtools = contexts[key]
        devtools.send("Storage.clearDataForOrigin", {"origin": served.rstrip("/"), "storageTypes": "all"})
        context.clear_cookies()
        return context

    yield clean
    for context, _devtools in contexts.values():
        context.close()


@pytest.fixture
def page_without_errors(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Makes pages: ``page_without_errors(color_scheme="dark", viewport=...)``, each in a context of its own, but
    for the first of a test of ``served``.

    The test fails at its end if a page logged an error or threw one. expected: a regular expression of errors
    that the test brings about on purpose. Pictures of the page to look at (``artefacts``) cost a third of a second
    each: slow tests take theirs, the others where LOOKALIKE_TEST_PICTURES is set.
    """
    made, errors = [], []
    looked_at = "LOOKALIKE_TEST_PICTURES" in os.environ or request.node.get_closest_marker("slow") is not None

    def make(expected: str = r"(?!)", **options: Any) -> Page:
        if made or "served" not in request.fixturenames:
            context = browser.new_context(**{**STILL, **options})
            made.append(context)
            page = context.new_page()
        else:
            of_page = {name: options.pop(name) for name in OF_PAGES if name in options}
            page = request.getfixturevalue("kept_context")(**options).new_page()
            made.append(page)
            page.set_viewport_size(of_page.get("viewport", DESK))
            page.emulate_media(color_scheme=of_page.get("color_scheme"))

        page.set_default_timeout(PATIENCE)
        page.add_init_script(f"({NOTING})()")
        if most := os.environ.get("LOOKALIKE_TEST_LATE"):
            page.add_init_script(f"({LATE})({float(most)})")

        def note(words: str) -> None:
            if not re.search(expected, words):
                errors.append(words)

        page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: note(str(error)))
        if not looked_at:
            taken = page.screenshot
            page.screenshot = lambda **given: b"" if "path" in given else taken(**given)  # type: ignore[method-assign]
        return page

    yield make
    for each in made:
        each.close()
    assert errors == []


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots go, to be looked at; git ignores it."""
    folder = Path(__file__).parent / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder


CLASSES = ("no_finding", "pneumonia", "edema", "effusion", "covid19")
OF_EACH = 8  # radiographs of a class in the served gallery
VOLUMES = ("hippocampus_165", "hippocampus_330", "hippocampus_148")
ADAPTED = "findings"


def page_is_built() -> None:
    """Skips where it is not."""
    if not (Path(lookalike.server.__file__).parent / "static" / "index.html").is_file():
        pytest.skip("the page is not built: `make page`")


@pytest.fixture(scope="session")
def page_gallery(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of 40 labelled radiographs, three small volumes and a file with hostile metadata; one file was
    refused. It has an adapted space and patches. Not to be changed: ``served_alone`` serves a copy.
    """
    page_is_built()
    folder = tmp_path_factory.mktemp("page")
    sources = folder / "images"
    sources.mkdir()
    table = shared_data / "chest-xray-dicom5" / "labels.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for wanted in CLASSES:
        for row in [row for row in rows if row["class"] == wanted][:OF_EACH]:
            shutil.copy(shared_data / "chest-xray-dicom5" / row["file"], sources)
    for name in VOLUMES:
        shutil.copy(shared_data / "volumes" / "mr_brain_hippocampus_msd" / f"{name}.nii.gz", sources)
    for name in ("meta_xss2.dcm", "text.dcm"):
        shutil.copy(shared_data / "bad-input" / "dicom-bad" / "gen" / name, sources)
    labels = folder / "labels.csv"
    labels.write_text(table.read_text(encoding="utf-8").replace("files/", ""), encoding="utf-8")
    with open_gallery(folder / "gallery", create=True) as gallery:
        index(gallery, [sources], labels=labels, label_columns=["class"], patches=True)
        adapt(gallery, ADAPTED)
    return folder / "gallery"


@contextmanager
def serving(gallery: Path | None, *options: str) -> Iterator[str]:
    """The address of ``lookalike serve``, in a process of its own. gallery: None for what the options name, if any."""
    named = [] if gallery is None else ["--gallery", str(gallery)]
    process = Started("serve", *named, "--no-browser", "--port", "0", *options)
    try:
        said = process.stdout.readline()
        found = re.search(r"https?://\S+", said)
        assert found, said
        yield found[0]
    finally:
        process.terminate()
        process.wait(300)
        process.stdout.close()


@pytest.fixture(scope="session")
def served(page_gallery: Path) -> Iterator[str]:
    """The address of a page that many tests look at and none changes."""
    with serving(page_gallery) as address:
        yield address


@pytest.fixture
def served_alone(page_gallery: Path, shared_data: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a page whose gallery a test may change. The import folder ``more`` holds two new files.
    Ask for it before ``page_without_errors``, so that pages close before it ends.
    """
    more = tmp_path / "more"
    more.mkdir()
    shutil.copytree(page_gallery, tmp_path / "gallery")
    for name in ("cxr_008.dcm", "cxr_009.dcm"):
        shutil.copy(shared_data / "chest-xray-dicom5" / "files" / name, more)
    with serving(tmp_path / "gallery", "--import", f"more={more}") as address:
        yield address


@contextmanager
def writing_held(gallery: Path) -> Iterator[None]:
    """Within, jobs that add records or train wait for their turn: they are there, however quick the machine is."""
    with open_gallery(gallery) as opened, opened.writing(PATIENCE / 1000):
        yield


@contextmanager
def jobs_held(address: str, gallery: Path) -> Iterator[None]:
    """Within, all jobs of a service wait: before them stands one that adds what lies in the import folder ``more``, and
    waits for its turn to write. It is cancelled at the end.
    """
    with writing_held(gallery):
        begun = http.post(f"{address}api/v1/index", json={"import": "more"})
        assert begun.status_code == 202, begun.text
        yield
        ended = http.delete(httpx.URL(address).join(begun.headers["location"]))
        assert ended.is_success, ended.text


@pytest.fixture
def hold_jobs(served_alone: str, tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """``hold_jobs()``: within, the jobs of ``served_alone`` wait."""
    return partial(jobs_held, served_alone, tmp_path / "gallery")


@pytest.fixture
def query_file(shared_data: Path) -> Path:
    """A radiograph that is not in the gallery, of a patient who is not either."""
    return shared_data / "chest-xray-dicom5" / "files" / "cxr_050.dcm"


def soon(page: Page, holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold of what the page draws, for which there is nothing to wait for but that."""
    end = time.monotonic() + PATIENCE / 1000
    while not (held := holds()) and time.monotonic() < end:
        page.wait_for_timeout(100)
    return held


def drop(page: Page, *files: Path) -> None:
    """Drop files onto the page as a hand would."""
    page.evaluate("() => { window.dropped = new DataTransfer(); }")
    for file in files:
        page.evaluate(
            """async ([name, base64]) => {
                const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
                window.dropped.items.add(new File([bytes], name));
            }""",
            [file.name, base64.b64encode(file.read_bytes()).decode()],
        )
    page.locator(".view").wait_for()  # a hand sees what it drops onto
    over = """(name) => document.querySelector(".view").dispatchEvent(
        new DragEvent(name, { dataTransfer: window.dropped, bubbles: true, cancelable: true }))"""
    page.wait_for_function(f"() => !({over})('dragover')")  # and that the page takes it
    page.evaluate(over, "drop")


def noticed(page: Page, words: str) -> str:
    """What the page has said, with these words in it, once it has; it may have gone since."""
    said = page.wait_for_function("(words) => window.noticed.find((said) => said.includes(words))", arg=words)
    return str(said.json_value())


def settled(page: Page) -> None:
    """Wait until the page rests and hears keys."""
    page.evaluate(SETTLED)
