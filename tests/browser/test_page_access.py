"""Whether everybody can use the page: no violation of WCAG 2 A and AA that axe-core finds, in every view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import drop

MakePage = Callable[..., Any]
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa"]})).violations.map(
    (found) => [found.id, found.nodes.map((node) => node.html.slice(0, 200))])"""


@pytest.mark.parametrize("colours", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_no_violation_in_any_view(page_without_errors: MakePage, served: str, query_file: Path, colours: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    page = page_without_errors(expected="404", bypass_csp=True)  # so that axe itself may be put in
    page.goto(served)
    page.get_by_test_id("nothing-asked").wait_for()
    if colours == "light":
        page.get_by_test_id("theme").click()
    page.add_script_tag(path=AXE)
    found = {"start": page.evaluate(RUN)}
    drop(page, query_file)
    page.get_by_test_id("vote").wait_for()
    page.get_by_test_id("heat").first.wait_for()
    found["search"] = page.evaluate(RUN)
    page.keyboard.press("c")
    page.locator("[data-testid=pane-hit]:not([data-drawn-by=''])").wait_for()
    found["compare"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    page.get_by_test_id("pick-record").click()
    page.get_by_test_id("picker-record").first.wait_for()
    found["picker"] = page.evaluate(RUN)
    page.keyboard.press("Escape")
    for view in ("map", "labels", "readings", "adapt", "evaluate", "gallery"):
        page.get_by_test_id(f"nav-{view}").click()
        page.get_by_test_id(f"{view}-view").wait_for()
        page.wait_for_timeout(600)
        found[view] = page.evaluate(RUN)
    assert {view: violations for view, violations in found.items() if violations} == {}
