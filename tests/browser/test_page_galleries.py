"""The page before a gallery: one is chosen, or the first one is made; on a desk and on a telephone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import make_gallery

from browser.conftest import page_is_built, serving
from browser.test_page_access import AXE, RUN
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index
from lookalike.verbs.keys import add_key

pytestmark = pytest.mark.usefixtures("keys_of_its_own")
MakePage = Callable[..., Any]
SIZES = {"desk": {"width": 1280, "height": 800}, "telephone": {"width": 400, "height": 800}}
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of twelve records and of one."""
    page_is_built()
    base = tmp_path_factory.mktemp("chosen")
    chest = make_gallery(base)
    with open_gallery(base / "head", create=True) as gallery:
        index(gallery, [next((base / "pictures").glob("*.png"))])
    return {"chest": chest, "head": base / "head"}


@pytest.fixture
def several(galleries: dict[str, Path], tmp_path: Path) -> tuple[str, str]:
    """The words that serve both, and one whose file is damaged."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "gallery.db").write_bytes(b"no database" * 999)
    titles = {"chest": "Chest radiographs", "head": "Head CT of the emergency department, 2019 to 2026"}
    tables = [f'[galleries.{name}]\npath = "{galleries[name]}"\ntitle = "{titles[name]}"\n' for name in titles]
    file = tmp_path / "lookalike.toml"
    file.write_text("".join(tables) + '[galleries.broken]\npath = "broken"\ntitle = "Knees"\n', "utf-8")
    return "--config", str(file)


def serve(*options: str) -> Any:
    return serving(None, *options)


def test_another_gallery_is_merged_into_this_one(
    galleries: dict[str, Path], tmp_path: Path, page_without_errors: MakePage, artefacts: Path
) -> None:
    file = tmp_path / "lookalike.toml"
    copies = {name: shutil.copytree(folder, tmp_path / name) for name, folder in galleries.items()}
    file.write_text("".join(f'[galleries.{name}]\npath = "{place}"\n' for name, place in copies.items()), "utf-8")
    with serve("--config", str(file)) as address:
        page = page_without_errors(viewport=SIZES["desk"], bypass_csp=True)
        page.goto(f"{address}g/head/#/gallery")
        page.get_by_test_id("gallery-page-operation").click()
        page.get_by_test_id("merge-start").wait_for()
        assert page.get_by_test_id("merge-start").is_disabled()
        assert page.get_by_test_id("merge-head").count() == 0  # not into itself
        page.get_by_test_id("merge-chest").check()
        page.get_by_test_id("merge-start").focus()
        page.keyboard.press("Enter")
        told = page.get_by_test_id("merged")
        told.wait_for()
        assert "11 records added, 1 there already" in told.inner_text()
        page.screenshot(path=artefacts / "merged-desk.png")
        if AXE.is_file():
            page.add_script_tag(path=AXE)
            assert page.evaluate(RUN) == []
        page.get_by_test_id("theme").click()
        page.set_viewport_size({"width": 390, "height": 844})
        assert not page.evaluate(WIDER)
        told.scroll_into_view_if_needed()
        page.screenshot(path=artefacts / "merged-telephone.png")


@pytest.mark.parametrize("size", ["desk", pytest.param("telephone", marks=pytest.mark.slow)])
def test_choose_a_gallery_and_go_back(
    several: tuple[str, str], page_without_errors: MakePage, artefacts: Path, size: str
) -> None:
    with serve(*several) as address:
        page = page_without_errors(expected="503", viewport=SIZES[size], bypass_csp=True)
        page.goto(address)
        page.get_by_test_id("chooser").wait_for()
        page.wait_for_function("() => document.title === 'Galleries · lookalike'")
        chest = page.get_by_test_id("choose-chest")
        assert re.search(r"Chest radiographs\s+admin\s+12 records · lite0\s+Anonymous", chest.inner_text())
        closed = page.get_by_test_id("closed-broken").inner_text()
        assert "not open" in closed
        assert "It is tried again by itself." in closed
        page.screenshot(path=artefacts / f"chooser-{size}.png")
        assert not page.evaluate(WIDER)
        if AXE.is_file():
            page.add_script_tag(path=AXE)
            assert page.evaluate(RUN) == []
        page.get_by_test_id("choose-head").click()
        page.get_by_test_id("nothing-asked").wait_for()
        assert page.url.startswith(f"{address}g/head/")
        assert "Head CT of the emergency department" in page.get_by_test_id("about").inner_text()
        page.screenshot(path=artefacts / f"chosen-{size}.png")
        assert not page.evaluate(WIDER)
        page.get_by_test_id("nav-labels").click()
        page.get_by_test_id("labels-view").wait_for()
        page.reload()
        page.get_by_test_id("labels-view").wait_for()  # its address holds the gallery and the view
        page.get_by_test_id("all-galleries").click()
        page.get_by_test_id("chooser").wait_for()


def test_with_a_key_one_sees_what_it_opens(
    several: tuple[str, str], galleries: dict[str, Path], page_without_errors: MakePage, artefacts: Path
) -> None:
    made = {}
    for name, folder in galleries.items():
        with open_gallery(folder) as gallery:
            made[name] = add_key(gallery, "reader").key
    key = made["head"]
    with serve(*several) as address:
        page = page_without_errors(expected="40[13]|503")
        page.goto(address)
        page.get_by_test_id("key-entry").wait_for()
        page.screenshot(path=artefacts / "chooser-locked.png")
        assert page.get_by_test_id("choose-head").count() == 0
        page.get_by_test_id("key").fill("wrong")
        page.get_by_test_id("key").press("Enter")
        page.get_by_test_id("key-refused").wait_for()
        page.get_by_test_id("key").fill(key)
        page.get_by_test_id("key").press("Enter")
        page.get_by_test_id("choose-head").wait_for()
        assert page.get_by_test_id("choose-chest").count() == 0
        assert page.get_by_test_id("closed-broken").count() == 0
        page.get_by_test_id("choose-head").click()
        page.get_by_test_id("nothing-asked").wait_for()  # the key is this tab's, for all galleries
        assert "· 1 record ·" in page.get_by_test_id("about").inner_text()


@pytest.mark.parametrize("size", ["desk", pytest.param("telephone", marks=pytest.mark.slow)])
def test_the_first_gallery_comes_about(
    galleries: dict[str, Path], tmp_path: Path, page_without_errors: MakePage, artefacts: Path, size: str
) -> None:
    file = tmp_path / "lookalike.toml"
    file.write_text('[galleries.chest]\npath = "chest"\ntitle = "Chest radiographs"\n', "utf-8")
    with serve("--config", str(file)) as address:
        page = page_without_errors(expected="503", viewport=SIZES[size], bypass_csp=True)
        page.goto(address)
        first = page.get_by_test_id("first-run")
        first.wait_for()
        assert f"lookalike index FOLDER --gallery {tmp_path / 'chest'}" in first.inner_text()
        page.screenshot(path=artefacts / f"first-run-{size}.png")
        assert not page.evaluate(WIDER)
        if AXE.is_file():
            page.add_script_tag(path=AXE)
            assert page.evaluate(RUN) == []
        shutil.copytree(galleries["chest"], tmp_path / "coming")
        (tmp_path / "coming").rename(tmp_path / "chest")
        page.get_by_test_id("about").wait_for()  # by itself
        assert "Chest radiographs · 12 records" in page.get_by_test_id("about").inner_text()
        page.get_by_test_id("nothing-asked").wait_for()


def test_without_any_gallery(page_without_errors: MakePage, artefacts: Path) -> None:
    page_is_built()
    with serve() as address:
        page = page_without_errors(expected="503")
        page.goto(address)
        page.get_by_test_id("first-run").wait_for()
        assert "lookalike serve --gallery chest" in page.get_by_test_id("first-run").inner_text()
        page.screenshot(path=artefacts / "first-run-none.png")
