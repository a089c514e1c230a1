"""What a reader's page shows: the viewers open files without identity, and nothing offers what the role may not do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import drop, serving, soon
from browser.test_page_compare import pixels, viewer_of
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key

pytestmark = pytest.mark.usefixtures("keys_of_its_own")
MakePage = Callable[..., Any]
FORBIDDEN = ("add-images", "edit-labels", "bulk-label", "bulk-add", "delete", "bulk-remove", "make-map", "undo-labels")
"""What only others may do."""


@pytest.fixture
def read(page_gallery: Path, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The address of a page that asks for a key; a reader's key; the id of a volume."""
    shutil.copytree(page_gallery, tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as gallery:
        key = add_key(gallery, "reading-room", role="reader").key
        volume = next(each.id for each in gallery.store.records().values() if each.depth > 1)
    with serving(tmp_path / "gallery") as address:
        yield address, key, volume


def test_a_reader_looks_and_no_more(
    read: tuple[str, str, str], page_without_errors: MakePage, query_file: Path, artefacts: Path
) -> None:
    address, key, volume = read
    page = page_without_errors(expected="40[134]", viewport={"width": 1440, "height": 900})
    given: list[Any] = []
    page.on("response", lambda answer: given.append(answer) if "/file?n=" in answer.url else None)
    page.goto(address)
    page.get_by_test_id("key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query_file)
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("open-compare").wait_for()
    page.screenshot(path=artefacts / "reader-search.png")
    for view in ("map", "labels", "adapt", "evaluate", "gallery", "search"):
        page.get_by_test_id(f"nav-{view}").click()
        page.wait_for_timeout(300)
        offered = [name for name in FORBIDDEN if page.get_by_test_id(name).count()]
        assert offered == [], view
        page.screenshot(path=artefacts / f"reader-{view}.png")
    page.keyboard.press("c")
    for side in ("query", "hit"):
        page.locator(f"[data-testid=pane-{side}]:not([data-drawn-by=''])").wait_for()
    assert viewer_of(page, "query") == viewer_of(page, "hit") == "Cornerstone3D"
    assert soon(page, lambda: all(pixels(page, side).std() > 20 for side in ("query", "hit")))
    page.screenshot(path=artefacts / "reader-compare.png")
    page.goto(f"{address}#/search?record={volume}")
    page.get_by_test_id("hits").wait_for()
    page.keyboard.press("c")
    page.get_by_text("A face can be made from this volume").first.wait_for()  # its slices are shown all the same
    page.screenshot(path=artefacts / "reader-volume.png")
    answers = [answer for answer in given if "/records/" in answer.url]
    named = [answer.header_value("content-disposition") for answer in answers if answer.status == 200]
    assert {name.rpartition(".")[2].rstrip('"') for name in named} == {"dcm"}
    assert 403 in {answer.status for answer in answers}
    assert soon(page, lambda: pixels(page, "query").std() > 10)
