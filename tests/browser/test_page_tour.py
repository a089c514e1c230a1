"""A tour of every part of the page over 10,000 records, in both themes and both languages, at four widths.

LOOKALIKE_TEST_PICTURES names a folder for pictures of all that is seen, to be looked at; without it none is taken.
One part is walked alone with ``-k "adapting and dark"``.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from browser.big_gallery import fill
from browser.conftest import drop, serving, settled
from browser.test_page_access import AXE, RUN
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
MakePage = Callable[..., Any]
SIZES: Final = ((390, 844), (1280, 800), (1440, 900), (1920, 1080))
PATIENCE: Final = 120  # seconds for what is asked of the service
TALLEST: Final = 2600  # pixels of a picture
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
def toured(
    page_gallery: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The address of a page that the tours look at and none changes, and the key of an administrator."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        # Keys are of a gallery wherever a copy of it lies, the other tests' too.
        patch.setenv("LOOKALIKE_CONFIG", str(shutil.copytree(os.environ["LOOKALIKE_CONFIG"], folder / "configuration")))
        gallery = shutil.copytree(page_gallery, folder / "gallery")
        fill(gallery, shared_data)
        with open_gallery(gallery) as opened:
            key = add_key(opened, "eve", role="admin").key
        (folder / "backups").mkdir()
        patch.setenv("LOOKALIKE_BACKUP_FOLDER", str(folder / "backups"))
        patch.setenv("LOOKALIKE_SCHEDULE_BACKUP", "every 5 hours")
        with serving(gallery) as address:
            yield address, key


class Tour:
    """page: of the address, signed in. query, volume: files to search with. pictures: a folder for what is seen, or
    None. faults: what is wrong, by part of the page and width.
    """

    def __init__(self, page: Page, address: str, query: Path, volume: Path, scheme: str) -> None:
        self.page, self.address, self.query, self.volume, self.scheme = page, address, query, volume, scheme
        named = os.environ.get("LOOKALIKE_TEST_PICTURES")
        self.pictures = Path(named) if named else None
        self.faults: dict[str, Any] = {}
        self.asked: list[str] = []
        self._pending: set[Any] = set()
        page.on("request", self._begun)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def _begun(self, request: Any) -> None:
        self.asked.append(request.url)
        self._pending.add(request)

    def _ended(self, request: Any) -> None:
        self._pending.discard(request)

    def test(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def opened(self, view: str) -> None:
        self.page.goto(f"{self.address}#/{view}")

    def look(self, name: str) -> None:
        """At what is open now, at every width."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self._settle()
            told = [*self.page.evaluate(BESIDE), *self.page.evaluate(RUN)]
            if told:
                self.faults[f"{name} {width}"] = told
            if self.pictures is not None:
                self._take(self.pictures / f"{name}-{width}-{self.scheme}.png", width)
        self.page.set_viewport_size({"width": 1440, "height": 900})

    def _settle(self) -> None:
        """Wait until all that was asked for is there, and drawn."""
        settled(self.page)
        until = time.monotonic() + PATIENCE
        while self._pending and time.monotonic() < until:
            self.page.wait_for_timeout(20)
        self.page.wait_for_function(LOADED)
        settled(self.page)

    def _take(self, file: Path, width: int) -> None:
        whole = width == SIZES[0][0]
        if not whole:  # the sheet scrolls within the page: a window as high as it shows all of it
            self.page.set_viewport_size({"width": width, "height": min(TALLEST, self.page.evaluate(HEIGHT))})
            self._settle()
        self.page.screenshot(path=file, full_page=whole)


def starting(tour: Tour) -> None:
    tour.test("nothing-asked").wait_for()
    tour.look("start")
    tour.test("pick-record").click()
    tour.test("picker-record").first.wait_for()
    tour.look("picker")
    tour.page.keyboard.press("Escape")
    tour.page.keyboard.press("?")
    tour.test("help").wait_for()
    tour.look("help")


def searching(tour: Tour) -> None:
    page = tour.page
    drop(page, tour.query)
    tour.test("vote").wait_for(timeout=PATIENCE * 1000)  # the first vote calibrates it, on 10,000 records
    tour.test("heat").first.wait_for()
    tour.look("search")
    tour.test("filter-label").click()
    tour.look("filter")
    page.keyboard.press("Escape")
    tour.test("export").click()
    tour.look("evidence")
    page.keyboard.press("Escape")
    tour.test("query-stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    tour.test("hit-box").first.wait_for()
    tour.look("region")


def comparing(tour: Tour) -> None:
    drop(tour.page, tour.query)
    tour.test("hits").wait_for()
    compared(tour)
    tour.look("viewer-picture")


def comparing_volumes(tour: Tour) -> None:
    drop(tour.page, tour.volume)
    tour.test("hits").wait_for()
    tour.look("search-volume")
    compared(tour)
    tour.look("viewer-volume")
    tour.page.keyboard.press("p")
    tour.test("plane-query-coronal").wait_for()
    tour.look("viewer-planes")


def compared(tour: Tour) -> None:
    tour.page.keyboard.press("c")
    for side in ("query", "hit"):
        tour.page.locator(f"[data-testid=pane-{side}]:not([data-drawn-by=''])").wait_for()


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
    with tour.page.expect_response(re.compile("/labels/next")):
        tour.test("label-order").select_option(index=1)
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


def agreeing(tour: Tour) -> None:
    tour.opened("readings")
    tour.page.locator("[data-round=pilot]").get_by_test_id("round-agreement").click()
    tour.test("kappa-row").first.wait_for()
    tour.test("differing").first.click()
    tour.test("difference").first.wait_for()
    tour.look("agreement")
    tour.test("adjudicate").click()
    tour.test("mark").first.wait_for()
    tour.look("adjudication")


def adapting(tour: Tour) -> None:
    tour.opened("adapt")
    tour.test("curves").first.wait_for()
    tour.look("adapt")


def evaluating(tour: Tour) -> None:
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
        tour.look(f"gallery-{part}")


PARTS: Final[tuple[Callable[[Tour], None], ...]] = (
    starting,
    searching,
    comparing,
    comparing_volumes,
    mapping,
    labelling,
    reading,
    agreeing,
    adapting,
    evaluating,
    keeping,
)


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-GB"), ("dark", "de-DE")], ids=["light", "dark"])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_part_of_the_page(
    toured: tuple[str, str],
    page_without_errors: MakePage,
    query_file: Path,
    shared_data: Path,
    part: Callable[[Tour], None],
    scheme: str,
    locale: str,
) -> None:
    """Nothing sticks out, nothing is against WCAG 2 A and AA, nothing is asked of another host, no error is logged."""
    address, key = toured
    page = page_without_errors(
        expected="40[14]", locale=locale, bypass_csp=True, viewport={"width": 1440, "height": 900}
    )
    page.add_init_script(f"localStorage.setItem('lookalike-theme', '{scheme}')")
    volume = shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_sm.nii.gz"
    tour = Tour(page, address, query_file, volume, scheme)
    page.goto(address)
    page.add_script_tag(path=AXE)
    tour.test("key").wait_for()
    if part is starting:
        tour.look("sign-in")
    tour.test("key").fill(key)
    page.keyboard.press("Enter")
    tour.test("nothing-asked").wait_for()
    part(tour)
    hosts = {url.split("/")[2] for url in tour.asked if not url.startswith(("blob:", "data:"))}
    assert hosts == {address.split("/")[2]}
    assert tour.faults == {}
