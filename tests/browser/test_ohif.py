"""The whole round: Orthanc has the images, OHIF shows them, lookalike finds, links and files beside them.

Screenshots are kept, to be looked at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import CTImageStorage

import lookalike
from browser.conftest import ARGUMENTS, chromium_program, page_is_built
from dicoms import data_set, save
from peers.ohif import CONFIGURATION
from peers.orthanc import HTTP, URI, Orthanc, orthanc

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

OHIF, LOOK = "http://localhost:3000", "http://127.0.0.1:8765"  # two sites, of one network
UID: Final = "1.2.826.0.615"
STUDIES: Final = 4
SLICES: Final = 5
SIDE: Final = 160
DOCS: Final = Path(__file__).parents[2] / "docs" / "answers.md"


@dataclass(frozen=True)
class Hospital:
    """pacs: in whose network everything runs. asked: the record that is asked with, of the first study."""

    pacs: Orthanc
    browser: Browser
    asked: str

    def api(self, path: str, body: Any = None) -> Any:
        """What lookalike answers."""
        data = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = self.pacs.run("curl", "-sS", "--fail-with-body", *data, f"{LOOK}/api/v1{path}")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def body_of(study: int) -> Iterator[np.ndarray[Any, Any]]:
    """Slices of something round with something in it: of odd studies elsewhere than of even ones."""
    down, across = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    rng = np.random.default_rng(study)
    for at in range(SLICES):
        inside = np.hypot(down * 1.3, across) < 0.42 - 0.02 * abs(at - 2)
        spot = np.hypot(down - 0.1, across - (0.15 if study % 2 else -0.15)) < 0.08 + 0.01 * at
        yield (1000 * inside + 600 * spot + rng.normal(0, 30, down.shape) + 100).clip(0, 4000).astype(np.uint16)


def scans_of(folder: Path) -> list[Path]:
    files = []
    for study in range(STUDIES):
        (folder / f"{study}").mkdir()
        for at, pixels in enumerate(body_of(study)):
            place = {"ImagePositionPatient": [0, 0, at * 3.0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
            said: dict[str, Any] = {
                "Modality": "CT",
                "SOPClassUID": CTImageStorage,
                "PatientID": f"PAT-{study}",
                "PatientName": f"Patient^Number {study}",
                "StudyDescription": f"Study number {study}",
                "SeriesDescription": f"Axial {study}",
                "StudyDate": f"2020010{study + 1}",
                "StudyTime": "120000",
                "StudyInstanceUID": f"{UID}.{study}",
                "SeriesInstanceUID": f"{UID}.{study}.1",
                "SOPInstanceUID": f"{UID}.{study}.1.{at}",
                "FrameOfReferenceUID": f"{UID}.{study}.9",
                "PositionReferenceIndicator": "",
                "InstanceNumber": at + 1,
                "SeriesNumber": 1,
                "PixelSpacing": [2, 2],
                "SliceThickness": 3,
                "RescaleSlope": 1,
                "RescaleIntercept": -1000,
                "WindowCenter": 300,
                "WindowWidth": 1800,
            }
            files.append(save(data_set(pixels, **said, **place), folder / f"{study}" / f"{at}.dcm"))
    return files


def button() -> str:
    """What the documentation adds to OHIF's configuration."""
    (snippet,) = re.findall(r"```js\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert "https://look.example" in snippet
    return str(snippet).replace("https://look.example", LOOK)


@contextmanager
def running(command: list[str | Path], environment: dict[str, str], ready: list[str | Path]) -> Iterator[None]:
    """A service; ready: a command that succeeds once it answers."""
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL) as process:
        try:
            while subprocess.run(ready, capture_output=True, check=False).returncode:
                assert process.poll() is None, command
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(300)


