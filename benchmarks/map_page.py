"""The page's map of a million records, in Chromium: drawn, moved, pointed at; and the server's share of it.

The gallery is that of ``grows``: clustered random vectors, without pictures. With ``--data FOLDER`` it is FOLDER/grows,
which is kept; its map is laid out as any other (a sample by UMAP, the others beside it). The point under the pointer is
compared with a look at every point before any time counts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import urlopen

import numpy as np

from benchmarks.filtered import fill
from benchmarks.report import Figure
from lookalike.gallery import open_gallery
from lookalike.verbs.map import map_gallery

RECORDS: Final = 1_000_000
MOVES, POINTED = 30, 30
INTERACTION_MS: Final = 100.0
_NEAR: Final = 12  # pixels, as the page has it
_PATIENCE: Final = 300_000  # milliseconds
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
# From the event until the next frame but one has begun, by which what it asks for has been drawn.
_FRAME: Final = """async ([kind, given]) => {
  const plot = document.querySelector("[data-testid=map-plot]");
  const began = performance.now();
  plot.dispatchEvent(new (kind === "wheel" ? WheelEvent : KeyboardEvent)(kind, { bubbles: true, ...given }));
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""
_POINT: Final = """async ([x, y]) => {
  const plot = document.querySelector("[data-testid=map-plot]");
  const shown = () => document.querySelector("[data-testid=map-under]")?.dataset.id ?? "";
  const before = shown(), began = performance.now();
  plot.dispatchEvent(new PointerEvent("pointermove", { clientX: x, clientY: y, bubbles: true, pointerId: 1 }));
  for (let frame = 0; frame < 60 && shown() === before; frame++) await new Promise(requestAnimationFrame);
  return [performance.now() - began, shown()];
}"""


def run(data: Path | None) -> Iterator[Figure]:
    """The gallery is in a folder that is removed at the end, unless one is named."""
    if data is not None:
        yield from measured(data / "grows", RECORDS)
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield from measured(Path(scratch) / "grows", RECORDS)


def measured(folder: Path, records: int) -> Iterator[Figure]:
    """The figures of a gallery of so many records."""
    if not folder.exists():
        with open_gallery(folder, create=True) as gallery:
            fill(gallery, records)
    with open_gallery(folder) as gallery:
        drawn = map_gallery(gallery)
    told = "kept from before" if drawn.cached else f"{drawn.parameters}"
    yield Figure(f"map of {len(drawn.ids):,} laid out", drawn.seconds, unit="s", notes=(told,))
    command = [sys.executable, "-m", "lookalike", "serve", "--gallery", str(folder), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        address = service.stdout.readline().split()[1]
        try:
            yield from _answered(address, service.pid)
            yield from _shown(address, np.array([drawn.x, drawn.y]), drawn.ids)
        finally:
            service.terminate()


def _answered(address: str, pid: int) -> Iterator[Figure]:
    """Bytes and seconds of what the page asks for, the first time and again; the service's largest size."""
    for name in ("points", "column?field=label", "column?field=age", "groups"):
        times = []
        for _ in range(2):
            began = time.perf_counter()
            with urlopen(f"{address}api/v1/map/{name}") as answer:
                size = len(answer.read())
            times.append(time.perf_counter() - began)
        notes = (f"{size:,} bytes; the first time {times[0]:.2f} s",)
        yield Figure(f"GET /map/{name}", times[1], unit="s", notes=notes)
    status = Path(f"/proc/{pid}/status").read_text()
    largest = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    yield Figure("the service, at most", largest / 1000, unit="MB")


def _shown(address: str, places: np.ndarray, ids: tuple[str, ...]) -> Iterator[Figure]:
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, _CHROMIUM)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.perf_counter()
        page.goto(f"{address}#/map")
        page.locator("[data-testid=map-plot]").wait_for(timeout=_PATIENCE)
        first = time.perf_counter() - began
        _wait_drawn(page)
        page.get_by_test_id("legend").locator("li").first.wait_for(timeout=_PATIENCE)
        _wait_drawn(page)
        notes = (f"the first points after {first:.1f} s",)
        yield Figure("opened until all points are drawn", time.perf_counter() - began, unit="s", notes=notes)
        yield from _pointed(page, places, ids)
        yield from _moved(page)
        used = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        yield Figure("heap of the page", used, unit="MB")
        browser.close()


def _wait_drawn(page: Any) -> None:
    page.locator("[data-testid=map-plot][data-drawn=yes]").wait_for(timeout=_PATIENCE)


def _pointed(page: Any, places: np.ndarray, ids: tuple[str, ...]) -> Iterator[Figure]:
    """The median time until the record under the pointer is told, each compared with a look at every point."""
    box = page.get_by_test_id("map-plot").bounding_box()
    low, high = places.min(axis=1), places.max(axis=1)
    middle, span = (low + high) / 2, (high - low) / 2
    unit = 2 * 1.12 * max(span[1], span[0] / (box["width"] / box["height"])) / box["height"]
    times = []
    for row in np.random.default_rng(0).integers(0, places.shape[1], POINTED):
        x, y = np.round((places[:, row] - middle) / unit * [1, -1] + [box["width"] / 2, box["height"] / 2])
        at = middle + (np.array([x, y]) - [box["width"] / 2, box["height"] / 2]) * unit * [1, -1]
        distances = np.hypot(*(places - at[:, None]))
        took, shown = page.evaluate(_POINT, [box["x"] + x, box["y"] + y])
        found = ids.index(shown)
        assert distances[found] <= distances.min() + 2e-5 < _NEAR * unit, (distances[found], distances.min())
        times.append(took)
    yield Figure("the record under the pointer", median(times), INTERACTION_MS, "ms", at_least=False)


def _moved(page: Any) -> Iterator[Figure]:
    """The median time of a frame that moves, and of one that zooms; then until all is drawn again."""
    right = {"key": "ArrowRight"}
    for name, kind, given in (("moved", "keydown", right), ("zoomed", "wheel", {"deltaY": -1, "cancelable": True})):
        turned = [{**given, "deltaY": 1} if kind == "wheel" and at % 2 else given for at in range(MOVES)]
        times = [page.evaluate(_FRAME, [kind, each]) for each in turned]
        notes = (f"at most {max(times):.0f} ms",)
        yield Figure(f"a frame that is {name}", median(times), INTERACTION_MS, "ms", at_least=False, notes=notes)
        page.get_by_test_id("map-plot").focus()
        page.keyboard.press("0")
        began = time.perf_counter()
        _wait_drawn(page)
        yield Figure("all points again", time.perf_counter() - began, unit="s")
