"""classify: the labels of a picture, with probabilities, and the records that speak for them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike import classifiers, voting
from lookalike.asking.background import ABSTAIN
from lookalike.asking.candidates import candidates
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.query import Query, QueryPicture, of_record, open_query, read_query
from lookalike.asking.query_region import with_region
from lookalike.classifiers import Settings
from lookalike.classifiers.prompts import TEMPLATES, Prompts, own_prompts
from lookalike.errors import UsageError
from lookalike.evaluation.classified import (
    Evidence,
    LabelProbability,
    evidence_of,
    label_probabilities,
    notes_of,
    prompts_shown,
    voters_of,
    why_withheld,
)
from lookalike.evaluation.label_sets import LabelSet, checked_coverage, label_set, why_no_set
from lookalike.evaluation.labelled import NobodyVotesError, every_record
from lookalike.evaluation.outside_queries import outside_queries
from lookalike.evaluation.region_vote import vote_of_region
from lookalike.evaluation.scores import narrow_note
from lookalike.evaluation.shift import Shift, shift_of
from lookalike.evaluation.trained_classifier import (
    ADAPTER,
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
from lookalike.listed import ListResult
from lookalike.progress import Progress, followed_by, tracked
from lookalike.slices import pool, slice_weights
from lookalike.store import BASE
from lookalike.text import DISCLAIMER
from lookalike.types import Box, Vectors
from lookalike.voting import Weighting


@dataclass(frozen=True, slots=True, repr=False)
class ClassifyResult(ListResult[LabelProbability]):
    """labels: every label, the most probable first; they sum to 1 unless multi_label or
    told by a model that was trained with sigmoids (zero-shot). abstained: the query is
    too unlike the gallery for an answer (see reason), and the probabilities then mean little; or nobody may vote, and
    there are no labels.

    similarity: the mean cosine with its nearest records; background: the value that only a share ``abstain`` of the
    gallery's own records stays below; outlier_score: the share of the gallery's records that lie nearer to their
    neighbours than the query does to its own, 1 = all. votes: how many equal votes weigh as much as those of the
    neighbours; None where none voted. calibrated: how ("temperature and bias", "Platt"), or "". set: the labels that
    are not ruled out, if a set was asked for and can be given.
    """

    lists = "labels"

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
    set: LabelSet | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ClassifyEachResult(ListResult[ClassifyResult]):
    """results: one a picture or volume, in the order of the sources. refused: how many could not be read, by reason.
    shift: whether they are unlike the gallery as a whole; None where there are too few to tell. Sets of labels are
    wider where they are.
    """

    lists = "results"

    results: tuple[ClassifyResult, ...]
    refused: Mapping[str, int]
    shift: Shift | None
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A query: its base vector (1, dim), its slices' (views, dim), and the patients whose records do not count."""

    name: str
    vector: Vectors
    slices: Vectors
    patients: frozenset[str]
    shifted: bool = False


@dataclass(frozen=True, slots=True)
class _How:
    """How to classify; as the arguments of ``classify``."""

    method: str
    settings: Settings
    space: str | None
    multi_label: bool | None
    labels: tuple[str, ...]
    prompts: Prompts
    abstain: float
    where: str | Filter | None
    coverage: float | None


