"""Divide records into parts so that what belongs together stays together, with about the same mix of classes in each.

Nothing of a gallery decides where a record goes but the records themselves: groups are named by the least id in them,
and ids are hashes of files. The same files give the same parts in any gallery, in whatever order they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_Counts = NDArray[np.float64]  # (groups, 1 + classes): records, and records of each class


def joined_groups(ids: Sequence[str], patients: Sequence[str], pairs: Iterable[tuple[str, str]]) -> NDArray[np.int64]:
    """(n,): the number of each record's group. Records of one patient are of one group, and so are the two of a pair;
    what is joined by several steps is joined.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    row = {identity: number for number, identity in enumerate(ids)}
    first: dict[str, int] = {}
    edges = [(number, first.setdefault(patient, number)) for number, patient in enumerate(patients)]
    edges += [(row[one], row[other]) for one, other in pairs]
    a, b = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(a), np.bool_), (a, b)), (len(ids), len(ids)))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def stratified_parts(
    ids: Sequence[str], groups: NDArray[np.int64], values: Sequence[Sequence[str]], sizes: Sequence[float], seed: int
) -> NDArray[np.int64]:
    """(n,): the number of each record's part. groups: of each record (n,); no group is divided. values: the classes of
    each record, several or none. sizes: the share of all records that each part is to have, one in all.

    Groups are placed one after the other, those first that hold the largest share of any class, and those that are
    alike in the order of a hash of seed and name; each where it makes the sum of squared differences from what is
    wanted, over what is wanted, least (as iterative stratification: Sechidis et al. 2011, for groups).
    """
    names = _names(ids, groups)
    counts = _counts(groups, values, len(names))
    totals = counts.sum(axis=0)
    wanted = np.outer([each for each in sizes if each], totals)  # (parts, 1 + classes)
    got, parts = np.zeros_like(wanted), np.zeros(len(names), np.int64)
    for group in _in_order(counts / totals, names, seed):
        own = counts[group]
        more = ((2 * got * own + own * own) / wanted - 2 * own).sum(axis=1)
        part = int(np.argmin(np.round(more, 9)))
        got[part] += own
        parts[group] = part
    numbers = np.flatnonzero(np.array(sizes) > 0)
    return np.asarray(numbers[parts[groups]], np.int64)


def _names(ids: Sequence[str], groups: NDArray[np.int64]) -> list[str]:
    """The least id of each group, by its number."""
    names: dict[int, str] = {}
    for identity, group in zip(ids, groups.tolist(), strict=True):
        names[group] = min(names.get(group, identity), identity)
    return [names[group] for group in range(len(names))]


def _counts(groups: NDArray[np.int64], values: Sequence[Sequence[str]], count: int) -> _Counts:
    classes = {name: 1 + number for number, name in enumerate(sorted({each for of in values for each in of}))}
    counts = np.zeros((count, 1 + len(classes)))
    for group, of in zip(groups.tolist(), values, strict=True):
        counts[group, [0, *(classes[each] for each in of)]] += 1
    return counts


def _in_order(shares: _Counts, names: Sequence[str], seed: int) -> list[int]:
    largest = np.round(shares.max(axis=1), 12)
    chance = [hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in names]
    return sorted(range(len(names)), key=lambda group: (-largest[group], chance[group]))
