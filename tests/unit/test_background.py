"""How alike a gallery's own records are, against loops over all of them: no pair of one patient counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from filled import fill, unit
from lookalike.asking.background import ABSTAIN, space_background
from lookalike.gallery import Gallery
from lookalike.verbs.records import remove

PATIENTS = 80  # each with two pictures that are nearly the same
COUNT = 2 * PATIENTS
DIM = 384


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    """(160, 384): patients lie around a few centres, so that scores differ; two rows of one patient are close."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(6, DIM))
    people = centres[rng.integers(6, size=PATIENTS)] + rng.normal(size=(PATIENTS, DIM)) * rng.uniform(
        0.3, 2, (PATIENTS, 1)
    )
    twice = np.repeat(people, 2, axis=0) + rng.normal(size=(COUNT, DIM)) * 0.01
    twice[-1] = rng.normal(size=DIM) + 0.1 * centres.sum(axis=0)  # one record is unlike all others
    return unit(twice)


@pytest.fixture
def gallery(make_gallery: Callable[..., Gallery], vectors: NDArray[np.float32]) -> Gallery:
    made = make_gallery()
    fill(made, list(vectors), [f"p{i // 2}" for i in range(COUNT)])
    return made


def others(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(160, 158): the cosines of each record with those of other patients."""
    rows = [[float(vectors[i] @ vectors[j]) for j in range(COUNT) if i // 2 != j // 2] for i in range(COUNT)]
    return np.array(rows)


def test_both_distributions_are_of_other_patients(gallery: Gallery, vectors: NDArray[np.float32]) -> None:
    known, cosines = space_background(gallery, "base"), others(vectors)
    np.testing.assert_allclose(known.nearest, np.sort(cosines.max(axis=1)), atol=2e-6)
    expected = np.quantile(cosines, np.linspace(0, 1, len(known.scores)))
    np.testing.assert_allclose(known.scores, expected, atol=2e-6)
    assert known.scores[-1] < 0.99 < float(vectors[0] @ vectors[1])  # what a pair of one patient reaches


def test_a_percentile_is_the_share_of_pairs_that_are_less_alike(gallery: Gallery, vectors: NDArray[np.float32]) -> None:
    cosines = others(vectors)
    hits = lookalike.search(gallery, vector=vectors[0], k=COUNT).hits
    assert len(hits) == COUNT
    for hit in hits:
        assert hit.percentile == pytest.approx(100 * (cosines < hit.score).mean(), abs=0.25)
    assert hits[1].percentile == 100  # the other picture of the same patient is above all pairs


def between(vectors: NDArray[np.float32], best: float) -> NDArray[np.float32]:
    """A query whose best cosine with the records is this one: a record, and a direction across all of them."""
    away = np.linalg.svd(vectors.astype(np.float64))[2][-1]
    return unit(best * vectors[7].astype(np.float64) + np.sqrt(1 - best**2) * away)


def test_it_abstains_below_what_99_of_100_records_find(gallery: Gallery, vectors: NDArray[np.float32]) -> None:
    nearest = np.sort(others(vectors).max(axis=1))
    at = int(ABSTAIN * (COUNT - 1))
    assert at > 0  # so that the lowest is another one
    assert nearest[at] - nearest[0] > 1e-3
    for best, unlike in (
        (nearest[0] - 1e-3, True),
        ((nearest[0] + nearest[at]) / 2, True),
        (nearest[at] - 1e-4, True),
        (nearest[at] + 1e-4, False),
        (0.9, False),
    ):
        found = lookalike.search(gallery, vector=between(vectors, float(best)), k=1)
        assert found.hits[0].score == pytest.approx(best, abs=1e-5)
        assert found.abstained is unlike, best


def test_nearness_is_the_share_of_records_whose_nearest_is_farther(
    gallery: Gallery, vectors: NDArray[np.float32]
) -> None:
    nearest = others(vectors).max(axis=1)
    for best in (0.1, 0.3, 0.6, 0.9):
        hits = lookalike.search(gallery, vector=between(vectors, best), k=9).hits
        for hit in hits:
            assert hit.nearness == pytest.approx(100 * (nearest < hit.score).mean(), abs=100 / COUNT + 0.01)


def test_a_filter_never_makes_something_unlike(
    make_gallery: Callable[..., Gallery], vectors: NDArray[np.float32]
) -> None:
    """The record that is unlike all others is all that the filter leaves, or one of what it leaves."""
    made = make_gallery()
    fill(made, list(vectors), [f"p{i // 2}" for i in range(COUNT)], attributes=[{"n": float(i)} for i in range(COUNT)])
    query = vectors[20]
    free = lookalike.search(made, vector=query, k=1)
    assert (free.abstained, free.unfiltered, free.note) == (False, None, "")
    away = lookalike.search(made, vector=query, k=1, where=f"n={COUNT - 1}")
    assert (away.abstained, away.unfiltered) == (False, pytest.approx(free.hits[0].score))
    assert f"the filter leaves nothing similar: the best that it leaves has {away.hits[0].score:.3f}" in away.note
    nobody = lookalike.search(made, vector=query, k=1, where="n<0")
    assert (nobody.abstained, nobody.hits) == (False, ())
    assert "the filter allows none" in nobody.note
    assert "without it the best would have 1.000" in nobody.note
    near = lookalike.search(made, vector=query, k=1, where="n>10")
    assert (near.abstained, near.unfiltered, near.note) == (False, None, "")
    far = between(vectors, 0.05)
    for where in (None, "n>10", f"n={COUNT - 1}", "n<0"):  # nothing similar is here whatever the filter
        found = lookalike.search(made, vector=far, k=1, where=where)
        assert (found.abstained, found.unfiltered) == (True, None)


def test_what_a_filter_takes_away_is_told_as_it_is_now(
    make_gallery: Callable[..., Gallery], vectors: NDArray[np.float32]
) -> None:
    """What is nearest whatever the filter is remembered for a query, and forgotten with the vectors."""
    made = make_gallery()
    ids = fill(made, list(vectors), [f"p{i // 2}" for i in range(COUNT)], attributes=[{"n": i} for i in range(COUNT)])
    query, where = vectors[20], f"n={COUNT - 1}"
    left = list(range(COUNT))
    for gone in (None, 20, 21):
        if gone is not None:
            remove(made, ids=[ids[gone]])
            left.remove(gone)
        for _ in range(2):
            found = lookalike.search(made, vector=query, k=1, where=where)
            assert found.unfiltered == pytest.approx(max(float(query @ vectors[i]) for i in left), abs=1e-6)
    own = lookalike.search(made, id=ids[22], k=1, where=where).unfiltered
    every = lookalike.search(made, id=ids[22], k=1, where=where, same_patient=True).unfiltered
    assert own == pytest.approx(max(float(vectors[22] @ vectors[i]) for i in left if i // 2 != 11), abs=1e-6)
    assert every == pytest.approx(1)