@of_one_encoder
def classify(
    gallery: Gallery,
    query: QueryPicture | None = None,
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
    prompts: Mapping[str, Sequence[str]] | str | os.PathLike[str] | None = None,
    abstain: float = ABSTAIN,
    seed: int = 0,
    where: str | Filter | None = None,
    box: Box | None = None,
    slice: int | None = None,
    slices: tuple[int, int] | None = None,
    set: float | None = None,
    progress: Progress | None = None,
) -> ClassifyResult:
    """Which labels a file, an array or (id) a record of the gallery has. Its own patient never counts. A volume is
    represented by the mean of its slices' vectors.

    method: knn, centroid; k-means, dbscan, agglomerative (clusters labelled by their members); linear, svm, mlp
    (trained on the spot); adapter (a trained space's own head; space names it, if there are several); zero-shot
    (no labels needed: the encoder's text tower). k, weighting ("distance", "uniform"): of the kNN vote.
    multi_label: None: if any record of the gallery has several labels; False leaves those records out.
    labels, templates, modality, body_part, view: for zero-shot, see `Prompts`; labels are the gallery's by default.
    prompts: likewise, the prompts of each label, or a file of them (`own_prompts`); its labels are those to choose from
    where none are given.
    space: where neighbours are looked for; there is no calibration in an adapted space, which has learnt the labels. Of
    the method ``adapter`` its name. where: only records that satisfy the filter vote, or are learnt from. Where all of
    them bear one label the vote (knn) is that label's, not calibrated, and a note says so; where none bears any, it
    abstains; other methods need two. box, slice, slices: as of ``search``: the records that hold something like this
    region vote (knn, in the base space, not calibrated).
    abstain: the share of the gallery's own records that would be judged too far away; 0 never abstains.
    set: a coverage such as .9: the labels that are not ruled out, so that this share of sets holds the label
    (`LabelSet`); a note says where there can be none.
    progress: called with how many parts of the training are done, of how many.

    Probabilities are calibrated, and thresholds set, on patient-disjoint folds of the gallery; zero-shot keeps
    the model's own temperature. A trained classifier is kept with the open gallery until its records change.

    Raises UsageError, UnreadableImageError, NotFoundError, MissingExtraError, DamagedFileError.
    """
    if (query is None) == (id is None):
        raise UsageError("give either a query (a file or an array) or the id of a record")
    _check(k, weighting, abstain)
    started = time.monotonic()
    if box is not None:
        if method != "knn" or space not in (None, BASE) or multi_label is not None or set is not None:
            raise UsageError(
                "the vote on a region is knn's, in the base space, and not calibrated: leave method, space, "
                "multi_label and set out"
            )
        picture = open_query(gallery, query) if id is None else of_record(gallery, id)
        region = with_region(gallery, picture, box=box, slice=slice, slices=slices)
        return _of_region(gallery, region, where, k, weighting, started)
    if slice is not None or slices is not None:
        raise UsageError("slice and slices speak of a region; give a box too")
    own = {} if prompts is None else own_prompts(prompts)
    words = Prompts(tuple(templates), modality, body_part, view, own)
    settings = Settings(k, weighting, seed)
    coverage = checked_coverage(set)
    how = _How(method, settings, space, multi_label, tuple(labels or own), words, abstain, where, coverage)
    _check_method(how)
    asking = read_query(gallery, query) if id is None else of_record(gallery, id)
    vector = pool(asking.vectors, slice_weights("uniform", asking.positions))
    return _classified(gallery, _Asked(asking.name, vector, asking.vectors, asking.patients), how, progress)


def classify_each(
    gallery: Gallery,
    sources: Sequence[str | os.PathLike[str]],
    *,
    method: str = "knn",
    k: int | None = None,
    space: str | None = None,
    where: str | Filter | None = None,
    seed: int = 0,
    set: float | None = None,
    progress: Progress | None = None,
) -> ClassifyEachResult:
    """``classify`` for every picture and volume of files and folders; arguments as there.

    They are compared with the gallery as a whole, too (``Shift``): where they are unlike it a note says so in every
    answer, and sets of labels are widened. progress: called with how many are done, of how many.

    Raises UsageError (nothing can be read), NotFoundError, MissingExtraError, DamagedFileError.
    """
    _check(k, "distance", ABSTAIN)
    started = time.monotonic()
    settings = Settings(k, "distance", seed)
    how = _How(method, settings, space, None, (), Prompts(), ABSTAIN, where, checked_coverage(set))
    _check_method(how)
    queries, refused = outside_queries(gallery, sources)
    shift = shift_of(queries, every_record(gallery), seed)
    shifted, results = shift is not None and shift.shifted, []
    with followed_by(progress):
        for i in tracked(range(len(queries.names))):
            one = queries.data.take(np.array([i]))
            slices = one.slices[0] if one.slices else one.vectors
            asked = _Asked(queries.names[i], one.vectors, slices, queries.patients[i], shifted)
            results.append(_classified(gallery, asked, how, None, shift))
    notes = (shift.sentence,) if shift is not None else ("There are too few pictures to compare with the gallery.",)
    return ClassifyEachResult(tuple(results), refused, shift, (*notes, DISCLAIMER), time.monotonic() - started)


