"""The heat-map lies on the picture, whatever the size of the pane, in every viewer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import PIL.Image
import pytest

import lookalike.server
from browser.conftest import drop, serving, soon
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]
SIZES = ((1440, 900), (1440, 620), (1280, 720), (390, 844))
HIDE = """(hidden) => document.querySelectorAll('.glow, .corner, .edge').forEach(
    (one) => one.style.opacity = hidden ? 0 : 1)"""


def framed(rows: int, columns: int, seed: int) -> np.ndarray:
    """(rows, columns) uint8: noise in a white frame, so that it can be seen where the picture ends."""
    picture = np.random.default_rng(seed).integers(90, 160, (rows, columns)).astype(np.uint8)
    picture[rows // 3 : rows // 2, columns // 4 : columns // 2] = 230
    for edge in (picture[:4], picture[-4:], picture[:, :4], picture[:, -4:]):
        edge[...] = 255
    return picture


def dicom(folder: Path, rows: int, columns: int, seed: int) -> Path:
    window = {"WindowCenter": 128, "WindowWidth": 256, "RescaleSlope": 1, "RescaleIntercept": 0}
    ds = data_set(
        framed(rows, columns, seed), Modality="CT", PatientID=f"p{seed}", SOPInstanceUID=f"1.2.{seed}", **window
    )
    return save(ds, folder / f"d{seed}.dcm")


def volume(folder: Path, seed: int) -> Path:
    values = np.stack([framed(60, 90, seed * 10 + z) for z in range(8)])  # (z, y, x)
    path = folder / f"v{seed}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values.transpose(2, 1, 0).astype(np.int16), np.diag([-1.0, -1.5, 3, 1])), path)
    return path


@pytest.fixture(scope="module")
def framed_pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Path]]]:
    """The address of a page on framed pictures, and files of the same kinds to ask with."""
    if not (Path(lookalike.server.__file__).parent / "static" / "index.html").is_file():
        pytest.skip("the page is not built: `make page`")
    base = tmp_path_factory.mktemp("framed")
    (base / "in").mkdir()
    for seed in range(3):
        dicom(base / "in", 300, 200, seed)
        volume(base / "in", seed)
    with open_gallery(base / "framed", create=True) as gallery:
        assert index(gallery, [base / "in"], patches=True).added == 6
    PIL.Image.fromarray(framed(150, 400, 8)).save(base / "p8.png")
    files = {"picture": base / "p8.png", "Cornerstone3D": dicom(base, 320, 240, 7), "NiiVue": volume(base, 6)}
    with serving(base / "framed") as address:
        yield address, files


def bounds(page: Page, side: str) -> tuple[list[float], list[float]]:
    """(left, top, right, bottom) of the picture that a pane shows, and of the heat, in pixels of the window."""
    screen = page.get_by_test_id(f"screen-{side}").bounding_box()
    heat = page.get_by_test_id(f"pane-{side}").get_by_test_id("glow").bounding_box()
    assert screen
    assert heat
    page.evaluate(HIDE, True)
    shot = np.asarray(PIL.Image.open(io.BytesIO(page.screenshot())).convert("L")) > 127
    page.evaluate(HIDE, False)
    edges = [screen["x"], screen["y"], screen["x"] + screen["width"], screen["y"] + screen["height"]]
    left, top, right, bottom = (round(edge) for edge in edges)
    shot[:top], shot[bottom:], shot[:, :left], shot[:, right:] = False, False, False, False
    rows, columns = np.nonzero(shot.any(1))[0], np.nonzero(shot.any(0))[0]
    if not len(rows):  # nothing is drawn yet
        return [], []
    lies = [heat["x"], heat["y"], heat["x"] + heat["width"], heat["y"] + heat["height"]]
    window = page.viewport_size or {"width": 0, "height": 0}
    edges = [max(edges[0], 0), max(edges[1], 0), min(edges[2], window["width"]), min(edges[3], window["height"])]
    shown = [max(lies[0], edges[0]), max(lies[1], edges[1]), min(lies[2], edges[2]), min(lies[3], edges[3])]
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], shown


def keeps_to_picture(page: Page, side: str) -> bool:
    """Whether the heat of a pane lies on its picture, once the viewer has followed a change of size."""

    def lies_on() -> bool:
        picture, heat = bounds(page, side)
        return picture != [] and heat == pytest.approx(picture, abs=1.01)

    return soon(page, lies_on)


def open_heat(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, file)
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("hit").first.press("c")
    for side in ("query", "hit"):
        page.locator(f"[data-testid=pane-{side}]:not([data-drawn-by=''])").wait_for()
    page.get_by_test_id("heat-toggle").click()
    page.get_by_test_id("glow").nth(1).wait_for()


def test_the_heat_keeps_to_the_picture_beside_one_of_another_shape(
    page_without_errors: MakePage, framed_pictures: tuple[str, dict[str, Path]]
) -> None:
    address, files = framed_pictures
    page = page_without_errors()
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, files["picture"])
    page.get_by_test_id("why").get_by_test_id("heat").nth(1).wait_for()
    boxes = {
        part: [one.bounding_box() for one in page.get_by_test_id("why").locator(f".heat {part}").all()]
        for part in ("img", "canvas")
    }
    assert boxes["img"][0]["height"] != boxes["img"][1]["height"]
    assert boxes["canvas"] == [pytest.approx(box, abs=1) for box in boxes["img"]]


@pytest.mark.parametrize("viewer", ["picture", "Cornerstone3D", "NiiVue"])
def test_the_heat_keeps_to_the_picture(
    page_without_errors: MakePage, framed_pictures: tuple[str, dict[str, Path]], viewer: str, artefacts: Path
) -> None:
    address, files = framed_pictures
    page = page_without_errors(viewport={"width": 1440, "height": 900})
    open_heat(page, address, files[viewer])
    assert page.get_by_test_id("pane-query").get_attribute("data-drawn-by") == viewer
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for side in ("query", "hit"):
            page.get_by_test_id(f"screen-{side}").scroll_into_view_if_needed()
            assert keeps_to_picture(page, side), (width, height, side)
    page.screenshot(path=artefacts / f"heat-{viewer}.png")  # on a phone
    for button, count in (("zoom-out", 2), ("zoom-in", 1)):
        for _ in range(count):
            page.get_by_test_id(button).click()
        assert keeps_to_picture(page, "query"), button
    page.set_viewport_size({"width": 1100, "height": 700})  # the zoom is kept

    assert keeps_to_picture(page, "query")

    def share() -> float:
        """How much of the pane the picture takes."""
        picture, screen = bounds(page, "query")[0], page.get_by_test_id("screen-query").bounding_box()
        assert screen
        return max((picture[2] - picture[0]) / screen["width"], (picture[3] - picture[1]) / screen["height"])

    assert soon(page, lambda: share() == pytest.approx(0.8, abs=0.01))  # out twice and in once


def test_the_heat_says_on_which_slice_it_lies(
    page_without_errors: MakePage, framed_pictures: tuple[str, dict[str, Path]]
) -> None:
    address, files = framed_pictures
    page = page_without_errors()
    open_heat(page, address, files["NiiVue"])
    slider = page.get_by_test_id("slice-query")
    matching = int(page.get_by_test_id("pane-query").get_attribute("data-slice") or -1)
    slider.fill(str((matching + 2) % 8))
    told = page.get_by_test_id("heat-elsewhere-query")
    told.wait_for()
    assert f"slice {matching + 1}" in told.inner_text()
    assert page.get_by_test_id("heat-toggle").get_attribute("aria-pressed") == "true"
    told.click()
    told.wait_for(state="detached")
    assert page.get_by_test_id("pane-query").get_by_test_id("glow").is_visible()
