"""The label view: ranges and frames, keys for labels, what to label next, history, and labels as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from browser.test_page_access import AXE, RUN

MakePage = Callable[..., Any]
TILES: Final = "[data-testid=label-tile]"
WIDTHS: Final = (390, 1280, 1440, 1920)


def selected(page: Any, count: int) -> None:
    page.get_by_test_id("selected-count").get_by_text(f"{count} record{'s' * (count != 1)} selected").wait_for()


def shown(page: Any, condition: str) -> None:
    page.wait_for_function(f"() => {{ const tiles = [...document.querySelectorAll('{TILES}')]; return {condition}; }}")


def test_a_batch_is_labelled_by_keys_and_a_table(
    served_alone: str, page_without_errors: MakePage, artefacts: Path, tmp_path: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page.goto(f"{served_alone}#/labels")
    tiles = page.get_by_test_id("label-tile")
    tiles.nth(9).wait_for()
    # A range, a frame, arrows
    tiles.nth(1).click()
    tiles.nth(4).click(modifiers=["Shift"])
    selected(page, 4)
    page.get_by_role("button", name="Select none").click()
    first, last = tiles.nth(0).bounding_box(), tiles.nth(2).bounding_box()
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + 20, last["y"] + 30, steps=4)
    page.locator(".band").wait_for()
    page.mouse.up()
    selected(page, 3)
    tiles.nth(2).focus()
    page.keyboard.press("Shift+ArrowRight")
    selected(page, 4)
    assert tiles.nth(3).evaluate("one => one === document.activeElement")
    page.get_by_role("button", name="Select none").click()

    # What to label next, and a label by its key; the batch stays
    page.get_by_test_id("label-order").select_option("next")
    shown(page, "tiles.length === 4")  # as many as bear no label
    batch = [tile.get_attribute("data-id") for tile in tiles.all()]
    assert "41 records with a label" not in page.get_by_test_id("order-notes").inner_text()
    assert "4 without one" in page.get_by_test_id("order-notes").inner_text()
    name = page.get_by_test_id("label-key-2").locator("span").inner_text()
    tiles.nth(0).click()
    tiles.nth(1).click(modifiers=["Shift"])
    page.keyboard.press("2")
    shown(page, f"tiles.filter((one) => one.innerText.includes({name!r})).length === 2")
    assert [tile.get_attribute("data-id") for tile in tiles.all()] == batch
    page.screenshot(path=artefacts / "label-next.png")
    page.get_by_role("button", name="Select none").click()
    tiles.nth(2).focus()
    page.keyboard.press("2")
    shown(page, f"tiles.filter((one) => one.innerText.includes({name!r})).length === 3")
    page.keyboard.press("u")
    shown(page, f"tiles.filter((one) => one.innerText.includes({name!r})).length === 2")
    page.get_by_test_id("label-budget").fill("1")
    page.get_by_test_id("next-batch").click()
    shown(page, "tiles.length === 1")

    # History, with what was undone
    page.get_by_test_id("label-history").click()
    rows = page.get_by_test_id("label-change")
    rows.nth(1).wait_for()
    assert "undone" in rows.nth(0).inner_text()
    page.screenshot(path=artefacts / "label-history.png")
    rows.nth(1).get_by_role("button").click()
    page.wait_for_function("() => !document.querySelector('[data-testid=label-change] button')")
    page.keyboard.press("Escape")

    # A table, changed and read back
    page.get_by_test_id("label-order").select_option("")
    shown(page, "tiles.length > 40")
    with page.expect_download() as coming:
        page.get_by_test_id("export-labels").click()
    table = tmp_path / "labels.csv"
    coming.value.save_as(table)
    lines = table.read_text("utf-8").splitlines()
    assert lines[0] == "id,labels,file"
    bare = next(line for line in lines if line.startswith(str(batch[0])))
    table.write_text(f"id,labels\n{batch[0]},by hand|twice\n", "utf-8")
    assert bare.split(",")[1] == ""  # the change was undone in the history
    page.get_by_test_id("import-labels").set_input_files(table)
    shown(page, "tiles.some((one) => one.innerText.includes('by hand, twice'))")
    page.get_by_test_id("undo-labels").click()
    shown(page, "!tiles.some((one) => one.innerText.includes('by hand'))")

    # Where neighbours disagree, in both colours and every width
    page.get_by_test_id("label-order").select_option("disagreement")
    page.get_by_test_id("label-budget").fill("24")
    page.get_by_test_id("next-batch").click()
    shown(page, "tiles.length > 1 && tiles.every((one) => one.innerText.includes('→'))")
    page.add_script_tag(path=AXE)
    for theme in ("dark", "light"):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width
            page.screenshot(path=artefacts / f"labelling-{theme}-{width}.png")
        assert page.evaluate(RUN) == []
        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_test_id("theme").click()
