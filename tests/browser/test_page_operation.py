"""Schedules and backups on the page, as an admin sees them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import eventually

from browser.conftest import http, serving
from lookalike.gallery import open_gallery
from lookalike.ownership import config_folder
from lookalike.verbs.gallery import gallery_id

MakePage = Callable[..., Any]


@pytest.fixture
def planned(
    page_gallery: Path, tmp_path: Path, keys_of_its_own: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The address of a gallery with two schedules, of which one is due; its backups go to ``backups``."""
    gallery = shutil.copytree(page_gallery, tmp_path / "gallery")
    (tmp_path / "backups").mkdir()
    monkeypatch.setenv("LOOKALIKE_BACKUP_FOLDER", str(tmp_path / "backups"))
    monkeypatch.setenv("LOOKALIKE_SCHEDULE_BACKUP", "every 5 hours")
    monkeypatch.setenv("LOOKALIKE_SCHEDULE_REMIND", "every day at 03:00")
    with open_gallery(gallery) as opened:
        noted = config_folder() / "schedules" / f"{gallery_id(opened)}.json"
    noted.parent.mkdir(mode=0o700)
    noted.write_text(json.dumps({"remind": {"when": "every day at 03:00", "next": time.time() - 60, "last": None}}))
    noted.chmod(0o600)
    with serving(gallery) as address:
        yield address


def test_an_admin_sees_schedules_and_makes_and_verifies_a_backup(
    planned: str, page_without_errors: MakePage, tmp_path: Path, artefacts: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900})
    page.goto(f"{planned}#/gallery")
    page.get_by_test_id("gallery-page-operation").click()
    plans = page.get_by_test_id("schedule")
    plans.nth(1).wait_for()
    told = plans.all_inner_texts()
    assert any("Backup" in each and "every 5 hours" in each and "not yet" in each for each in told)
    page.get_by_text("No backup has been made from here.").wait_for()
    page.get_by_test_id("back-up").click()
    made = page.get_by_test_id("backup")
    made.filter(has_text="not verified yet").wait_for()
    (folder,) = (tmp_path / "backups").iterdir()
    assert folder.name in made.inner_text()
    assert str(tmp_path) not in page.content()
    made.get_by_role("button").click()
    made.filter(has_text="sound").wait_for()
    damaged = folder / "gallery.db"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    made.get_by_role("button").click()
    made.filter(has_text="damaged").wait_for()
    schedules = f"{planned}api/v1/schedules"
    # What was due is done meanwhile.
    eventually(lambda: [each["state"] for each in http.get(schedules).json()["items"]], lambda states: "done" in states)
    page.reload()
    page.get_by_test_id("gallery-page-operation").click()
    page.get_by_test_id("schedule").filter(has_text="done").wait_for()
    for theme in ("dark", "light"):
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            made.scroll_into_view_if_needed()
            page.screenshot(path=artefacts / f"operation-{theme}-{width}.png")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_test_id("theme").click()