@pytest.fixture(scope="module")
def hospital(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    viewer = Path(os.environ.get("LOOKALIKE_TEST_OHIF") or "nowhere")
    if not (viewer / "index.html").is_file():
        pytest.skip("LOOKALIKE_TEST_OHIF does not name the folder of OHIF's built viewer (npm pack @ohif/app: dist)")
    page_is_built()
    folder = tmp_path_factory.mktemp("hospital")
    files = scans_of(folder)
    with lookalike.open(folder / "g", create=True, linked=True) as gallery:
        lookalike.index(gallery, [folder / f"{n}" for n in range(STUDIES)], patches=True)
        asked = next(record.id for record in gallery.store.records().values() if record.source.endswith("/0"))
    (folder / "app-config.js").write_text(CONFIGURATION + button())
    with orthanc(folder / "orthanc") as pacs:
        assert pacs.store(files) == files
        proxy = [sys.executable, Path(__file__).parents[1] / "peers" / "ohif.py", viewer, "3000", f"127.0.0.1:{HTTP}"]
        serve = [sys.executable, "-m", "lookalike", "serve", "--gallery", folder / "g", "--no-browser"]
        known = {"LOOKALIKE_VIEWER": f"{OHIF}/viewer", "LOOKALIKE_SEND_TO": f"pacs={URI}"}
        program = folder / "chromium"
        chromium = chromium_program()
        assert chromium is not None  # the browser is one
        program.write_text(f'#!/bin/sh\nexec {" ".join(map(str, pacs.inside(chromium)))} "$@"\n')
        program.chmod(0o755)
        with (
            running(pacs.inside(*proxy, folder / "app-config.js"), {}, pacs.inside("curl", "-sf", OHIF)),
            running(pacs.inside(*serve), known, pacs.inside("curl", "-sf", f"{LOOK}/readyz")),
        ):
            # With a graphics card's work done by the processor: OHIF draws with WebGL.
            drawing = [each for each in ARGUMENTS if each != "--disable-gpu"]
            drawing += ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            inside = browser.browser_type.launch(executable_path=program, headless=True, args=drawing)
            yield Hospital(pacs, inside, asked)
            inside.close()


@pytest.fixture
def page(hospital: Hospital) -> Iterator[Page]:
    context = hospital.browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    # No tour of a newcomer lies over what is to be seen.
    context.add_init_script("localStorage.setItem('shownTours', JSON.stringify(['basicViewerTour']))")
    yield context.new_page()
    context.close()


def shown(page: Page, *texts: str) -> None:
    """Wait until OHIF shows these words and has drawn a picture."""
    for text in texts:
        page.get_by_text(text, exact=False).first.wait_for()
    page.locator("canvas.cornerstone-canvas").first.wait_for()
    page.wait_for_timeout(3000)  # until it has been drawn: for who looks at the screenshot


def test_the_panel_opens_a_look_alike_beside(hospital: Hospital, page: Page, artefacts: Path) -> None:
    page.goto(f"{LOOK}/panel?StudyInstanceUIDs={UID}.0")
    studies = page.get_by_test_id("study")
    studies.first.wait_for()
    assert studies.count() == STUDIES - 1
    page.screenshot(path=artefacts / "panel.png")
    with page.context.expect_page() as opened:
        studies.first.get_by_test_id("beside").click()
    viewer = opened.value
    told = hospital.api(f"/similar-studies?SimilarTo={UID}.0")["studies"][0]["identity"]["study_instance_uid"]
    shown(viewer, "Axial 0", f"Axial {told[-1]}")
    viewer.screenshot(path=artefacts / "ohif-beside.png")
    assert viewer.locator("canvas.cornerstone-canvas").count() >= 2


def test_a_button_of_ohif_opens_the_panel(hospital: Hospital, page: Page, artefacts: Path) -> None:
    page.goto(f"{OHIF}/viewer?StudyInstanceUIDs={UID}.1")
    shown(page, "Axial 1")
    with page.context.expect_page() as opened:
        page.locator("[data-cy='SimilarStudies']").first.click()
    panel = opened.value
    panel.get_by_test_id("study").first.wait_for()
    asked = parse_qs(urlsplit(panel.url).query)
    assert asked == {"StudyInstanceUID": [f"{UID}.1"], "SeriesInstanceUID": [f"{UID}.1.1"]}
    page.screenshot(path=artefacts / "ohif-button.png")


@pytest.fixture(scope="module")
def filed(hospital: Hospital) -> Hospital:
    """All kinds of answers of the first study are in the PACS."""
    for kind in ("sr", "kos", "seg", "map"):
        hospital.api(f"/records/{hospital.asked}/send", {"kind": kind, "to": "pacs"})
    return hospital


def open_filed(page: Page, study: int, modality: str) -> None:
    """Open what was filed as one of a list of series does: by a double click."""
    page.goto(f"{OHIF}/viewer?StudyInstanceUIDs={UID}.{study}")
    shown(page, f"Axial {study}", modality)
    page.locator("[data-cy=study-browser-thumbnail-no-image]").filter(
        has=page.get_by_text(modality, exact=True)
    ).dblclick()


def turns_coloured(page: Page, path: Path) -> bool:
    """Whether a twentieth of the viewport and more is soon not grey; its last screenshot is kept."""
    pane = page.locator("[data-cy=viewport-pane]").first.bounding_box()
    assert pane is not None
    for _ in range(20):
        page.wait_for_timeout(1000)
        page.screenshot(path=path)
        with Image.open(path) as picture:
            box = (int(pane["x"]), int(pane["y"]), int(pane["x"] + pane["width"]), int(pane["y"] + pane["height"]))
            pixels = np.asarray(picture.convert("RGB").crop(box), np.int16)
        if (np.ptp(pixels, axis=2) > 40).mean() > 0.05:
            return True
    return False


def test_ohif_shows_the_report_as_text(filed: Hospital, page: Page, artefacts: Path) -> None:
    open_filed(page, 0, "SR")
    page.get_by_text("Similarity of the images' embeddings: ").first.wait_for()
    page.screenshot(path=artefacts / "ohif-sr.png")
    told = page.locator("[data-cy=viewport-grid]").inner_text()
    assert told.startswith("1.\N{NO-BREAK SPACE}Similar cases")
    assert [f"Similar case {rank}" in told for rank in range(1, STUDIES + 1)] == [True] * (STUDIES - 1) + [False]
    for modality in ("KO", "PMAP"):  # are listed: docs/answers.md says how far the viewer shows them
        assert page.get_by_text(modality, exact=True).count() == 1


def test_ohif_shows_where_it_is_alike(filed: Hospital, page: Page, artefacts: Path) -> None:
    open_filed(page, 0, "SEG")
    page.get_by_role("button", name="Yes").click()
    page.locator("[data-cy=panelSegmentation-btn]").click()
    page.get_by_text("Resembles the similar case").wait_for()
    assert turns_coloured(page, artefacts / "ohif-seg.png")
