"""In what order records are worth a label: uncertain and typical ones of regions without a label, and where labels are
doubtful.

The next batch is chosen as by TypiClust (Hacohen, Dekel, Weinshall, ICML 2022): as many clusters of k-means as there
are labels and records to choose, the largest without a label first, and of each the record that is most typical of it.
Where a classifier can be trained on the labels that there are, the typicality counts as much as the classifier is
uncertain (the margin of Scheffer, Decomain, Wrobel, IDA 2001), so that the same rule serves from the first label on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import classifiers, metrics, voting
from lookalike.asking.candidates import open_rows
from lookalike.classifiers import Settings
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.trained_classifier import training_examples
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors

_TYPICAL: Final = 20  # nearest records of its cluster that a record is typical of (the authors' number)
_CLUSTERS: Final = 500  # at most (the authors' number)
_NEAR: Final = 5  # records that tell how far away a record lies
_VOTERS: Final = 15  # as of audit_metadata
_SAMPLE: Final = 2000  # rows that the gallery's own scale is measured on
_FLOOR: Final = 1e-3  # a distance, and an uncertainty, that is not zero


def uncertainty(data: Labelled, seed: int) -> Floats | None:
    """How uncertain logistic regression on the labelled records is of each record (n,), 0 to 1: 1 - the margin between
    the two likeliest labels; with several labels a record the mean of 4 p (1 - p) over them. None: fewer than two
    labels to choose from.
    """
    known = data.take(np.flatnonzero([bool(labels) for labels in data.labels]))
    if len({label for labels in known.labels for label in labels}) < 2:
        return None
    examples = training_examples(known)
    logits = classifiers.fit_classifier("linear", classifiers.limited("linear", examples, seed), Settings(seed=seed))
    return _doubt(logits.logits(data.vectors), multi_label=examples.multi_label)


def _doubt(logits: Floats, *, multi_label: bool) -> Floats:
    if multi_label:
        p = 1 / (1 + np.exp(-logits.clip(-50, 50)))
        return np.asarray((4 * p * (1 - p)).mean(axis=1))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    best = np.sort(p / p.sum(axis=1, keepdims=True), axis=1)
    return np.asarray(1 - (best[:, -1] - best[:, -2]))


def next_batch(data: Labelled, offered: NDArray[np.int64], budget: int, doubt: Floats | None, seed: int) -> list[int]:
    """The rows to label next, the most wanted first: at most ``budget`` of those offered (m,), row numbers without a
    label. doubt: (n,) of ``uncertainty``. No two are of one patient while other patients are left. The same seed gives
    the same rows.
    """
    labelled = np.flatnonzero([bool(labels) for labels in data.labels])
    rows = np.concatenate([labelled, offered])
    groups = _clusters(data.vectors[rows], min(len(labelled) + budget, len(rows), _CLUSTERS), seed)
    covered = set(groups[: len(labelled)].tolist())
    sizes = np.bincount(groups)
    order = sorted(set(groups.tolist()), key=lambda group: (group in covered, -sizes[group], group))
    queues = [_wanted(data.vectors, rows[groups == group], offered, doubt) for group in order]
    return _one_a_patient([queue for queue in queues if queue], data.patients, budget)


def _clusters(vectors: Vectors, count: int, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(count, n_init=1, max_iter=50, random_state=seed).fit_predict(vectors), np.int64)


def _wanted(vectors: Vectors, rows: NDArray[np.int64], offered: NDArray[np.int64], doubt: Floats | None) -> list[int]:
    """The rows of a cluster that are offered, those first that are typical of it and uncertain."""
    own = rows[np.isin(rows, offered)]
    distances = np.sort(1 - vectors[own] @ vectors[rows].T, axis=1)[:, : _TYPICAL + 1]  # its own, 0, among them
    worth = 1 / (distances.mean(axis=1) + _FLOOR)
    if doubt is not None:
        worth = worth * (doubt[own] + _FLOOR)
    return [int(row) for row in own[np.lexsort((own, -worth))]]


def _one_a_patient(queues: Sequence[list[int]], patients: Sequence[str], budget: int) -> list[int]:
    """The first of each queue in turn, of other patients than those before while there are any."""
    chosen: dict[int, None] = {}
    for again in (False, True):
        seen = {patients[row] for row in chosen}
        going = True
        while going and len(chosen) < budget:
            going = False
            for queue in queues:
                row = next((row for row in queue if row not in chosen and (again or patients[row] not in seen)), None)
                if row is not None and len(chosen) < budget:
                    chosen[row], going = None, True
                    seen.add(patients[row])
    return list(chosen)


def remoteness(data: Labelled) -> Floats:
    """How far (n,) each record lies from its nearest of other patients: 1 - the mean cosine; nan: there is none."""
    opened, asking = open_rows(data.patients), [(patient,) for patient in data.patients]
    _, cosines = voting.nearest_rows(data.vectors, data.vectors, _NEAR, allowed=lambda block: opened(asking[block]))
    close = voting.mean_cosine(cosines)
    return np.asarray(np.where(np.isfinite(close), 1 - close, np.nan))


def disagreement(data: Labelled) -> tuple[Floats, list[str]]:
    """How much more of the vote of its nearest labelled records of other patients each record (n,) owes to the best
    label that it does not bear than to the least of its own, -1 to 1, and which label that is; nan and "" where nobody
    votes, or it has no label.
    """
    known = np.flatnonzero([bool(labels) for labels in data.labels])
    labelled = data.take(known)
    classes = tuple(sorted({label for labels in labelled.labels for label in labels}))
    score, said = np.full(len(data.ids), np.nan), [""] * len(data.ids)
    if len(classes) < 2:
        return score, said
    members = metrics.membership(labelled.labels, classes)
    shares = _votes(labelled, members)
    lead = np.where(members, -1, shares).max(axis=1) - np.where(members, shares, 2).min(axis=1)
    best = np.where(members, -1, shares).argmax(axis=1)
    for row, place in enumerate(known):
        if shares[row].any() and not members[row].all():
            score[place], said[place] = lead[row], classes[best[row]]
    return score, said


def _votes(data: Labelled, members: Bools) -> Floats:
    opened, asking = open_rows(data.patients), [(patient,) for patient in data.patients]
    rows, cosines = voting.nearest_rows(
        data.vectors, data.vectors, _VOTERS, allowed=lambda block: opened(asking[block])
    )
    sample = np.linspace(0, len(data.ids) - 1, min(len(data.ids), _SAMPLE)).astype(np.int64)
    scale = voting.neighbour_distance(data.vectors, sample, lambda some: opened([asking[row] for row in some]))
    return voting.vote(rows, voting.vote_weights(cosines, "distance", scale), members)


def label_error(data: Labelled) -> Floats:
    """How much of the vote of its nearest labelled records of other patients goes past each record's own labels, (n,):
    0: all of them bear its label, 1: none does; of several labels that counts which is borne least. nan: nobody votes,
    or it has no label.
    """
    known = np.flatnonzero([bool(labels) for labels in data.labels])
    error = np.full(len(data.ids), np.nan)
    labelled = data.take(known)
    classes = tuple(sorted({label for labels in labelled.labels for label in labels}))
    if len(classes) < 2:
        return error
    members = metrics.membership(labelled.labels, classes)
    shares = _votes(labelled, members)
    missed = 1 - np.where(members, shares, 2).min(axis=1)
    error[known] = np.where(shares.any(axis=1), np.clip(missed, 0, 1), np.nan)
    return error
