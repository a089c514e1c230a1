"""What a reader does in the compare view, with real files, by keys alone: letters, values, measures, turns."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import PIL.Image
import pydicom
import pytest

from browser.conftest import soon
from browser.test_page_access import AXE, RUN
from browser.test_page_compare import at_slice, compared, slice_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]


def letters(page: Page, side: str) -> str:
    """At the top, the right, the bottom and the left of a pane."""
    pane = page.get_by_test_id(f"pane-{side}")
    return "".join(pane.get_by_test_id(f"edge-{edge}").inner_text() for edge in ("top", "right", "bottom", "left"))


def mean_grey(page: Page, side: str) -> float:
    """Of the middle of what a pane shows."""
    shot = np.asarray(
        PIL.Image.open(io.BytesIO(page.get_by_test_id(f"screen-{side}").screenshot())).convert("L"), float
    )
    rows, columns = shot.shape
    return float(shot[rows // 3 : -rows // 3, columns // 3 : -columns // 3].mean())


def window_is(page: Page, side: str, words: str) -> None:
    page.get_by_test_id(f"pane-{side}").get_by_test_id("window-words").filter(has_text=words).wait_for()


def of_slice(series: list[Path], number: int) -> pydicom.Dataset:
    """By the place along the patient, feet first, as the gallery counts."""
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in series]
    order = sorted(range(len(series)), key=lambda at: float(headers[at].ImagePositionPatient[2]))
    return pydicom.dcmread(series[order[number]])


def test_a_series_is_read_and_measured_by_keys_alone(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    series = sorted((shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_dicom").iterdir())
    page = page_without_errors(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    compared(page, served, *series)
    query = page.get_by_test_id("pane-query")
    assert letters(page, "query") == "ALPR"
    page.keyboard.press("r")
    assert letters(page, "query") == "RALP"
    page.keyboard.press("m")
    assert letters(page, "query") == "RPLA"
    page.get_by_test_id("viewer-reset").click()
    assert letters(page, "query") == "ALPR"
    page.keyboard.press("2")  # soft tissue
    assert page.get_by_test_id("preset-soft-tissue").get_attribute("aria-pressed") == "true"
    assert page.get_by_test_id("preset-lung").get_attribute("aria-pressed") == "false"
    window_is(page, "query", "C 40 W 400 HU")
    window_is(page, "hit", "no HU")  # a volume of MR, or a radiograph
    before = mean_grey(page, "query")
    page.keyboard.press("i")
    page.wait_for_function("() => document.querySelector('[data-testid=invert]').ariaPressed === 'true'")
    assert soon(page, lambda: mean_grey(page, "query") == pytest.approx(255 - before, abs=12))
    page.keyboard.press("i")
    # The cursor begins in the middle of the picture, and its value is that of the file.
    page.get_by_test_id("slice-query").fill("5")
    at_slice(page, "query", 5)
    page.get_by_test_id("screen-query").focus()
    page.keyboard.press("l")
    for key in ("ArrowRight", "Enter"):
        page.keyboard.press(key)
    header = of_slice(series, 5)
    rows, columns = header.Rows // 2, header.Columns // 2 + 1
    value = header.pixel_array[rows, columns] * header.RescaleSlope + header.RescaleIntercept
    query.get_by_text(f"{columns}, {rows} · {value:g} HU", exact=True).wait_for()
    for key in ("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    length = f"{30 * header.PixelSpacing[1]:.1f} mm"
    assert length in page.get_by_test_id("marks-query").inner_text()
    page.keyboard.press("a")
    for key in ("Enter", "Shift+ArrowLeft", "Enter", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    assert "90.0°" in page.get_by_test_id("marks-query").inner_text()
    page.keyboard.press("Escape")  # ends the tool, not the view
    assert page.get_by_test_id("tool-angle").get_attribute("aria-pressed") == "false"
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
    page.screenshot(path=artefacts / "viewer-measured.png")
    page.get_by_test_id("screen-query").focus()
    page.keyboard.press("Delete")
    assert "90.0°" not in page.get_by_test_id("marks-query").inner_text()
    page.get_by_test_id("next-hit").click()
    page.get_by_test_id("pane-hit").get_by_text("Number 2").wait_for()
    assert length in page.get_by_test_id("marks-query").inner_text()  # the query stays as it was
    assert {url.split("/")[2] for url in asked if not url.startswith(("blob:", "data:"))} == {served.split("/")[2]}


def test_a_nifti_volume_has_three_planes_and_a_box_through_its_slices(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    volume = shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_sm.nii.gz"
    page = page_without_errors(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    compared(page, served, volume)
    query = page.get_by_test_id("pane-query")
    page.get_by_test_id("best-slice-3").wait_for()  # some of the five
    assert letters(page, "query") == "ALPR"
    page.keyboard.press("1")
    window_is(page, "query", "C -600 W 1500 HU")  # no header says CT: its values do
    # The hit's slices lie 1 mm apart and the query's 3 mm.
    page.get_by_test_id("best-slice").click()
    matching = slice_of(page, "query"), slice_of(page, "hit")
    step = -1 if matching[0] else 1
    page.get_by_test_id("slice-query").fill(str(matching[0] + step))
    moved = "(slice) => document.querySelector('[data-testid=pane-hit]').dataset.slice !== slice"
    page.wait_for_function(moved, arg=str(matching[1]))
    last = int(page.get_by_test_id("slice-hit").get_attribute("max") or 0)
    assert slice_of(page, "hit") == min(max(matching[1] + 3 * step, 0), last)
    page.get_by_test_id("link-panes").click()
    # Three planes share a crosshair, which keys move; the value below the cursor is the file's.
    page.get_by_test_id("slice-query").fill("15")
    at_slice(page, "query", 15)
    page.keyboard.press("p")
    coronal = page.get_by_test_id("plane-query-coronal")
    coronal.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    page.wait_for_function("() => document.querySelector('[data-testid=pane-query]').dataset.slice === '17'")
    page.get_by_test_id("screen-query").focus()
    page.keyboard.press("b")
    page.keyboard.press("ArrowDown")
    image = nibabel.as_closest_canonical(nibabel.load(volume))
    wide, high = image.shape[:2]
    column, row = wide // 2, int(high / 2 + 1)
    value = image.get_fdata()[wide - 1 - column, high - 1 - row, 17]
    query.get_by_text(f"{column}, {row} · {value:g} HU", exact=True).wait_for()
    # A box by keys, grown through three slices, asks for what it holds.
    for key in ("Enter", *["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 2, "Enter"):
        page.keyboard.press(key)
    page.get_by_test_id("box-from-query").fill("16")
    page.get_by_test_id("box-from-query").press("Enter")
    page.add_script_tag(path=AXE)
    assert page.evaluate(RUN) == []
    page.screenshot(path=artefacts / "viewer-planes.png")
    page.get_by_test_id("box-search-query").click()
    page.get_by_test_id("compare").wait_for(state="detached")
    page.wait_for_function("() => location.hash.includes('slices=15-17')")
    page.get_by_test_id("hit").first.get_by_text("slices ").wait_for()
    assert page.get_by_test_id("region").is_visible()
