"""The map on the page: drawn by a job, coloured, lassoed to a grid, with the query where it falls."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest

from browser.conftest import drop

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Not by importing it, which takes two seconds of every process of a test run: only the server needs it.
pytestmark = pytest.mark.skipif(find_spec("umap") is None, reason="no umap-learn: pip install 'lookalike[map]'")
MakePage = Callable[..., Any]


def drawn(page: Page) -> tuple[Any, Any]:
    """The plot's pixels, and which are saturated: those of points."""
    page.wait_for_timeout(300)
    shot = PIL.Image.open(io.BytesIO(page.get_by_test_id("map-plot").screenshot())).convert("RGB")
    pixels = np.asarray(shot, int)
    vivid = (pixels.max(axis=2) - pixels.min(axis=2)) > 70
    vivid[:60] = False  # the controls
    return pixels, vivid


def colours(page: Page) -> set[tuple[int, ...]]:
    """The colours of points."""
    pixels, vivid = drawn(page)
    return {tuple(int(v) // 16 for v in colour) for colour in pixels[vivid]}


def point_at_a_record(page: Page) -> None:
    """Move the mouse onto a point."""
    box = page.get_by_test_id("map-plot").bounding_box()
    assert box
    row, column = np.argwhere(drawn(page)[1])[-1]
    page.mouse.move(box["x"] + float(column), box["y"] + float(row))


def lasso(page: Page, radius: float) -> None:
    """Draw a circle around the middle of the plot, its radius in shares of half the height."""
    box = page.get_by_test_id("map-plot").bounding_box()
    assert box
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, radius * box["height"] / 2
    page.mouse.move(x + r, y)
    page.mouse.down()
    for step in range(1, 25):
        page.mouse.move(x + r * math.cos(step * math.pi / 12), y + r * math.sin(step * math.pi / 12))
    page.mouse.up()


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP of so few records takes a third of the time where it is not compiled first."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")


@pytest.mark.usefixtures("interpreted")
def test_make_a_map_lasso_it_and_search_with_the_catch(
    served_alone: str, page_without_errors: MakePage, query_file: Path, artefacts: Path
) -> None:
    page = page_without_errors(expected="404", viewport={"width": 1440, "height": 900})
    page.goto(served_alone)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("nav-map").click()
    page.get_by_test_id("make-map").click()
    page.locator("[data-testid=job][data-kind=map] [data-testid=busy-bar]").wait_for()  # it fills nothing
    assert page.get_by_test_id("make-map").is_disabled()
    later = page_without_errors(expected="404")  # who comes later does not draw it again, and sees it when it is there
    later.goto(f"{served_alone}#/map")
    later.locator("[data-testid=job][data-kind=map]").wait_for()
    assert later.get_by_test_id("make-map").is_disabled()
    later.get_by_test_id("map-plot").wait_for(timeout=600_000)
    later.close()
    page.get_by_test_id("map-plot").wait_for(timeout=600_000)
    assert page.get_by_test_id("map-plot").get_attribute("data-points") == "44"
    assert page.get_by_test_id("query-here").is_visible()
    page.get_by_text("covid19").first.wait_for()
    by_label = colours(page)
    assert len(by_label) > 10
    page.get_by_test_id("legend-find").fill("COVID")
    assert page.get_by_test_id("legend").inner_text().split() == ["covid19", "8"]
    point_at_a_record(page)
    page.get_by_test_id("map-under").locator("img").wait_for()
    page.screenshot(path=artefacts / "map.png")
    page.mouse.move(1, 1)
    page.get_by_test_id("map-under").wait_for(state="detached")
    assert page.get_by_test_id("map-field").locator("option[value=sex]").count() == 0  # it is PatientSex
    page.get_by_test_id("map-field").select_option("PatientSex")
    page.get_by_test_id("legend").get_by_text("F", exact=True).wait_for()
    assert colours(page) != by_label
    lasso(page, 0.97)
    caught = int(page.get_by_test_id("lasso-count").inner_text().split()[0])
    assert 0 < caught <= 44
    assert page.get_by_test_id("lasso-record").count() == caught
    page.screenshot(path=artefacts / "map-lasso.png")
    page.get_by_test_id("lasso-search").click()
    page.get_by_test_id("hits").wait_for()
    assert f"{caught} records together" in page.get_by_test_id("query").inner_text()


def test_fifty_thousand_points_are_drawn_and_lassoed(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors(expected="404")  # the gallery has no pictures of these
    rng = np.random.default_rng(0)
    count = 50_000
    places = rng.normal(size=(2, count)).round(3)
    ids = [f"r{i:05}" for i in range(count)]
    page.route(
        "**/api/v1/map?*",
        lambda route: route.fulfill(
            json={"method": "umap", "space": "base", "ids": ids, "x": places[0].tolist(), "y": places[1].tolist()}
        ),
    )
    page.goto(f"{served}#/map")
    page.locator("[data-testid=map-plot][data-points='50000'][data-drawn=yes]").wait_for()
    page.wait_for_timeout(500)
    shown = np.asarray(PIL.Image.open(io.BytesIO(page.get_by_test_id("map-plot").screenshot())).convert("L"), int)
    assert (shown > 60).mean() > 0.05
    lasso(page, 0.3)
    caught = int(page.get_by_test_id("lasso-count").inner_text().split()[0].replace(",", ""))
    span = max(np.ptp(places[1]) / 2, 1e-9) * 1.12
    middle = (places[0].max() + places[0].min()) / 2, (places[1].max() + places[1].min()) / 2
    distance = np.hypot(places[0] - middle[0], places[1] - middle[1])
    box = page.get_by_test_id("map-plot").bounding_box()
    assert box
    half = max(span, np.ptp(places[0]) / 2 / (box["width"] / box["height"]) * 1.12)
    # The lasso has 24 corners: it holds a little less than the circle.
    assert caught == pytest.approx(int((distance < 0.3 * half).sum()), rel=0.05)
