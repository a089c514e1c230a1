"""The page says what happened: files dropped together, links that lead nowhere, and which slice a card shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.conftest import drop, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]


def asked(page: Page, address: str, file: Path) -> Page:
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, file)
    page.get_by_test_id("hits").wait_for()
    return page


def no_broken_image(page: Page) -> None:
    """Wait until all pictures have come, and for none the browser shows its broken-image icon."""
    page.wait_for_function(
        "() => [...document.images].every((one) => one.complete ? one.naturalWidth : one.loading === 'lazy')"
    )


def test_files_dropped_together_that_are_no_series_can_be_asked_with_one_by_one(
    page_without_errors: MakePage, served: str, query_file: Path, shared_data: Path, artefacts: Path
) -> None:
    page = asked(page_without_errors(expected="422"), served, query_file)
    picture = sorted((shared_data / "breast-us-busi").rglob("*.png"))[0]
    other = query_file.with_name("cxr_051.dcm")
    drop(page, picture, other)
    page.get_by_test_id("refused-query").wait_for()
    assert page.get_by_test_id("refused-reason").inner_text() == "not-one-series"
    assert "not the slices of one series" in page.get_by_test_id("refused-detail").inner_text()
    assert page.get_by_test_id("query").count() == 0  # the picture of the query before is not beside it
    assert page.get_by_test_id("hits").count() == 0
    page.screenshot(path=artefacts / "two-files.png")
    offered = page.get_by_test_id("ask-with-one")
    assert offered.all_inner_texts() == [picture.name, other.name]
    offered.nth(1).click()
    page.get_by_test_id("hits").wait_for()
    assert page.get_by_test_id("query-name").inner_text() == other.name
    drop(page, picture, other)
    page.get_by_test_id("back-to-query").click()
    page.get_by_test_id("hits").wait_for()
    assert page.get_by_test_id("query-name").inner_text() == other.name


@pytest.mark.parametrize("link", ["record=nobody", "records=nobody|noone", "more=nobody"])
def test_a_link_to_a_record_that_is_not_there_has_a_page_of_its_own(
    page_without_errors: MakePage, served: str, link: str, artefacts: Path
) -> None:
    page = page_without_errors(expected="404")
    page.goto(f"{served}#/search?{link}")
    page.get_by_test_id("no-record").wait_for()
    words = page.locator("body").inner_text()
    assert "This record is not in the gallery" in words
    assert "Not Found" not in words
    assert "no record has the id" not in words
    no_broken_image(page)
    if link == "record=nobody":
        page.screenshot(path=artefacts / "no-record.png")
    page.get_by_test_id("start-anew").click()
    page.get_by_test_id("nothing-asked").wait_for()


def test_a_comparison_with_a_record_that_is_not_there_says_so(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = asked(page_without_errors(expected="404"), served, query_file)
    page.goto(f"{page.url}&compare=nobody")
    page.get_by_test_id("pane-hit").get_by_text("This record is not in the gallery").wait_for()
    no_broken_image(page)
    page.get_by_test_id("compare-close").click()
    page.get_by_test_id("hits").wait_for()


def test_a_card_shows_the_slice_that_its_caption_names(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    volume = shared_data / "volumes" / "mr_brain_hippocampus_msd" / "hippocampus_355.nii.gz"
    page = page_without_errors(expected="404")
    with page.expect_response("**/api/v1/search") as answer:
        asked(page, served, volume)
    hits = [hit for hit in answer.value.json()["hits"] if hit["depth"] > 1]
    assert len(hits) == 3
    fit = "() => getComputedStyle(document.querySelector('[data-testid=hit] img')).objectFit"
    assert page.evaluate(fit) == "contain"  # nothing of a picture is cut off
    for hit in hits:
        card = page.locator(f"[data-testid=hit][data-id='{hit['id']}']")
        slice_ = hit["match"]["slice"]
        plane = hit["attributes"]["plane"]
        assert plane in ("axial", "coronal", "sagittal")
        card.get_by_text(f"slice {slice_ + 1} of {hit['depth']} {plane}").wait_for()
        source = str(card.locator("img").get_attribute("src"))
        assert re.search(r"[?&]slice=(\d+)", source), source
        shown = page.request.get(f"{served}{source}")
        drawn = page.request.get(f"{served}api/v1/records/{hit['id']}/picture?slice={slice_}&size=256")
        assert shown.ok
        assert shown.body() == drawn.body()
    no_broken_image(page)
    page.screenshot(path=artefacts / "volume-cards.png")
    page.route("**/picture?slice=*", lambda route: route.fulfill(status=404))  # the sources are gone
    page.reload()
    page.get_by_test_id("other-slice").first.wait_for()
    no_broken_image(page)


def test_a_filter_that_takes_the_similar_away_is_named(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path
) -> None:
    page = page_without_errors()
    words = "the filter leaves nothing similar: the best that it leaves has 0.512, without it the best would have 0.931"

    def filtered(route: Any) -> None:
        found = route.fetch().json()
        if route.request.post_data_json["where"]:
            found |= {"unfiltered": 0.931, "note": words, "abstained": False}
        route.fulfill(json=found)

    page.route("**/api/v1/search", filtered)
    asked(page, served, query_file)
    assert page.get_by_test_id("filtered-away").count() == 0
    answer = page.get_by_test_id("nearness").inner_text()
    assert re.search(r"nearer than (less than )?\d+ % of this gallery's records", answer)
    assert re.search(r"More alike than \d+\.\d % of its pairs", answer)
    page.goto(f"{page.url}&where=PatientSex%3DF")
    page.get_by_test_id("filtered-away").wait_for()
    told = page.get_by_test_id("filtered-away").inner_text()
    assert words.capitalize().split(",")[0] in told
    assert page.get_by_test_id("nothing-similar").count() == 0
    assert "Not what the filters leave" in page.get_by_test_id("nearness").inner_text()
    page.screenshot(path=artefacts / "filtered-away.png")
    page.get_by_test_id("clear-all-filters").click()
    page.get_by_test_id("filtered-away").wait_for(state="detached")


def test_no_answer_says_why_and_blames_no_filter_that_is_not_there(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = page_without_errors()
    page.goto(f"{served}#/search?where=PatientAge%3E900")
    drop(page, query_file)
    page.get_by_test_id("no-hits").get_by_text("the filter allows none").wait_for()
    assert page.get_by_test_id("clear-all-filters").is_visible()
    why = "only 0 records may answer this query: all are of its own patient, which is left out"
    page.route("**/api/v1/search", lambda route: route.fulfill(json={**route.fetch().json(), "note": why, "hits": []}))
    page.get_by_test_id("clear-all-filters").click()
    page.get_by_test_id("no-hits").get_by_text("all are of its own patient").wait_for()
    assert page.get_by_test_id("clear-all-filters").count() == 0


LOADED = """(of) => { const all = [...document.querySelectorAll(`[data-testid=${of}] img`)];
    return all.length > 2 && all.every((one) => one.complete && one.naturalWidth > 0) }"""


@pytest.mark.parametrize("way", ["busy", "gone"])
def test_a_picture_that_is_not_to_be_had_for_now_comes_later(
    page_without_errors: MakePage, served: str, query_file: Path, way: str
) -> None:
    """From a server that has no answer for now, twice, and from one that is gone for a moment."""
    page = page_without_errors(expected="503|404|Failed to (load|fetch)|ERR_FAILED|ERR_CONNECTION")
    asked_for = Counter[str]()

    def refused(route: Any) -> None:
        asked_for[route.request.url] += 1
        if asked_for[route.request.url] > 2:
            route.continue_()
        elif way == "busy":
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"title": "busy"})
        else:
            route.abort()

    page.route("**/thumbnail", refused)
    asked(page, served, query_file)
    page.wait_for_function(LOADED, arg="hit")
    assert page.get_by_test_id("no-picture").count() == 0
    shown = page.locator("[data-testid=hit][data-id]").evaluate_all("all => all.map((one) => one.dataset.id)")
    small = [count for url, count in asked_for.items() if any(identity in url for identity in shown)]
    assert len(small) > 2
    assert min(small) > 2  # by the picture itself, and twice after it had failed
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize(
    ("view", "opens", "asks", "none"),
    [
        ("labels", None, "records?*", "No record here."),
        ("gallery", None, "records?*", "No record here."),
        ("gallery", "gallery-page-refused", "refused*", "No file was refused."),
        ("gallery", "gallery-page-jobs", "jobs*", "No job has run yet."),
        ("evaluate", None, "jobs*", "Nothing has been evaluated yet."),
        ("search", "pick-record", "records?*", "No record has that in its file name or labels."),
    ],
    ids=["labels", "records", "refused", "jobs", "evaluate", "picker"],
)
def test_nothing_is_said_to_be_there_only_once_it_is_known(
    page_without_errors: MakePage, served: str, view: str, opens: str | None, asks: str, none: str
) -> None:
    page = page_without_errors()
    page.goto(f"{served}#/search")
    page.get_by_test_id("nothing-asked").wait_for()
    held: list[Any] = []
    page.route(f"**/api/v1/{asks}", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks its handlers)
    with page.expect_request(f"**/api/v1/{asks}"):
        page.get_by_test_id(f"nav-{view}").click()
        if opens:
            page.get_by_test_id(opens).click()
    settled(page)
    assert page.get_by_text(none).count() == 0
    for route in held:
        route.fulfill(json={**route.fetch().json(), "items": []})
    page.get_by_text(none).wait_for()


def test_no_label_is_said_to_be_there_only_where_none_is(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors()
    held: list[Any] = []
    page.route("**/api/v1/facets*", lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks its handlers)
    with page.expect_request("**/api/v1/facets*"):
        page.goto(f"{served}#/adapt")
    page.get_by_test_id("about").filter(has_text="records").wait_for()
    settled(page)
    assert page.get_by_text("No record bears a label yet.").count() == 0
    for route in held:
        route.continue_()
    page.get_by_test_id("adapt-view").get_by_text("effusion").first.wait_for()
