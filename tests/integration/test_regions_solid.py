"""A box through several slices of a volume finds what goes through several slices, in order, by verb and command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import texture
from lookalike.errors import UsageError
from lookalike.evaluation.protocols.localisation import intersection_over_union
from lookalike.gallery import open_gallery
from lookalike.verbs.classify import classify
from lookalike.verbs.explain import explain
from lookalike.verbs.index import index
from lookalike.verbs.search import search
from planted import scene
from started import ran

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

SIDE, SPOT = 112, 40
DEPTHS = {"query": 9, "same": 12, "turned": 12, "first": 12, "none": 12, "short": 2}
START = {"query": 3, "same": 7, "turned": 7, "first": 7}
PLACE = {"query": (10, 20), "same": (60, 50), "turned": (60, 50), "first": (60, 50)}


def patterns() -> list[np.ndarray]:
    """Three of them, one a slice."""
    return [texture(seed, SPOT) for seed in (11, 12, 13)]


def write(folder: Path, name: str) -> Path:
    """Slices that change slowly, and the three patterns in three of them: in order, against it, or the first alone."""
    depth, seed = DEPTHS[name], sorted(DEPTHS).index(name)
    start, end = scene(seed, SIDE), scene(seed + 500, SIDE)
    slices = np.stack([start + (end - start) * z / max(depth - 1, 1) for z in range(depth)])
    planted = {"turned": patterns()[::-1], "first": patterns()[:1]}.get(name, patterns() if name in START else [])
    for z, pattern in enumerate(planted, START.get(name, 0)):
        left, top = PLACE[name]
        slices[z, top : top + SPOT, left : left + SPOT] = pattern
    stored = slices.clip(0, 255).astype(np.uint8)[:, ::-1, ::-1].transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), folder / f"{name}.nii.gz")
    return folder / f"{name}.nii.gz"


def box_of(name: str) -> tuple[float, float, float, float]:
    left, top = PLACE[name]
    return left / SIDE, top / SIDE, (left + SPOT) / SIDE, (top + SPOT) / SIDE


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("solid") / "files"
    folder.mkdir()
    for name in DEPTHS:
        write(folder, name)
    with open_gallery(folder.parent / "gallery", create=True) as gallery:
        index(gallery, [folder], patches=True)
    return folder, folder.parent / "gallery"


def test_a_box_grown_through_slices_finds_them_in_order(stored: tuple[Path, Path]) -> None:
    folder, where = stored
    file, last = folder / "query.nii.gz", START["query"] + 2
    with open_gallery(where) as gallery:
        found = search(gallery, file, box=box_of("query"), slices=(START["query"], last), k=5)
        by_name = {Path(hit.source).name.split(".")[0]: hit for hit in found.hits}
        best = found.hits[0]
        assert Path(best.source).name == "same.nii.gz"
        assert best.region is not None
        assert best.match is not None
        assert best.region.slices == best.match.slices == (7, 8, 9)
        assert (best.region.slice, best.match.query_slice, best.match.slice) == (8, START["query"] + 1, 8)
        assert intersection_over_union(best.region.box, box_of("same")) > 0.5
        assert best.score > by_name["turned"].score + 0.02  # the same three patterns in another order
        assert best.score > by_name["first"].score + 0.02
        short = by_name["short"].region
        assert short is not None
        assert short.slices == (0, 1)  # a slice of three is missing, and counts nothing
        assert by_name["short"].score < 2 / 3
        # A record of the gallery asks as its file does, and its own place has the whole score.
        (record,) = [hit.id for hit in search(gallery, file, k=9, same_patient=True).hits if "query" in hit.source]
        own = search(gallery, id=record, box=box_of("query"), slices=(START["query"], last), same_patient=True, k=1)
        assert own.hits[0].score == pytest.approx(1, abs=0.01)
        assert own.hits[0].region is not None
        assert own.hits[0].region.slices == (3, 4, 5)
        # One slice is the plain box.
        thin, plain = (
            search(gallery, id=record, box=box_of("query"), k=5, **part)  # type: ignore[arg-type]
            for part in ({"slices": (4, 4)}, {"slice": 4})
        )
        assert [(hit.id, hit.score, hit.region) for hit in thin.hits] == [
            (hit.id, hit.score, hit.region) for hit in plain.hits
        ]
        shown = explain(gallery, file, record=best.id, box=box_of("query"), slices=(START["query"], last))
        assert (shown.query.slice, shown.hit.slice, shown.hit.box) == (4, 8, best.region.box)
        assert shown.match is not None
        assert shown.match.slices == (7, 8, 9)
        for part, said in (
            ({"slices": (20, 30)}, "no slice from 20 to 30"),
            ({"slices": (3, 5), "slice": 4}, "leave mask and slice out"),
        ):
            with pytest.raises(UsageError, match=said):
                search(gallery, file, box=box_of("query"), **part)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="the query is one picture"):
            search(gallery, texture(3, SIDE), box=(0.1, 0.1, 0.5, 0.5), slices=(0, 3))
        with pytest.raises(UsageError, match="speak of a region"):
            search(gallery, file, slices=(0, 3))
        with pytest.raises(UsageError, match="speak of a region"):
            classify(gallery, file, slices=(0, 3))
    words = ",".join(f"{edge:.4f}" for edge in box_of("query"))
    told = ran("search", file, "-g", where, "--box", words, "--slices", "3-5", "-k", "1", "--output", "json")
    hit = json.loads(told.stdout)["hits"][0]
    assert (hit["id"], hit["region"]["slices"]) == (best.id, [7, 8, 9])
    assert "4 ~ 8 of 7-9" in ran("search", file, "-g", where, "--box", words, "--slices", "3-5", "-k", "1").stdout
    refused = ran("search", file, "-g", where, "--box", words, "--slices", "3")
    assert (refused.returncode, "is no first-last" in refused.stderr) == (2, True)
