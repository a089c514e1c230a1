"""The package is quick to import, its names resolve, and every command is documented."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import commands

import lookalike

HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "onnxruntime",
    "faiss",
    "sqlalchemy",
    "alembic",
    "PIL",
    "fastapi",
    "starlette",
    "pydantic",
    "hypercorn",
    "prometheus_client",
    "pydicom",
    "numpy",
    "matplotlib",
)
ROOT = Path(__file__).parents[2]


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after the code."""
    script = f"import json, sys\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    "code",
    [
        "import lookalike",
        "from lookalike.cli import main\nfor option in ('--help', '--version'): main([option], standalone_mode=False)",
    ],
)
def test_what_everybody_does_first_loads_nothing_heavy(code: str) -> None:
    assert loaded_after(code).isdisjoint(HEAVY)


def test_the_help_of_a_command_loads_nothing_heavy() -> None:
    code = "from lookalike.cli import main\n"
    code += "\n".join(f"main({[*words, '--help']}, standalone_mode=False)" for words in commands())
    assert loaded_after(code).isdisjoint(HEAVY)


def test_opening_and_searching_by_id_loads_neither_torch_nor_scikit_learn(tmp_path: Path) -> None:
    code = f"import lookalike\nwith lookalike.open({str(tmp_path / 'g')!r}, create=True) as g: g.index()"
    assert loaded_after(code).isdisjoint({"torch", "sklearn", "scipy", "fastapi", "matplotlib", "onnxruntime"})


def test_every_exported_name_resolves_and_says_what_it_is() -> None:
    assert len(set(lookalike.__all__)) == len(lookalike.__all__)
    assert sorted(dir(lookalike)) == sorted(lookalike.__all__)
    for name in lookalike.__all__:
        value = getattr(lookalike, name)
        assert name == "__version__" or value.__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = lookalike.nonsense


def test_every_command_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {words[0] for words in commands() if f"lookalike {words[0]}" in readme}
    assert {words[0] for words in commands()} - shown == set(), "README.md does not show these commands"
