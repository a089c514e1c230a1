"""Metrics of rankings: precision, recall and related ones, averages, chance level, bootstrap intervals.

Conventions of every function here:

- `relevance`: (q, depth) bool or number. Row = query, column = rank, best first, the query's own patient
  already left out. Above 0 = relevant. Where a query has fewer hits than columns, pad with -1 (or 0): a rank
  without a hit is a miss.
- `totals`: (q,) int, relevant items in the gallery open to the query (own patient left out), found or not.
- A query whose `totals` is 0 cannot be answered: its score is nan, and every mean leaves it out. The caller
  reports how many there are: `np.count_nonzero(totals == 0)`.
- Scores are float64 in [0, 1], shape (q,). Wrong shapes, a `k` beyond `depth` (pad first) and more hits than
  `totals` raise ValueError.

Where `totals` is above 0 they equal trec_eval's on the same ranking, `ndcg_at` its `ndcg_cut`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Statistic: TypeAlias = Literal["micro", "macro", "per_class"]

_CHANCE = 0.05
_DRAWS_AT_ONCE = 4_000_000  # one bootstrap chunk: arrays of at most 32 MB


# --- one score a query --------------------------------------------------------------------------------------


def precision_at(relevance: ArrayLike, totals: ArrayLike, k: int) -> Floats:
    """P@k, plain: hits in the first k / k. Cannot reach 1 where totals < k; see `capped_precision_at`."""
    hits, totals = _ranked(relevance, totals, k)
    return _ratio(hits[:, :k].sum(axis=1), np.where(totals > 0, k, 0))


def capped_precision_at(relevance: ArrayLike, totals: ArrayLike, k: int) -> Floats:
    """P@k, capped: hits in the first k / min(k, totals). Source: Denner et al., arXiv 2403.06567."""
    hits, totals = _ranked(relevance, totals, k)
    return _ratio(hits[:, :k].sum(axis=1), np.minimum(totals, k))


def cut_precision_at(relevance: ArrayLike, totals: ArrayLike, k: int) -> Floats:
    """P@k, cut: hits in the first min(k, totals) / min(k, totals): as the code of Denner et al. counts, which looks no
    further than there are items of the class.
    """
    hits, totals = _ranked(relevance, totals, k)
    seen = np.minimum(totals, k)
    return _ratio((hits[:, :k] & (np.arange(k) < seen[:, None])).sum(axis=1), seen)


def recall_at(relevance: ArrayLike, totals: ArrayLike, k: int) -> Floats:
    """Recall@k: hits in the first k / totals."""
    hits, totals = _ranked(relevance, totals, k)
    return _ratio(hits[:, :k].sum(axis=1), totals)


def hit_rate_at(relevance: ArrayLike, totals: ArrayLike, k: int) -> Floats:
    """Hit rate (success)@k: 1 if the first k hold a relevant item, else 0.

    Its mean over a class's queries is the "recall of the class" of Khun Jush et al., arXiv 2311.13547.
    """
    hits, totals = _ranked(relevance, totals, k)
    return _ratio(hits[:, :k].max(axis=1), totals > 0)


def reciprocal_rank(relevance: ArrayLike, totals: ArrayLike) -> Floats:
    """1 / rank of the first relevant item; 0 if none is within depth. Its mean over queries is MRR."""
    hits, totals = _ranked(relevance, totals)
    return _ratio(hits.max(axis=1), np.where(totals > 0, hits.argmax(axis=1) + 1, 0))


def average_precision(relevance: ArrayLike, totals: ArrayLike) -> Floats:
    """AP: sum over the relevant ranks r of P@r / totals. Its mean over queries is mAP.

    A relevant item beyond depth adds 0, so a cut ranking gives AP@depth; the full AP needs the whole gallery.
    """
    hits, totals = _ranked(relevance, totals)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return _ratio((precision * hits).sum(axis=1), totals)


def r_precision(relevance: ArrayLike, totals: ArrayLike) -> Floats:
    """R-precision: hits in the first R / R, with R = totals. Raises ValueError where R is beyond depth."""
    hits, totals = _ranked(relevance, totals)
    if totals.size and totals.max() > hits.shape[1]:
        raise ValueError(f"R-precision needs {totals.max()} ranks, got {hits.shape[1]}: search deeper")
    return _ratio((hits & (np.arange(hits.shape[1]) < totals[:, None])).sum(axis=1), totals)


def ndcg_at(gains: ArrayLike, ideal: ArrayLike, k: int) -> Floats:
    """nDCG@k = DCG(gains) / DCG(ideal), DCG = sum over ranks r = 1..k of gain_r / log2(r + 1).

    gains: (q, depth) gain of the item at each rank, -1 pads. ideal: (q, at least k) the greatest gains that
    the open gallery offers the query, descending (`ideal_gains`); ValueError where gains beat it. nan where
    ideal is all 0. Source: Jarvelin and Kekalainen, ACM TOIS 20(4), 2002, in trec_eval's form: linear gain,
    log2(r + 1).
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    reached = _checked(gains, k)[:, :k].clip(min=0) @ discount
    best = _checked(ideal, k)[:, :k].clip(min=0) @ discount
    if reached.shape != best.shape or (reached > best * (1 + 1e-6)).any():
        raise ValueError("ideal must hold the greatest gains of the gallery open to each query, descending")
    return _ratio(np.minimum(reached, best), best)


