"""Classifiers by clustering: clusters found without labels (scikit-learn), then labelled by their members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import voting
from lookalike.classifiers.examples import Examples, Fitted, Settings
from lookalike.metrics import Floats
from lookalike.types import Vectors
from lookalike.voting import RowNumbers

_CLUSTERS: Final = 2.0  # times the square root of the number of records
_MIN_SAMPLES: Final = 3  # DBSCAN: records within reach, itself included, that make a core
_LEAST_REACH: Final = 1e-6
_SHOWN: Final = 5  # members of a cluster that are shown for it


def k_means(data: Examples, settings: Settings) -> Fitted:
    """k-means with 2 sqrt(n) clusters: few clusters would each hold several labels."""
    from sklearn.cluster import KMeans

    model = KMeans(_count(data), n_init=1, random_state=settings.seed)
    return _by_centroid(data, model.fit_predict(data.vectors))


def agglomerative(data: Examples, _settings: Settings) -> Fitted:
    """Ward's hierarchical clustering, cut at 2 sqrt(n) clusters."""
    from sklearn.cluster import AgglomerativeClustering

    model = AgglomerativeClustering(_count(data), linkage="ward")
    return _by_centroid(data, model.fit_predict(data.vectors))


def _count(data: Examples) -> int:
    wanted = max(round(_CLUSTERS * float(np.sqrt(len(data.vectors)))), len(data.classes))
    return min(wanted, max(2, len(data.vectors) // 2), len(data.vectors))


def _by_centroid(data: Examples, cluster: NDArray[np.int64]) -> Fitted:
    """Assign queries to the cluster with the nearest centroid."""
    middle = voting.centroids(data.vectors, cluster[:, None] == np.arange(cluster.max() + 1))
    return _labelled(data, cluster, lambda queries: (queries @ middle.T).argmax(axis=1))


def dbscan(data: Examples, _settings: Settings) -> Fitted:
    """DBSCAN on cosine distance. A query is of the cluster of the nearest core record within reach, or of none.

    Reach: the median distance to a record's second neighbour, so that half of the records are cores.
    """
    from sklearn.cluster import DBSCAN

    least = min(_MIN_SAMPLES, len(data.vectors))
    _, cosines = voting.nearest_rows(data.vectors, data.vectors, least)  # the first is the record itself
    reach = max(float(np.median(1 - cosines[:, -1])), _LEAST_REACH)
    model = DBSCAN(eps=reach, min_samples=least, metric="cosine").fit(data.vectors)
    core = np.asarray(model.core_sample_indices_)

    def cluster_of(queries: Vectors) -> NDArray[np.int64]:
        if not len(core):
            return np.full(len(queries), -1)
        rows, cosines = voting.nearest_rows(queries, data.vectors[core], 1)
        return np.where(1 - cosines[:, 0] <= reach, model.labels_[core[rows[:, 0]]], -1)

    return _labelled(data, np.asarray(model.labels_), cluster_of)


def _labelled(data: Examples, cluster: NDArray[np.int64], cluster_of: Callable[[Vectors], NDArray[np.int64]]) -> Fitted:
    """Each cluster votes with its members' labels; queries in no cluster (-1) get the labels of records in none."""
    count = int(cluster.max()) + 1
    inside = cluster[:, None] == np.r_[np.arange(count), -1]  # (n, count + 1): the last column is number -1
    sizes = inside.sum(axis=0).astype(np.float64)[:, None]
    shares = inside.T.astype(np.float64) @ data.members / np.maximum(sizes, 1)
    overall = voting.label_shares(data.members, multi_label=data.multi_label)
    table = voting.vote_logits(shares, sizes, overall, multi_label=data.multi_label)

    def voters(queries: Vectors) -> tuple[RowNumbers, Floats]:
        rows, found = np.full((len(queries), _SHOWN), -1, np.int64), cluster_of(queries)
        for i in np.flatnonzero(found >= 0):
            own = np.flatnonzero(cluster == found[i])
            best, _ = voting.nearest_rows(queries[i : i + 1], data.vectors[own], min(_SHOWN, len(own)))
            rows[i, : best.shape[1]] = own[best[0]]
        return rows, np.where(rows >= 0, 1 / np.maximum(sizes[found], 1), 0.0)

    return Fitted(lambda queries: table[cluster_of(queries)], voters)
