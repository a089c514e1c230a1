"""A patient's studies in time on the page: earlier ones as hits, one hit a study, and a line of days."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pydicom
import pytest
from served import eventually

import lookalike
from browser.conftest import page_is_built, serving
from browser.test_page_access import AXE, RUN
from browser.test_page_search import changed, ids
from lookalike.gallery import open_gallery

MakePage = Callable[..., Any]
SIZES: Final = ((1280, 800), (400, 860))
DAYS: Final = {"a": (0, 30, 31, 400, 1500), "b": (0, 90, 700), "c": (0,)}
"""The days of each patient's studies; each holds two radiographs."""


@pytest.fixture(scope="module")
def gallery(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page_is_built()
    folder = tmp_path_factory.mktemp("time")
    files = iter(sorted((shared_data / "chest-xray-dicom5" / "files").glob("*.dcm")))
    for patient, days in DAYS.items():
        for day in days:
            for number in range(2):
                data = pydicom.dcmread(next(files))
                data.PatientID, data.StudyInstanceUID = patient, f"1.7.{ord(patient)}.{day}"
                data.SeriesInstanceUID = f"1.6.{ord(patient)}.{day}"
                data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.8.{ord(patient)}.{day}.{number}"
                data.StudyDate = f"{date(2020, 1, 1) + timedelta(days=day):%Y%m%d}"
                data.save_as(folder / f"{patient}-{day}-{number}.dcm")
    with open_gallery(folder / "gallery", create=True) as made:
        assert lookalike.index(made, [folder]).added == 2 * sum(map(len, DAYS.values()))
    return folder / "gallery"


@pytest.fixture(scope="module")
def address(gallery: Path) -> Iterator[str]:
    with serving(gallery) as at:
        yield at


@pytest.fixture(scope="module")
def records(gallery: Path) -> dict[str, str]:
    """The id of each record by its file's name."""
    with open_gallery(gallery) as opened:
        return {Path(each.source).stem: each.id for each in opened.store.records().values()}


def asked(page: Any, address: str, record: str, more: str = "") -> list[str]:
    page.goto(f"{address}#/search?record={record}{more}")
    page.get_by_test_id("hits").wait_for()
    return ids(page)


def test_earlier_studies_of_the_patient_answer(
    page_without_errors: MakePage, address: str, gallery: Path, records: dict[str, str], artefacts: Path
) -> None:
    for width, height in SIZES:
        page = page_without_errors(viewport={"width": width, "height": height})
        usual = asked(page, address, records["a-400-0"])
        page.get_by_test_id("per").select_option("study")
        page.get_by_test_id("own-patient").select_option("earlier")
        earlier = changed(page, usual)
        with open_gallery(gallery) as opened:
            same = lookalike.search(opened, id=records["a-400-0"], only_priors=True, group_by="study", k=12)
            before = lookalike.search(
                opened, id=records["a-400-0"], only_priors=True, before=370, group_by="study", k=12
            )
        assert earlier == [hit.id for hit in same.hits]
        assert (len(earlier), len(before.hits)) == (3, 2)
        words = page.get_by_test_id("hit").all_inner_texts()
        assert all("before the query" in text for text in words)
        assert all("1 more record of its study" in text for text in words)
        page.get_by_test_id("timeline").wait_for()
        page.screenshot(path=artefacts / f"priors-{width}.png", full_page=width < 500)
        page.get_by_test_id("before").fill("370")
        page.get_by_test_id("before").press("Enter")
        assert changed(page, earlier) == [hit.id for hit in before.hits]
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        other = page_without_errors()
        other.goto(page.url)
        other.get_by_test_id("hits").wait_for()
        assert ids(other) == [hit.id for hit in before.hits]


def another_line(page: Any, before: Collection[tuple[int, ...]]) -> tuple[int, ...]:
    """The days of a line that is none of before: that of a hit comes a moment after it is looked at."""
    every = "(studies) => studies.map((study) => Number(study.dataset.day))"
    return eventually(
        lambda: tuple(page.get_by_test_id("time-study").evaluate_all(every)),
        lambda days: days != () and days not in before,
    )


def test_a_line_of_days_is_a_list_in_its_order(
    page_without_errors: MakePage, address: str, records: dict[str, str], artefacts: Path
) -> None:
    for width, height in SIZES:
        page = page_without_errors(viewport={"width": width, "height": height})
        asked(page, address, records["c-0-0"])
        where = {str(hit.get_attribute("data-patient")): hit for hit in page.get_by_test_id("hit").all()}
        assert len(where) == 2  # one hit a patient
        days = list[tuple[int, ...]]()
        line = page.get_by_test_id("time-study")
        for hit in where.values():
            hit.focus()
            days.append(another_line(page, days))
            boxes = [one.bounding_box() for one in line.all()]
            lefts = [box["x"] for box in boxes]
            assert lefts == sorted(lefts)
            assert all(
                abs(one["x"] - other["x"]) >= one["width"] or abs(one["y"] - other["y"]) >= one["height"]
                for at, one in enumerate(boxes)
                for other in boxes[at + 1 :]
            )
        assert sorted(days) == sorted(days_ for days_ in DAYS.values() if len(days_) > 1)
        page.screenshot(path=artefacts / f"timeline-{width}.png", full_page=width < 500)
        first = page.get_by_test_id("time-study").first
        assert "Day 0: " in str(first.get_attribute("aria-label"))
        first.focus()
        page.keyboard.press("Enter")  # another study of the patient asks in its turn, or is shown where it is a hit
        page.get_by_test_id("hits").wait_for()


def test_records_of_one_study_stand_together(
    page_without_errors: MakePage, address: str, records: dict[str, str], artefacts: Path
) -> None:
    page = page_without_errors()
    asked(page, address, records["c-0-0"], "&patients=all&k=24")  # a link of before there were studies
    groups = page.get_by_test_id("of-study")
    assert groups.count() == 8
    assert ids(page)[0] == str(page.locator("[data-rank='1']").get_attribute("data-id"))
    seen = []
    for _ in range(16):
        page.keyboard.press("j")
        seen.append(page.evaluate("() => document.activeElement.dataset.id"))
    assert seen[:15] == ids(page)[1:]  # the keys go as the eye does
    page.screenshot(path=artefacts / "of-study-1280.png")


@pytest.mark.parametrize("colours", [pytest.param("dark", marks=pytest.mark.slow), "light"])
def test_everybody_can_use_it(
    page_without_errors: MakePage, address: str, records: dict[str, str], colours: str
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: `npm ci` in web/")
    page = page_without_errors(bypass_csp=True)
    asked(page, address, records["a-1500-0"], "&own-patient=earlier&per=record")
    if colours == "light":
        page.get_by_test_id("theme").click()
    page.get_by_test_id("time-study").first.wait_for()
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
