"""Run the tutorials and store what they show, small and without a trace of the machine: `make tutorials`.

All of them draw what they work on, so nobody's picture is stored.
"""

from __future__ import annotations

import base64
import io
import re
import tempfile
from pathlib import Path
from typing import Any, Final

import nbformat
import PIL.Image
from nbclient import NotebookClient

TUTORIALS: Final = Path(__file__).parents[1] / "tutorials"
WIDTH: Final = 900  # of stored pictures, in pixels
COLOURS: Final = 64


def store(path: Path) -> None:
    """Run one notebook in a folder of its own and write it back with its outputs."""
    notebook: Any = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"  # else each run would invent new ones
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [small for output in cell.outputs if (small := _stored(output)) is not None]
    notebook.nbformat_minor = 5
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


def _stored(output: Any) -> Any | None:
    """Progress and warnings are left out; pictures become small."""
    if output.output_type == "stream" and output.name == "stderr":
        return None
    if output.output_type == "execute_result":
        output.execution_count = None
    if "text" in output:
        output.text = _anywhere(output.text)
    data = output.get("data", {})
    for kind, value in data.items():
        data[kind] = _small(value) if kind == "image/png" else _anywhere(value) if isinstance(value, str) else value
    return output


def _anywhere(text: str) -> str:
    """Without the temporary folder's name."""
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/\w+", "...", text)


def _small(encoded: str) -> str:
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH * 4))
    out = io.BytesIO()
    picture.quantize(COLOURS).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


if __name__ == "__main__":
    for each in sorted(TUTORIALS.glob("*.ipynb")):
        print(each.name, flush=True)
        store(each)
