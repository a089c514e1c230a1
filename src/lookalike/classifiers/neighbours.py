"""Classifiers by neighbours: a vote of the nearest records, or the nearest class mean."""

from __future__ import annotations

from typing import Final

from lookalike import voting
from lookalike.classifiers.examples import Examples, Fitted, Settings
from lookalike.classifiers.learning import on_every_record
from lookalike.metrics import Floats
from lookalike.types import Vectors
from lookalike.voting import RowNumbers

DISTANCE_SCALE: Final = 0.3  # of the gallery's median nearest-neighbour distance
_SAMPLE: Final = 500  # records sampled to measure how far apart neighbours lie


@on_every_record
def knn(data: Examples, settings: Settings) -> Fitted:
    """The vote of the k nearest records, all alike or by distance (`voting.vote_weights`).

    The scale of the distances is the gallery's own, so that it fits encoders whose cosines lie close together.
    """
    sample = data.sample(_SAMPLE, settings.seed)
    scale = DISTANCE_SCALE * voting.neighbour_distance(data.vectors, sample, data.among)
    overall = voting.label_shares(data.members, multi_label=data.multi_label)
    k = min(settings.neighbours, len(data.vectors))

    def voters(queries: Vectors) -> tuple[RowNumbers, Floats]:
        rows, cosines = voting.nearest_rows(queries, data.vectors, k)
        return rows, voting.vote_weights(cosines, settings.weighting, scale)

    def logits(queries: Vectors) -> Floats:
        shares = voting.vote(*voters(queries), data.members)
        return voting.vote_logits(shares, float(k), overall, multi_label=data.multi_label)

    return Fitted(logits, voters)


@on_every_record
def centroid(data: Examples, _settings: Settings) -> Fitted:
    """The cosine with each label's mean vector (`voting.centroid_logits`)."""
    return Fitted(
        lambda queries: voting.centroid_logits(queries, data.vectors, data.members, multi_label=data.multi_label)
    )
