"""Pages of docs/, as tests read them: tables by their headings, and the tests that are named as ground."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_CELL: Final = re.compile(r"(?<!\\)\|")
_TEST: Final = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")


def text_of(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


def rows_under(name: str, heading: str) -> list[dict[str, str]]:
    """The rows of the first table below a heading, by the names of its columns."""
    lines = text_of(name).splitlines()
    start = next(i for i, line in enumerate(lines) if line.lstrip("# ") == heading and line.startswith("#"))
    table: list[list[str]] = []
    for line in lines[start + 1 :]:
        if line.startswith("|"):
            table.append([cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]])
        elif table or line.startswith("#"):
            break
    head, _rule, *rows = table
    return [dict(zip(head, row, strict=True)) for row in rows]


def missing_tests(name: str) -> list[str]:
    """What a page names as a test and is none: a file that is not there, or a test that the file does not hold."""
    found = []
    for file, test in _TEST.findall(text_of(name)):
        if not (ROOT / file).is_file() or (test and test not in _tests_of(ROOT / file)):
            found.append(f"{file}::{test}" if test else file)
    return found


def named_tests(name: str) -> set[str]:
    """What a page names as tests."""
    return {f"{file}::{test}" if test else file for file, test in _TEST.findall(text_of(name))}


@cache
def _tests_of(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
