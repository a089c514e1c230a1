"""The map on the page: drawn by a job, coloured, lassoed to a grid, with the query where it falls."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pytest

from browser.conftest import drop, page_is_built, serving, soon
from lookalike.gallery import open_gallery
from lookalike.store import Batch, NewRecord
from lookalike.verbs.map import map_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Not by importing it, which takes two seconds of every process of a test run: only the server needs it.
pytestmark = pytest.mark.skipif(find_spec("umap") is None, reason="no umap-learn: pip install 'lookalike[map]'")
MakePage = Callable[..., Any]
HoldJobs = Callable[[], AbstractContextManager[None]]


def drawn(page: Page) -> tuple[Any, Any]:
    """The plot's pixels, and which are saturated: those of points."""
    page.locator("[data-testid=map-plot][data-drawn=yes]").wait_for()
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
    assert soon(page, lambda: drawn(page)[1].sum() > 0)
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


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of 240 records in four groups, whose labels say which they are of, with a map that has been drawn."""
    page_is_built()
    folder = tmp_path_factory.mktemp("planted") / "gallery"
    with open_gallery(folder, create=True) as gallery:
        centres = np.random.default_rng(9).standard_normal((4, gallery.spec.dim)).astype(np.float32)
        rows = []
        for i in range(240):
            noise = np.random.default_rng(i).standard_normal((1, gallery.spec.dim)).astype(np.float32)
            vector = centres[i % 4] + 0.5 * noise
            vector /= np.linalg.norm(vector)
            drawn = io.BytesIO()
            PIL.Image.new("L", (96, 96), 60 + 40 * (i % 4)).save(drawn, "JPEG")
            said = {"PatientAge": float(20 + i)}
            label = (f"label {i % 4}",)
            rows.append(NewRecord(f"/{i}", f"{i:064x}", 0, f"p{i}", label, said, vector, drawn.getvalue()))
        gallery.store.write(Batch(records=rows))
        map_gallery(gallery, method="tsne")
    with serving(folder) as address:
        yield address


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP of so few records takes a third of the time where it is not compiled first."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("method", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_make_a_map_lasso_it_and_search_with_the_catch(
    method: str,
    served_alone: str,
    hold_jobs: HoldJobs,
    page_without_errors: MakePage,
    query_file: Path,
    artefacts: Path,
) -> None:
    page = page_without_errors(expected="404", viewport={"width": 1440, "height": 900})
    page.goto(served_alone)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("nav-map").click()
    page.get_by_test_id("map-method").select_option(method)
    with hold_jobs():
        page.get_by_test_id("make-map").click()
        page.locator("[data-testid=job][data-kind=map] [data-testid=busy-bar]").wait_for()  # it fills nothing
        assert page.get_by_test_id("make-map").is_disabled()
        later = page_without_errors(expected="404")  # who comes later sees it when it is there
        later.goto(f"{served_alone}#/map")
        later.locator("[data-testid=job][data-kind=map]").wait_for()  # of what is chosen only now
        later.get_by_test_id("map-method").select_option(method)
        assert later.get_by_test_id("make-map").is_disabled()
    later.get_by_test_id("map-plot").wait_for()
    later.close()
    page.get_by_test_id("map-plot").wait_for()
    assert page.get_by_test_id("map-plot").get_attribute("data-points") == "44"
    assert page.get_by_test_id("query-here").is_visible()
    page.get_by_text("covid19").first.wait_for()
    assert soon(page, lambda: len(colours(page)) > 10)
    by_label = colours(page)
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
    assert soon(page, lambda: colours(page) != by_label)
    lasso(page, 0.97)
    caught = int(page.get_by_test_id("lasso-count").inner_text().split()[0])
    assert 0 < caught <= 44
    assert page.get_by_test_id("lasso-record").count() == caught
    page.screenshot(path=artefacts / "map-lasso.png")
    page.get_by_test_id("lasso-search").click()
    page.get_by_test_id("hits").wait_for()
    assert f"{caught} records together" in page.get_by_test_id("query").inner_text()


def packed(places: np.ndarray) -> bytes:
    """A map as the server packs it (``GET /map/points``): places in [0, 1], (2, n), and ids that count."""
    count = places.shape[1]
    ids = np.arange(count, dtype=">u8")
    return np.round(places * 65535).astype("<u2").tobytes() + ids.tobytes() + bytes([255]) * count


def answering(answer: dict[str, Any]) -> Callable[[Any], None]:
    """What answers a request of the page so."""
    return lambda route: route.fulfill(**answer)


def test_fifty_thousand_points_are_drawn_lassoed_and_pointed_at(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors(expected="404")  # the gallery has no pictures of these
    rng = np.random.default_rng(0)
    count = 50_000
    places = np.clip(rng.normal(0.5, 0.12, size=(2, count)), 0, 1)
    places = np.round(places * 65535) / 65535
    shown: dict[str, Any] = {
        "points": {"body": packed(places), "content_type": "application/octet-stream"},
        "column": {
            "body": b'{"kind":"number","names":[],"counts":[],"others":0,"low":0,"high":1}\n' + bytes(range(250)) * 200,
            "content_type": "application/octet-stream",
        },
        "errors": {
            "body": b'{"kind":"number","names":[],"counts":[],"others":0,"sampled":1000,"low":0,"high":1}\n'
            + (bytes([253]) + bytes([255]) * 49) * 1000,
            "content_type": "application/octet-stream",
        },
        "groups": {"json": {"method": "umap", "space": "base", "items": [], "ungrouped": count}},
    }
    for name, answer in shown.items():
        page.route(f"**/api/v1/map/{name}?*", answering(answer))
    page.goto(f"{served}#/map")
    page.locator("[data-testid=map-plot][data-points='50000'][data-drawn=yes]").wait_for()
    page.get_by_test_id("legend-scale").wait_for()
    assert soon(page, lambda: (drawn(page)[0] > 60).mean() > 0.05)
    box = page.get_by_test_id("map-plot").bounding_box()
    assert box
    span = np.ptp(places, axis=1) / 2
    middle = (places.max(axis=1) + places.min(axis=1)) / 2
    controls = page.locator("[data-testid=map-plot] .controls").bounding_box()
    assert controls
    top = controls["y"] + controls["height"] - box["y"]  # the points lie below them
    free = box["height"] - top
    below = 1.12 * max(span[1], span[0] / (box["width"] / free))
    half, middle[1] = below * box["height"] / free, middle[1] + top * below / free
    for across, along in rng.uniform(0.3, 0.7, size=(12, 2)):  # the point under the pointer, against a look at each
        x, y = round(box["x"] + across * box["width"]), round(box["y"] + along * box["height"])
        page.mouse.move(x, y)
        unit = 2 * half / box["height"]
        wanted = middle[:, None] + unit * np.array(
            [[x - box["x"] - box["width"] / 2], [box["y"] + box["height"] / 2 - y]]
        )
        distances = np.hypot(*(places - wanted))
        near = int(distances.argmin())
        assert distances[near] < 12 * unit
        page.locator(f"[data-testid=map-under][data-id='{near:016x}']").wait_for()
    lasso(page, 0.3)
    caught = int(page.get_by_test_id("lasso-count").inner_text().split()[0].replace(",", ""))
    distance = np.hypot(*(places - middle[:, None]))
    # The lasso has 24 corners: it holds a little less than the circle.
    assert caught == pytest.approx(int((distance < 0.3 * half).sum()), rel=0.05)
    before = page.get_by_test_id("map-plot").screenshot()
    page.get_by_test_id("map-plot").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    assert soon(page, lambda: page.get_by_test_id("map-plot").screenshot() != before)
    page.keyboard.press("0")
    page.keyboard.press("Escape")
    page.get_by_test_id("lasso-hint").wait_for()
    page.get_by_test_id("map-field").select_option(":error")
    page.get_by_text("1,000, those of patients drawn at random").wait_for()
    # None of the thousand is hidden by the others, which are grey.
    assert soon(page, lambda: drawn(page)[1].sum() > 2000)


def test_groups_bear_names_and_pictures_lie_on_the_map(
    planted: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(expected="404", viewport={"width": 1440, "height": 900})
    page.goto(f"{planted}#/map")
    page.get_by_test_id("map-method").select_option("tsne")
    page.locator("[data-testid=map-plot][data-points='240'][data-drawn=yes]").wait_for()
    names = page.get_by_test_id("map-names")
    names.get_by_text("label 0").wait_for()
    assert sorted(names.locator("text").all_text_contents()) == ["label 0", "label 1", "label 2", "label 3"]
    listed = page.get_by_test_id("map-group")
    assert listed.count() == 4
    assert "% here" in listed.first.inner_text()
    listed.first.focus()
    page.keyboard.press("Enter")
    of_group = int(listed.first.inner_text().split("\n")[1].split()[0])
    assert page.get_by_test_id("lasso-count").text_content() == f"{of_group} records"
    page.get_by_test_id("map-named").click()
    names.wait_for(state="detached")
    page.get_by_test_id("map-pictured").click()
    pictures = page.locator("[data-testid=map-pictures] span")
    pictures.first.locator("img").wait_for()
    boxes = [box for each in pictures.all() if (box := each.bounding_box())]
    assert len(boxes) > 3
    for number, one in enumerate(boxes):  # none on another
        for other in boxes[number + 1 :]:
            assert max(abs(one["x"] - other["x"]), abs(one["y"] - other["y"])) >= one["width"]
    page.screenshot(path=artefacts / "map-pictures.png")
    page.get_by_test_id("map-field").select_option(":error")
    page.get_by_test_id("legend-scale").wait_for()
    assert page.get_by_test_id("legend-scale").inner_text().split() == ["0", "0.5", "1"]
    page.get_by_test_id("map-field").select_option("PatientAge")
    page.get_by_test_id("legend-scale").get_by_text("139.5", exact=True).wait_for()
    page.get_by_test_id("map-field").select_option(":group")
    page.get_by_test_id("legend").get_by_text("label 1").wait_for()