def _classified(
    gallery: Gallery, asked: _Asked, how: _How, progress: Progress | None, shift: Shift | None = None
) -> ClassifyResult:
    started = time.monotonic()
    try:
        with followed_by(progress):
            trained = _trained(gallery, how, asked.patients)
    except NobodyVotesError as error:
        if how.method != VOTE:
            raise
        return _nobody(gallery, asked.name, str(error), started)
    shown = prompts_shown(gallery, how.prompts, trained.data.classes, asked.vector) if how.method == ZERO_SHOT else ()
    vector = trained.fitted.pooled(asked.vector, [asked.slices])
    if how.method not in (ADAPTER, ZERO_SHOT):
        vector = gallery.project(vector, how.space or BASE)
    seen_in = adapter_of(gallery, how.space)[0] if how.method == ADAPTER else BASE
    rows, weights = voters_of(gallery, trained, vector, seen_in)
    close = trained.closeness(asked.vector if how.method == ADAPTER else vector)
    limit = float(np.quantile(trained.background, how.abstain)) if len(trained.background) else None
    nobody = weights is not None and bool((rows < 0).all())
    reason = why_withheld(float(close[0]), limit, how.abstain, nobody=nobody)
    labels, unset = _set(trained, vector, asked, how, withheld=bool(reason))
    return ClassifyResult(
        method=how.method,
        labels=label_probabilities(trained, vector, rows, weights, withheld=bool(reason)),
        abstained=bool(reason),
        evidence=(*shown, *evidence_of(gallery, trained, vector, rows, weights, seen_in)),
        reason=reason,
        outlier_score=None if limit is None else float(voting.outlier_score(close, trained.background)[0]),
        similarity=float(close[0]) if math.isfinite(close[0]) else None,
        background=limit,
        multi_label=trained.data.multi_label,
        calibrated=trained.calibrated,
        query=asked.name,
        records=len(trained.data.vectors),
        encoder=gallery.spec.name,
        notes=(
            *((shift.sentence,) if shift is not None and shift.shifted else ()),
            *unset,
            *notes_of(how.method, trained, how.space if how.method == ADAPTER else how.space or BASE),
        ),
        seconds=time.monotonic() - started,
        votes=None if weights is None else float(voting.effective_votes(weights)[0]),
        set=labels,
    )


def _trained(gallery: Gallery, how: _How, patients: frozenset[str]) -> Trained:
    if how.method == ZERO_SHOT:
        return prompted(gallery, how.prompts, how.labels, how.multi_label, patients, how.settings.seed)
    return learnt(gallery, how.method, how.space, how.settings, how.multi_label, patients, how.where)


def _set(
    trained: Trained, vector: Vectors, asked: _Asked, how: _How, *, withheld: bool
) -> tuple[LabelSet | None, tuple[str, ...]]:
    """The set of labels, if one was asked for, and what is to be said of it: that its interval is too narrow, or why
    there is none.
    """
    if how.coverage is None:
        return None, ()
    if why := why_no_set(trained, how.coverage):
        return None, (why,)
    seed = how.settings.seed
    found = label_set(trained, vector, how.coverage, seed, shifted=asked.shifted, outside=withheld)
    few = narrow_note(found.patients)
    return found, (few,) if few else ()


def is_trained(method: str) -> bool:
    """Whether asking for a method trains on the gallery's records; an adapter's head is trained on folds of them."""
    return method == ADAPTER or (method in classifiers.methods() and classifiers.trains(method))


def untrained_methods() -> tuple[str, ...]:
    """The methods that only compare."""
    return tuple(method for method in classify_methods() if not is_trained(method))


def _check(k: int | None, weighting: str, abstain: float) -> None:
    if k is not None and not 1 <= k <= 1000:
        raise UsageError(f"k must be from 1 to 1000, got {k}")
    if weighting not in ("distance", "uniform"):
        raise UsageError(f"the vote is weighted by 'distance' or 'uniform', got {weighting!r}")
    if not 0 <= abstain < 1:
        raise UsageError(f"abstain is a share of the gallery, from 0 to below 1, got {abstain}")


def _check_method(how: _How) -> None:
    if how.method == ZERO_SHOT and (how.space not in (None, BASE) or how.where is not None):
        raise UsageError("zero-shot works on the encoder's own vectors, and no record votes: leave space and where out")
    if how.method != ZERO_SHOT and (how.labels or how.prompts != Prompts()):
        raise UsageError("labels, templates, prompts, modality, body part and view go with --method zero-shot")


def _nobody(gallery: Gallery, name: str, reason: str, started: float) -> ClassifyResult:
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
        query=name,
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
        return _nobody(gallery, region.name, str(error), started)
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
