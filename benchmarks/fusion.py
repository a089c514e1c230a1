"""Late fusion of the small encoders: their rankings as one, beside each alone and beside their vectors side by side.

Every record asks all others of other patients. The fused ranking is that of ``search --beside`` and of ``evaluate
--against G --fused``, which take two galleries; here three, too. A gain is paired, with its interval and p by patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks import heads
from benchmarks.data import folder
from benchmarks.report import Figure
from lookalike import metrics
from lookalike.encoders.runtimes.vectors import unit
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.measures import PLAIN, PerQuery, RankedQueries, shared_label
from lookalike.evaluation.paired import differences, shown_p
from lookalike.evaluation.rank import RankedBlock, fused, rank
from lookalike.evaluation.scores import Scoring, scores_of
from lookalike.evaluation.tables import cell
from lookalike.metrics import Floats
from lookalike.ranking import FUSED_DEPTH
from lookalike.types import Vectors

KS: Final = (1, 5)
NAMES: Final = tuple(f"P@{k}" for k in KS)
ALONE: Final = ("lite0", "lite1", "lite2")
SIDE_BY_SIDE: Final = "lite012"
FUSED: Final = {"fused 0+1": ("lite0", "lite1"), "fused 0+2": ("lite0", "lite2"), "fused 0+1+2": ALONE}
BASE, TWO, THREE = ALONE[0], "fused 0+2", "fused 0+1+2"
UNIT: Final = f"macro {NAMES[-1]}, {THREE} less {BASE}"
SCORING: Final = Scoring(KS, 2000, 0)


class Measured(NamedTuple):
    """per_query: of each way (q, ks)."""

    per_query: Mapping[str, PerQuery]
    askers: Askers


def run(data: Path | None) -> Iterator[Figure]:
    """A figure a collection, as soon as it is measured: what the three fused gain over the first alone."""
    gains: list[dict[str, Floats]] = []
    for each in heads.COLLECTIONS:
        found = _measured(each, folder(each.name, data))
        gains.append({way: _macro(found, way) - _macro(found, BASE) for way in found.per_query if way != BASE})
        yield _figure(each.name, found, gains[-1][THREE])
    means = {way: np.mean([gain[way] for gain in gains], axis=0) for way in gains[0]}
    notes = tuple(f"{way:14} {NAMES[0]} {mean[0]:+.3f}   {NAMES[1]} {mean[1]:+.3f}" for way, mean in means.items())
    yield Figure("fusion, mean of the collections", means[THREE][-1], unit=UNIT, notes=notes)


def _measured(collection: heads.Collection, place: Path) -> Measured:
    known = {name: heads.embedded(collection, place, name) for name in ALONE}
    first = known[BASE]
    assert all(each.ids == first.ids and each.labels == first.labels for each in known.values())
    classes = tuple(sorted({label for labels in first.labels for label in labels}))
    members = metrics.membership(first.labels, classes)
    blocks = {name: _ranked(each.vectors, first) for name, each in known.items()}
    ways = {
        **blocks,
        SIDE_BY_SIDE: _ranked(unit(np.concatenate([each.vectors for each in known.values()], axis=1)), first),
        **{way: fused([blocks[name] for name in names], KS[-1]) for way, names in FUSED.items()},
    }
    per_query = {}
    for name, block in ways.items():
        order = block.order[:, : KS[-1]]
        per_query[name] = shared_label(RankedQueries(members, members, block.open, order), KS)[PLAIN]
    return Measured(per_query, Askers(members, classes, np.array(first.patients), first.ids))


def _ranked(vectors: Vectors, known: Labelled) -> RankedBlock:
    asking = [(patient,) for patient in known.patients]
    blocks = list(rank(vectors, vectors, asking, known.patients, FUSED_DEPTH))
    joined = (np.concatenate([getattr(block, part) for block in blocks]) for part in ("open", "order"))
    return RankedBlock(slice(0, len(vectors)), *joined)


def _macro(found: Measured, way: str) -> Floats:
    return metrics.macro(found.per_query[way], found.askers.labels)


def _figure(name: str, found: Measured, gain: Floats) -> Figure:
    notes = [f"{'':14} {NAMES[0]:18} {NAMES[1]:18} less {BASE}: {NAMES[0]}, p; {NAMES[1]}, p"]
    for way, values in found.per_query.items():
        scores = scores_of(values, NAMES, found.askers, SCORING)
        told = " ".join(f"{cell(scores.macro[each], scores.macro_intervals[each]):18}" for each in NAMES)
        notes.append(f"{way:14} {told} {'' if way == BASE else _gain(found, way, BASE)}".rstrip())
    notes += [
        f"{way} less {than}: {_gain(found, way, than)}" for way, than in ((TWO, ALONE[-1]), (THREE, SIDE_BY_SIDE))
    ]
    people = len(set(found.askers.patients.tolist()))
    notes.append(f"{len(found.askers.ids)} queries of {people} patients")
    return Figure(f"fusion, {name}", float(gain[-1]), unit=UNIT, notes=tuple(notes))


def _gain(found: Measured, way: str, than: str) -> str:
    gaps = differences(found.per_query[way], found.per_query[than], NAMES, found.askers, SCORING, "macro")
    return "; ".join(f"{cell(g.value, (g.low, g.high), sign=True)}, {shown_p(g.p)}" for g in gaps.values())
