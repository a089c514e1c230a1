"""classify: the labels of a picture, with probabilities, and the records that speak for them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike import classifiers, voting
from lookalike.asking.background import ABSTAIN
from lookalike.asking.candidates import candidates
from lookalike.asking.query import Query, of_record, open_query, read_query
from lookalike.asking.query_region import with_region
from lookalike.asking.remarks import flattered
from lookalike.calibration import Finding
from lookalike.classifiers import Settings
from lookalike.classifiers.prompts import TEMPLATES, Prompts, label_vectors, text_encoder
from lookalike.errors import UsageError
from lookalike.evaluation.labelled import NobodyVotesError
from lookalike.evaluation.region_vote import vote_of_region
from lookalike.evaluation.trained_classifier import (
    ADAPTER,
    NEAR,
    VOTE,
    ZERO_SHOT,
    Trained,
    adapter_of,
    classify_methods,
    learnt,
    prompted,
)
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.metrics import Floats
from lookalike.progress import Progress, followed_by
from lookalike.slices import pool, slice_weights
from lookalike.store import BASE
from lookalike.text import DISCLAIMER
from lookalike.types import Box, Vectors
from lookalike.voting import RowNumbers, Weighting


@dataclass(frozen=True, slots=True)
class LabelProbability:
    """probability: calibrated if the result says so. finding: by the two thresholds of the label: positive at or
    above both, negative below both, else possible. youden: the threshold with the greatest sensitivity +
    specificity; sensitive: the one with 90 % sensitivity. None where fewer than ten records have the label, fewer
    than ten lack it, or nothing separates them; and no finding where the answer is withheld.

    share: of the neighbours' vote; low, high: its 95 % range, by how many equal votes weigh as much (``votes``): of the
    vote, not of the calibrated probability. None where no neighbours voted.
    """

    label: str
    probability: float
    finding: Finding | None
    youden: float | None
    sensitive: float | None
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record that speaks for the answer, or with zero-shot a prompt.

    score: its cosine with the query. weight: its share of the vote; None if it did not vote and is shown because it
    is among the nearest that the method knows. id and source are "" for a prompt, prompt is "" for a record.
    """

    id: str
    score: float
    labels: tuple[str, ...]
    weight: float | None
    source: str
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class ClassifyResult:
    """labels: every label, the most probable first; they sum to 1 unless multi_label or
    told by a model that was trained with sigmoids (zero-shot). abstained: the query is
    too unlike the gallery for an answer (see reason), and the probabilities then mean little; or nobody may vote, and
    there are no labels.

    similarity: the mean cosine with its nearest records; background: the value that only a share ``abstain`` of the
    gallery's own records stays below; outlier_score: the share of the gallery's records that lie nearer to their
    neighbours than the query does to its own, 1 = all. votes: how many equal votes weigh as much as those of the
    neighbours; None where none voted. calibrated: how ("temperature and bias", "Platt"), or "".
    """

    method: str
    labels: tuple[LabelProbability, ...]
    abstained: bool
    evidence: tuple[Evidence, ...]
    reason: str
    outlier_score: float | None
    similarity: float | None
    background: float | None
    multi_label: bool
    calibrated: str
    query: str
    records: int
    encoder: str
    notes: tuple[str, ...]
    seconds: float
    votes: float | None = None


