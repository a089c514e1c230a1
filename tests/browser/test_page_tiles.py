"""How the page's search is looked at: whole pictures at any size, boxes inside, each field once, keys and Escape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import drop

MakePage = Callable[..., Any]
WIDE = {"width": 1920, "height": 1080}
# Of each hit: whether its picture is whole, what lies over its four corners, and how far its box reaches out of it.
LOOK = """() => [...document.querySelectorAll("[data-testid=hit]")].map((hit) => {
    hit.scrollIntoView({block: "center"});
    const image = hit.querySelector("img"), frame = image.getBoundingClientRect();
    const scale = Math.min(frame.width / image.naturalWidth, frame.height / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const left = frame.left + (frame.width - width) / 2, top = frame.top + (frame.height - height) / 2;
    const corners = [[3, 3], [width - 3, 3], [3, height - 3], [width - 3, height - 3]]
        .map(([x, y]) => document.elementFromPoint(left + x, top + y)?.tagName);
    const box = hit.querySelector("[data-testid=hit-box] rect")?.getBoundingClientRect();
    const out = box && Math.max(left - box.left, top - box.top, box.right - left - width, box.bottom - top - height);
    return {fit: getComputedStyle(image).objectFit, corners, out: box ? out : null, width: hit.offsetWidth};
})"""


def hits_of(page: Any) -> list[dict[str, Any]]:
    """What ``LOOK`` says of every hit, at a moment at which all pictures are there: those of another size come anew."""
    there = "[...document.querySelectorAll('[data-testid=hit] img')].every((one) => one.naturalWidth > 0)"
    found: list[dict[str, Any]] = page.wait_for_function(f"() => {there} && ({LOOK})()").json_value()
    return found


@pytest.fixture
def searched(page_without_errors: MakePage, served: str, query_file: Path) -> Any:
    """A page on a wide screen after a search."""
    page = page_without_errors(viewport=WIDE)
    page.goto(served)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("hits").wait_for()
    return page


def test_pictures_are_whole_at_any_size_and_boxes_lie_inside(searched: Any, artefacts: Path) -> None:
    page = searched
    hits = hits_of(page)
    assert {hit["fit"] for hit in hits} == {"contain"}
    assert {corner for hit in hits for corner in hit["corners"]} == {"IMG"}  # nothing covers an apex
    assert {hit["width"] for hit in hits}.pop() > 190  # a wide screen is used
    page.get_by_test_id("tile-size").fill("360")
    assert {hit["width"] for hit in hits_of(page)}.pop() >= 360
    page.get_by_test_id("query-stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_test_id("hit-box").first.wait_for()
    outs = [hit["out"] for hit in hits_of(page)]
    assert outs
    assert all(out is not None and out < 2 for out in outs)  # pixels: the line has a width
    page.screenshot(path=artefacts / "tiles-large.png")
    page.reload()
    page.get_by_test_id("hits").wait_for()
    assert page.get_by_test_id("tile-size").input_value() == "360"  # kept
    page.get_by_test_id("tile-auto").click()
    assert {hit["width"] for hit in hits_of(page)}.pop() < 300


def test_fields_stand_once_and_escape_closes_what_is_on_top(searched: Any) -> None:
    page = searched
    page.get_by_test_id("more-fields").click()
    fields = [chip.get_attribute("data-testid") for chip in page.locator("[data-testid^=filter-]").all()]
    assert {"filter-PatientSex", "filter-PatientAge", "filter-ViewPosition", "filter-rows"} <= {*fields}
    assert not {"filter-sex", "filter-age", "filter-view"} & {*fields}  # the table's, which say the same
    assert "As near" in page.get_by_test_id("nearness").inner_text()
    page.get_by_test_id("filter-label").click()
    page.get_by_test_id("values-label").wait_for()
    page.keyboard.press("?")
    page.get_by_test_id("help").wait_for()
    told = page.get_by_test_id("help").inner_text()
    for key in ("/", "j", "k", "c", "+", "-", "u", "?", "Esc"):
        assert f"\n{key}" in f"\n{told}", key
    page.keyboard.press("Escape")
    page.get_by_test_id("help").wait_for(state="detached")
    assert page.get_by_test_id("values-label").count() == 1  # what lies under it stays
    page.get_by_test_id("pick-record").click()
    page.locator("[data-testid=picker] input:focus").wait_for()
    page.keyboard.type("cxr")  # in a search field a browser takes the first Escape for itself
    page.keyboard.press("Escape")
    page.get_by_test_id("picker").wait_for(state="detached")
    page.keyboard.press("Escape")
    page.get_by_test_id("values-label").wait_for(state="detached")
