"""Curation on the page: what audits found is decided once, and many records are removed at once."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PIL.Image
import PIL.ImageOps
import pytest

from browser.conftest import http, jobs_held, page_is_built, serving, settled, soon
from browser.test_page_access import AXE, RUN
from lookalike.gallery import open_gallery
from lookalike.job_queue import end_job
from lookalike.server.jobs.process import WORK
from lookalike.verbs.index import index
from lookalike.verbs.jobs import submit_job
from lookalike.verbs.keys import add_key

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

pytestmark = pytest.mark.usefixtures("keys_of_its_own")
MakePage = Callable[..., Any]
OF_EACH = 30
WRONG = {"chest-03.png": "BREAST", "breast-05.png": "CHEST"}


@pytest.fixture(scope="module")
def curated(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty radiographs of chests and thirty ultrasound pictures of breasts, two of them with each other's part of the
    body; two copies of radiographs under other patients, one picture of nothing.
    """
    page_is_built()
    folder = tmp_path_factory.mktemp("curated")
    sources = folder / "images"
    sources.mkdir()
    table = [["file", "label", "patient_id", "BodyPart"]]
    for name, column, part in (("chest-xray-nih", "labels", "CHEST"), ("breast-us-busi", "class", "BREAST")):
        with (shared_data / name / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))[:: 5 if part == "BREAST" else 2][:OF_EACH]
        for number, row in enumerate(rows):
            called = f"{part.lower()}-{number:02}.png"
            with PIL.Image.open(shared_data / name / row["file"]) as picture:
                picture.convert("L").resize((384, 384)).save(sources / called)
            label = row[column].split("|")[0]
            table.append([called, label, f"{part}{row.get('patient_id') or number}", WRONG.get(called, part)])
    for number in (7, 11):
        with PIL.Image.open(sources / f"chest-{number:02}.png") as picture:
            picture.save(sources / f"copy-{number:02}.jpg", quality=60)
        table.append([f"copy-{number:02}.jpg", "copied", f"another-{number}", "CHEST"])
    PIL.Image.new("L", (384, 384), 90).save(sources / "nothing.png")
    table.append(["nothing.png", "copied", "nobody", "CHEST"])
    (folder / "labels.csv").write_text("\n".join(",".join(row) for row in table) + "\n", encoding="utf-8")
    with open_gallery(folder / "gallery", create=True) as gallery:
        index(gallery, [sources], labels=folder / "labels.csv", label_columns=["label"])
        reference = {"reference": "label=normal", "limit": 20}
        asked = {"quality": {"faults": ["blank", "inverted"]}, "outliers": reference, "metadata": {}, "duplicates": {}}
        for audit, arguments in asked.items():  # as jobs do it that were asked for before
            given = {**arguments, "decided": True}
            identity = submit_job(gallery, audit, given, "open").id
            result, reports = WORK[audit](gallery, given, lambda _done, _of: None)
            end_job(gallery, identity, result=result, reports=reports)
    return folder / "gallery"


