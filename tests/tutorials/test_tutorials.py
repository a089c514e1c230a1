"""The tutorials run from the first cell to the last, and say what they are there to show."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import tiny_checkpoints

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a tutorial in a folder of its own; all that its cells printed, pictures as their MIME type."""

    def execute(name: str, **environment: Path) -> str:
        for key in ("TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            monkeypatch.setenv(key, os.fspath(tmp_path))
        for key, value in environment.items():
            monkeypatch.setenv(key, os.fspath(value))
        notebook: Any = nbformat.read(FOLDER / name, as_version=4)
        nbformat.validate(notebook)
        place = {"metadata": {"path": tmp_path}}
        NotebookClient(notebook, timeout=240, kernel_name="python3", resources=place).execute()
        return "\n".join(_said(cell) for cell in notebook.cells if cell.cell_type == "code")

    return execute


def _said(cell: Any) -> str:
    parts = []
    for output in cell.outputs:
        assert output.output_type != "error"
        parts.append(output.get("text", ""))
        parts += [mime if mime.startswith("image/") else str(text) for mime, text in output.get("data", {}).items()]
    return "\n".join(parts)


def test_every_tutorial_is_run_here() -> None:
    tested = re.findall(r'run\(\s*"([^"]+)"', Path(__file__).read_text(encoding="utf-8"))
    assert sorted(tested) == sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_outputs_are_stored_small_and_say_nothing_of_the_machine(path: Path) -> None:
    """The site shows them; `make tutorials` stores them anew."""
    text = path.read_text(encoding="utf-8")
    assert len(text) < 200_000
    assert not re.search(r"/tmp/|/home/|/root/|/Users/", text)
    assert str(FOLDER.parents[1]) not in text
    cells: Any = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    silent = [
        cell.source for cell in cells if not cell.outputs and re.search(r"^print\(|^\w+$", cell.source, re.MULTILINE)
    ]
    assert not silent, "run `make tutorials`"
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)


@pytest.mark.slow
def test_search_and_adapt(run: Run) -> None:
    said = run("01-search-and-adapt.ipynb")
    assert "100 added, 0 refused" in said
    assert said.count("<figure") >= 3 * 6  # three answers of a query and five hits
    ((base, adapted),) = re.findall(r"^macro P@1: (\S+) base, (\S+) adapted", said, re.MULTILINE)
    assert float(adapted) > float(base)  # the drawn findings are easy to learn
    assert "image/png" in said


@pytest.mark.slow
def test_neighbours_and_zero_shot(run: Run, tmp_path: Path) -> None:
    tiny_checkpoints.clip(tmp_path / "models" / "clip-b32")
    said = run("02-neighbours-and-zero-shot.ipynb", LOOKALIKE_MODELS=tmp_path / "models")
    assert "text encoders here: clip-b32" in said
    assert re.search(r"^True - ", said, re.MULTILINE), "noise is nothing that the gallery knows"
    assert {"knn", "centroid", "linear"} <= set(re.findall(r"^(\w+) +\d\.\d", said, re.MULTILINE))
    assert "x-ray chest anteroposterior" in said


@pytest.mark.slow
def test_encoders_compared(run: Run) -> None:
    said = run("03-encoders-compared.ipynb")
    rows = {name: float(first) for name, first in re.findall(r"^(lite0-\w+) +(\d\.\d+) \[", said, re.MULTILINE)}
    chance = float(re.findall(r"^chance +(\d\.\d+)", said, re.MULTILINE)[0])
    assert set(rows) == {"lite0-inner", "lite0-last"}
    assert min(rows.values()) > chance
    assert "left out: {'dinov2-s'" in said
    assert "image/png" in said


@pytest.mark.slow
def test_volumes(run: Run) -> None:
    said = run("04-volumes.ipynb")
    assert "24 volumes of 24 records" in said
    recall = re.findall(r"^all +uniform +pool +exact +4 +(\d\.\d+) ", said, re.MULTILINE)
    assert recall, "no table of recall by label"
    assert min(map(float, recall)) > 0.5  # chance is 5 in 23
    assert "Match(" in said
    assert "image/png" in said


@pytest.mark.slow
def test_pacs_export_to_cohort(run: Run) -> None:
    said = run("05-pacs-export-to-cohort.ipynb")
    assert "93 records; no images: {'note': 1}; refused:" in said
    assert "IM999999 - damaged-pixels" in said
    assert {f"PA000{number + 1} and PAMOVED{number}" for number in range(3)} <= set(
        re.findall(r"PA\d+ and PA\w+", said)
    )
    assert "on two sides: 0 patients, 0 copies" in said
    assert "rows; a number of a patient in them: False" in said
