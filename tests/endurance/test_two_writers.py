"""Two writers at once: one waits or is refused by name, and nothing is lost or doubled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forks import Outcome, work
from operations import State

from conftest import write_pictures

pytestmark = pytest.mark.slow
PAIRS = [("index", "index"), ("index", "label"), ("index", "remove"), ("adapt", "adapt"), ("label", "undo")]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writers")
    pictures = write_pictures(folder / "pictures")
    (folder / "more").mkdir()
    for i in range(4):
        shutil.copy(pictures / f"p{i:02}.png", folder / "more" / f"again{i}.png")
    (folder / "more" / "labels.csv").write_text("file,label,patient_id,site\np05.png,fifth,patient-9,east\n")
    assert work("prepare", folder / "sound", folder).how == "done"
    return folder


def after(root: Path, names: Sequence[str]) -> State:
    """What operations one after another bring."""
    shutil.rmtree(root / "g", ignore_errors=True)
    shutil.copytree(root / "sound", root / "g")
    return done(work("both", names, root / "g", root))


def done(outcome: Outcome) -> State:
    assert outcome.how == "done", outcome
    return dict(outcome.said)


def said(found: State) -> dict[str, object]:
    return {name: value for name, value in found.items() if name != "log"}


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_two_at_once_are_as_one_after_the_other(root: Path, pair: tuple[str, str]) -> None:
    apart = [after(root, pair[:1]), after(root, pair[1:])]
    orders = [
        after(root, pair[:1] if pair[0] == pair[1] else pair),
        after(root, pair[:0:-1] if pair[0] == pair[1] else pair[::-1]),
    ]
    after(root, ())
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda name: work("operate", name, root / "g", root), pair)
    left = said(done(work("look", root / "g")))
    assert {first.how, second.how} <= {"done", "named"}
    if first.how == second.how == "done":
        assert left in [said(order) for order in orders]
    elif "done" in (first.how, second.how):
        assert left == said(apart[first.how != "done"])
    else:
        raise AssertionError(f"both were refused: {first}, {second}")
