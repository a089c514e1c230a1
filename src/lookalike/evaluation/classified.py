"""What is told of a classified query: its labels, who speaks for them, why an answer is withheld, and notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike import voting
from lookalike.asking.remarks import flattered
from lookalike.calibration import Finding
from lookalike.classifiers.prompts import Prompts, label_vectors, text_encoder
from lookalike.evaluation.trained_classifier import ADAPTER, NEAR, ZERO_SHOT, Trained
from lookalike.gallery import Gallery
from lookalike.metrics import Floats
from lookalike.store import BASE
from lookalike.text import DISCLAIMER
from lookalike.types import Vectors
from lookalike.voting import RowNumbers


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


def label_probabilities(
    trained: Trained, query: Vectors, rows: RowNumbers, weights: Floats | None, *, withheld: bool
) -> tuple[LabelProbability, ...]:
    """Every label of a query (1, dim), the most probable first. rows, weights: of ``voters_of``."""
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


def voters_of(gallery: Gallery, trained: Trained, query: Vectors, space: str) -> tuple[RowNumbers, Floats | None]:
    """The records that voted, with their weights; or the nearest records, in the method's space, and None."""
    if trained.fitted.voters is not None:
        return trained.fitted.voters(query)
    known = gallery.project(trained.known, space) if len(trained.data.vectors) else trained.data.vectors
    return voting.nearest_rows(gallery.project(query, space), known, NEAR)[0], None


def evidence_of(
    gallery: Gallery, trained: Trained, query: Vectors, rows: RowNumbers, weights: Floats | None, space: str
) -> Iterator[Evidence]:
    """The records of ``voters_of`` with their cosines in a space, the nearest first."""
    there = rows[0][rows[0] >= 0]
    if not len(there):
        return
    near = gallery.project(trained.known[there], space) @ gallery.project(query, space)[0]
    order = np.argsort(-near, kind="stable")
    for i in order:
        record = gallery.store.record(str(trained.data.ids[there[i]]))
        weight = None if weights is None else float(weights[0][i])
        yield Evidence(record.id, float(near[i]), record.labels, weight, record.source)


def prompts_shown(gallery: Gallery, prompts: Prompts, classes: Sequence[str], query: Vectors) -> tuple[Evidence, ...]:
    """The cosine of the query with each label's text."""
    cosines = label_vectors(text_encoder(gallery.encoder), prompts, classes) @ query[0]
    texts = [" | ".join(prompts.texts(name)) for name in classes]
    found = [Evidence("", float(c), (n,), None, "", t) for c, n, t in zip(cosines, classes, texts, strict=True)]
    return tuple(sorted(found, key=lambda evidence: -evidence.score))


def why_withheld(close: float, limit: float | None, abstain: float, *, nobody: bool) -> str:
    """Why there is no answer; "" if there is one."""
    if not abstain:
        return ""
    if limit is not None and close < limit:
        return (
            f"too unlike this gallery: its mean cosine with the {NEAR} nearest records is {close:.3f}, and "
            f"{100 * (1 - abstain):g} % of the gallery's own records reach {limit:.3f}"
        )
    return "it lies in none of the clusters" if nobody else ""


def notes_of(method: str, trained: Trained, space: str | None) -> Iterator[str]:
    """What must be known to read an answer."""
    if method == ZERO_SHOT:
        yield "Zero-shot: probabilities by the model's own temperature, not calibrated on this gallery."
    elif len(trained.data.classes) == 1:
        yield f"Not calibrated: every labelled record that may vote bears {trained.data.classes[0]!r}."
    elif method != ADAPTER and space != BASE:
        yield f"Not calibrated: the space {space!r} has learnt these labels."
    elif not trained.calibrated:
        yield "Not calibrated: the labelled records are of too few patients for two folds."
    if trained.calibrated and (judges := trained.data.judges) is not None:
        yield (
            "The encoder was tuned on every record that probabilities were calibrated on: they are too sure."
            if judges.all()
            else f"Calibrated on the {int(judges.sum())} records that the encoder was not tuned on."
        )
    if trained.left_out and method == ADAPTER:
        yield "The adapter was trained on records of the query's own patient: its answer is flattered."
    elif trained.left_out and space != BASE:
        yield flattered(str(space))
    elif trained.left_out:
        yield f"Records of the query's own patient, left out: {trained.left_out}."
    if not len(trained.background):
        yield "The gallery has no records of other patients to compare with, so no query is called too unlike it."
    yield DISCLAIMER
