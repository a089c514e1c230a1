"""The page with 10,000 records: seconds between what a hand does and what the eye sees, in a real Chromium.

``python -m benchmarks page``. Each is measured inside the page, from the event to the first frame that shows what was
asked for, some twenty times; another record, filter or view each time, so that nothing is answered from a cache of the
page. The page, the service and the browser share the machine. Needs Chromium and Playwright, and the page built.
"""

from __future__ import annotations

import io
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import PIL.Image

from benchmarks.by_id import DIM, sha256_of
from benchmarks.report import Figure
from benchmarks.server_load import serving
from lookalike.gallery import open_gallery
from lookalike.store import record_id
from lookalike.store.batch import Batch, NewRecord

if TYPE_CHECKING:
    from playwright.sync_api import Page

RECORDS, CLASSES, TURNS = 10_000, 8, 20
STORED = 2_000
MEDIAN: Final = 100.0  # milliseconds, of all interactions together
_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_MEASURE: Final = """
async () => {
  const [act, look, after] = [ACT, BEFORE, AFTER];
  const before = look();
  const started = performance.now();
  act();
  while (!after(before)) {
    if (performance.now() - started > 20000) throw new Error("it is not seen after 20 s: " + act);
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - started;
}
"""


def run(_data: Path | None) -> list[Figure]:
    """A gallery of eight loose classes with a drawn thumbnail each, its service, and one browser."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "g"
        with open_gallery(folder, create=True) as gallery:
            for start in range(0, RECORDS, STORED):
                gallery.store.write(Batch(records=list(_records(range(start, start + STORED)))))
            gallery.index()
        with serving(folder) as (port, _process), _opened() as page:
            took = _interactions(page, f"http://127.0.0.1:{port}/")
    every = [one for some in took.values() for one in some]
    notes = tuple(
        f"{what}: median {statistics.median(some):.0f} ms, slowest {max(some):.0f}" for what, some in took.items()
    )
    slowest = max(statistics.median(some) for some in took.values())
    return [
        Figure("page, interactions", statistics.median(every), MEDIAN, "ms", at_least=False, notes=notes),
        Figure("page, the slowest kind's median", slowest, MEDIAN, "ms", at_least=False),
    ]


def _records(rows: range) -> Iterator[NewRecord]:
    random = np.random.default_rng(rows.start)
    centres = np.random.default_rng(0).standard_normal((CLASSES, DIM))
    for row in rows:
        group = row // 2 % CLASSES
        vector = centres[group] + 1.5 * random.standard_normal(DIM)
        yield NewRecord(
            source=f"{row}.dcm",
            sha256=sha256_of(row),
            frame=0,
            patient=str(row // 2),
            labels=(f"class-{group}",),
            attributes={
                "Modality": ("CR", "DX")[row // 4 % 2],
                "PatientSex": "FM"[row // 2 % 2],
                "PatientAge": 20 + row % 70,
            },
            vectors=(vector / np.linalg.norm(vector)).astype(np.float32)[None],
            thumbnail=_thumbnail(random, group),
        )


def _thumbnail(random: np.random.Generator, group: int) -> bytes:
    y, x = np.mgrid[:96, :96] / 96
    grey = 110 + 90 * np.sin((3 + group) * x) * np.cos(5 * y) + random.normal(0, 12, (96, 96))
    out = io.BytesIO()
    PIL.Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(out, "JPEG")
    return out.getvalue()


@contextmanager
def _opened() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser.new_page(viewport={"width": 1440, "height": 900}, locale="en")
        browser.close()


def _differs(what: str) -> dict[str, str]:
    """Seen when something is there and is not what it was."""
    return {"before": f"() => {what}", "after": f"(before) => {what} && {what} !== before"}


_HITS: Final = _differs("[...document.querySelectorAll('[data-testid=hit]')].map((hit) => hit.dataset.id).join()")
_CHOSEN: Final = _differs("document.querySelector('[data-testid=hit][aria-current=true]')?.id")
_WIDTH: Final = _differs("document.querySelector('[data-testid=hit]').getBoundingClientRect().width")
_TILES: Final = {"before": "() => 0", "after": "() => document.querySelector('[data-testid=label-tile] img')?.complete"}
_SELECTED: Final = _differs("document.querySelector('[data-testid=selected-count]')?.innerText")
_KEY: Final = "() => dispatchEvent(new KeyboardEvent('keydown', { key: 'j' }))"
_SLIDES: Final = [
    "() => { const slider = document.querySelector('[data-testid=tile-size]');"
    f" slider.value = {size}; slider.dispatchEvent(new Event('input', {{ bubbles: true }})) }}"
    for size in (300, 130)
]


def _interactions(page: Page, address: str) -> dict[str, list[float]]:
    """Milliseconds of each turn, by what was done."""
    found: dict[str, list[float]] = {}

    def take(what: str, act: str, seen: Mapping[str, str] = _HITS) -> None:
        measure = _MEASURE.replace("ACT", act).replace("BEFORE", seen["before"]).replace("AFTER", seen["after"])
        found.setdefault(what, []).append(float(page.evaluate(measure)))

    page.goto(address + _asking(0))
    page.get_by_test_id("hit").first.wait_for()
    for turn in range(TURNS):
        row = 101 + 34 * turn
        take("another record asks", f"() => {{ location.hash = '{_asking(row)}' }}")
        page.get_by_test_id("vote").wait_for()
        take("next hit", _KEY, _CHOSEN)
        take("size of the pictures", _SLIDES[turn % 2], _WIDTH)
        take("more like this", _clicked("hit-more", 3 + turn % 8))
        page.get_by_test_id("vote").wait_for()
        page.get_by_test_id("filter-label").click()
        page.locator("[data-value=class-0]").wait_for()
        other = (row // 2 + 1 + turn % (CLASSES - 1)) % CLASSES
        take("filter to other hits", f"() => document.querySelector('[data-value=class-{other}]').click()")
        take("no filter any more", _clicked("clear-filters"))
        take("labels open", "() => { location.hash = '#/labels' }", _TILES)
        take("a label tile is chosen", _clicked("label-tile", turn % 10), _SELECTED)
        page.evaluate(f"() => {{ location.hash = '{_asking(row)}' }}")
        page.get_by_test_id("hit").first.wait_for()
    return found


def _asking(row: int) -> str:
    return f"#/search?record={record_id(sha256_of(row), 0)}"


def _clicked(name: str, number: int = 0) -> str:
    return f"() => document.querySelectorAll('[data-testid={name}]')[{number}].click()"
