"""Pages that are made when the site is built: the project's own files, the commands, every module of the package.

Nothing is written twice: what stands in the README, in a command's help or in a docstring is taken from there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from click.testing import CliRunner
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "lookalike"
OWN_FILES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "RELEASE.md": "release.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the modules into the navigation, in folders as they lie."""
    reference = next(part["Reference"] for part in config.nav or [] if "Reference" in part)
    reference += _navigation(PACKAGE)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages to those that lie in docs/."""
    pages = {page: _own_file(name) for name, page in OWN_FILES.items()}
    pages["reference/commands.md"] = commands_page()
    pages |= {_page(path): _module_page(path) for path in modules()}
    for page, content in pages.items():
        files.append(File.generated(config, page, content=content))
    return files


def modules() -> list[Path]:
    """The files of every module that has a public name or is a package with a docstring."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if public_names(path) or ast.get_docstring(_tree(path))]


def module_name(path: Path) -> str:
    """src/lookalike/readers/dicom.py -> lookalike.readers.dicom"""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def public_names(path: Path) -> list[str]:
    """The names that a module defines at its top level without an underscore."""
    names = [name for node in _tree(path).body for name in _defined(node)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def _page(path: Path) -> str:
    """A package's page stands beside its folder: a module may be called index."""
    place = path.parent if path.stem == "__init__" else path
    return f"reference/{place.relative_to(PACKAGE.parent).with_suffix('.md')}"


def _navigation(folder: Path) -> list[Any]:
    known = set(modules())
    opening = folder / "__init__.py"
    rows: list[Any] = [{"lookalike" if folder == PACKAGE else "overview": _page(opening)}] if opening in known else []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (inner := _navigation(path)):
            rows.append({path.name: inner})
        elif path in known and path != opening:
            rows.append({path.stem: _page(path)})
    return rows


def _module_page(path: Path) -> str:
    name = module_name(path)
    return f"# `{name}`\n\n::: {name}\n"


def _own_file(name: str) -> str:
    """A file of the root, its links turned from the root to docs/."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\[([^]]+)\]\((?:CITATION\.cff|LICENSE)\)", r"\1", text)  # no pages
    for other, page in OWN_FILES.items():
        text = text.replace(f"]({other}", f"]({page}")
    return text


def commands_page() -> str:
    """The help of every command; of `evaluate` with each protocol, which has options of its own."""
    from lookalike import cli
    from lookalike.plugins import plugin_names

    parts = ["# Commands", "Every command takes `--json`; `lookalike COMMAND --help` prints what stands here."]
    calls = [words for words, _command in walk_commands(cli.main, ())]
    protocols = [("evaluate", "--protocol", name) for name in plugin_names("lookalike.protocols")]
    place = calls.index(("evaluate",)) + 1
    for words in [*calls[:place], *protocols, *calls[place:]]:
        shown = CliRunner().invoke(cli.main, [*words, "--help"], prog_name="lookalike", terminal_width=90)
        parts += [f"{'#' * min(len(words) + 1, 3)} lookalike {' '.join(words)}", f"```text\n{shown.output}```"]
    return "\n\n".join(parts) + "\n"


def walk_commands(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command under a group with the words that call it, groups themselves among them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from walk_commands(command, (*words, name))
