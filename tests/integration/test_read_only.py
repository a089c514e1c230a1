"""A gallery that may be read but not written to answers as it did before, and says what it cannot do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import python, without_root_powers

from lookalike.gallery import open_gallery
from lookalike.store.database import FILE
from lookalike.verbs.index import index

# Asks everything that only reads, then everything that writes; prints what it was told.
ASK = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from lookalike.errors import GalleryError
from lookalike.gallery import open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.classify import classify
from lookalike.verbs.doctor import doctor
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery
from lookalike.verbs.curation.labelling import label
from lookalike.verbs.search import search

def answer(what):
    try:
        return what()
    except GalleryError as error:
        return str(error)

pictures, folder = Path(sys.argv[2]), sys.argv[1]
try:
    gallery = open_gallery(folder)
except GalleryError as error:
    print(json.dumps({"opened": str(error)}))
    raise SystemExit
with gallery:
    query = pictures / "p00.png"
    id = search(gallery, query, same_patient=True, k=12).hits[0].id
    print(json.dumps({
        "search": [(hit.id, hit.score) for hit in search(gallery, query, same_patient=True, k=12).hits],
        "classify": [(each.label, each.probability) for each in classify(gallery, query, k=3).labels],
        "evaluate": evaluate(gallery, samples=5).macro["P@1"],
        "map": len(map_gallery(gallery, method="tsne").ids),
        "doctor": doctor(gallery).healthy,
        "index": None if len(sys.argv) > 3 else answer(lambda: index(gallery, [pictures])),
        "label": None if len(sys.argv) > 3 else answer(lambda: label(gallery, [id], add=["new"])),
        "adapt": None if len(sys.argv) > 3 else answer(lambda: adapt(gallery, name="new", kind="linear")),
    }))
"""


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """The folder as one that its files may only be read in."""
    paths = [*folder.rglob("*"), folder]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in reversed(paths):
            path.chmod(0o755)


def asked(script: Path, *words: str | Path) -> dict[str, object]:
    done = python(script, *words, preexec_fn=without_root_powers)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_it_answers_as_before_and_refuses_what_writes(picture_folder: Path, tmp_path: Path) -> None:
    folder, script = tmp_path / "g #1?", tmp_path / "ask.py"
    script.write_text(ASK)
    with open_gallery(folder, create=True) as opened:
        index(opened, [picture_folder], labels=picture_folder / "labels.csv")
    with closed(folder):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        found = asked(script, folder, picture_folder)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    writing = [found.pop(name) for name in ("index", "label", "adapt")]
    assert all("this gallery may be read but not written to" in str(said) for said in writing), writing
    assert asked(script, folder, picture_folder, "reading only") == {
        **found,
        **dict.fromkeys(("index", "label", "adapt")),
    }
    assert (len(found["search"]), found["map"], found["doctor"]) == (12, 12, True)  # type: ignore[arg-type]

    # Tables of an earlier version would have to be changed, and a log that was left behind to be read.
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    with closed(folder):
        assert "revision '0001'" in str(asked(script, folder, picture_folder)["opened"])
    with closed(folder):
        (log := folder / f"{FILE}-wal").parent.chmod(0o755)
        log.write_bytes(b"something")
        folder.chmod(0o555)
        assert f"last changes are in {FILE}-wal only" in str(asked(script, folder, picture_folder)["opened"])
