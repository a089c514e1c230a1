"""What a reader does in the compare view, with real files, by keys alone: letters, values, measures, turns."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
import pydicom
import pytest

from browser.test_page_access import AXE, RUN
from browser.test_page_compare import compared

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


def window_of(page: Page, side: str) -> str:
    return page.get_by_test_id(f"pane-{side}").get_by_test_id("window-words").inner_text()


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
    assert "C 40 W 400 HU" in window_of(page, "query")
    assert "no HU" in window_of(page, "hit")  # a volume of MR, or a radiograph
    before = mean_grey(page, "query")
    page.keyboard.press("i")
    page.wait_for_function("() => document.querySelector('[data-testid=invert]').ariaPressed === 'true'")
    assert mean_grey(page, "query") == pytest.approx(255 - before, abs=12)
    page.keyboard.press("i")
    # The cursor begins in the middle of the picture, and its value is that of the file.
    page.get_by_test_id("slice-query").fill("5")
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