@pytest.fixture
def served_curated(curated: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a page whose gallery a test may change; its import folder ``more`` holds a file."""
    shutil.copytree(curated, tmp_path / "gallery")
    (tmp_path / "more").mkdir()
    PIL.Image.new("L", (384, 384), 60).save(tmp_path / "more" / "another.png")
    with serving(tmp_path / "gallery", "--import", f"more={tmp_path / 'more'}") as address:
        yield address


def look(page: Page, audit: str) -> Locator:
    """What an audit has found, by the keyboard."""
    page.get_by_test_id(f"gallery-page-{audit}").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id(f"curate-{audit}").get_by_test_id("findings-told").wait_for()
    page.get_by_test_id("audit-start").wait_for()  # before it is known who asks, keys decide nothing
    return page.get_by_test_id("finding")


def told(page: Page, words: str) -> None:
    page.get_by_test_id("findings-told").get_by_text(words).wait_for()


def test_findings_are_decided_by_the_keyboard_and_stay_decided(
    served_curated: str, page_without_errors: MakePage, tmp_path: Path, artefacts: Path
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    api = f"{served_curated}api/v1"
    asked: list[str] = []
    page = page_without_errors(bypass_csp=True, viewport={"width": 1440, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served_curated}#/gallery")
    pairs = look(page, "duplicates")
    assert pairs.count() == 2
    told(page, "2 to decide, 0 decided.")
    page.screenshot(path=artefacts / "curation-duplicates-1440.png")
    pairs.first.focus()
    page.keyboard.press("s")
    told(page, "1 to decide, 1 decided.")
    (made,) = [each for each in http.get(f"{api}/decisions").json()["items"] if len(each["ids"]) == 2]
    assert made["decision"] == "same-patient"
    assert len({http.get(f"{api}/records/{id}").json()["patient"] for id in made["ids"]}) == 1
    page.locator("[data-testid=finding]:focus").wait_for()  # the keyboard goes on with the next
    page.keyboard.press("n")
    told(page, "0 to decide, 2 decided.")
    page.get_by_test_id("show-decided").check()
    assert page.get_by_test_id("decision").count() == 2
    assert http.get(f"{api}/jobs").json()["items"][0]["state"] == "done"
    pairs.first.focus()
    page.keyboard.press("z")
    told(page, "1 to decide, 1 decided.")
    page.screenshot(path=artefacts / "curation-decided.png")
    again = page.get_by_test_id("audit-start")
    with jobs_held(served_curated, tmp_path / "gallery"):
        again.focus()
        page.keyboard.press("Enter")
        page.locator("[data-testid=audit-start]:disabled").wait_for()
    page.locator("[data-testid=audit-start]:enabled").wait_for()
    told(page, "1 to decide, 1 decided.")  # as many as before

    values = look(page, "metadata")
    told(page, "2 to decide")
    files = values.all_inner_texts()
    assert {name for name in WRONG if any(name in text for text in files)} == {*WRONG}
    page.screenshot(path=artefacts / "curation-metadata-1440.png")
    first = page.get_by_test_id("finding").filter(has_text="chest-03")
    identity = first.get_attribute("data-ids")
    first.focus()
    page.keyboard.press("a")
    told(page, "1 to decide, 1 decided.")
    assert http.get(f"{api}/records/{identity}").json()["attributes"]["BodyPart"] == "CHEST"
    page.get_by_test_id("decide-reject").click()
    told(page, "0 to decide, 2 decided.")

    faults = look(page, "quality")
    blank = faults.filter(has_text="nothing.png")
    blank.first.wait_for()
    sure = [row.inner_text().split("\t")[0] for row in page.get_by_test_id("sureness-row").all()]
    assert sure == ["Blank", "Inverted"]  # of planted ones, how many are found
    page.screenshot(path=artefacts / "curation-quality-1440.png")
    blank.first.get_by_test_id("decide-keep").click()
    page.get_by_test_id("findings-told").filter(has_text=", 1 decided").wait_for()

    far = look(page, "outliers")
    assert far.count() > 5
    far.nth(1).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("b")
    page.get_by_test_id("findings-told").filter(has_text=", 1 decided").wait_for()
    page.screenshot(path=artefacts / "curation-outliers-1440.png")
    found = {}
    page.add_script_tag(path=AXE)
    for audit in ("duplicates", "metadata", "quality", "outliers"):
        page.get_by_test_id(f"gallery-page-{audit}").click()
        page.get_by_test_id("show-decided").check()
        page.get_by_test_id("finding").first.wait_for()
        found[audit] = page.evaluate(RUN)
    page.get_by_test_id("theme").click()
    settled(page)
    for audit in ("duplicates", "metadata", "quality", "outliers"):
        page.get_by_test_id(f"gallery-page-{audit}").click()
        page.get_by_test_id("show-decided").check()
        page.get_by_test_id("finding").first.wait_for()
        found[f"{audit}, light"] = page.evaluate(RUN)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_test_id("finding").first.scroll_into_view_if_needed()
        page.screenshot(path=artefacts / f"curation-{audit}-390.png")
        page.set_viewport_size({"width": 1440, "height": 900})
        page.screenshot(path=artefacts / f"curation-{audit}-light.png")
    assert {name: each for name, each in found.items() if each} == {}
    assert all(url.startswith((served_curated, "data:", "blob:")) for url in asked)


def test_a_copy_is_dropped_for_good(served_curated: str, page_without_errors: MakePage, artefacts: Path) -> None:
    page = page_without_errors(locale="de-DE")
    page.goto(f"{served_curated}#/gallery")
    pairs = look(page, "duplicates")
    told(page, "2 zu entscheiden, 0 entschieden.")
    drop = pairs.first.get_by_test_id("drop").last
    identity = drop.get_attribute("data-id")
    drop.click()
    dialog = page.get_by_test_id("remove-dialog")
    assert "nicht rückgängig" in dialog.inner_text()
    page.screenshot(path=artefacts / "curation-drop-de.png")
    page.get_by_test_id("remove-confirm").click()
    dialog.wait_for(state="detached")
    told(page, "1 zu entscheiden, 0 entschieden.")
    assert http.get(f"{served_curated}api/v1/records/{identity}").status_code == 404


def test_records_are_ordered_selected_in_ranges_and_removed_together(
    served_curated: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    api = f"{served_curated}api/v1"
    page = page_without_errors(bypass_csp=True, viewport={"width": 1440, "height": 900})
    page.goto(f"{served_curated}#/gallery")
    page.get_by_test_id("records-order").select_option("source")
    page.get_by_test_id("records-down").check()
    page.wait_for_function("() => document.querySelector('[data-testid=record]')?.innerText.includes('nothing.png')")
    rows = page.get_by_test_id("record").all_inner_texts()[:3]
    assert [name in row for name, row in zip(("nothing.png", "copy-11.jpg", "copy-07.jpg"), rows, strict=True)] == [
        True
    ] * 3
    boxes = page.get_by_test_id("choose")
    boxes.first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    assert page.get_by_test_id("records-selected").inner_text() == "3 selected"
    boxes.nth(5).click(modifiers=["Shift"])
    assert page.get_by_test_id("records-selected").inner_text() == "6 selected"
    page.screenshot(path=artefacts / "records-selected-1440.png")
    page.get_by_test_id("records-none").click()
    boxes.first.click()
    boxes.nth(2).click(modifiers=["Shift"])
    before = http.get(f"{api}/gallery").json()["records"]
    page.get_by_test_id("records-remove").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_test_id("remove-dialog")
    assert "3 records" in dialog.inner_text()
    assert "cannot be undone" in dialog.inner_text()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert http.get(f"{api}/gallery").json()["records"] == before
    page.get_by_test_id("records-remove").click()
    page.screenshot(path=artefacts / "records-remove.png")
    page.get_by_test_id("remove-confirm").click()
    dialog.wait_for(state="detached")
    page.wait_for_function("() => !document.querySelector('[data-testid=records]').innerText.includes('copy-11')")
    assert http.get(f"{api}/gallery").json()["records"] == before - 3
    assert page.get_by_test_id("records-selected").inner_text() == "0 selected"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=artefacts / "records-390.png")


def test_findings_are_ordered_decided_together_and_undone(
    served_curated: str, page_without_errors: MakePage, tmp_path: Path, artefacts: Path
) -> None:
    api = f"{served_curated}api/v1"
    page = page_without_errors(bypass_csp=True, viewport={"width": 1440, "height": 900})
    page.goto(f"{served_curated}#/gallery")
    values = look(page, "metadata")
    told(page, "2 to decide, 0 decided.")
    ids = [each.get_attribute("data-ids") for each in values.all()]
    values.first.get_by_test_id("choose-finding").check()
    assert page.get_by_test_id("together-accept").inner_text() == "Accept (1)"
    page.get_by_test_id("findings-all").click()
    assert page.get_by_test_id("findings-chosen").inner_text() == "2 selected"
    page.screenshot(path=artefacts / "curation-together-1440.png")
    page.get_by_test_id("together-accept").focus()
    page.keyboard.press("Enter")
    told(page, "0 to decide, 2 decided.")
    now = [http.get(f"{api}/records/{id}").json()["attributes"]["BodyPart"] for id in ids]
    assert sorted(now) == ["BREAST", "CHEST"]
    page.get_by_test_id("together-undo").click()
    told(page, "2 to decide, 0 decided.")
    again = [http.get(f"{api}/records/{id}").json()["attributes"]["BodyPart"] for id in ids]
    assert again == now[::-1]

    look(page, "outliers")
    for order, down in (("low", False), ("high", True)):
        page.get_by_test_id("findings-order").select_option(order)
        texts = page.get_by_test_id("finding").all_inner_texts()
        far = [float(text.split("distance ")[1].split(",")[0]) for text in texts]
        assert far == sorted(far, reverse=down)
    page.get_by_test_id("reference-kind").select_option("filter")
    page.get_by_test_id("reference-filter").fill("BodyPart=CHEST and label=normal")
    page.get_by_test_id("reference-kind").select_option("gallery")
    page.locator("[data-testid=audit-start]:disabled").wait_for()  # there is no other one
    http.post(f"{api}/cohorts", json={"name": "chests", "where": "BodyPart=CHEST"}).raise_for_status()
    look(page, "duplicates")
    late: list[Route] = []
    page.route("**/api/v1/cohorts", lambda route: late.append(route), times=1)  # noqa: PLW0108 (Playwright marks its handlers)
    look(page, "outliers")
    page.get_by_test_id("reference-kind").select_option("cohort")
    assert soon(page, lambda: bool(late))
    late[0].continue_()
    page.get_by_test_id("outliers-reference").get_by_text("chests").wait_for(state="attached")
    page.screenshot(path=artefacts / "curation-reference-1440.png")
    with jobs_held(served_curated, tmp_path / "gallery"):
        page.get_by_test_id("audit-start").click()
        page.locator("[data-testid=audit-start]:disabled").wait_for()
    page.locator("[data-testid=audit-start]:enabled").wait_for()
    done = http.get(f"{api}/jobs").json()["items"][0]
    found = http.get(f"{api}/jobs/{done['id']}").json()["result"]
    (chests,) = http.get(f"{api}/cohorts").json()["items"]
    assert found["reference"] == chests["members"]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=artefacts / "curation-reference-390.png")


def test_contributors_mark_and_an_admin_drops(
    curated: Path, tmp_path: Path, page_without_errors: MakePage, artefacts: Path
) -> None:
    shutil.copytree(curated, tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as gallery:
        keys = {role: add_key(gallery, role, role=role).key for role in ("contributor", "admin")}
    with serving(tmp_path / "gallery") as address:
        asking = {"Authorization": f"Bearer {keys['contributor']}"}

        def signed_in(role: str) -> Page:
            page = page_without_errors(expected="40[13]")
            page.goto(f"{address}#/gallery")
            page.get_by_test_id("key").fill(keys[role])
            page.keyboard.press("Enter")
            page.get_by_test_id("gallery-page-duplicates").wait_for()
            return page

        page = signed_in("contributor")
        pairs = look(page, "duplicates")
        mark = pairs.first.get_by_test_id("mark").last
        identity = mark.get_attribute("data-id")
        mark.click()
        told(page, "1 to decide, 1 decided.")
        faults = look(page, "quality").filter(has_text="nothing.png").first
        blank = faults.get_attribute("data-ids")
        faults.focus()
        page.keyboard.press("d")
        page.get_by_test_id("marked").get_by_text("2 marked").wait_for()
        assert page.get_by_test_id("drop-marked").count() == 0
        page.screenshot(path=artefacts / "curation-marked.png")
        assert http.get(f"{address}api/v1/records/{blank}", headers=asking).status_code == 200
        page.close()
        page = signed_in("admin")
        look(page, "duplicates")
        page.get_by_test_id("drop-marked").click()
        page.screenshot(path=artefacts / "curation-drop-marked.png")
        page.get_by_test_id("remove-confirm").click()
        page.get_by_test_id("marked").wait_for(state="detached")
        told(page, "1 to decide, 0 decided.")
        for id in (identity, blank):
            assert http.get(f"{address}api/v1/records/{id}", headers=asking).status_code == 404
        page.close()


def test_a_reader_sees_findings_and_decides_nothing(
    curated: Path, tmp_path: Path, page_without_errors: MakePage
) -> None:
    shutil.copytree(curated, tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as gallery:
        keys = {role: add_key(gallery, role, role=role).key for role in ("reader", "contributor")}
    with serving(tmp_path / "gallery") as address:
        asking = {"Authorization": f"Bearer {keys['contributor']}"}
        page = page_without_errors(expected="40[13]")
        unknown: list[Route] = []  # who asks: that answer comes late

        def hold(route: Route) -> None:
            unknown.append(route)

        page.route("**/api/v1/gallery", hold)
        page.goto(f"{address}#/gallery")
        page.get_by_test_id("key").fill(keys["reader"])
        page.keyboard.press("Enter")
        page.get_by_test_id("gallery-page-duplicates").click()
        page.get_by_test_id("finding").first.wait_for()
        offered = [page.get_by_test_id(name) for name in ("decide-keep", "drop", "audit-start", "add-images")]
        assert [each.count() for each in offered] == [0, 0, 0, 0]
        for each in unknown:
            each.continue_()
        page.unroute("**/api/v1/gallery", hold)
        page.get_by_test_id("encoder-note").filter(has_text="photographs").wait_for()
        assert [page.get_by_test_id(name).count() for name in ("decide-keep", "drop", "audit-start")] == [0, 0, 0]
        page.get_by_test_id("finding").first.focus()
        page.keyboard.press("b")
        page.wait_for_timeout(300)
        assert http.get(f"{address}api/v1/decisions", headers=asking).json()["items"] == []
        page.close()
