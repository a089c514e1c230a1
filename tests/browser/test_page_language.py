"""The page speaks the browser's language, or the one that was chosen, in every view."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import drop
from browser.test_page_access import AXE, RUN

MakePage = Callable[..., Any]

# Headings, controls and names: what the page says by itself. Sentences of the server stay in its own words.
SAID = """() => [...document.querySelectorAll("h1, h2, h3, button, th, legend, option, [aria-label], [placeholder]")]
    .flatMap((one) => [one.innerText ?? "", one.ariaLabel ?? "", one.placeholder ?? "", one.title ?? ""])"""
ENGLISH = re.compile(r"\b(the|of|and|with|this|these|records?|search|show|from|hits?|select|it)\b", re.IGNORECASE)

LONGEST = 300  # letters: a longer text is of a whole part of the page, sentences of the server with it


def assert_german(page: Any) -> None:
    assert [words for words in page.evaluate(SAID) if len(words) < LONGEST and ENGLISH.search(words)] == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]


def test_german_by_the_browser_and_a_choice_that_is_kept(served: str, page_without_errors: MakePage) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    page = page_without_errors(locale="de-DE", bypass_csp=True, viewport={"width": 390, "height": 800})
    page.goto(f"{served}#/adapt")
    page.get_by_test_id("adapt-view").wait_for()
    assert page.get_by_test_id("nav-evaluate").inner_text() == "Auswerten"
    assert "Kein Medizinprodukt" in page.get_by_test_id("disclaimer").inner_text()
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
    page.get_by_role("button", name="English").click()
    page.get_by_test_id("nav-evaluate").get_by_text("Evaluate").wait_for()
    page.reload()
    page.get_by_test_id("adapt-view").wait_for()
    assert page.get_by_test_id("nav-search").inner_text() == "Search"
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("width", [390, pytest.param(1440, marks=pytest.mark.slow)])
def test_every_view_in_german(
    served: str, page_without_errors: MakePage, query_file: Path, artefacts: Path, width: int
) -> None:
    page = page_without_errors(expected="404", locale="de-DE", viewport={"width": width, "height": 900})
    page.goto(served)
    page.get_by_test_id("nothing-asked").wait_for()
    assert_german(page)
    drop(page, query_file)
    page.get_by_test_id("vote").wait_for()
    assert re.search(r"\d,\d%", page.get_by_test_id("hit-percentile").first.inner_text())
    assert_german(page)
    page.screenshot(path=artefacts / f"german-search-{width}.png")
    page.get_by_test_id("export").click()
    longest = page.get_by_test_id("evidence-json")
    assert longest.evaluate("(button) => button.scrollWidth - button.clientWidth") <= 0  # words stay in their button
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.locator("[data-testid=pane-hit]:not([data-drawn-by=''])").wait_for()
    assert_german(page)
    page.screenshot(path=artefacts / f"german-compare-{width}.png")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_test_id("help").get_by_text("nächster Treffer").wait_for()
    assert_german(page)
    page.keyboard.press("Escape")
    for view in ("map", "labels", "readings", "adapt", "evaluate", "gallery"):
        page.get_by_test_id(f"nav-{view}").click()
        page.get_by_test_id(f"{view}-view").wait_for()
        assert_german(page)
        page.screenshot(path=artefacts / f"german-{view}-{width}.png")
