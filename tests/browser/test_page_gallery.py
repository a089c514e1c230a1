"""The gallery on the page: add, watch, cancel, see what was refused, delete; and keys."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.conftest import drop, noticed, serving, writing_held

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]
HoldJobs = Callable[[], AbstractContextManager[None]]


def records(page: Page) -> int:
    """How many records the head says there are."""
    found = re.search(r"([\d,]+) records", page.get_by_test_id("about").inner_text())
    assert found
    return int(found[1].replace(",", ""))


def until(page: Page, count: int) -> None:
    page.wait_for_function(
        "(words) => document.querySelector('[data-testid=about]').innerText.includes(words)", arg=f"{count} records"
    )


def test_dropped_files_are_added_and_refused_ones_explained(
    served_alone: str,
    page_without_errors: MakePage,
    query_file: Path,
    shared_data: Path,
    tmp_path: Path,
    artefacts: Path,
) -> None:
    page = page_without_errors(expected="422")
    page.goto(f"{served_alone}#/gallery")
    page.get_by_test_id("record").first.wait_for()
    before = records(page)
    hostile = shared_data / "bad-input" / "dicom-bad" / "gen" / "text.dcm"
    others = {"empty.png": b"", "scan.zip": b"PK\x03\x04" + bytes(60), "letter.pdf": b"%PDF-1.7 " + bytes(60)}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    drop(page, query_file, query_file.with_name("cxr_051.dcm"), hostile, *(tmp_path / name for name in others))
    page.get_by_test_id("pending").filter(has_text="6 files to add").wait_for()
    page.get_by_test_id("add-start").click()
    told = noticed(page, "2 records added, 4 files refused")
    assert "under “refused”" in told
    until(page, before + 2)
    page.get_by_test_id("upload-refused").filter(has_text="text.dcm").wait_for()
    page.screenshot(path=artefacts / "gallery.png")
    page.get_by_test_id("find-records").fill(query_file.stem)
    page.wait_for_function("() => document.querySelectorAll('[data-testid=record]').length === 1")
    page.get_by_test_id("gallery-page-refused").click()
    reason = page.locator("[data-testid=refused-reason][data-reason=no-pixel-data]")
    reason.wait_for()
    assert "text.dcm" in reason.inner_text()
    assert "send the image objects" in reason.inner_text()
    listed = page.get_by_test_id("refused").inner_text()
    assert all(name in listed for name in others)  # the toast does not point to an empty list


def test_an_import_folder_is_indexed_by_a_job(
    served_alone: str, page_without_errors: MakePage, tmp_path: Path, shared_data: Path
) -> None:
    (tmp_path / "more" / "notes.txt").write_text("no image")
    (tmp_path / "more" / "May" / "inner").mkdir(parents=True)
    shutil.copy(shared_data / "chest-xray-dicom5" / "files" / "cxr_051.dcm", tmp_path / "more" / "May" / "inner")
    (tmp_path / "more" / "labels.csv").write_text("file,class\ncxr_008.dcm,edema\nnowhere.dcm,edema\n")
    page = page_without_errors()
    page.goto(f"{served_alone}#/gallery")
    page.get_by_test_id("record").first.wait_for()
    before = records(page)
    page.get_by_test_id("import-folder").select_option("more")
    page.get_by_label("Folder in more").select_option("May")
    page.get_by_test_id("import-start").click()
    until(page, before + 1)
    page.get_by_label("Folder in more").select_option("all of more")
    with writing_held(tmp_path / "gallery"):
        page.get_by_test_id("import-start").click()
        page.locator("[data-testid=job][data-kind=index]").get_by_test_id("cancel-job").wait_for()
    until(page, before + 3)
    page.get_by_test_id("gallery-page-jobs").click()
    page.locator("[data-testid=job][data-kind=index][data-state=done]").nth(1).wait_for()
    done = page.locator("[data-testid=job][data-kind=index]").first
    brought = done.get_by_test_id("brought").inner_text()
    assert "2 records added, 1 file already there. 2 set apart as no images: " in brought
    told = done.get_by_test_id("brought-note").all_inner_texts()
    assert "1 of 2 rows of the table met 1 of 3 images." in told
    assert "No image for nowhere.dcm." in told
    done.get_by_text("Which were set apart").click()
    assert "notes.txt" in done.get_by_test_id("set-apart").inner_text()


def test_a_job_is_cancelled(served_alone: str, hold_jobs: HoldJobs, page_without_errors: MakePage) -> None:
    page = page_without_errors()
    page.goto(f"{served_alone}#/evaluate")
    page.get_by_test_id("evaluate-space").select_option("findings")
    page.get_by_test_id("evaluate-folds").fill("10")
    with hold_jobs():
        page.get_by_test_id("evaluate-start").click()
        page.get_by_test_id("cancel-job").click()
        page.locator("[data-testid=job][data-state=cancelled]").wait_for()
    page.get_by_role("button", name="Evaluate", exact=True).last.wait_for()


def test_a_patient_is_deleted_everywhere_after_being_told_what_goes(
    served_alone: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(expected="404")
    page.goto(f"{served_alone}#/gallery")
    row = page.get_by_test_id("record").first
    row.wait_for()
    before = records(page)
    identity, patient = row.get_attribute("data-id"), row.get_attribute("data-patient")
    theirs = page.locator(f"[data-testid=record][data-patient='{patient}']").count()
    row.get_by_test_id("delete").click()
    page.get_by_test_id("delete-patient").check()
    told = page.get_by_test_id("what-goes").inner_text()
    assert "vectors in every space" in told
    assert "cannot be undone" in told
    page.screenshot(path=artefacts / "delete.png")
    page.get_by_role("button", name="Keep").click()
    assert records(page) == before
    row.get_by_test_id("delete").click()
    page.get_by_test_id("delete-patient").check()
    page.get_by_test_id("delete-confirm").click()
    until(page, before - theirs)
    page.locator(f"[data-testid=record][data-id='{identity}']").wait_for(state="detached")
    for route in ("", "/thumbnail"):
        assert page.request.get(f"{served_alone}api/v1/records/{identity}{route}").status == 404
    found = page.request.post(
        f"{served_alone}api/v1/search",
        data={"query": {"ids": [row.get_attribute("data-id")]}, "k": 100},
        headers={"Content-Type": "application/json"},
    ).json()
    assert identity not in {hit["id"] for hit in found["hits"]}


@pytest.mark.usefixtures("keys_of_its_own")
def test_a_key_is_asked_for_and_a_reader_changes_nothing(
    page_gallery: Path, tmp_path: Path, page_without_errors: MakePage
) -> None:
    gallery = shutil.copytree(page_gallery, tmp_path / "gallery")
    command = [sys.executable, "-c", "from lookalike.cli import main; main()", "keys", "add"]
    said = subprocess.run(
        [*command, "reader", "--gallery", str(gallery)], capture_output=True, text=True, check=True
    ).stdout
    key = max(re.findall(r"\S+", said), key=len)
    page = page_without_errors(expected="401")
    late: list[Any] = []
    with serving(gallery) as address:
        page.route("**/api/v1/facets*", lambda route: late.append(route), times=1)  # noqa: PLW0108 (Playwright marks its handlers)
        page.goto(address)
        page.get_by_test_id("key").fill("wrong")
        page.get_by_test_id("key").press("Enter")
        page.get_by_test_id("key-refused").wait_for()
        page.get_by_test_id("key").fill(key)
        page.get_by_test_id("key").press("Enter")
        page.get_by_test_id("about").wait_for()
        with page.expect_response(lambda answer: answer.status == 401):
            late[0].continue_()  # what was asked with the wrong key is refused only now
        page.get_by_test_id("pick-record").click()
        picture = page.get_by_test_id("picker-record").first.locator("img")
        page.wait_for_function(
            "() => document.querySelector('[data-testid=picker-record] img')?.naturalWidth > 0"
        )  # pictures come with the key too
        assert (picture.get_attribute("src") or "").startswith("blob:")
        page.get_by_test_id("picker-record").first.click()
        page.get_by_test_id("hits").wait_for()
        assert page.get_by_test_id("edit-labels").count() == 0
        page.get_by_test_id("nav-gallery").click()
        page.get_by_test_id("record").first.wait_for()
        assert page.get_by_test_id("delete").count() == page.get_by_test_id("add").count() == 0
        assert page.get_by_test_id("gallery-page-operation").count() == 0
        assert page.evaluate("() => localStorage.getItem('lookalike-key')") is None
        page.close()
