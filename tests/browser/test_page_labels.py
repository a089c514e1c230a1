"""Labels on the page: the neighbours' vote, one record's labels, and a selection's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browser.conftest import ADAPTED, drop, noticed

MakePage = Callable[..., Any]


def test_neighbours_vote_with_a_range_and_are_shown(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = page_without_errors()
    page.goto(served)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("vote").wait_for()
    rows = [row.inner_text().split() for row in page.get_by_test_id("vote-label").all()]
    shares = [float(row[1]) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert page.get_by_test_id("vote-of").inner_text() == "in the space base"
    for row, shown in zip(rows, page.get_by_test_id("vote-range").all(), strict=True):
        low, high = (float(bound) for bound in row[3].split("–"))
        said = re.search(r"[\d.]+$", str(shown.get_attribute("title")))
        assert said
        assert low <= float(said[0]) <= high  # the range is that of the vote, not of the calibrated probability
    assert "calibrated on held-back patients" in page.get_by_test_id("vote").inner_text()
    likely = page.locator("[data-testid=hit] .tag.on").first.inner_text()
    assert likely == rows[0][0]  # hits that bear the likeliest label are marked
    page.get_by_test_id("neighbour").first.click()
    page.locator(".hit.chosen").wait_for()


def test_labels_of_one_record_are_edited(served_alone: str, page_without_errors: MakePage, query_file: Path) -> None:
    page = page_without_errors()
    page.goto(served_alone)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("hits").wait_for()
    first = page.get_by_test_id("hit").first
    page.get_by_test_id("edit-labels").click()
    page.get_by_test_id("new-label").fill("<b>seen</b>")
    page.get_by_test_id("save-labels").click()
    page.wait_for_function(
        "() => document.querySelector('[data-testid=hit]').innerText.includes('<b>seen</b>')"
    )  # as text, never as markup
    assert first.locator("b").count() == 1  # the rank
    answer = page.request.get(f"{served_alone}api/v1/records/{first.get_attribute('data-id')}").json()
    assert "<b>seen</b>" in answer["labels"]


def test_a_selection_is_labelled_and_leads_to_adapt(
    served_alone: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900})
    page.goto(f"{served_alone}#/labels")
    tiles = page.get_by_test_id("label-tile")
    tiles.first.wait_for()
    page.get_by_test_id("unlabelled").check()
    page.wait_for_function("() => document.querySelectorAll('[data-testid=label-tile]').length === 4")
    page.get_by_test_id("select-all").click()
    assert page.get_by_test_id("selected-count").inner_text() == "4 records selected"
    page.get_by_test_id("bulk-label").fill("other")
    page.get_by_test_id("bulk-add").click()
    noticed(page, "4 records")
    page.wait_for_function("() => document.querySelectorAll('[data-testid=label-tile]').length === 0")
    page.get_by_test_id("labels-from-selected").click()
    page.wait_for_function("() => document.querySelectorAll('[data-testid=label-tile]').length === 4")
    assert all(tile.inner_text() == "other" for tile in tiles.all())
    page.screenshot(path=artefacts / "labels.png")
    page.locator("[data-testid=undo]:enabled").wait_for()
    page.get_by_test_id("undo-labels").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=label-tile]')].every((one) => one.innerText === 'no label')"
    )
    page.locator("[data-testid=undo]:disabled").wait_for()
    page.get_by_test_id("bulk-add").click()
    page.wait_for_function("() => document.querySelector('[data-testid=label-tile]').innerText === 'other'")
    page.get_by_test_id("to-adapt").click()
    page.get_by_test_id("adapt-view").get_by_text("other", exact=True).wait_for()


def test_the_vote_follows_the_space(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = page_without_errors()
    page.goto(served)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("vote").wait_for()
    with page.expect_response("**/api/v1/classify") as answer:
        page.get_by_test_id(f"space-{ADAPTED}").click()
    assert answer.value.request.post_data_json["space"] == ADAPTED
    page.get_by_test_id("vote-of").get_by_text(f"in the space {ADAPTED}", exact=True).wait_for()
