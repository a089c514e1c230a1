"""The groups that show on a map, and what stands out in each.

Groups are found where points lie dense (HDBSCAN: Campello, Moulavi, Sander, PAKDD 2013). A group is named by a label,
a value or a word that most of its patients have and few elsewhere do. Patients are counted, each once in a group: the
pictures of one patient are alike, and prove nothing by their number. What stands out must do so beyond chance
(Fisher's exact test, one-sided) over all groups and values looked at together. A label that stands out comes first.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.mapping.kept import UNGROUPED
from lookalike.mapping.layout import Layout

_SAMPLE: Final = 10_000  # points that groups are found among; the others go with the nearest
_LEAST: Final = 10  # points of a group
_LARGEST: Final = 100  # groups at most, since each has a hundredth of the points
_CORE: Final = 5  # neighbours that tell how dense it is
_CHANCE: Final = 0.01  # that a map of no meaning has a name at all
_MOST: Final = 0.5  # of a group's patients have what names it
_MORE: Final = 0.2  # by which its share is greater than elsewhere
_LESS: Final = 0.5  # of all other patients at most have it: what nearly everybody has names nothing
_SEVERAL: Final = 3  # traits told of a group
_BEARERS: Final = 5  # patients that have a value that is looked at
_DIFFERENT: Final = 50  # texts; with more their words are looked at
_LABEL: Final = "label"


@dataclass(frozen=True, slots=True)
class Trait:
    """What stands out in a group: in a field, a value or a word. share: of the group's patients who have it; elsewhere:
    of all other patients; patients: in the group who have it.
    """

    field: str
    value: str
    share: float
    elsewhere: float
    patients: int

    @property
    def name(self) -> str:
        """In short."""
        return self.value if self.field == _LABEL else f"{self.field} {self.value}"


@dataclass(frozen=True, slots=True, eq=False)
class Borne:
    """What records say in one field: record ``rows[i]`` says ``texts[codes[i]]``. Several values a record are several
    pairs.
    """

    field: str
    rows: NDArray[np.int64]
    codes: NDArray[np.int64]
    texts: tuple[str, ...]


def find_groups(plane: Layout, seed: int = 0) -> NDArray[np.uint8]:
    """The group (n,) of each point, the largest is 0; UNGROUPED for those that lie apart."""
    groups = np.full(len(plane), UNGROUPED, np.uint8)
    if len(plane) < 3 * _LEAST:
        return groups
    from scipy.spatial import KDTree
    from sklearn.cluster import HDBSCAN

    count = min(len(plane), _SAMPLE)
    sample = np.sort(np.random.default_rng(seed).choice(len(plane), count, replace=False))
    least = max(_LEAST, count // _LARGEST)
    found = HDBSCAN(min_cluster_size=least, min_samples=_CORE, copy=True).fit_predict(plane[sample].astype(np.float64))
    sizes = np.bincount(found[found >= 0])
    number = np.full(len(sizes) + 1, UNGROUPED, np.uint8)
    number[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    _, nearest = KDTree(plane[sample]).query(plane)
    return np.asarray(number[found[nearest]])


def traits_of(groups: NDArray[np.uint8], patients: NDArray[np.int64], said: Sequence[Borne]) -> list[tuple[Trait, ...]]:
    """What stands out in each group, the most telling first; () where nothing does. groups, patients (n,): of the
    records, patients numbered from 0.
    """
    count = int(np.where(groups == UNGROUPED, -1, groups.astype(np.int64)).max(initial=-1)) + 1
    if not count:
        return []
    units, unit_of, own = np.unique(patients * (UNGROUPED + 1) + groups, return_inverse=True, return_counts=True)
    home = units % (UNGROUPED + 1)
    sizes = np.bincount(home, minlength=UNGROUPED + 1)
    looked_at = [(each, _bearers(each, home, own, unit_of, count)) for each in said]
    tests = sum(int((bearers.sum(axis=0) >= _BEARERS).sum()) for _, bearers in looked_at) * count
    found: list[list[tuple[bool, float, Trait]]] = [[] for _ in range(count)]
    for each, bearers in looked_at:
        for group, value, share, elsewhere in _standing_out(bearers, sizes, count, _CHANCE / max(tests, 1)):
            trait = Trait(each.field, each.texts[value], share, elsewhere, int(bearers[group, value]))
            found[group].append((each.field != _LABEL, elsewhere - share, trait))
    return [tuple(trait for _, _, trait in sorted(each, key=lambda one: one[:2])[:_SEVERAL]) for each in found]


def _bearers(
    said: Borne, home: NDArray[np.int64], own: NDArray[np.int64], unit_of: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """(groups + 1, values): how many patients of each group have a value, in half of their records there at least; the
    last row: those of no group. home, own: of each patient in a group the group, and how many records; unit_of (n,):
    which of these each record is of.
    """
    many = len(said.texts)
    pairs, times = np.unique(unit_of[said.rows] * many + said.codes, return_counts=True)
    unit, value = np.divmod(pairs, max(many, 1))
    have = 2 * times >= own[unit]
    row = np.minimum(home[unit[have]], count)
    told = np.bincount(row * many + value[have], minlength=(count + 1) * many)
    return np.asarray(told.reshape(count + 1, many), np.int64)


def _standing_out(
    bearers: NDArray[np.int64], sizes: NDArray[np.int64], count: int, chance: float
) -> Iterator[tuple[int, int, float, float]]:
    """(group, value, share, share elsewhere) of what most of a group have, more than elsewhere, and not by chance."""
    from scipy.stats import hypergeom

    inside, everywhere, everybody = bearers[:count], bearers.sum(axis=0), int(sizes.sum())
    size = sizes[:count, None]
    share = inside / np.maximum(size, 1)
    elsewhere = (everywhere - inside) / np.maximum(everybody - size, 1)
    likely = (share >= _MOST) & (elsewhere <= _LESS) & (share - elsewhere >= _MORE) & (everywhere >= _BEARERS)
    for group, value in np.argwhere(likely).tolist():
        by_chance = hypergeom.sf(inside[group, value] - 1, everybody, everywhere[value], sizes[group])
        if by_chance < chance:
            yield group, value, float(share[group, value]), float(elsewhere[group, value])


def by_words(said: Borne) -> Borne:
    """Long or many texts by their words, each a value; a few texts as they are."""
    if len(said.texts) <= _DIFFERENT:
        return said
    numbers: dict[str, int] = {}
    words = [sorted(set(re.findall(r"[^\W\d_]{3,}", text.lower()))) for text in said.texts]
    own = [np.array([numbers.setdefault(word, len(numbers)) for word in each], np.int64) for each in words]
    lengths = np.array([len(each) for each in own], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if own else lengths
    flat = np.concatenate([np.empty(0, np.int64), *own])
    each_has = lengths[said.codes]
    rows = np.repeat(said.rows, each_has)
    within = np.arange(each_has.sum()) - np.repeat(np.cumsum(each_has) - each_has, each_has)
    return Borne(said.field, rows, flat[np.repeat(starts[said.codes], each_has) + within], tuple(numbers))


def in_bands(field: str, rows: NDArray[np.int64], numbers: NDArray[np.float64]) -> Borne:
    """Numbers cut at their quartiles; of few different ones each is a value. numbers (m,): of records ``rows``."""
    different = np.unique(numbers)
    if len(different) <= 4:
        return Borne(field, rows, np.searchsorted(different, numbers), tuple(f"{one:g}" for one in different))
    edges = np.unique(np.quantile(numbers, [0.25, 0.5, 0.75]))
    texts = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    return Borne(field, rows, np.searchsorted(edges, numbers), (f"≤ {edges[0]:g}", *texts, f"> {edges[-1]:g}"))
