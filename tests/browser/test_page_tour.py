"""A tour of every part of the page over 10,000 records, in both themes and both languages, at four widths."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from browser.big_gallery import fill
from browser.conftest import drop, serving
from browser.test_page_access import AXE, RUN
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keys_of_its_own")]
MakePage = Callable[..., Any]
SIZES: Final = ((390, 844), (1280, 800), (1440, 900), (1920, 1080))
TALLEST: Final = 2600  # pixels of a picture
SETTLED: Final = 350  # milliseconds, in which what glides comes to rest
# Those that are out of sight are not asked for yet.
LOADED: Final = """() => [...document.querySelectorAll('img')].every((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return one.complete || bottom < 0 || top > innerHeight })"""
HEIGHT: Final = """() => {
    const sheet = document.querySelector('.sheet');
    return sheet && !document.querySelector('dialog[open], .compare')
        ? innerHeight + sheet.scrollHeight - sheet.clientHeight : innerHeight }"""
# What is cut with an ellipsis is meant so, and tables in a box of their own scroll in it.
BESIDE: Final = """() => {
    const meant = '.scrolls, .sr, .hidden, input, select, textarea, .over, .pictures, .bar';
    const sticks = [...document.querySelectorAll('body *')].filter((one) => {
        if (one.closest(meant) || one.closest('svg') || !one.checkVisibility()) return false;
        const style = getComputedStyle(one);
        if (style.textOverflow === 'ellipsis' || style.position === 'fixed') return false;
        const cut = style.overflowX !== 'visible' && one.scrollWidth > one.clientWidth + 1;
        return cut && one.clientWidth > 0;
    });
    const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
    return [...wide, ...sticks.map((one) => one.outerHTML.slice(0, 120))];
}"""


@pytest.fixture(scope="module")
def filled(page_gallery: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    gallery = shutil.copytree(page_gallery, tmp_path_factory.mktemp("tour") / "gallery")
    fill(gallery, shared_data)
    return gallery


@pytest.fixture
def toured(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """The address of the page, and the key of an administrator."""
    gallery = shutil.copytree(filled, tmp_path / "gallery")
    with open_gallery(gallery) as opened:
        key = add_key(opened, "eve", role="admin").key
    (tmp_path / "backups").mkdir()
    monkeypatch.setenv("LOOKALIKE_BACKUP_FOLDER", str(tmp_path / "backups"))
    monkeypatch.setenv("LOOKALIKE_SCHEDULE_BACKUP", "every 5 hours")
    with serving(gallery) as address:
        yield address, key


class Tour:
    """page: signed in. found: what is wrong, by part of the page and width; ``faults`` at the end."""

    def __init__(self, page: Page, address: str, artefacts: Path, suffix: str) -> None:
        self.page, self.address, self.artefacts, self.suffix = page, address, artefacts, suffix
        self.faults: dict[str, Any] = {}

    def test(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def opened(self, view: str, more: str = "") -> None:
        self.page.goto(f"{self.address}#/{view}{more}")

    def look(self, name: str) -> None:
        """At what is open now, at every width."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_function(LOADED)
            self.page.wait_for_timeout(SETTLED)
            told = [*self.page.evaluate(BESIDE), *self.page.evaluate(RUN)]
            if told:
                self.faults[f"{name} {width}"] = told
            whole = width == SIZES[0][0]
            if not whole:  # the sheet scrolls within the page: a window as high as it shows all of it
                self.page.set_viewport_size({"width": width, "height": min(TALLEST, self.page.evaluate(HEIGHT))})
            self.page.wait_for_timeout(SETTLED)
            shot = self.artefacts / f"tour-{name}-{width}-{self.suffix}.png"
            self.page.screenshot(path=shot, full_page=whole)
        self.page.set_viewport_size({"width": 1440, "height": 900})


