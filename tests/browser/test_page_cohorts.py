"""Cohorts on the page: saved from a search and from the gallery, looked at, split, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.conftest import http, settled
from browser.test_page_access import AXE, RUN

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]


def save_as(page: Page, button: str, name: str) -> None:
    """By the keyboard alone."""
    page.get_by_test_id(button).focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("cohort-name").fill(name)
    page.keyboard.press("Enter")
    page.get_by_test_id("cohort-dialog").wait_for(state="detached")


def test_cohorts_are_saved_split_and_removed(served_alone: str, page_without_errors: MakePage, artefacts: Path) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    api = f"{served_alone}api/v1"
    page = page_without_errors(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    page.goto(f"{served_alone}#/gallery")
    page.get_by_test_id("gallery-page-cohorts").click()
    save_as(page, "save-filtered", "all of them")
    cohort = page.get_by_test_id("cohort")
    cohort.wait_for()
    count = http.get(f"{api}/gallery").json()["records"]
    assert cohort.get_by_test_id("cohort-members").inner_text() == f"{count} records"
    cohort.get_by_test_id("cohort-split").click()
    cohort.get_by_text("train").wait_for()
    parts = http.get(f"{api}/cohorts").json()["items"][0]["parts"]
    assert sum(parts.values()) == count
    cohort.get_by_test_id("cohort-look").click()
    told = cohort.get_by_test_id("cohort-changed")
    told.wait_for()
    assert told.inner_text() == "The same members with the same labels as were saved."
    page.screenshot(path=artefacts / "cohorts.png")
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
    page.get_by_test_id("theme").click()
    settled(page)
    assert page.evaluate(RUN) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=artefacts / "cohorts-390.png")
    page.set_viewport_size({"width": 1280, "height": 800})
    cohort.get_by_test_id("cohort-format").select_option("csv")
    with page.expect_download() as download:
        cohort.get_by_test_id("cohort-export").click()
    assert download.value.suggested_filename == "all of them.zip"
    record = http.get(f"{api}/records", params={"limit": 1}).json()["items"][0]["id"]
    page.goto(f"{served_alone}#/search?record={record}")
    page.get_by_test_id("hits").wait_for()
    hits = page.get_by_test_id("hit").count()
    save_as(page, "hits-cohort", "alike")
    saved = http.get(f"{api}/cohorts/alike").json()["cohort"]
    assert (saved["members"], saved["definition"]) == (hits, f"{hits} chosen records")
    page.goto(f"{served_alone}#/gallery")
    page.get_by_test_id("gallery-page-cohorts").click()
    page.locator("[data-testid=cohort][data-name=alike]").get_by_test_id("cohort-remove").click()
    page.get_by_test_id("cohort-goes").click()
    page.locator("[data-testid=cohort][data-name=alike]").wait_for(state="detached")