def classify(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | Query | None = None,
    *,
    id: str | None = None,
    method: str = "knn",
    k: int | None = None,
    weighting: Weighting = "distance",
    space: str | None = None,
    multi_label: bool | None = None,
    labels: Sequence[str] = (),
    templates: Sequence[str] = TEMPLATES,
    modality: str = "",
    body_part: str = "",
    view: str = "",
    abstain: float = ABSTAIN,
    seed: int = 0,
    where: str | Filter | None = None,
    box: Box | None = None,
    slice: int | None = None,
    progress: Progress | None = None,
) -> ClassifyResult:
    """Which labels a file, an array or (id) a record of the gallery has. Its own patient never counts. A volume is
    represented by the mean of its slices' vectors.

    method: knn, centroid; k-means, dbscan, agglomerative (clusters labelled by their members); linear, svm, mlp
    (trained on the spot); adapter (a trained space's own head; space names it, if there are several); zero-shot
    (no labels needed: the encoder's text tower). k, weighting ("distance", "uniform"): of the kNN vote.
    multi_label: None: if any record of the gallery has several labels; False leaves those records out.
    labels, templates, modality, body_part, view: for zero-shot, see `Prompts`; labels are the gallery's by default.
    space: where neighbours are looked for; there is no calibration in an adapted space, which has learnt the labels. Of
    the method ``adapter`` its name. where: only records that satisfy the filter vote, or are learnt from. Where all of
    them bear one label the vote (knn) is that label's, not calibrated, and a note says so; where none bears any, it
    abstains; other methods need two. box, slice: as of ``search``: the records that hold something like this region
    vote (knn, in the base space, not calibrated).
    abstain: the share of the gallery's own records that would be judged too far away; 0 never abstains.
    progress: called with how many parts of the training are done, of how many.

    Probabilities are calibrated, and thresholds set, on patient-disjoint folds of the gallery; zero-shot keeps
    the model's own temperature. A trained classifier is kept with the open gallery until its records change.

    Raises UsageError, UnreadableImageError, NotFoundError, MissingExtraError, DamagedFileError.
    """
    _check(query, id, k, weighting, abstain)
    if (space not in (None, BASE) or where is not None) and method == ZERO_SHOT:
        raise UsageError("zero-shot works on the encoder's own vectors, and no record votes: leave space and where out")
    started = time.monotonic()
    if box is not None:
        if method != "knn" or space not in (None, BASE) or multi_label is not None:
            raise UsageError(
                "the vote on a region is knn's, in the base space: leave method, space and multi_label out"
            )
        picture = open_query(gallery, query) if id is None else of_record(gallery, id)
        region = with_region(gallery, picture, box=box, slice=slice)
        return _of_region(gallery, region, where, k, weighting, started)
    if slice is not None:
        raise UsageError("slice speaks of a region; give a box too")
    asking = read_query(gallery, query) if id is None else of_record(gallery, id)
    vector = pool(asking.vectors, slice_weights("uniform", asking.positions))
    prompts = Prompts(tuple(templates), modality, body_part, view)
    if method == ZERO_SHOT:
        trained = prompted(gallery, prompts, labels, multi_label, asking.patients, seed)
        shown = _prompts(gallery, prompts, trained.data.classes, vector)
    elif labels or prompts != Prompts():
        raise UsageError("labels, templates, modality, body part and view go with --method zero-shot")
    else:
        settings, shown = Settings(k, weighting, seed), ()
        try:
            with followed_by(progress):
                trained = learnt(gallery, method, space, settings, multi_label, asking.patients, where)
        except NobodyVotesError as error:
            if method != VOTE:
                raise
            return _nobody(gallery, asking, str(error), started)
        vector = vector if method == ADAPTER else gallery.project(vector, space or BASE)
    seen_in = adapter_of(gallery, space)[0] if method == ADAPTER else BASE
    rows, weights = _voters(gallery, trained, vector, seen_in)
    close = trained.closeness(vector)
    limit = float(np.quantile(trained.background, abstain)) if len(trained.background) else None
    reason = _withheld(float(close[0]), limit, abstain, nobody=weights is not None and bool((rows < 0).all()))
    return ClassifyResult(
        method=method,
        labels=_probabilities(trained, vector, rows, weights, withheld=bool(reason)),
        abstained=bool(reason),
        evidence=(*shown, *_evidence(gallery, trained, vector, rows, weights, seen_in)),
        reason=reason,
        outlier_score=None if limit is None else float(voting.outlier_score(close, trained.background)[0]),
        similarity=float(close[0]) if math.isfinite(close[0]) else None,
        background=limit,
        multi_label=trained.data.multi_label,
        calibrated=trained.calibrated,
        query=asking.name,
        records=len(trained.data.vectors),
        encoder=gallery.spec.name,
        notes=tuple(_notes(method, trained, space if method == ADAPTER else space or BASE)),
        seconds=time.monotonic() - started,
        votes=None if weights is None else float(voting.effective_votes(weights)[0]),
    )


def is_trained(method: str) -> bool:
    """Whether asking for a method trains on the gallery's records; an adapter's head is trained on folds of them."""
    return method == ADAPTER or (method in classifiers.methods() and classifiers.trains(method))


def untrained_methods() -> tuple[str, ...]:
    """The methods that only compare."""
    return tuple(method for method in classify_methods() if not is_trained(method))


def _check(query: Any, identity: str | None, k: int | None, weighting: str, abstain: float) -> None:
    if (query is None) == (identity is None):
        raise UsageError("give either a query (a file or an array) or the id of a record")
    if k is not None and not 1 <= k <= 1000:
        raise UsageError(f"k must be from 1 to 1000, got {k}")
    if weighting not in ("distance", "uniform"):
        raise UsageError(f"the vote is weighted by 'distance' or 'uniform', got {weighting!r}")
    if not 0 <= abstain < 1:
        raise UsageError(f"abstain is a share of the gallery, from 0 to below 1, got {abstain}")


def _nobody(gallery: Gallery, query: Query, reason: str, started: float) -> ClassifyResult:
    """The answer of a vote in which no record may take part."""
    return ClassifyResult(
        method=VOTE,
        labels=(),
        abstained=True,
        evidence=(),
        reason=reason,
        outlier_score=None,
        similarity=None,
        background=None,
        multi_label=False,
        calibrated="",
        query=query.name,
        records=0,
        encoder=gallery.spec.name,
        notes=(DISCLAIMER,),
        seconds=time.monotonic() - started,
    )


