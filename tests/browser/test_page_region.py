"""A box on the query in a real browser: with the mouse and with keys; hits say where they match."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser.conftest import drop

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]


def asked(page: Page, address: str, file: Path) -> Page:
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, file)
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("query-stage").locator("img").wait_for()
    return page


def test_draw_a_box_and_search_with_it(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path
) -> None:
    page = asked(page_without_errors(viewport={"width": 1440, "height": 900}), served, query_file)
    stage = page.get_by_test_id("query-stage").bounding_box()
    assert stage
    page.mouse.move(stage["x"] + stage["width"] * 0.25, stage["y"] + stage["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.6, steps=5)
    page.mouse.up()
    page.get_by_test_id("hit-box").first.wait_for()
    assert page.get_by_test_id("hit-box").count() == page.get_by_test_id("hit").count() == 12
    assert "box=0.25" in page.url
    assert page.get_by_test_id("query-name").inner_text() == f"Region of {query_file.name}"
    colours = page.evaluate(
        """() => [document.querySelector("[data-testid=region]"), document.querySelector(".where rect")].map(
            (element) => [getComputedStyle(element).borderTopColor, getComputedStyle(element).stroke])"""
    )
    assert colours[0][0] == colours[1][1]  # query and hits say "where" in the same colour
    page.screenshot(path=artefacts / "region.png")
    other = page_without_errors()
    other.goto(page.url)
    other.get_by_test_id("hit-box").first.wait_for()
    assert other.get_by_test_id("region").is_visible()
    page.get_by_test_id("clear-region").click()
    page.get_by_test_id("hit-box").first.wait_for(state="detached")
    page.keyboard.press("u")
    page.get_by_test_id("hit-box").first.wait_for()


def test_a_box_by_keys(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = asked(page_without_errors(), served, query_file)
    page.get_by_test_id("query-stage").focus()
    page.keyboard.press("Enter")
    first = page.get_by_test_id("region").bounding_box()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Shift+ArrowRight"):
        page.keyboard.press(key)
    moved = page.get_by_test_id("region").bounding_box()
    assert first
    assert moved
    assert moved["x"] < first["x"]
    assert moved["y"] < first["y"]
    assert moved["width"] > first["width"]
    assert page.get_by_test_id("hit-box").count() == 0  # nothing is asked yet
    page.keyboard.press("Enter")
    page.get_by_test_id("hit-box").first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_test_id("hit-box").first.wait_for(state="detached")


def test_a_box_on_a_slice_of_a_volume(page_without_errors: MakePage, served: str, shared_data: Path) -> None:
    volume = shared_data / "volumes" / "mr_brain_hippocampus_msd" / "hippocampus_355.nii.gz"
    page = asked(page_without_errors(), served, volume)
    page.get_by_test_id("query-slice").fill("12")
    page.get_by_test_id("query-stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_test_id("hit-box").first.wait_for()
    assert "slice=12" in page.url
    assert page.get_by_test_id("region").is_visible()
    page.get_by_test_id("query-slice").fill("20")
    page.get_by_test_id("region").wait_for(state="detached")  # the box lies on its own slice
