"""A real browser for the tests of pages: Chromium as the system has it, driven by Playwright."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium by itself asks its maker for updates and more: a test that watches requests wants none of it.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. LOOKALIKE_TEST_CHROMIUM names its program where it has another name."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    program = os.environ.get("LOOKALIKE_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on the path and LOOKALIKE_TEST_CHROMIUM is not set")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, headless=True, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def page_without_errors(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages: ``page_without_errors(color_scheme="dark", viewport=...)``, each in a context of its own.

    The test fails at its end if a page logged an error or threw one. expected: a regular expression of errors
    that the test brings about on purpose.
    """
    contexts, errors = [], []

    def make(expected: str = r"(?!)", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()

        def note(words: str) -> None:
            if not re.search(expected, words):
                errors.append(words)

        page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: note(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots go, to be looked at; git ignores it."""
    folder = Path(__file__).parent / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder
