"""What the page's search keeps and gives away: evidence, recent queries, and links that outlive an upload."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from browser.conftest import drop, noticed, serving

MakePage = Callable[..., Any]
GONE = "404|Failed to (load|fetch)|ERR_CONNECTION"  # what a browser logs while there is no server
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa"]})).violations.map(
    (found) => [found.id, found.nodes.map((node) => node.html.slice(0, 200))])"""


def asked(page: Any, address: str, file: Path) -> None:
    """Search with a file."""
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, file)
    page.get_by_test_id("hits").wait_for()


def test_evidence_and_recent_queries(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path, tmp_path: Path
) -> None:
    page = page_without_errors(bypass_csp=AXE.is_file())
    asked(page, served, query_file)
    found = [hit.get_attribute("data-id") for hit in page.get_by_test_id("hit").all()]
    for kind in ("html", "pdf", "json"):
        page.get_by_test_id("export").click()
        with page.expect_download() as download:
            page.get_by_test_id(f"evidence-{kind}").click()
        download.value.save_as(artefacts / f"evidence.{kind}")
        page.get_by_test_id("export-evidence").wait_for(state="detached")
    told = (artefacts / "evidence.html").read_text(encoding="utf-8")
    assert all(identity in told for identity in found)
    assert query_file.name in told
    assert (artefacts / "evidence.pdf").read_bytes().startswith(b"%PDF-")
    answer = json.loads((artefacts / "evidence.json").read_text(encoding="utf-8"))["answer"]
    assert [hit["id"] for hit in answer["hits"]] == found

    page.get_by_test_id("use-as-query").click()
    page.wait_for_function("() => location.hash.includes('record=')")
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("open-recent").click()
    queries = page.get_by_test_id("recent-query")
    queries.nth(1).wait_for()  # noted once its hits have come
    assert [("this tab" in words, query_file.name in words) for words in queries.all_inner_texts()] == [
        (False, False),
        (True, True),
    ]
    if AXE.is_file():
        page.add_script_tag(path=AXE)
        assert page.evaluate(RUN) == []
    kept = page.evaluate("() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])")
    assert found[0] in kept
    assert query_file.name not in kept  # a file's name may be a patient's
    page.screenshot(path=artefacts / "recent.png")
    queries.nth(1).click()
    page.wait_for_function("() => location.hash.includes('image=')")
    page.get_by_test_id("open-recent").click()
    page.get_by_test_id("forget-recent").click()
    page.get_by_test_id("open-recent").wait_for(state="detached")
    assert found[0] not in page.evaluate("() => JSON.stringify(Object.entries(localStorage))")


def test_evidence_is_a_page_for_everybody(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path
) -> None:
    """In both directions of a sheet and on a phone, and it asks nobody for anything."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    first = page_without_errors()
    asked(first, served, query_file)
    first.get_by_test_id("export").click()
    with first.expect_download() as download:
        first.get_by_test_id("evidence-html").click()
    download.value.save_as(artefacts / "evidence.html")
    page = page_without_errors(bypass_csp=True, viewport={"width": 390, "height": 844})
    asks: list[str] = []
    page.on("request", lambda request: asks.append(urlsplit(request.url).scheme))
    page.goto((artefacts / "evidence.html").as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => [...document.images].every((image) => image.naturalWidth > 0)")
    page.screenshot(path=artefacts / "evidence-390.png", full_page=True)
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
    assert {*asks} <= {"file", "data"}


def test_a_link_outlives_its_upload(
    page_without_errors: MakePage, page_gallery: Path, query_file: Path, tmp_path: Path
) -> None:
    page = page_without_errors(expected=GONE)
    gallery = shutil.copytree(page_gallery, tmp_path / "gallery")
    with serving(gallery) as address:
        asked(page, address, query_file)
        before, port = page.url, str(urlsplit(address).port)
    with serving(gallery, "--port", port) as address:  # what was sent to the other is nowhere now
        page.get_by_test_id("k").select_option("6")
        page.wait_for_function("() => document.querySelectorAll('[data-testid=hit]').length === 6")
        noticed(page, "sent again")
        assert before.partition("image=")[2].partition("&")[0] not in page.url
        other = page_without_errors(expected=GONE)
        other.goto(page.url)
        other.get_by_test_id("hits").wait_for()  # the new link is one for others, too
        other.goto(f"{before}&box=0.2000,0.3000,0.6000,0.7000&k=6")
        other.get_by_test_id("expired").wait_for()  # this tab never had the file, and says so
        drop(other, query_file)
        other.get_by_test_id("hit-box").first.wait_for()  # what else the link says has stayed
        assert other.get_by_test_id("hit").count() == 6