def chance(totals: ArrayLike, open_items: ArrayLike) -> Floats:
    """Expected plain P@k of a random order, at any k: totals / open_items, nan where totals is 0.

    open_items: (q,) int, gallery items open to the query. Average it with `micro` and `macro` like any score.
    """
    totals, open_items = np.asarray(totals), np.asarray(open_items)
    if (totals > open_items).any():
        raise ValueError("totals must not exceed open_items")
    return _ratio(totals, np.where(totals > 0, open_items, 0))


# --- which items are relevant -------------------------------------------------------------------------------


def membership(labels: Sequence[Collection[str]], classes: Sequence[str]) -> Bools:
    """(n, c) bool: item i has class j. labels: the class names of each item. KeyError if not in classes."""
    column = {name: index for index, name in enumerate(classes)}
    member = np.zeros((len(labels), len(classes)), dtype=bool)
    for row, names in zip(member, labels, strict=True):
        row[[column[name] for name in names]] = True
    return member


def any_overlap(query_labels: ArrayLike, gallery_labels: ArrayLike) -> Bools:
    """(q, n) bool: at least one shared label. Arguments as in `jaccard_gain`."""
    overlap: Bools = _shared(query_labels, gallery_labels) > 0
    return overlap


def exact_match(query_labels: ArrayLike, gallery_labels: ArrayLike) -> Bools:
    """(q, n) bool: the same label set; no labels match nothing. Arguments as in `jaccard_gain`."""
    same: Bools = jaccard_gain(query_labels, gallery_labels) == 1
    return same


def jaccard_gain(query_labels: ArrayLike, gallery_labels: ArrayLike) -> Floats:
    """(q, n) graded relevance |A and B| / |A or B| of label sets, for `ndcg_at`; 0 where both are empty.

    query_labels: (q, c) bool, gallery_labels: (n, c) bool, of the same classes (`membership`). An item
    without labels is relevant to nothing, so "no finding" must be a class of its own. For the relevance of
    one label alone, pass its column: (q, 1), (n, 1).
    """
    shared = _shared(query_labels, gallery_labels)
    sizes = [np.count_nonzero(labels, axis=1) for labels in (query_labels, gallery_labels)]
    union = sizes[0][:, None] + sizes[1][None, :] - shared
    gain: Floats = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)
    return gain


def ideal_gains(gains: ArrayLike, k: int) -> Floats:
    """(q, k) the k greatest of each row of (q, n) gains over the open gallery, descending; 0 where n < k.

    Set what is not open to a query (its own patient) to -1 first. For binary relevance the ideal is
    `np.arange(k) < totals[:, None]`.
    """
    gains = np.asarray(gains, dtype=np.float64)
    padded = np.pad(gains, ((0, 0), (0, max(0, k - gains.shape[1])))).clip(min=0)
    top: Floats = np.partition(padded, padded.shape[1] - k, axis=1)[:, padded.shape[1] - k :]
    return np.sort(top, axis=1)[:, ::-1]


# --- averages over queries ----------------------------------------------------------------------------------


def micro(per_query: ArrayLike) -> Floats:
    """Mean over queries, nan left out, nan if none is left. per_query: (q,) or (q, m). Returns () or (m,)."""
    return _mean(np.asarray(per_query, dtype=np.float64), axis=0)


def per_class(per_query: ArrayLike, labels: ArrayLike) -> Floats:
    """Mean over the queries of each class; a query counts in every class that it has.

    per_query: (q,) or (q, m). labels: (q, c) bool (`membership`). Returns (c,) or (c, m), nan for a class
    that no scored query has.
    """
    values, member = _aligned(per_query, labels)
    scored = ~np.isnan(values)
    return _ratio(member.T @ np.where(scored, values, 0), member.T @ scored)


