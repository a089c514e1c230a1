"""The page's search in a real browser: ask, steer, filter, undo, link; and what stands where no hits do."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from browser.conftest import ADAPTED, drop, serving
from lookalike.gallery import open_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]
SIZES = ((1440, 900), (1280, 800), (390, 844))


def asked(page: Page, address: str, file: Path) -> Page:
    """The page after a file was dropped and its hits have come."""
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, file)
    page.get_by_test_id("hits").wait_for()
    return page


def ids(page: Page) -> list[str]:
    """The hits, best first, once no ranking is under way."""
    page.wait_for_function("() => !document.querySelector('[data-testid=busy]')")
    return [str(hit.get_attribute("data-id")) for hit in page.get_by_test_id("hit").all()]


def changed(page: Page, before: list[str]) -> list[str]:
    """The hits when they are no longer what they were."""
    page.wait_for_function(
        "(before) => JSON.stringify([...document.querySelectorAll('[data-testid=hit]')]"
        ".map((hit) => hit.dataset.id)) !== before",
        arg=json.dumps(before, separators=(",", ":")),
    )
    return ids(page)


def test_drop_a_dicom_see_hits(page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path) -> None:
    for width, height in SIZES:
        page = page_without_errors(viewport={"width": width, "height": height})
        asked(page, served, query_file)
        assert len(ids(page)) == 12
        page.get_by_test_id("vote").wait_for()
        page.get_by_test_id("heat").first.wait_for()
        percentiles = [float(word.rstrip("%")) for word in page.get_by_test_id("hit-percentile").all_inner_texts()]
        assert percentiles == sorted(percentiles, reverse=True)
        assert percentiles[0] > 50
        assert page.get_by_test_id("encoder-note").inner_text().startswith("Encoder lite0: trained on photographs")
        assert page.get_by_test_id("disclaimer").inner_text() == "Research software. Not a medical device."
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out
        page.screenshot(path=artefacts / f"search-{width}.png")


def test_nothing_is_asked_of_another_host(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = page_without_errors()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    asked(page, served, query_file)
    page.get_by_test_id("heat").first.wait_for()
    assert hosts - {""} == {urlsplit(served).netloc}  # "" are blob: addresses of the page itself


def test_space_and_examples_rank_again_and_are_undone(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = asked(page_without_errors(), served, query_file)
    base = ids(page)
    page.get_by_test_id(f"space-{ADAPTED}").click()
    adapted = changed(page, base)
    page.get_by_test_id("hit").nth(3).hover()
    page.get_by_test_id("hit-more").nth(3).click()
    more = changed(page, adapted)
    page.get_by_test_id("hit").nth(5).hover()
    page.get_by_test_id("hit-less").nth(5).click()
    less = changed(page, more)
    assert more[5] not in less  # what is less alike is no hit
    assert page.get_by_test_id("example-more").count() == page.get_by_test_id("example-less").count() == 1
    page.get_by_test_id("undo").click()
    assert changed(page, less) == more
    page.keyboard.press("u")
    assert changed(page, more) == adapted
    page.keyboard.press("u")
    assert changed(page, adapted) == base


def test_filters_count_and_hold(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = asked(page_without_errors(), served, query_file)
    before = ids(page)
    page.get_by_test_id("filter-label").click()
    chip = page.get_by_test_id("values-label").locator("[data-value=covid19]")
    assert chip.inner_text().split() == ["covid19", "8"]
    chip.click()
    after = changed(page, before)
    assert len(after) == 8
    hits = page.get_by_test_id("hit")
    assert all("covid19" in hits.nth(at).inner_text() for at in range(8))
    # The other values keep the counts they would add.
    assert "8" in page.get_by_test_id("values-label").locator("[data-value=edema]").inner_text()
    page.get_by_test_id("clear-filters").click()
    assert changed(page, after) == before
    page.get_by_test_id("filter-PatientAge").click()
    page.get_by_test_id("filter-min").fill("60")
    page.get_by_test_id("filter-min").press("Enter")
    changed(page, before)
    ages = re.findall(r"(\d+) y", page.get_by_test_id("hits").inner_text())
    assert len(ages) >= 3
    assert all(int(age) >= 60 for age in ages)


def test_a_link_restores_the_whole_query(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = asked(page_without_errors(), served, query_file)
    before = ids(page)
    page.get_by_test_id(f"space-{ADAPTED}").click()
    adapted = changed(page, before)
    page.get_by_test_id("hit").nth(2).hover()
    page.get_by_test_id("hit-more").nth(2).click()
    changed(page, adapted)
    page.get_by_test_id("k").select_option("6")
    page.wait_for_function("() => document.querySelectorAll('[data-testid=hit]').length === 6")
    page.get_by_test_id("per").select_option("record")
    last = ids(page)
    other = page_without_errors()
    other.goto(page.url)
    other.get_by_test_id("hits").wait_for()
    assert ids(other) == last
    assert other.get_by_test_id(f"space-{ADAPTED}").get_attribute("aria-checked") == "true"
    assert other.get_by_test_id("example-more").count() == 1
    assert other.get_by_test_id("per").input_value() == "record"
    assert other.get_by_test_id("query-name").inner_text() == query_file.name
    page.go_back()  # the browser's own way back goes step by step too
    page.wait_for_function("() => document.querySelector('[data-testid=per]').value === 'patient'")


def test_the_keyboard_is_enough(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = asked(page_without_errors(), served, query_file)
    before = ids(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("() => document.activeElement.dataset.rank") == "2"
    page.keyboard.press("+")
    after = changed(page, before)
    page.keyboard.press("-")
    assert page.get_by_test_id("example-less").count() == 1
    page.keyboard.press("u")
    page.keyboard.press("u")
    assert changed(page, after) == before
    page.keyboard.press("c")
    page.get_by_test_id("compare").wait_for()
    page.keyboard.press("c")
    page.get_by_test_id("compare").wait_for(state="detached")
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "find"
    page.keyboard.type("jkcu+-")  # letters that are written do nothing else
    assert page.get_by_test_id("find").input_value() == "jkcu+-"
    assert ids(page) == before


def test_a_record_is_picked_by_its_name(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors()
    page.goto(served)
    page.get_by_test_id("find").fill("cxr_003")
    page.get_by_test_id("find").press("Enter")
    record = page.get_by_test_id("picker-record")
    page.wait_for_function("() => document.querySelectorAll('[data-testid=picker-record]').length === 1")
    identity = record.get_attribute("data-id")
    record.click()
    page.get_by_test_id("hits").wait_for()
    assert identity not in ids(page)
    assert page.get_by_test_id("query-name").inner_text() == "cxr_003.dcm"


def test_hostile_metadata_runs_nothing(page_without_errors: MakePage, served: str, shared_data: Path) -> None:
    page = page_without_errors()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(served)
    for file in sorted((shared_data / "bad-input" / "dicom-bad" / "gen").glob("meta_*")):
        page.get_by_test_id("query-files").set_input_files(file)
        page.wait_for_function(
            "(name) => document.querySelector('[data-testid=query-name]')?.textContent === name", arg=file.name
        )
        page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("find").fill("meta_")
    page.get_by_test_id("find").press("Enter")
    page.get_by_test_id("picker-record").first.click()
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("nav-gallery").click()
    page.get_by_test_id("record").first.wait_for()
    assert page.evaluate("() => document.querySelectorAll('script:not([src]), img[onerror], iframe').length") == 0


def test_a_picture_like_nothing_here_is_said_to_be(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    page = asked(page_without_errors(), served, shared_data / "bad-input" / "dicom-bad" / "gen" / "meta_csv.dcm")
    page.get_by_test_id("abstained").wait_for()
    assert "othing similar" in page.get_by_test_id("abstained").inner_text()
    page.route(
        "**/api/v1/search", lambda route: route.fulfill(json={**route.fetch().json(), "abstained": True})
    )  # this gallery has a record that is like nothing either, so that its own background reaches far down
    page.get_by_test_id("k").select_option("6")
    page.get_by_test_id("nothing-similar").wait_for()
    page.screenshot(path=artefacts / "nothing-similar.png")


def test_a_refused_file_says_why_and_what_to_do(
    page_without_errors: MakePage, served: str, query_file: Path, shared_data: Path, artefacts: Path
) -> None:
    page = asked(page_without_errors(expected="422"), served, query_file)
    before = ids(page)
    drop(page, shared_data / "bad-input" / "dicom-bad" / "gen" / "text.dcm")
    page.get_by_test_id("refused-query").wait_for()
    assert page.get_by_test_id("refused-reason").inner_text() == "no-pixel-data"
    assert "send the image objects" in page.get_by_test_id("refused-advice").inner_text()
    page.screenshot(path=artefacts / "refused.png")
    page.get_by_test_id("back-to-query").click()
    page.get_by_test_id("hits").wait_for()
    assert ids(page) == before


def test_a_filter_that_cannot_be_read_is_one_step_to_take_back(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = asked(page_without_errors(expected="400"), served, query_file)
    before = ids(page)
    page.get_by_test_id("more-fields").click()
    page.get_by_test_id("own-where").fill("PatientSex=F and PatientAge>=50")
    page.get_by_test_id("own-where").press("Enter")
    older = changed(page, before)
    page.get_by_test_id("own-where").fill("PatientSex==")
    page.get_by_test_id("own-where").press("Enter")
    page.get_by_test_id("refused-query").wait_for()
    assert "filter" in page.get_by_test_id("refused-detail").inner_text()
    page.get_by_test_id("back-to-query").click()
    page.get_by_test_id("hits").wait_for()
    assert ids(page) == older


def test_words_are_asked_with_where_the_encoder_reads_them(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors(expected="400")  # the encoder of this gallery does not, and the server says so

    def reads(route: Any) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "encoder": {**told["encoder"], "text": True}})

    page.route("**/api/v1/gallery", reads)
    page.goto(served)
    page.get_by_test_id("nothing-asked").get_by_text("write what to look for").wait_for()
    with page.expect_request("**/api/v1/search") as request:
        page.get_by_test_id("find").fill("left effusion")
        page.get_by_test_id("find").press("Enter")
    assert request.value.post_data_json["query"] == {"text": "left effusion"}
    assert "left effusion" in page.get_by_test_id("asked-text").inner_text()
    page.get_by_test_id("refused-query").wait_for()


def test_an_upload_that_has_expired_is_told_kindly(page_without_errors: MakePage, served: str) -> None:
    page = page_without_errors(expected="404")
    page.goto(f"{served}#/search?image=long-gone&name=old.dcm&space={ADAPTED}")
    page.get_by_test_id("expired").wait_for()
    assert page.get_by_test_id(f"space-{ADAPTED}").get_attribute("aria-checked") == "true"


def test_the_query_outlives_a_server_that_goes_and_comes(
    page_without_errors: MakePage, page_gallery: Path, tmp_path: Path, artefacts: Path
) -> None:
    page = page_without_errors(expected="Failed to (load|fetch)|ERR_CONNECTION")
    gallery = shutil.copytree(page_gallery, tmp_path / "gallery")
    with serving(gallery) as address:
        page.goto(address)
        page.get_by_test_id("pick-record").click()
        page.get_by_test_id("picker-record").first.click()
        page.get_by_test_id("hits").wait_for()
        before = ids(page)
    page.get_by_test_id(f"space-{ADAPTED}").click()
    page.get_by_test_id("server-gone").wait_for()
    assert ids(page) == before  # the last answer stays in sight
    page.screenshot(path=artefacts / "server-gone.png")
    with serving(gallery, "--port", str(urlsplit(address).port)):
        page.get_by_test_id("server-gone").wait_for(state="detached")
        assert changed(page, before) != before
        assert page.get_by_test_id(f"space-{ADAPTED}").get_attribute("aria-checked") == "true"


def test_an_empty_gallery_says_what_to_do_first(page_without_errors: MakePage, tmp_path: Path, artefacts: Path) -> None:
    open_gallery(tmp_path / "gallery", create=True).close()
    page = page_without_errors(expected="404")
    with serving(tmp_path / "gallery") as address:
        page.goto(address)
        page.get_by_test_id("empty-gallery").get_by_role("button", name="Add images").click()
        page.get_by_test_id("add").wait_for()
        page.screenshot(path=artefacts / "empty.png")
        page.get_by_test_id("nav-evaluate").click()
        page.get_by_test_id("nothing-to-evaluate").get_by_text("add images").wait_for()
        assert page.get_by_test_id("evaluate-start").is_disabled()
        page.get_by_test_id("nav-map").click()
        page.get_by_test_id("no-map").wait_for()
        assert page.get_by_test_id("make-map").is_disabled()
