"""Words and whole studies on the page: reports that are searched and shown, and studies that ask and answer."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pydicom
import pytest

import lookalike
from browser.conftest import drop, page_is_built, serving
from browser.test_page_access import AXE, RUN
from browser.test_page_search import changed, ids
from lookalike.gallery import open_gallery
from lookalike.verbs.keys import add_key

MakePage = Callable[..., Any]
STUDIES: Final = 8  # of two radiographs each
SIZES: Final = ((1280, 800), (400, 860))
SAID: Final = {
    "no_finding": "The lungs are clear. The heart is of normal size. No pleural effusion.",
    "pneumonia": "Dense consolidation in the right lower lobe, in keeping with pneumonia. Follow-up after treatment.",
    "edema": "Enlarged heart. Perihilar haze and septal lines: pulmonary oedema.",
    "effusion": "Large left pleural effusion with compression of the lower lobe. The heart is shifted to the right.",
    "covid19": "Bilateral peripheral ground-glass opacities.",
}


def write_study(folder: Path, study: int, pictures: list[Path]) -> list[Path]:
    """Radiographs as the views of one study."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        data = pydicom.dcmread(picture)
        data.PatientID, data.StudyInstanceUID = f"patient-{study}", f"1.7.{study}"
        data.SeriesInstanceUID, data.ViewPosition = f"1.6.{study}", ("PA", "LATERAL")[number]
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.8.{study}.{number}"
        data.save_as(folder / f"{number}.dcm")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def studies(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: ``gallery`` of studies with reports, the last of which has none, and ``exam``, a study to ask with."""
    page_is_built()
    folder, source = tmp_path_factory.mktemp("studies"), shared_data / "chest-xray-dicom5"
    with (source / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for name in SAID for row in [row for row in rows if row["class"] == name][:4]]
    told = ["file,label,findings"]
    for study in range(STUDIES + 1):
        pair = chosen[2 * study : 2 * study + 2]
        name = "exam" if study == STUDIES else f"scans/s{study}"
        write_study(folder / name, study, [source / row["file"] for row in pair])
        said = SAID[pair[0]["class"]] if study < STUDIES - 1 else ""
        told += [f'{name}/{number}.dcm,{row["class"]},"{said}"' for number, row in enumerate(pair)]
    (folder / "labels.csv").write_text("\n".join(told) + "\n")
    with open_gallery(folder / "gallery", create=True) as gallery:
        made = lookalike.index(
            gallery, [folder / "scans"], labels=folder / "labels.csv", report_columns=["findings"], patches=True
        )
    assert (made.added, made.reports) == (2 * STUDIES, 2 * STUDIES - 2)
    return folder


@pytest.fixture(scope="module")
def told(studies: Path) -> Iterator[str]:
    with serving(studies / "gallery") as address:
        yield address


def found(page: Any, address: str) -> Any:
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    page.get_by_test_id("find-report").fill("fluid in the pleural space")
    page.get_by_test_id("find-report").press("Enter")
    page.get_by_test_id("hits").wait_for()
    return page


def picked(page: Any) -> list[str]:
    """The hits of a record that was picked."""
    page.get_by_test_id("pick-record").click()
    page.get_by_test_id("picker-record").first.click()
    page.get_by_test_id("hits").wait_for()
    return ids(page)


def test_reports_are_found_by_words_and_shown(page_without_errors: MakePage, told: str, artefacts: Path) -> None:
    for width, height in SIZES:
        page = found(page_without_errors(viewport={"width": width, "height": height}), told)
        page.get_by_test_id("report-text").get_by_text("effusion").wait_for()
        assert page.get_by_test_id("asked-report").inner_text().startswith("“fluid in the pleural space”")
        assert page.get_by_test_id("hit-more").count() == 0  # examples move no words for reports
        assert "of its report" in page.get_by_test_id("hits").locator("xpath=..").inner_text()
        page.get_by_test_id("hit").last.focus()
        page.get_by_test_id("report").get_by_text("Report of number 7").wait_for()
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        page.get_by_test_id("hit").first.focus()
        page.screenshot(path=artefacts / f"reports-{width}.png", full_page=width < 500)


def test_reports_join_a_picture_with_a_weight(page_without_errors: MakePage, told: str, artefacts: Path) -> None:
    page = found(page_without_errors(), told)
    by_words = ids(page)
    page.get_by_test_id("pick-record").click()
    page.get_by_test_id("picker-record").first.click()
    by_picture = changed(page, by_words)
    page.get_by_test_id("find-report").fill("ground-glass opacities")
    page.get_by_test_id("find-report").press("Enter")
    page.get_by_test_id("placed").first.wait_for()
    joined = ids(page)
    rankings = [one.get_attribute("data-ranking") for one in page.get_by_test_id("placed").all()]
    assert rankings == ["picture", "report"]
    assert "picture 1, reports 1" in page.get_by_test_id("hits").locator("xpath=..").inner_text()
    page.screenshot(path=artefacts / "reports-joined-1280.png")
    page.get_by_test_id("report-weight").select_option("4")
    heavier = changed(page, joined)
    assert page.get_by_test_id("hit-more").count() == len(heavier)
    other = page_without_errors()
    other.goto(page.url)  # a link keeps the words and their weight
    other.get_by_test_id("hits").wait_for()
    assert ids(other) == heavier
    page.get_by_role("button", name="Take the words for reports away").click()
    assert changed(page, heavier) == by_picture
    page.keyboard.press("u")
    assert changed(page, by_picture) == heavier


@pytest.mark.usefixtures("keys_of_its_own")
def test_a_reader_sees_no_reports(studies: Path, page_without_errors: MakePage, tmp_path: Path) -> None:
    shutil.copytree(studies / "gallery", tmp_path / "gallery")
    with open_gallery(tmp_path / "gallery") as gallery:
        key = add_key(gallery, "reading-room", role="reader").key
    with serving(tmp_path / "gallery") as address:
        page = page_without_errors(expected="40[13]")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.get_by_test_id("key").fill(key)
        page.keyboard.press("Enter")
        page.get_by_test_id("nothing-asked").wait_for()
        picked(page)
        page.get_by_test_id("open-compare").wait_for()
        page.wait_for_timeout(300)
        assert page.get_by_test_id("find-report").count() == page.get_by_test_id("report").count() == 0
        assert not [url for url in asked if "/report" in url]
        page.evaluate("() => { location.hash = '#/search?report=effusion'; }")
        page.get_by_test_id("refused-query").wait_for()
        assert "needs the role admin" in page.get_by_test_id("refused-detail").inner_text()


def test_a_study_of_the_gallery_asks(page_without_errors: MakePage, told: str, artefacts: Path) -> None:
    for width, height in SIZES:
        page = page_without_errors(viewport={"width": width, "height": height})
        page.goto(told)
        page.get_by_test_id("nothing-asked").wait_for()
        alone = picked(page)
        assert page.get_by_test_id("ask-with-picture").get_attribute("aria-checked") == "true"
        page.get_by_test_id("ask-with-study").click()
        page.get_by_test_id("study").wait_for()
        page.get_by_test_id("hits-title").filter(has_text=f"{STUDIES - 1} studies most alike").wait_for()
        assert len(set(ids(page))) == STUDIES - 1
        page.get_by_test_id("query-name").get_by_text("Study of 2 records", exact=True).wait_for()
        assert page.get_by_test_id("asked-tile").count() == 2
        kinds = [kind.inner_text().split()[0:2] for kind in page.get_by_test_id("study-kind").all()]
        assert [kind[0] for kind in kinds] in (["CR", "CR"], ["DX", "DX"])
        page.wait_for_function("() => document.querySelectorAll('[data-testid=study-record]').length === 2")
        assert "study of 2 records" in page.get_by_test_id("hit").first.inner_text()
        assert page.get_by_test_id("hit-more").count() == 0
        page.keyboard.press("+")
        assert "more=" not in page.url
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=artefacts / f"study-{width}.png", full_page=width < 500)
        page.get_by_test_id("ask-with-picture").click()
        page.get_by_test_id("study").wait_for(state="detached")
        assert ids(page) == alone


def test_a_hit_s_study_asks_in_its_turn(page_without_errors: MakePage, told: str) -> None:
    page = page_without_errors()
    page.goto(told)
    page.get_by_test_id("nothing-asked").wait_for()
    first = picked(page)[0]
    page.get_by_test_id("use-study-as-query").click()
    page.get_by_test_id("study").wait_for()
    assert f"study={first}" in page.url
    page.keyboard.press("c")
    page.get_by_test_id("compare").wait_for()
    page.locator("[data-testid=pane-hit]:not([data-drawn-by=''])").wait_for()
    page.keyboard.press("Escape")
    page.get_by_test_id("undo").click()
    page.get_by_test_id("study").wait_for(state="detached")


def test_a_study_that_is_dropped_asks_as_the_command_does(
    page_without_errors: MakePage, told: str, studies: Path, tmp_path: Path, artefacts: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    page = page_without_errors(expected="422")
    page.goto(told)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, *sorted((studies / "exam").iterdir()), tmp_path / "notes.txt")
    page.get_by_test_id("refused-query").wait_for()
    page.screenshot(path=artefacts / "study-dropped.png")
    page.get_by_test_id("ask-all").click()
    page.get_by_test_id("study").wait_for()
    assert page.get_by_test_id("query-name").inner_text() == "study of 2 pictures and series"
    page.wait_for_function("() => document.querySelectorAll('[data-testid=asked-tile] img').length === 2")
    with open_gallery(studies / "gallery") as gallery:
        same = lookalike.search(gallery, study=studies / "exam", k=12, group_by="patient")
    assert ids(page) == [hit.id for hit in same.hits]
    page.screenshot(path=artefacts / "study-uploaded-1280.png")


@pytest.mark.parametrize("colours", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_everybody_can_use_it(page_without_errors: MakePage, told: str, colours: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    page = found(page_without_errors(bypass_csp=True), told)
    if colours == "light":
        page.get_by_test_id("theme").click()
    page.add_script_tag(path=AXE)
    page.get_by_test_id("report-text").get_by_text("effusion").wait_for()
    seen = {"reports": page.evaluate(RUN)}
    picked(page)
    page.get_by_test_id("ask-with-study").click()
    page.get_by_test_id("study-record").first.wait_for()
    seen["study"] = page.evaluate(RUN)
    assert {view: violations for view, violations in seen.items() if violations} == {}
