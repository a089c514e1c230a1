"""The compare view in a real browser: real viewers, a window that a drag changes, slices that scroll together."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import PIL.Image
import pytest

from browser.conftest import drop, soon
from dicoms import data_set, save

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakePage = Callable[..., Any]


def compared(page: Page, address: str, *files: Path) -> Page:
    """The compare view of what was dropped and its first hit, both drawn."""
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, *files)
    page.get_by_test_id("hits").wait_for()
    page.keyboard.press("c")
    for side in ("query", "hit"):
        page.locator(f"[data-testid=pane-{side}]:not([data-drawn-by=''])").wait_for()
    page.wait_for_timeout(500)  # both draw once more when their sizes are known
    return page


def pixels(page: Page, side: str) -> np.ndarray:
    """What a pane shows, in grey, without the words over it."""
    page.evaluate(
        "() => document.querySelectorAll('.corner, .edge').forEach((words) => words.style.visibility = 'hidden')"
    )
    shot, last = page.get_by_test_id(f"screen-{side}").screenshot(), b""
    for _ in range(50):
        if shot == last:
            break  # it has been drawn to its end
        page.wait_for_timeout(100)
        shot, last = page.get_by_test_id(f"screen-{side}").screenshot(), shot
    return np.asarray(PIL.Image.open(io.BytesIO(shot)).convert("L"), float)


def differs(page: Page, side: str, before: np.ndarray, least: float) -> bool:
    """Whether a pane comes to show something else than before, by so many grey levels in the mean."""
    return soon(page, lambda: np.abs(pixels(page, side) - before).mean() > least)


def drag(page: Page, side: str, right: int, down: int) -> None:
    """Press, move and let go in the middle of a pane."""
    box = page.get_by_test_id(f"screen-{side}").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=6)
    page.mouse.up()


def at_slice(page: Page, side: str, number: int) -> None:
    page.locator(f"[data-testid=pane-{side}][data-slice='{number}']").wait_for()


def slice_of(page: Page, side: str) -> int:
    return int(page.get_by_test_id(f"pane-{side}").get_attribute("data-slice") or -1)


def viewer_of(page: Page, side: str) -> str | None:
    return page.get_by_test_id(f"pane-{side}").get_attribute("data-drawn-by")


def likeness(page: Page, shown: np.ndarray, address: str, path: str, mirrored: bool = False) -> float:
    """The correlation of what a pane shows with a picture of the server, which fills the pane as far as it can."""
    picture = PIL.Image.open(io.BytesIO(page.request.get(f"{address}api/v1/{path}").body())).convert("L")
    rows, columns = shown.shape
    fit = min(rows / picture.height, columns / picture.width)
    height, width = round(picture.height * fit), round(picture.width * fit)
    top, left = (rows - height) // 2, (columns - width) // 2
    drawn = shown[top : top + height, left : left + width]
    wanted = np.asarray(picture.resize((width, height), PIL.Image.Resampling.BILINEAR), float)
    return float(np.corrcoef(drawn.ravel(), (wanted[:, ::-1] if mirrored else wanted).ravel())[0, 1])


def assert_alike(page: Page, address: str, path: str) -> None:
    """That the query's pane shows a picture of the server."""
    assert soon(page, lambda: likeness(page, pixels(page, "query"), address, path) > 0.95)


def assert_slice(page: Page, address: str, wanted: int, apart: int) -> None:
    """That the query's pane shows this slice as the gallery has it, and not mirrored. apart: how far those are that it
    is compared with.
    """
    path = f"uploads/{page.get_by_test_id('query').get_attribute('data-query')}/picture?slice="
    near = [wanted, wanted - apart, wanted + apart]

    def is_shown() -> bool:
        shown = pixels(page, "query")
        return bool(np.argmax([likeness(page, shown, address, f"{path}{number}") for number in near]) == 0)

    assert soon(page, is_shown)
    shown = pixels(page, "query")
    assert likeness(page, shown, address, f"{path}{wanted}") > 0.9
    assert likeness(page, shown, address, f"{path}{wanted}", mirrored=True) < 0.8


def test_a_drag_changes_the_window_of_both(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path
) -> None:
    page = compared(page_without_errors(viewport={"width": 1440, "height": 900}), served, query_file)
    assert viewer_of(page, "query") == viewer_of(page, "hit") == "Cornerstone3D"
    assert soon(page, lambda: all(pixels(page, side).std() > 20 for side in ("query", "hit")))  # a picture, no blank
    before = {side: pixels(page, side) for side in ("query", "hit")}
    drag(page, "query", 150, 0)
    for side, was in before.items():
        assert differs(page, side, was, 3)
        saturated = [np.isin(shown, (0, 255)).mean() for shown in (was, pixels(page, side))]
        assert saturated[1] > saturated[0]  # to the right is a narrower window
    page.screenshot(path=artefacts / "compare.png")
    page.get_by_test_id("viewer-reset").click()
    assert soon(page, lambda: np.abs(pixels(page, "query") - before["query"]).mean() < 1)


