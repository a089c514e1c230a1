"""What pages name as a test is one, and what the page of security says to hold is shown by one."""

from __future__ import annotations

import pytest

from pages import ROOT, missing_tests, rows_under

PAGES = sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    assert missing_tests(page) == []


def test_every_threat_names_what_holds_and_the_test_of_it() -> None:
    rows = rows_under("security.md", "Threats, by boundary")
    assert all(row["Threat"] and row["What holds"] and "`tests/" in row["Test"] for row in rows)
    letters = {letter for row in rows for letter in row[""].split(", ")}
    assert letters == {"S", "T", "R", "I", "D", "E"}
