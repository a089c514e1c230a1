"""How volumes are ranked by their slices, on real CT, MR and PET: what is found, and which slices are shown for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike.evaluation.protocols.khun_jush import VolumeReport
from lookalike.gallery import Gallery, open_gallery
from lookalike.types import Record, VolumeRecipe
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.search import search

WHERE: Final = "not source~odd_volumes and not source~orientation"
RANKS: Final = ("count", "sum", "maxsim")
LEVELS: Final = ("modality", "body_region", "label")
SLICES: Final = 10  # of volumes whose best pair is looked at
OUTER: Final = 0.1  # at either end: an even choice lies there in a fifth of the pairs


def run(data: Path | None) -> list[Figure]:
    """Cut axially, so that the figures can be compared with earlier ones."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_gallery(Path(scratch) / "g", create=True, volumes=VolumeRecipe(plane="axial")) as gallery,
    ):
        source = folder("volumes", data)
        index(gallery, [source], labels=source / "volumes.csv", label_columns=["organ"])
        return [*_recalls(gallery), *_itself(gallery), _outer(gallery)]


def _recalls(gallery: Gallery) -> Iterator[Figure]:
    report = evaluate(gallery, protocol="khun-jush", ranks=list(RANKS), levels=list(LEVELS), where=WHERE, k=(1, 5))
    assert isinstance(report, VolumeReport)
    for score in report.scores:
        at_1, at_5 = score.recall["R@1"], score.recall["R@5"]
        notes = (f"R@5 {at_5[0]:.3f} +- {at_5[1]:.3f}; {score.queries} queries of {score.classes} classes",)
        yield Figure(f"volumes, {score.rank}, R@1 by {score.level}", at_1[0], unit=f"+- {at_1[1]:.3f}", notes=notes)


def _volumes(gallery: Gallery, slices: int = 2) -> list[Record]:
    left_out = ("odd_volumes", "orientation")
    return [
        record
        for record in gallery.store.records().values()
        if record.depth >= slices and not any(name in record.source for name in left_out)
    ]


def _itself(gallery: Gallery) -> Iterator[Figure]:
    """A volume that may answer itself: how often it comes first."""
    asked = _volumes(gallery)
    for rank in RANKS:
        first = [
            search(gallery, id=record.id, k=1, rank=rank, where=WHERE, same_patient=True, pictures=False).hits[0].id
            for record in asked
        ]
        found = [identity == record.id for identity, record in zip(first, asked, strict=True)]
        yield Figure(f"volumes, {rank}, finds itself", sum(found) / len(found), unit=f"of {len(found)} volumes")


def _outer(gallery: Gallery) -> Figure:
    """Of the best pairs of slices, how many lie at the ends of the hit, where there is least to see."""
    outer = []
    for record in _volumes(gallery, SLICES):
        for hit in search(gallery, id=record.id, k=1, where=WHERE, pictures=False).hits:
            if hit.match is not None and hit.depth >= SLICES:
                place = hit.match.slice / (hit.depth - 1)
                outer.append(place < OUTER or place > 1 - OUTER)
    share = sum(outer) / max(len(outer), 1)
    return Figure("volumes, best pair in the outer tenth", share, 0.2, f"of {len(outer)} best hits", at_least=False)
