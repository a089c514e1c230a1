"""What the tree looks like, in figures: ``python -m tests.structure [SRC]``; the test beside it holds the limits.

Imports are counted wherever they stand: at the top of a module, inside a function, under TYPE_CHECKING.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SRC = Path(__file__).parents[1] / "src"
PACKAGE = "lookalike"
FORBIDDEN = (
    ("cli", "store"),
    ("cli", "readers"),
    ("cli", "encoders"),
    ("cli", "indexes"),
    ("server", "store"),
    ("server", "readers"),
    ("server", "encoders"),
    ("server", "indexes"),
    ("verbs", "plots"),
    ("evaluation", "verbs"),
    ("asking", "verbs"),
)
"""Arrows that may not be: from a package, to a package."""

Graph = Mapping[str, set[str]]


@dataclass(frozen=True)
class Tree:
    """Every module of the package, parsed. modules: by dotted name."""

    modules: Mapping[str, ast.Module]
    lines: Mapping[str, int]

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """Of each module the modules of the package that it imports, wherever the import stands."""
        return {name: set(self._imported(name, tree)) - {name} for name, tree in self.modules.items()}

    def _imported(self, name: str, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from filter(None, (self._module(alias.name) for alias in node.names))
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found = self._module(f"{node.module}.{alias.name}") or self._module(node.module)
                    if found:
                        yield found

    def _module(self, dotted: str) -> str | None:
        return dotted if dotted in self.modules else None


def read_tree(src: Path = SRC) -> Tree:
    """The package below a source folder."""
    modules, lines = {}, {}
    for path in sorted((src / PACKAGE).rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text("utf-8")
        modules[name], lines[name] = ast.parse(text), text.count("\n")
    return Tree(modules, lines)


def package_of(module: str) -> str:
    """``lookalike.verbs.search`` -> ``verbs``; a module of the top level stands for itself."""
    return module.split(".")[1] if "." in module else module


def inside(tree: Tree, package: str) -> dict[str, set[str]]:
    """The modules right in a package's folder, folders in it as one room each, and the arrows between them."""
    prefix, rooms = f"{PACKAGE}.{package}.", defaultdict(set)
    for module, targets in tree.imports.items():
        if module.startswith(prefix):
            room = module[len(prefix) :].split(".")[0]
            reached = {target[len(prefix) :].split(".")[0] for target in targets if target.startswith(prefix)}
            rooms[room] |= reached - {room}
    return dict(rooms)


def floors(graph: Graph) -> int:
    """How many floors the rooms take if every arrow goes down; a cycle counts as one room."""
    groups = strongly_connected(graph)
    number = {room: i for i, group in enumerate(groups) for room in group}
    height: dict[int, int] = {}
    for i, group in enumerate(groups):  # what is reached comes first
        below = {number[target] for room in group for target in graph.get(room, ()) if target in number} - {i}
        height[i] = 1 + max((height[j] for j in below), default=0)
    return max(height.values(), default=0)


