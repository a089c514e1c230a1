"""Readings on the page: a round is started, read apart by the keyboard alone, compared, decided, closed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import noticed, serving, settled
from browser.test_page_access import AXE, RUN
from lookalike.gallery import open_gallery
from lookalike.roles import Role
from lookalike.verbs.keys import add_key

pytestmark = pytest.mark.usefixtures("keys_of_its_own")
MakePage = Callable[..., Any]
LABELS = ["edema", "effusion"]
ROLES: dict[str, Role] = {"anna": "contributor", "ben": "contributor", "eve": "admin", "looks": "reader"}


@pytest.fixture
def rooms(page_gallery: Path, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a page, and the keys of two readers, of who decides and of who looks."""
    shutil.copytree(page_gallery, tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as gallery:
        keys = {name: add_key(gallery, name, role=role).key for name, role in ROLES.items()}
    with serving(tmp_path / "gallery") as address:
        yield address, keys


def enter(page: Any, address: str, key: str) -> None:
    page.goto(f"{address}#/readings")
    page.get_by_test_id("key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_test_id("readings-view").wait_for()


def shown(page: Any, artefacts: Path, name: str) -> None:
    """Nothing that axe finds, nothing beside the page; a picture of it, in both themes and two widths."""
    if page.evaluate("typeof axe") == "undefined":
        page.add_script_tag(path=AXE)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for _ in range(2):
            page.get_by_test_id("theme").click()
            colours = page.locator("html").get_attribute("data-theme")
            assert page.evaluate(RUN) == [], (name, width, colours)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.wait_for_function(
                "() => [...document.querySelectorAll('.marked img')].every((one) => one.naturalWidth)"
            )
            page.screenshot(path=artefacts / f"readings-{name}-{width}-{colours}.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("document.activeElement.blur()")  # else Enter presses the theme's button again


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: `npm ci` in web/")
def test_two_read_apart_and_a_third_decides(
    rooms: tuple[str, dict[str, str]], page_without_errors: MakePage, artefacts: Path
) -> None:
    address, keys = rooms
    api = f"{address}api/v1"

    def make(**options: Any) -> Any:
        return page_without_errors(expected="40[134]", bypass_csp=True, **options)

    eve = make(viewport={"width": 1440, "height": 900})
    enter(eve, address, keys["eve"])
    eve.get_by_test_id("start-round").locator("summary").focus()
    for key in ("Enter", "Tab"):
        eve.keyboard.press(key)
    eve.keyboard.type("pilot")
    eve.get_by_test_id("round-labels").fill(", ".join(LABELS))
    assert eve.get_by_test_id("round-start").is_disabled()
    for name in ("anna", "ben"):
        eve.get_by_test_id("offer-reader").get_by_text(name, exact=True).click()
    assert eve.get_by_test_id("round-readers").input_value() == "anna, ben"
    shown(eve, artefacts, "start")
    eve.get_by_test_id("round-readers").focus()
    eve.keyboard.press("Enter")
    round = eve.locator("[data-testid=round][data-round=pilot]")
    round.wait_for()
    assert round.get_by_test_id("round-read").count() == 0  # an admin who does not read

    # Anna reads in German, without a mouse
    anna = make(viewport={"width": 1440, "height": 900}, locale="de-DE")
    asked: list[str] = []
    anna.on("request", lambda request: asked.append(request.url.removeprefix(api)))
    enter(anna, address, keys["anna"])
    assert anna.get_by_test_id("start-round").count() == 0
    assert anna.get_by_test_id("round-agreement").count() == 0
    assert "anna (Sie): 0 von" in anna.get_by_test_id("round").inner_text()
    assert "ben" not in anna.get_by_test_id("round").inner_text()
    anna.get_by_test_id("round-read").focus()
    anna.keyboard.press("Enter")
    reading = anna.get_by_test_id("reading")
    anna.get_by_test_id("mark").first.wait_for()
    settled(anna)
    first = str(reading.get_attribute("data-id"))
    own = f"{api}/readings/pilot/own"
    mine = {"Authorization": f"Bearer {keys['anna']}"}
    ids: list[str] = anna.request.get(own, headers=mine).json()["asked"]
    assert first == ids[0]
    anna.keyboard.press("Enter")
    noticed(anna, "Markieren Sie zuerst")  # nobody says nothing by mistake
    anna.keyboard.press("1")
    anna.keyboard.press("2")
    anna.keyboard.press("1")  # taken back
    marks = [each.get_attribute("aria-pressed") for each in anna.get_by_test_id("mark").all()]
    assert marks == ["false", "true"]
    assert anna.request.get(own, headers=mine).json()["items"] == []  # nothing is said before Enter
    shown(anna, artefacts, "reading")
    anna.keyboard.press("Enter")
    anna.locator(f"[data-testid=reading][data-id='{ids[1]}'] [data-testid=mark]").first.wait_for()
    anna.keyboard.press("1")
    anna.keyboard.press("Enter")
    anna.locator(f"[data-testid=reading][data-id='{ids[2]}'] [data-testid=mark]").first.wait_for()
    anna.keyboard.press("0")
    anna.keyboard.press("Enter")
    anna.get_by_test_id("reading-progress").get_by_text(f"3 von {len(ids)} befundet").wait_for()
    anna.locator(f"[data-testid=reading][data-id='{ids[3]}'] [data-testid=mark]").first.wait_for()
    anna.keyboard.press("ArrowLeft")  # looks again at what she said
    anna.locator(f"[data-testid=reading][data-id='{ids[2]}']").wait_for()
    said = {each["id"]: each["labels"] for each in anna.request.get(own, headers=mine).json()["items"]}
    assert said == {ids[0]: ["effusion"], ids[1]: ["edema"], ids[2]: []}
    assert {url for url in asked if "/readings" in url} == {"/readings", "/readings/pilot/own", "/readings/pilot"}

    for one, labels in ((ids[0], ["effusion"]), (ids[1], ["effusion"]), (ids[2], ["edema"])):
        told = {"Authorization": f"Bearer {keys['ben']}"}
        answer = eve.request.post(f"{api}/readings/pilot", headers=told, data={"ids": [one], "labels": labels})
        assert answer.status == 200

    eve.reload()
    eve.get_by_test_id("round-agreement").click()
    rows = eve.get_by_test_id("kappa-row")
    rows.first.wait_for()
    assert [row.get_attribute("data-label") for row in rows.all()] == ["", *LABELS]
    assert [each.inner_text() for each in eve.get_by_test_id("differing").all()] == ["2", "2", "1"]
    eve.locator("[data-testid=kappa-row][data-label=edema] [data-testid=differing]").focus()
    eve.keyboard.press("Enter")
    found = [each.get_attribute("data-id") for each in eve.get_by_test_id("difference").all()]
    assert found == ids[1:3]
    assert "anna: edema" in eve.get_by_test_id("said").first.inner_text()
    shown(eve, artefacts, "agreement")
    eve.get_by_test_id("take-agreed").click()
    noticed(eve, "Decided of 1 records")
    eve.get_by_test_id("adjudicate").focus()
    eve.keyboard.press("Enter")
    eve.locator(f"[data-testid=adjudication][data-id='{ids[1]}'] [data-testid=mark]").first.wait_for()
    shown(eve, artefacts, "adjudication")
    eve.keyboard.press("1")
    eve.keyboard.press("Enter")
    eve.locator(f"[data-testid=adjudication][data-id='{ids[2]}'] [data-testid=mark]").first.wait_for()
    eve.keyboard.press("0")
    eve.keyboard.press("Enter")
    eve.get_by_test_id("agreement").wait_for()
    admin = {"Authorization": f"Bearer {keys['eve']}"}
    now = [eve.request.get(f"{api}/records/{one}", headers=admin).json()["labels"] for one in ids[:3]]
    assert now == [["effusion"], ["edema"], []]  # they count
    eve.get_by_test_id("readings-back").click()
    eve.get_by_test_id("round-close").click()
    eve.locator("[data-testid=round] .state.done").wait_for()

    anna.reload()
    anna.get_by_test_id("round-agreement").click()  # the round is closed
    anna.get_by_test_id("kappa-row").first.wait_for()
    assert anna.get_by_test_id("adjudicate").count() == 0


def test_who_only_looks_is_told_so(rooms: tuple[str, dict[str, str]], page_without_errors: MakePage) -> None:
    address, keys = rooms
    page = page_without_errors(expected="40[134]")
    enter(page, address, keys["looks"])
    page.get_by_text("reading needs a contributor's key").wait_for()
    assert page.get_by_test_id("start-round").count() == page.get_by_test_id("round").count() == 0
