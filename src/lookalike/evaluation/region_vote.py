"""A vote of the records that hold what is most similar to a region of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import calibration, metrics, voting
from lookalike.asking.candidates import Candidates
from lookalike.asking.query import Query
from lookalike.asking.rank_regions import rank_regions
from lookalike.asking.ranked import Ranked
from lookalike.classifiers.examples import NEIGHBOURS
from lookalike.evaluation.labelled import NobodyVotesError, labelled
from lookalike.gallery import Gallery
from lookalike.metrics import Floats
from lookalike.voting import Weighting

_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class RegionVote:
    """classes: of the gallery's labels. p (c,): not calibrated. shares (c,): of the vote. weights (1, k): the
    voters'.
    """

    classes: tuple[str, ...]
    p: Floats
    shares: Floats
    weights: Floats
    voters: tuple[Ranked, ...]
    multi_label: bool


def vote_of_region(gallery: Gallery, query: Query, who: Candidates, k: int | None, weighting: Weighting) -> RegionVote:
    """The vote of the k labelled records with the most similar places. Weights fall to 1/e where a place is as much
    farther than the best one as that is from the region itself.

    Raises NobodyVotesError if no labelled record may answer.
    """
    data, wanted = labelled(gallery), k or NEIGHBOURS[weighting]
    voters = _labelled_hits(gallery, query, who, wanted)
    if not voters:
        raise NobodyVotesError("no labelled record that may answer has patches; index with --labels and --patches")
    classes = tuple(sorted({label for labels in data.labels for label in labels}))
    several = any(len(labels) > 1 for labels in data.labels)
    scores = np.array([[voter.score for voter in voters]])
    weights = voting.vote_weights(scores, weighting, max(1 - float(scores.max()), _LEAST))
    shares = voting.vote(
        np.arange(len(voters))[None], weights, metrics.membership([voter.record.labels for voter in voters], classes)
    )
    overall = voting.label_shares(metrics.membership(data.labels, classes), multi_label=several)
    logits = voting.vote_logits(shares, voting.effective_votes(weights)[:, None], overall, multi_label=several)
    plain = calibration.uncalibrated(len(classes), multi_label=several)
    return RegionVote(classes, plain.probabilities(logits)[0], shares[0], weights, voters, several)


def _labelled_hits(gallery: Gallery, query: Query, who: Candidates, k: int) -> tuple[Ranked, ...]:
    depth = k
    while True:
        found = rank_regions(gallery, query, who, depth)
        voters = [hit for hit in found if hit.record.labels]
        if len(voters) >= k or len(found) < depth:
            return tuple(voters[:k])
        depth *= 4
