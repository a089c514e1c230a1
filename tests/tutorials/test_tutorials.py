"""The tutorials run from the first cell to the last, and say what they are there to show."""

from __future__ import annotations

import csv
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


def test_no_tutorial_carries_outputs() -> None:
    """They would hold pictures and paths of whoever ran it last."""
    for path in FOLDER.glob("*.ipynb"):
        cells: Any = nbformat.read(path, as_version=4).cells
        assert all(not cell.outputs for cell in cells if cell.cell_type == "code"), path.name


def test_search_and_adapt(run: Run) -> None:
    said = run("01-search-and-adapt.ipynb")
    assert "100 added, 0 refused" in said
    assert said.count("<figure") >= 3 * 6  # three answers of a query and five hits
    ((base, adapted),) = re.findall(r"^macro P@1: (\S+) base, (\S+) adapted", said, re.MULTILINE)
    assert float(adapted) > float(base)  # the drawn findings are easy to learn
    assert "image/png" in said


def test_neighbours_and_zero_shot(run: Run, tmp_path: Path) -> None:
    tiny_checkpoints.clip(tmp_path / "models" / "clip-b32")
    said = run("02-neighbours-and-zero-shot.ipynb", LOOKALIKE_MODELS=tmp_path / "models")
    assert "text encoders here: clip-b32" in said
    assert re.search(r"^True - ", said, re.MULTILINE), "noise is nothing that the gallery knows"
    assert {"knn", "centroid", "linear"} <= set(re.findall(r"^(\w+) +\d\.\d", said, re.MULTILINE))
    assert "x-ray chest anteroposterior" in said


def test_encoders_compared(run: Run, shared_data: Path, tmp_path: Path) -> None:
    for folder in (path for path in (shared_data / "mednist").iterdir() if path.is_dir()):
        (tmp_path / "MedNIST" / folder.name).mkdir(parents=True)
        for picture in sorted(folder.iterdir())[:15]:
            (tmp_path / "MedNIST" / folder.name / picture.name).symlink_to(picture)
    said = run("03-encoders-compared.ipynb", LOOKALIKE_TUTORIAL_DATA=tmp_path / "MedNIST")
    rows = {name: float(first) for name, first in re.findall(r"^(lite0-\w+) +.*?(\d\.\d+)", said, re.MULTILINE)}
    assert set(rows) == {"lite0-inner", "lite0-last"}
    assert min(rows.values()) > 0.8
    assert "left out: {'dinov2-s'" in said
    assert "image/png" in said


def test_volumes(run: Run, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "volumes"
    folder.mkdir()
    kept = ("mr_brain_hippocampus_dicom", "mr_knee", "ct_head", "ct_heart", "mr_brain_healthy", "orientation")
    for file in (path for name in kept for path in (shared_data / "volumes" / name).rglob("*") if path.is_file()):
        place = folder / file.relative_to(shared_data / "volumes")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    with (shared_data / "volumes" / "volumes.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "volumes.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(row for row in rows if row["path"].startswith(kept))
    said = run("04-volumes.ipynb", LOOKALIKE_TUTORIAL_DATA=folder)
    assert "R@1" in said
    assert "Match(" in said
    assert "image/png" in said