def _of_region(
    gallery: Gallery, region: Query, where: str | Filter | None, k: int | None, weighting: Weighting, started: float
) -> ClassifyResult:
    who = candidates(gallery, region.patients, where=where, patches=True)
    try:
        voted = vote_of_region(gallery, region, who, k, weighting)
    except NobodyVotesError as error:
        return _nobody(gallery, region, str(error), started)
    votes = float(voting.effective_votes(voted.weights)[0])
    labels = [
        LabelProbability(name, float(p), None, None, None, float(share), *voting.share_interval(float(share), votes))
        for name, p, share in zip(voted.classes, voted.p, voted.shares, strict=True)
    ]
    evidence = [
        Evidence(hit.record.id, hit.score, hit.record.labels, float(weight), hit.record.source)
        for hit, weight in zip(voted.voters, voted.weights[0], strict=True)
    ]
    return ClassifyResult(
        method="knn",
        labels=tuple(sorted(labels, key=lambda each: -each.probability)),
        abstained=False,
        evidence=tuple(evidence),
        reason="",
        outlier_score=None,
        similarity=None,
        background=None,
        multi_label=voted.multi_label,
        calibrated="",
        query=region.name,
        records=len(who.records(gallery, who.patched if who.patched is not None else np.empty(0, np.int64))),
        encoder=gallery.spec.name,
        notes=("The vote on a region is not calibrated, and it never abstains.", DISCLAIMER),
        seconds=time.monotonic() - started,
        votes=votes,
    )


# --- the answer -------------------------------------------------------------------------------------------------


def _probabilities(
    trained: Trained, query: Vectors, rows: RowNumbers, weights: Floats | None, *, withheld: bool
) -> tuple[LabelProbability, ...]:
    shares = None if weights is None else voting.vote(rows, weights, trained.data.members)[0]
    votes = 0.0 if weights is None else float(voting.effective_votes(weights)[0])
    p = trained.calibration.probabilities(trained.fitted.logits(query))[0]
    found = []
    for column in np.argsort(-p, kind="stable"):
        cut, value = trained.thresholds[column], float(p[column])
        finding = None if withheld or cut is None else cut.finding(value)
        youden, sensitive = (None, None) if cut is None else (cut.youden, cut.sensitive)
        share = None if shares is None else float(shares[column])
        ranged = (None, None) if share is None else voting.share_interval(share, votes)
        found.append(LabelProbability(trained.data.classes[column], value, finding, youden, sensitive, share, *ranged))
    return tuple(found)


def _voters(gallery: Gallery, trained: Trained, query: Vectors, space: str) -> tuple[RowNumbers, Floats | None]:
    """The records that voted, with their weights; or the nearest records, in the method's space, and None."""
    if trained.fitted.voters is not None:
        return trained.fitted.voters(query)
    known = gallery.project(trained.data.vectors, space) if len(trained.data.vectors) else trained.data.vectors
    return voting.nearest_rows(gallery.project(query, space), known, NEAR)[0], None


def _evidence(
    gallery: Gallery, trained: Trained, query: Vectors, rows: RowNumbers, weights: Floats | None, space: str
) -> Iterator[Evidence]:
    there = rows[0][rows[0] >= 0]
    if not len(there):
        return
    near = gallery.project(trained.data.vectors[there], space) @ gallery.project(query, space)[0]
    order = np.argsort(-near, kind="stable")
    for i in order:
        record = gallery.store.record(str(trained.data.ids[there[i]]))
        weight = None if weights is None else float(weights[0][i])
        yield Evidence(record.id, float(near[i]), record.labels, weight, record.source)


def _prompts(gallery: Gallery, prompts: Prompts, classes: Sequence[str], query: Vectors) -> tuple[Evidence, ...]:
    """The cosine of the query with each label's text."""
    cosines = label_vectors(text_encoder(gallery.encoder), prompts, classes) @ query[0]
    texts = [" | ".join(prompts.texts(name)) for name in classes]
    found = [Evidence("", float(c), (n,), None, "", t) for c, n, t in zip(cosines, classes, texts, strict=True)]
    return tuple(sorted(found, key=lambda evidence: -evidence.score))


def _withheld(close: float, limit: float | None, abstain: float, *, nobody: bool) -> str:
    """Why there is no answer; "" if there is one."""
    if not abstain:
        return ""
    if limit is not None and close < limit:
        return (
            f"too unlike this gallery: its mean cosine with the {NEAR} nearest records is {close:.3f}, and "
            f"{100 * (1 - abstain):g} % of the gallery's own records reach {limit:.3f}"
        )
    return "it lies in none of the clusters" if nobody else ""


def _notes(method: str, trained: Trained, space: str | None) -> Iterator[str]:
    if method == ZERO_SHOT:
        yield "Zero-shot: probabilities by the model's own temperature, not calibrated on this gallery."
    elif len(trained.data.classes) == 1:
        yield f"Not calibrated: every labelled record that may vote bears {trained.data.classes[0]!r}."
    elif method != ADAPTER and space != BASE:
        yield f"Not calibrated: the space {space!r} has learnt these labels."
    elif not trained.calibrated:
        yield "Not calibrated: the labelled records are of too few patients for two folds."
    if trained.left_out and method == ADAPTER:
        yield "The adapter was trained on records of the query's own patient: its answer is flattered."
    elif trained.left_out and space != BASE:
        yield flattered(str(space))
    elif trained.left_out:
        yield f"Records of the query's own patient, left out: {trained.left_out}."
    if not len(trained.background):
        yield "The gallery has no records of other patients to compare with, so no query is called too unlike it."
    yield DISCLAIMER