def macro(per_query: ArrayLike, labels: ArrayLike) -> Floats:
    """Mean of the class means: the mean of `per_class` over the classes that have one. Returns () or (m,)."""
    return _mean(per_class(per_query, labels), axis=0)


def bootstrap_interval(
    per_query: ArrayLike,
    groups: ArrayLike,
    statistic: Statistic = "micro",
    labels: ArrayLike | None = None,
    *,
    samples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Floats:
    """Percentile bootstrap interval of `micro`, `macro` or `per_class`, resampled by patient.

    The g patient groups are drawn whole, g times with replacement, so that queries of one patient do not count as
    independent ones (cluster bootstrap: Field and Welsh, JRSS B 69(3), 2007). A class absent
    from a resample is left out of that resample's macro mean, and that resample out of the class's own
    interval. To compare two systems on the same queries, pass the difference of their scores.

    per_query: (q,) or (q, m). groups: (q,) patient of each query, int or str; a query whose patient is
    unknown is a group of its own. labels: (q, c) bool, needed for macro and per_class. Returns (2, *shape of
    the statistic): low, high; nan where fewer than two patients have a score, since one tells nothing about
    others. Same seed, same interval. ValueError on wrong shapes, samples or level. Memory: O(g * c * m +
    samples * c * m).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be within (0, 1), got {level}")
    drawn, known = bootstrap_draws(per_query, groups, statistic, labels, samples=samples, seed=seed)
    return _quantiles(drawn, known, level)


def bootstrap_draws(
    per_query: ArrayLike,
    groups: ArrayLike,
    statistic: Statistic = "micro",
    labels: ArrayLike | None = None,
    *,
    samples: int = 2000,
    seed: int = 0,
) -> tuple[Floats, Bools]:
    """(samples, *shape of the statistic): the statistic of each resample of `bootstrap_interval`, nan where nothing
    was drawn; and which of its figures two patients at least have a score for.
    """
    if statistic != "micro" and labels is None:
        raise ValueError(f"{statistic} needs labels, (q, c) bool")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    values = np.asarray(per_query, dtype=np.float64)
    everyone = np.ones((len(values), 1), dtype=bool)
    sums, counts = _group_sums(values, everyone if statistic == "micro" or labels is None else labels, groups)
    chunks = _weight_chunks(len(sums), samples, seed)
    drawn = np.concatenate([_weighted_means(weights, sums, counts) for weights in chunks])
    if statistic == "macro":
        drawn, counts = _mean(drawn, axis=1), counts.sum(axis=1)
    shape = (*drawn.shape[1:2], *values.shape[1:]) if statistic == "per_class" else values.shape[1:]
    known: Bools = (counts > 0).sum(axis=0) >= 2
    return drawn.reshape(samples, *shape), known.reshape(shape)


def difference_interval(first: tuple[Floats, Bools], second: tuple[Floats, Bools], level: float = 0.95) -> Floats:
    """(2, *shape): percentile interval of first - second, two independent `bootstrap_draws` of different seeds."""
    return _quantiles(first[0] - second[0], first[1] & second[1], level)


def ratio_interval(
    parts: ArrayLike, wholes: ArrayLike, groups: ArrayLike, *, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of sum(parts) / sum(wholes), both (q,), resampled by patient as in `bootstrap_interval`:
    of micro-F1, whose parts are true positives. nan of fewer than two patients.
    """
    codes = numbered(groups)
    count = int(codes.max(initial=-1)) + 1
    sums = [np.bincount(codes, np.asarray(values, np.float64), minlength=count) for values in (parts, wholes)]
    if count < 2:
        return math.nan, math.nan
    drawn = [_ratio(weights @ sums[0], weights @ sums[1]) for weights in _weight_chunks(count, samples, seed)]
    low, high = np.nanquantile(np.concatenate(drawn), [0.025, 0.975])
    return float(low), float(high)


def sure_gain(low: float | None, p: float | None) -> bool:
    """Whether a gain is taken for one: its 95 % interval, from ``low``, lies above 0, and patients' signs that are
    flipped at random give as much in at most one case of twenty (``p``, two-sided). The interval alone is too narrow
    where patients are few (``python -m benchmarks few_patients``). None: it could not be computed, so it is none.
    """
    return low is not None and low > 0 and p is not None and p <= _CHANCE


def numbered(groups: ArrayLike) -> NDArray[np.int64]:
    """(n,) names -> (n,) numbers from 0 in the order of first appearance.

    Patients are named by hashes with a salt of each gallery. Draws by patient (folds, resamples) use these numbers,
    so that the same records and seed give the same draws in every gallery.
    """
    _, first, codes = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    ranks: NDArray[np.int64] = np.argsort(np.argsort(first))
    return ranks[codes]


def resample_weights(rng: np.random.Generator, groups: int, samples: int) -> NDArray[np.int64]:
    """(samples, groups) how often each bootstrap resample draws each group; every row sums to `groups`."""
    drawn = rng.integers(groups, size=(samples, groups))
    cells = drawn + np.arange(samples)[:, None] * groups  # one bincount for all rows
    return np.bincount(cells.ravel(), minlength=samples * groups).reshape(samples, groups)


# --- inside -------------------------------------------------------------------------------------------------


def _ranked(relevance: ArrayLike, totals: ArrayLike, k: int = 1) -> tuple[Bools, NDArray[Any]]:
    hits: Bools = _checked(relevance, k) > 0
    totals = np.asarray(totals)
    if totals.shape != hits.shape[:1]:
        raise ValueError(f"totals must have one number a query, shape {hits.shape[:1]}, got {totals.shape}")
    if (hits.sum(axis=1) > totals).any():
        raise ValueError("a query has more hits than totals, which must count the whole gallery open to it")
    return hits, totals


def _checked(ranked: ArrayLike, k: int) -> NDArray[Any]:
    ranked = np.asarray(ranked)
    if ranked.ndim != 2 or not 1 <= k <= ranked.shape[1]:
        raise ValueError(f"needs (queries, ranks), 1 <= k <= ranks, got {ranked.shape}, k = {k}: pad with -1")
    if np.isnan(ranked).any():
        raise ValueError("relevance and gains must not be nan: pad with -1")
    return ranked


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio


def _mean(values: Floats, axis: int) -> Floats:
    # np.nanmean warns on all-nan slices, and silencing it would not be thread-safe
    scored = ~np.isnan(values)
    return _ratio(np.where(scored, values, 0).sum(axis=axis), scored.sum(axis=axis))


def _shared(query_labels: ArrayLike, gallery_labels: ArrayLike) -> Floats:
    queries, gallery = (np.asarray(labels, dtype=bool) for labels in (query_labels, gallery_labels))
    return queries.astype(np.float64) @ gallery.T.astype(np.float64)


def _aligned(per_query: ArrayLike, labels: ArrayLike) -> tuple[Floats, Floats]:
    values, member = np.asarray(per_query, dtype=np.float64), np.asarray(labels)
    if member.ndim != 2 or len(member) != len(values):
        raise ValueError(f"labels must be ({len(values)}, classes), got {member.shape}")
    return values, member.astype(bool).astype(np.float64)  # float: BLAS multiplies it


def _group_sums(per_query: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats]:
    """(g, c, m) sum of the scores, and number of scored queries, of each group in each class."""
    values, member = _aligned(per_query, labels)
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    if codes.shape != values.shape[:1]:
        raise ValueError(f"groups must have one entry a query, shape {values.shape[:1]}, got {codes.shape}")
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names)))
    columns = values.reshape(len(values), math.prod(values.shape[1:]))[order, None, :]
    scored = ~np.isnan(columns) & (member[order, :, None] > 0)
    sums = np.add.reduceat(np.where(scored, columns, 0), starts)
    return sums, np.add.reduceat(scored.astype(np.float64), starts)


def _weight_chunks(groups: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // max(1, groups))
    for start in range(0, samples, rows):
        yield resample_weights(rng, groups, min(rows, samples - start))


def _weighted_means(weights: NDArray[np.int64], sums: Floats, counts: Floats) -> Floats:
    times = weights.astype(np.float64)
    return _ratio(np.tensordot(times, sums, axes=1), np.tensordot(times, counts, axes=1))


def _quantiles(drawn: Floats, known: Bools, level: float) -> Floats:
    flat = drawn.reshape(len(drawn), -1)
    trusted = known.ravel() & ~np.isnan(flat).all(axis=0)
    low_high = np.full((2, flat.shape[1]), np.nan)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low_high[:, trusted] = np.nanquantile(flat[:, trusted], tails, axis=0)
    return low_high.reshape(2, *drawn.shape[1:])