def strongly_connected(graph: Graph) -> list[set[str]]:
    """Groups of rooms that reach each other, what is reached before what reaches it (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[set[str]] = []

    def visit(room: str) -> None:
        index[room] = low[room] = len(index)
        stack.append(room)
        for target in sorted(graph.get(room, ())):
            if target not in graph:
                continue
            if target not in index:
                visit(target)
                low[room] = min(low[room], low[target])
            elif target in stack:
                low[room] = min(low[room], index[target])
        if low[room] == index[room]:
            at = stack.index(room)
            groups.append(set(stack[at:]))
            del stack[at:]

    sys.setrecursionlimit(10_000)
    for room in sorted(graph):
        if room not in index:
            visit(room)
    return groups


def cycles(tree: Tree) -> list[set[str]]:
    """Modules that import each other, lazily or for types included; and packages that do."""
    packages: dict[str, set[str]] = defaultdict(set)
    for module, targets in tree.imports.items():
        if module != PACKAGE:  # the front page names every verb
            packages[package_of(module)] |= {package_of(t) for t in targets if t != PACKAGE} - {package_of(module)}
    modules = {name: targets for name, targets in tree.imports.items() if name != PACKAGE}
    return [group for graph in (modules, packages) for group in strongly_connected(graph) if len(group) > 1]


def forbidden(tree: Tree) -> list[tuple[str, str]]:
    """Pairs of modules with an arrow that may not be."""
    return sorted(
        (module, target)
        for module, targets in tree.imports.items()
        for target in targets
        if (package_of(module), package_of(target)) in FORBIDDEN
    )


def shared_names(tree: Tree) -> dict[str, list[str]]:
    """Public classes, functions and constants that more than one module defines."""
    homes: dict[str, set[str]] = defaultdict(set)
    for module, parsed in tree.modules.items():
        if ".migrations." in module:  # every migration is an upgrade: Alembic's names
            continue
        for name in _defined(parsed):
            if not name.startswith("_"):
                homes[name].add(module)
    return {name: sorted(found) for name, found in sorted(homes.items()) if len(found) > 1}


def _defined(parsed: ast.Module) -> Iterator[str]:
    for node in parsed.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def patient_rule(tree: Tree) -> list[str]:
    """The modules that decide by patient who may answer: they ask the store for a patient's vectors, or compare the
    patients of those who ask with the patients of those who answer. The store only looks up.
    """
    return sorted(
        module
        for module, parsed in tree.modules.items()
        if package_of(module) != "store" and any(map(_decides_by_patient, ast.walk(parsed)))
    )


def _decides_by_patient(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "keys_of_patient":
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "isin":
        return all("patient" in ast.unparse(argument) for argument in node.args[:2])
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return False
    words = ("patient", "owners[", "askers[")
    return all(any(word in ast.unparse(side) for word in words) for side in (node.left, *node.comparators))


def functions(tree: Tree) -> list[int]:
    """The length of every function, in lines."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for parsed in tree.modules.values()
        for node in ast.walk(parsed)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def quantile(values: Iterable[int], share: float) -> int:
    """The value that a share of all lie at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures(tree: Tree) -> dict[str, object]:
    """Every figure by name."""
    lengths, verbs, encoders = functions(tree), inside(tree, "verbs"), inside(tree, "encoders")
    verbs.pop("__init__", None)
    return {
        "modules": len(tree.modules),
        "lines": sum(tree.lines.values()),
        "file lines, median / p90 / most": _three(tree.lines.values()),
        "function lines, median / p90 / most": _three(lengths),
        "functions over 40 lines": sum(length > 40 for length in lengths),
        "verbs: modules": len(verbs),
        "verbs: floors": floors(verbs),
        "encoders: rooms": len(encoders),
        "encoders: floors": floors(encoders),
        "encoders: floors of its folders": {
            room: floors(inside(tree, f"encoders.{room}"))
            for room in sorted(encoders)
            if inside(tree, f"encoders.{room}")
        },
        "import cycles": [sorted(group) for group in cycles(tree)],
        "forbidden arrows": Counter(f"{package_of(a)} -> {package_of(b)}" for a, b in forbidden(tree)),
        "public names defined twice": shared_names(tree),
        "the patient rule lives in": patient_rule(tree),
    }


def _three(values: Iterable[int]) -> str:
    values = list(values)
    return f"{quantile(values, 0.5)} / {quantile(values, 0.9)} / {max(values)}"


def main() -> None:
    """Print the figures of this tree, or of another source folder."""
    for name, value in figures(read_tree(Path(sys.argv[1]) if len(sys.argv) > 1 else SRC)).items():
        if isinstance(value, list | dict) and len(value) > 3:
            print(f"{name}: {len(value)}")
            rows = value.items() if isinstance(value, dict) else enumerate(value, 1)
            print(*(f"  {key}: {one}" for key, one in rows), sep="\n")
        else:
            print(f"{name}: {dict(value) if isinstance(value, Counter) else value}")


if __name__ == "__main__":
    main()
