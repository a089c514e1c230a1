"""The frame of the page speaks the browser's language, or the one that was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from browser.test_page_access import AXE, RUN

MakePage = Callable[..., Any]


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
