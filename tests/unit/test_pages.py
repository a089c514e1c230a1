"""What pages name as a test is one, and what the page of security says to hold is shown by one."""

from __future__ import annotations

import re
import tomllib

import pytest

from pages import ROOT, missing_tests, rows_under, text_of

PAGES = sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    assert missing_tests(page) == []


def test_every_page_is_found_from_the_site_and_from_the_readme() -> None:
    site, readme = ((ROOT / name).read_text("utf-8") for name in ("mkdocs.yml", "README.md"))
    assert [page for page in PAGES if f": {page}\n" not in site or f"docs/{page}" not in readme] == []


def test_the_map_of_the_architecture_has_every_layer() -> None:
    """What import-linter orders stands in the picture of the layers."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == ["lookalike"]]
    names = [name.strip() for layer in layers for name in re.split(r"[:|]", layer)]
    page = text_of("architecture.md")
    assert [name for name in names if not re.search(rf"\b{name}(/|\.py)", page)] == []


def test_every_threat_names_what_holds_and_the_test_of_it() -> None:
    rows = rows_under("security.md", "Threats, by boundary")
    assert all(row["Threat"] and row["What holds"] and "`tests/" in row["Test"] for row in rows)
    letters = {letter for row in rows for letter in row[""].split(", ")}
    assert letters == {"S", "T", "R", "I", "D", "E"}