def test_panes_can_be_unlinked(page_without_errors: MakePage, served: str, query_file: Path) -> None:
    page = compared(page_without_errors(), served, query_file)
    page.get_by_test_id("link-panes").click()
    before = pixels(page, "query"), pixels(page, "hit")
    drag(page, "hit", 120, 40)
    assert differs(page, "hit", before[1], 3)
    assert np.abs(pixels(page, "query") - before[0]).mean() < 0.5


def test_nothing_of_the_page_behind_shows_on_a_phone(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = compared(page_without_errors(viewport={"width": 390, "height": 844}), served, query_file)
    behind = page.evaluate("""() => {
        const { top } = document.querySelector('.shell > nav').getBoundingClientRect();
        const above = Array.from({ length: 20 }, (_, at) => document.elementFromPoint(195, top - 1 - at));
        return above.filter((one) => !one.closest('.compare')).map((one) => one.outerHTML.slice(0, 120)); }""")
    assert behind == []


def test_zoom_heat_and_the_way_back(
    page_without_errors: MakePage, served: str, query_file: Path, artefacts: Path
) -> None:
    page = compared(page_without_errors(), served, query_file)
    before = pixels(page, "query")
    page.get_by_test_id("zoom-in").click()
    assert differs(page, "query", before, 3)
    page.get_by_test_id("viewer-reset").click()
    page.get_by_test_id("heat-toggle").click()
    page.get_by_test_id("glow").first.wait_for()
    assert page.get_by_test_id("glow").count() == 2
    box = page.get_by_test_id("glow").first.bounding_box()
    screen = page.get_by_test_id("screen-query").bounding_box()
    assert box
    assert screen
    assert box["height"] == pytest.approx(min(screen["height"], screen["width"]), abs=2)  # a square picture
    page.screenshot(path=artefacts / "compare-heat.png")
    link = page.url
    page.keyboard.press("j")  # the next pair
    page.get_by_test_id("pane-hit").get_by_text("Number 2").wait_for()
    page.keyboard.press("Escape")
    page.get_by_test_id("compare").wait_for(state="detached")
    assert page.get_by_test_id("hits").is_visible()
    page.goto("about:blank")
    page.goto(link)  # the address holds the comparison too
    page.get_by_test_id("pane-hit").get_by_text("Number 1").wait_for()


def test_the_viewer_shows_what_the_encoder_is_shown(
    page_without_errors: MakePage, served: str, query_file: Path
) -> None:
    page = compared(page_without_errors(), served, query_file)
    identity = page.get_by_test_id("query").get_attribute("data-query")
    assert_alike(page, served, f"uploads/{identity}/picture")


def test_a_volume_scrolls_slice_by_slice_with_its_partner(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    volume = shared_data / "volumes" / "mr_brain_hippocampus_msd" / "hippocampus_355.nii.gz"
    page = compared(page_without_errors(), served, volume)
    assert viewer_of(page, "query") == viewer_of(page, "hit") == "NiiVue"
    page.get_by_test_id("best-slice").click()
    page.get_by_test_id("slice-words-query").filter(has_text="matching").wait_for()
    matching = slice_of(page, "query"), slice_of(page, "hit")
    before = pixels(page, "query"), pixels(page, "hit")
    box = page.get_by_test_id("screen-query").bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    for step in range(1, 5):
        page.mouse.wheel(0, -100)
        at_slice(page, "query", matching[0] - step)
    at_slice(page, "hit", matching[1] - 4)
    assert all(differs(page, side, was, 2) for side, was in zip(("query", "hit"), before, strict=True))
    page.get_by_test_id("screen-hit").focus()
    page.keyboard.press("ArrowUp")
    at_slice(page, "query", matching[0] - 3)
    scrolled = pixels(page, "query")
    drag(page, "query", 100, 0)
    assert differs(page, "query", scrolled, 2)
    page.get_by_test_id("best-slice").click()
    at_slice(page, "query", matching[0])
    page.screenshot(path=artefacts / "compare-volume.png")


@pytest.mark.parametrize("share", [0.5, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.2, 0.8))])
def test_a_slice_is_the_gallerys_slice_and_lies_the_same_way(
    page_without_errors: MakePage, served: str, shared_data: Path, share: float
) -> None:
    volume = shared_data / "volumes" / "mr_brain_hippocampus_msd" / "hippocampus_355.nii.gz"
    page = compared(page_without_errors(), served, volume)
    slider = page.get_by_test_id("slice-query")
    wanted = round(int(slider.get_attribute("max") or 0) * share)
    slider.fill(str(wanted))
    at_slice(page, "query", wanted)
    assert_slice(page, served, wanted, 4)


def test_a_series_of_dicom_files_scrolls_and_has_presets(
    page_without_errors: MakePage, served: str, shared_data: Path, artefacts: Path
) -> None:
    series = sorted((shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_dicom").iterdir())
    page = compared(page_without_errors(), served, *series)
    assert viewer_of(page, "query") == "Cornerstone3D"
    identity = page.get_by_test_id("query").get_attribute("data-query")
    page.get_by_test_id("preset-soft-tissue").click()
    page.get_by_test_id("pane-query").get_by_test_id("window-words").get_by_text("C 40 W 400 HU").wait_for()
    soft = pixels(page, "query")
    page.get_by_test_id("preset-lung").click()
    assert differs(page, "query", soft, 3)
    page.screenshot(path=artefacts / "compare-series.png")
    page.get_by_test_id("link-panes").click()
    page.get_by_test_id("preset-soft-tissue").click()
    page.get_by_test_id("slice-query").fill("3")
    path = f"uploads/{identity}/picture?slice="

    def alike(number: int, mirrored: bool = False) -> float:
        return likeness(page, pixels(page, "query"), served, f"{path}{number}", mirrored)

    assert soon(page, lambda: alike(3) > max(0.7, alike(0), alike(16)))
    assert alike(3) > alike(3, mirrored=True)


def test_a_picture_stands_beside_a_dicom(page_without_errors: MakePage, served: str, shared_data: Path) -> None:
    picture = sorted((shared_data / "chest-xray-nih").rglob("*.jpg"))[0]
    page = compared(page_without_errors(), served, picture)
    assert (viewer_of(page, "query"), viewer_of(page, "hit")) == ("picture", "Cornerstone3D")
    before = pixels(page, "query")
    drag(page, "query", 120, 30)
    assert differs(page, "query", before, 3)


def test_what_the_browser_cannot_decode_is_the_servers_picture(
    page_without_errors: MakePage, served: str, shared_data: Path
) -> None:
    coded = shared_data / "odd-dicom" / "files" / "pydicom-data" / "4fe862_HTJ2KLossless_08_RGB.dcm"
    page = compared(page_without_errors(), served, coded)
    assert viewer_of(page, "query") == "picture"
    assert "this is the server's picture" in page.get_by_test_id("pane-query").inner_text()
    identity = page.get_by_test_id("query").get_attribute("data-query")
    assert_alike(page, served, f"uploads/{identity}/picture")


@pytest.mark.parametrize(
    ("kind", "plane"),
    [
        ("NiiVue", "coronal"),
        ("Cornerstone3D", "sagittal"),
        pytest.param("NiiVue", "sagittal", marks=pytest.mark.slow),
        pytest.param("Cornerstone3D", "coronal", marks=pytest.mark.slow),
    ],
)
def test_a_volume_of_another_plane_is_shown_as_the_gallery_cuts_it(
    page_without_errors: MakePage, served: str, tmp_path: Path, plane: str, kind: str
) -> None:
    files = (nifti_of if kind == "NiiVue" else series_of)(tmp_path, plane)
    page = compared(page_without_errors(), served, *files)
    assert viewer_of(page, "query") == kind
    assert page.get_by_test_id("slice-query").get_attribute("max") == str(SLICES - 1)
    for wanted in (3, SLICES - 4):
        page.get_by_test_id("slice-query").fill(str(wanted))
        assert_slice(page, served, wanted, 3)


SLICES, SIDE = 16, 96
TAKEN = {  # of a slice: the directions of its rows and its columns, and the one in which slices follow, in LPS
    "coronal": ([1, 0, 0], [0, 0, -1], [0, 1, 0]),
    "sagittal": ([0, 1, 0], [0, 0, -1], [1, 0, 0]),
}


def values() -> np.ndarray:
    """(slice, row, column): a bar that turns and a corner that is lit, so that no slice is like another or mirrored."""
    z, y, x = np.mgrid[:SLICES, :SIDE, :SIDE]
    angle = z / SLICES * 3 + 0.2
    away = np.abs((x - 48) * np.sin(angle) - (y - 48) * np.cos(angle))
    return (60 + 600 * (away < 8) + 500 * ((x < 24) & (y < 40)) + 3 * x).astype(np.int16)


def series_of(folder: Path, plane: str) -> list[Path]:
    row, column, through = (np.array(direction) for direction in TAKEN[plane])
    return [
        save(
            data_set(
                picture,
                signed=True,
                Modality="MR",
                SeriesInstanceUID="1.2.9",
                SOPInstanceUID=f"1.2.9.{z}",
                ImagePositionPatient=[float(n) for n in 4 * z * through],
                ImageOrientationPatient=[*map(float, row), *map(float, column)],
                PixelSpacing=[1, 1],
            ),
            folder / f"{(z * 5) % SLICES:02}.dcm",
        )
        for z, picture in enumerate(values())
    ]


def nifti_of(folder: Path, plane: str) -> list[Path]:
    row, column, through = (np.array(direction, float) for direction in TAKEN[plane])
    affine = np.eye(4)
    affine[:3, :3] = np.stack([row, column, 4 * through], axis=1) * np.array([[-1], [-1], [1]])  # LPS to RAS
    nibabel.save(nibabel.Nifti1Image(values().transpose(2, 1, 0), affine), folder / "v.nii.gz")
    return [folder / "v.nii.gz"]
