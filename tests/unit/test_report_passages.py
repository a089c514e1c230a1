"""A report's passages, and how they score."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lookalike.asking.rank_reports import report_scores
from lookalike.asking.reports import passages
from lookalike.store.reports import StoredReports


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_a_report_scores_by_its_best_passage(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = [rng.normal(size=(n, 8)).astype(np.float16) for n in counts]
    starts = np.cumsum([0, *counts[:-1]])
    query = rng.normal(size=(1, 8)).astype(np.float32)
    scores = report_scores(StoredReports(np.arange(len(counts)), starts, np.concatenate(vectors)), query)
    naive = [max(float(np.float32(row) @ query[0]) for row in np.float32(some)) for some in vectors]
    np.testing.assert_allclose(scores, naive, rtol=1e-5, atol=1e-6)


def test_passages_are_the_text_and_its_sentences() -> None:
    assert passages("FINDINGS: Big heart. Clear lungs!\nNo effusion") == [
        "FINDINGS: Big heart. Clear lungs!\nNo effusion",
        "FINDINGS: Big heart.",
        "Clear lungs!",
    ]
    denied = ("No fluid.", "There is no fluid.", "CHEST: without nodules.", "Negative for fracture.", "Not seen.")
    assert all(passages(f"Big heart. {each}")[1:] == ["Big heart."] for each in denied)
    said = ("Nodules, no fluid.", "Normal heart.", "Noted are nodules.", "Known fracture.")
    assert all(passages(f"Big heart. {each}")[1:] == ["Big heart.", each] for each in said)
    assert passages("One.") == ["One."]
    assert len(passages("Word here. " * 10 + "".join(f"Number {i}. " for i in range(500)))) == 64