def searching(tour: Tour, query: Path, volume: Path) -> None:
    page = tour.page
    tour.test("nothing-asked").wait_for()
    tour.look("start")
    drop(page, query)
    tour.test("vote").wait_for()
    tour.test("heat").first.wait_for()
    tour.look("search")
    tour.test("filter-label").click()
    tour.look("filter")
    page.keyboard.press("Escape")
    tour.test("export").click()
    tour.look("evidence")
    page.keyboard.press("Escape")
    tour.test("pick-record").click()
    tour.test("picker-record").first.wait_for()
    tour.look("picker")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    tour.test("help").wait_for()
    tour.look("help")
    page.keyboard.press("Escape")
    compared(tour)
    tour.look("viewer-picture")
    page.keyboard.press("Escape")
    tour.test("query-stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    tour.test("hit-box").first.wait_for()
    tour.look("region")
    tour.opened("search")
    tour.test("nothing-asked").wait_for()
    drop(page, volume)
    tour.test("hits").wait_for()
    tour.look("search-volume")
    compared(tour)
    tour.look("viewer-volume")
    page.keyboard.press("p")
    tour.test("plane-query-coronal").wait_for()
    page.wait_for_timeout(1000)
    tour.look("viewer-planes")
    page.keyboard.press("Escape")


def compared(tour: Tour) -> None:
    tour.page.keyboard.press("c")
    for side in ("query", "hit"):
        tour.page.locator(f"[data-testid=pane-{side}]:not([data-drawn-by=''])").wait_for()
    tour.page.wait_for_timeout(500)


def mapping(tour: Tour) -> None:
    tour.opened("map")
    tour.page.locator("[data-testid=map-plot][data-drawn=yes]").wait_for()
    tour.test("map-group").first.wait_for()
    tour.look("map")
    tour.test("map-pictured").click()
    tour.page.locator("[data-testid=map-pictures] img").first.wait_for()
    tour.test("map-group").first.click()
    tour.test("lasso-grid").wait_for()
    tour.look("map-pictures")


def labelling(tour: Tour) -> None:
    tour.opened("labels")
    tour.test("label-tile").first.wait_for()
    tour.test("label-tile").nth(2).click()
    tour.look("labels")
    tour.test("label-order").select_option(index=1)
    tour.page.wait_for_timeout(3000)
    tour.look("labels-ordered")
    tour.test("label-history").click()
    tour.look("labels-changes")
    tour.page.keyboard.press("Escape")


def reading(tour: Tour) -> None:
    tour.opened("readings")
    tour.test("round").first.wait_for()
    tour.test("start-round").locator("summary").click()
    tour.look("readings")
    tour.page.locator("[data-round='second pass']").get_by_test_id("round-read").click()
    tour.test("mark").first.wait_for()
    tour.look("reading")
    tour.opened("readings")
    tour.page.reload()
    tour.page.add_script_tag(path=AXE)
    tour.page.locator("[data-round=pilot]").get_by_test_id("round-agreement").click()
    tour.test("kappa-row").first.wait_for()
    tour.test("differing").first.click()
    tour.test("difference").first.wait_for()
    tour.look("agreement")
    tour.test("adjudicate").click()
    tour.test("mark").first.wait_for()
    tour.look("adjudication")


def judging(tour: Tour) -> None:
    tour.opened("adapt")
    tour.test("curves").first.wait_for()
    tour.look("adapt")
    tour.opened("evaluate")
    tour.test("report").wait_for()
    tour.test("run-choice").select_option(index=1)
    tour.page.locator("[data-testid=confusion-count]:not([data-count='0'])").first.click()
    tour.test("all-jobs").locator("summary").click()
    tour.test("job-log-open").first.click()
    tour.look("evaluate")


def keeping(tour: Tour) -> None:
    tour.opened("gallery")
    tour.test("record").first.wait_for()
    tour.test("choose").nth(1).check()
    tour.look("gallery-records")
    for part in ("duplicates", "outliers", "quality", "metadata", "cohorts", "refused", "jobs", "operation"):
        tour.test(f"gallery-page-{part}").click()
        tour.page.wait_for_timeout(800)
        tour.look(f"gallery-{part}")


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-GB"), ("dark", "de-DE")])
def test_every_part_of_the_page(
    toured: tuple[str, str],
    page_without_errors: MakePage,
    query_file: Path,
    shared_data: Path,
    artefacts: Path,
    scheme: str,
    locale: str,
) -> None:
    """Nothing sticks out, nothing is against WCAG 2 A and AA, nothing is asked of another host, no error is logged."""
    address, key = toured
    page = page_without_errors(
        expected="40[14]", locale=locale, bypass_csp=True, viewport={"width": 1440, "height": 900}
    )
    page.add_init_script(f"localStorage.setItem('lookalike-theme', '{scheme}')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tour = Tour(page, address, artefacts, scheme)
    page.goto(address)
    page.add_script_tag(path=AXE)
    tour.test("key").wait_for()
    tour.look("sign-in")
    tour.test("key").fill(key)
    page.keyboard.press("Enter")
    searching(tour, query_file, shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_sm.nii.gz")
    for part in (mapping, labelling, reading, judging, keeping):
        part(tour)
    hosts = {url.split("/")[2] for url in asked if not url.startswith(("blob:", "data:"))}
    assert hosts == {address.split("/")[2]}
    assert tour.faults == {}
