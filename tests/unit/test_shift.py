"""The two-sample test on nearest distances: quiet where queries are patients like the gallery's, loud where not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import voting
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.shift import ALPHA, Shift, shift_of, shift_test
from lookalike.types import Vectors

DIM = 16


def people(seed: int, patients: int, *, most: int = 4, away: float = 0.0) -> tuple[Vectors, list[str]]:
    """Records of patients, whose own lie close together; ``away`` from where the others are."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), rng.integers(1, most + 1, patients))
    centres = np.ones(DIM) + rng.normal(size=(patients, DIM))
    vectors = centres[owner] + 0.2 * rng.normal(size=(len(owner), DIM))
    return voting.unit_rows(vectors - away * np.ones(DIM)), [f"{seed}-{patient}" for patient in owner]


def found_of(seed: int, asked: tuple[Vectors, list[str]], known: tuple[Vectors, list[str]]) -> Shift:
    found = shift_test(asked[0], [{each} for each in asked[1]], asked[1], *known, seed)
    assert found is not None
    return found


def test_it_rarely_warns_of_patients_like_the_gallerys() -> None:
    """Both sides are drawn alike: at most 5 % of the draws are called shifted, and hardly fewer."""
    warned = [found_of(seed, people(2 * seed, 25), people(2 * seed + 1, 40)).shifted for seed in range(100)]
    assert sum(warned) <= 12  # 5 on average; 12 are passed once in a thousand


def test_it_finds_queries_that_lie_elsewhere() -> None:
    known = people(1, 60)
    far = found_of(0, people(2, 20, away=1.0), known)
    assert far.shifted
    assert far.p < 0.001
    assert far.effect > 0.8
    assert "WARNING" in far.sentence
    assert far.figures == f"queries unlike the gallery: effect {far.effect:.2f}, p < .001"
    # The nearer they come the smaller the effect.
    effects = [found_of(0, people(2, 20, away=away), known).effect for away in (0.0, 0.5, 1.0, 2.0)]
    assert effects == sorted(effects)


def test_queries_that_lie_nearer_are_no_shift() -> None:
    vectors, owners = people(1, 60)
    near = voting.unit_rows(vectors + 0.01)
    found = found_of(0, (near, [f"copy of {each}" for each in owners]), (vectors, owners))
    assert not found.shifted
    assert found.effect < 0.2
    assert "no more unlike" in found.sentence


def plain_effect(asked: Vectors, asking: list[str], known: Vectors, owners: list[str]) -> float:
    def nearest(vector: NDArray[np.float32], patient: str, other: int = -1) -> float:
        free = [i for i, owner in enumerate(owners) if owner != patient and i != other]
        return max(float(vector @ known[i]) for i in free)

    queries = [nearest(vector, patient) for vector, patient in zip(asked, asking, strict=True)]
    records = [nearest(vector, patient, i) for i, (vector, patient) in enumerate(zip(known, owners, strict=True))]
    return float(np.mean([1.0 * (q < r) + 0.5 * (q == r) for q in queries for r in records]))


@pytest.mark.parametrize("seed", range(5))
def test_the_effect_is_that_of_a_plain_loop(seed: int) -> None:
    asked, known = people(seed, 9), people(seed + 50, 14)
    asked[1][0] = known[1][0]  # a patient on both sides is nobody's nearest of its own
    assert found_of(0, asked, known).effect == pytest.approx(plain_effect(*asked, *known), abs=1e-6)


def test_the_same_seed_gives_the_same_answer_and_large_sets_are_sampled() -> None:
    asked, known = people(3, 400, most=3), people(4, 1000, most=3)
    found = found_of(7, asked, known)
    assert found == found_of(7, asked, known)
    assert (found.queries, found.records) == (500, 1500)


def test_one_patient_tells_nothing() -> None:
    known = people(1, 10)
    assert shift_test(known[0][:3], [{"a"}] * 3, ["a"] * 3, *known, 0) is None
    assert shift_test(known[0], [{each} for each in known[1]], known[1], known[0][:3], ["a"] * 3, 0) is None


def test_labelled_queries() -> None:
    (vectors, owners), known = people(2, 20, away=1.0), people(1, 60)
    sides = [
        Labelled(each, (("x",),) * len(of), tuple(of), tuple(map(str, range(len(of)))))
        for each, of in ((vectors, owners), known)
    ]
    found = shift_of(Queries(sides[0], (frozenset(),) * len(owners)), sides[1], 0)
    assert found == found_of(0, (vectors, owners), known)
    assert found.shifted is (found.p < ALPHA)
