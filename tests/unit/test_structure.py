"""The house keeps its shape: limits on what ``python -m tests.structure`` prints."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from structure import (
    SRC,
    cycles,
    figures,
    floors,
    forbidden,
    functions,
    inside,
    patient_rule,
    quantile,
    read_tree,
    shared_names,
    strongly_connected,
)

TREE = read_tree()

CONVENTIONS = {"command", "router", "main"}
"""Names that one kind of module has by convention: a command's, a route's, a process's entry."""

PATIENT_RULE = ["lookalike.asking.candidates"]


def test_verbs_hold_verbs_only() -> None:
    verbs = {name: targets for name, targets in inside(TREE, "verbs").items() if name != "__init__"}
    assert len(verbs) <= 36
    assert floors(verbs) <= 3


def test_encoders_stand_in_folders_of_few_floors() -> None:
    rooms = inside(TREE, "encoders")
    assert {"families", "runtimes", "preprocessing"} <= set(rooms)
    assert floors(rooms) <= 4
    assert all(floors(inside(TREE, f"encoders.{room}")) <= 4 for room in rooms)


def test_no_module_and_no_package_imports_itself_by_a_detour() -> None:
    assert cycles(TREE) == []


def test_arrows_go_where_they_may() -> None:
    assert forbidden(TREE) == []


def test_files_and_functions_are_short() -> None:
    lines, lengths = TREE.lines.values(), functions(TREE)
    assert (quantile(lines, 0.5), quantile(lines, 0.9)) <= (110, 251)
    assert quantile(lines, 0.9) <= 251
    assert (quantile(lengths, 0.5), quantile(lengths, 0.9)) <= (7, 18)
    assert quantile(lengths, 0.9) <= 18


def test_a_public_name_has_one_meaning() -> None:
    assert {name: homes for name, homes in shared_names(TREE).items() if name not in CONVENTIONS} == {}


def test_who_may_answer_is_decided_in_one_place() -> None:
    assert patient_rule(TREE) == PATIENT_RULE


def test_layout_is_the_formatters() -> None:
    marked = [path for path in SRC.rglob("*.py") if re.search(r"# fmt: (skip|off)", path.read_text("utf-8"))]
    assert len(marked) <= 3


def test_figures_are_printed() -> None:
    printed = figures(TREE)
    assert printed["modules"] == len(TREE.modules) > 100
    assert printed["verbs: modules"] == len(inside(TREE, "verbs")) - ("__init__" in inside(TREE, "verbs"))


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, 3),
        ({"a": {"b", "c"}, "b": set(), "c": set()}, 2),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, 2),
        ({}, 0),
    ],
)
def test_floors(graph: dict[str, set[str]], expected: int) -> None:
    assert floors(graph) == expected


def test_cycles_are_found_wherever_they_close() -> None:
    groups = strongly_connected({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": set()})
    assert sorted(map(sorted, groups)) == [["a", "b", "c"], ["d"], ["e"]]


def test_a_fault_of_structure_is_seen(tmp_path) -> None:
    """A tree with each fault planted: the figures must say so."""
    package = tmp_path / "lookalike"
    (package / "verbs").mkdir(parents=True)
    (package / "store").mkdir()
    (package / "cli").mkdir()
    for folder in ("", "verbs", "store", "cli"):
        (package / folder / "__init__.py").write_text("")
    (package / "cli" / "a.py").write_text("def f():\n    from lookalike.store import db\n    return db\n")
    (package / "store" / "db.py").write_text("def load(): return 1\n")
    (package / "verbs" / "a.py").write_text("from lookalike.verbs import b\ndef load(): return b\n")
    (package / "verbs" / "b.py").write_text(
        "def g(store):\n    import lookalike.verbs.a\n    return store.keys_of_patient\n"
    )
    tree = read_tree(tmp_path)
    assert forbidden(tree) == [("lookalike.cli.a", "lookalike.store.db")]
    assert cycles(tree) == [{"lookalike.verbs.a", "lookalike.verbs.b"}]
    assert shared_names(tree) == {"load": ["lookalike.store.db", "lookalike.verbs.a"]}
    assert patient_rule(tree) == ["lookalike.verbs.b"]


def test_the_script_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.structure"], cwd=SRC.parent, capture_output=True, text=True, check=True
    )
    assert "import cycles" in ran.stdout
