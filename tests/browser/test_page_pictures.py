"""The pictures of the README, of drawn radiographs: taken anew by each run, into the artefacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import lookalike.server
from browser.conftest import ADAPTED, drop, serving
from lookalike.gallery import open_gallery
from lookalike.sources.collections.synthetic import write_collection
from lookalike.verbs.adapt import adapt
from lookalike.verbs.index import index

MakePage = Callable[..., Any]
SIZE = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a page on 79 drawn radiographs, and one more to ask with."""
    if not (Path(lookalike.server.__file__).parent / "static" / "index.html").is_file():
        pytest.skip("the page is not built: `make page`")
    folder = tmp_path_factory.mktemp("drawn")
    labels = write_collection(folder / "scans", count=80, seed=0)
    files = sorted((folder / "scans" / "images").glob("*.dcm"))
    with open_gallery(folder / "drawn", create=True) as gallery:
        index(gallery, files[1:], labels=labels, patches=True)
        adapt(gallery, ADAPTED)
    with serving(folder / "drawn") as address:
        yield address, files[0]


@pytest.mark.slow  # they are for people to look at
def test_pictures_of_the_readme(page_without_errors: MakePage, drawn: tuple[str, Path], artefacts: Path) -> None:
    address, query = drawn
    page = page_without_errors(viewport=SIZE, color_scheme="dark")
    page.goto(address)
    page.get_by_test_id("nothing-asked").wait_for()
    drop(page, query)
    page.get_by_test_id("vote").wait_for()
    page.get_by_test_id("heat").first.wait_for()
    page.screenshot(path=artefacts / "readme-search.png")
    page.keyboard.press("c")
    page.get_by_test_id("compare").wait_for()
    page.wait_for_timeout(1500)  # both viewers draw
    page.screenshot(path=artefacts / "readme-compare.png")
    for name in ("readme-search.png", "readme-compare.png"):
        with PIL.Image.open(artefacts / name) as picture:
            assert picture.size == (1440, 900)
            assert len(picture.convert("L").getcolors() or range(256)) > 64  # something is drawn
