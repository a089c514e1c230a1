"""Recall of volumes by class, against a brute-force count on planted vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.slices import slice_rule, slice_weights
from lookalike.store import Batch, NewRecord
from lookalike.verbs.evaluate import evaluate

ORGANS = ["liver", "brain", "heart", "liver", "brain", "liver", "heart", "brain", "liver", "brain", "knee", "spine"]
PATIENTS = ["a", "b", "c", "d", "e", "a", "g", "h", "i", "b", "k", "k"]
KS = (1, 2, 5)


def planted(gallery: Gallery) -> list[NewRecord]:
    """Volumes of 3 to 7 slices, some left out as blank; vectors around their organ's direction. The last, of the
    same patient as the knee, is a spine: no other patient has either.
    """
    random = np.random.default_rng(3)
    dim = gallery.spec.dim
    directions = dict(zip(sorted(set(ORGANS)), random.normal(size=(5, dim)), strict=True))
    records = []
    for i, (organ, patient) in enumerate(zip(ORGANS, PATIENTS, strict=True)):
        kept = np.arange(1, 4 + i % 5)
        vectors = directions[organ] + 3 * random.normal(size=(len(kept), dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        records.append(
            NewRecord(
                source=f"v{i}",
                sha256=f"{i:064x}",
                frame=0,
                vectors=vectors.astype(np.float32),
                views=tuple(kept.tolist()),
                patient=patient,
                labels=(organ,),
                thumbnail=b"",
                attributes={"organ": organ, "slices": float(len(kept) + 2), "side": "left" if i % 2 else "right"},
            )
        )
    gallery.store.write(Batch(records=records))
    return records


def brute_force(records: list[NewRecord], rank: str, rule: str, weighting: str) -> tuple[dict[str, Any], int]:
    """organ -> recall, then precision, at each k, by the definition."""
    cut = []
    for record in records:
        at = slice_rule(rule).pick(len(record.views))
        positions = np.array(record.views)[at] / (float(record.attributes["slices"]) - 1)
        cut.append((record.vectors[at].astype(float), slice_weights(weighting, positions)))
    found: dict[str, list[list[bool]]] = {}
    for i, asked in enumerate(records):
        others = [j for j, other in enumerate(records) if other.patient != asked.patient]
        organ = asked.labels[0]
        if not any(records[j].labels[0] == organ for j in others):
            continue
        scores = {j: _score(cut, i, j, others, rank) for j in others}
        best = sorted(others, key=lambda j: (-scores[j], j))
        hits = [[records[j].labels[0] == organ for j in best[:k]] for k in KS]
        precision = [sum(hit) / k for hit, k in zip(hits, KS, strict=True)]
        found.setdefault(organ, []).append([*map(any, hits), *precision])
    asked_count = sum(len(rows) for rows in found.values())
    return {organ: np.mean(rows, axis=0).tolist() for organ, rows in found.items()}, asked_count


def by_chance(records: list[NewRecord], organs: Iterable[str]) -> dict[str, float]:
    """organ -> the share of other patients' volumes that are of it, mean over its volumes."""
    found = {}
    for organ in organs:
        shares = []
        for asked in (each for each in records if each.labels[0] == organ):
            others = [each for each in records if each.patient != asked.patient]
            shares.append(sum(each.labels[0] == organ for each in others) / len(others))
        found[organ] = float(np.mean(shares))
    return found


def _score(cut: list[Any], i: int, j: int, others: list[int], rank: str) -> float:
    (query, weights), (document, shares) = cut[i], cut[j]
    similar = query @ document.T
    if rank in ("pool:median", "pool:max"):
        a, b = (np.median(v, axis=0) if rank == "pool:median" else v.max(axis=0) for v in (query, document))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    if rank == "pool":
        a, b = weights @ query, shares @ document
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    if rank == "max":
        return float(similar.max())
    if rank in ("count", "sum"):  # each query slice votes for the volume of the slice most similar to it
        best = np.array([(query @ cut[other][0].T).max(axis=1) for other in others]).max(axis=0)
        won = weights * (similar.max(axis=1) == best)
        total = won.sum() if rank == "count" else (won * best).sum()
        return float(total + 1e-6 * similar.max())
    return float((similar.max(axis=1) * weights).sum())


@pytest.mark.parametrize("rank", ["pool", "pool:median", "pool:max", "count", "max", "sum", "maxsim"])
@pytest.mark.parametrize(("rule", "weighting"), [("all", "uniform"), ("middle:3", "gaussian:0.2")])
def test_recall_is_what_a_plain_count_gives(
    make_gallery: Callable[..., Gallery], rank: str, rule: str, weighting: str
) -> None:
    gallery = make_gallery()
    records = planted(gallery)
    report = evaluate(
        gallery, protocol="khun-jush", levels=["organ"], slices=[rule], weights=[weighting], ranks=[rank], k=KS
    )
    (score,) = report.scores
    expected, asked = brute_force(records, rank, rule, weighting)
    names = [*(f"R@{k}" for k in KS), *(f"P@{k}" for k in KS)]
    assert {organ: [of[name] for name in names] for organ, of in score.per_class.items()} == expected
    for at, name in enumerate(names):
        values = [of[at] for of in expected.values()]
        mean, spread = {**score.recall, **score.precision}[name]
        assert (mean, spread) == pytest.approx((np.mean(values), np.std(values)))
        low, high = score.intervals[name]
        assert low is not None
        assert high is not None
        assert low - 1e-6 <= mean <= high + 1e-6
        assert score.per_class_intervals.keys() == score.per_class.keys()
    assert score.chance == pytest.approx(np.mean([*by_chance(records, expected).values()]))
    assert (score.classes, score.queries) == (3, asked)
    assert (report.volumes, report.patients) == (12, 9)
    assert score.unfindable == ("knee", "spine")


def test_settings_levels_and_filters(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    planted(gallery)
    report = evaluate(
        gallery,
        protocol="khun-jush",
        levels=["organ", "label", "side"],
        slices=["all", "random:2"],
        weights=["uniform", "gaussian:0.2"],
        ranks=["pool", "maxsim"],
        index=["flat", "hnsw"],
        k=(3,),
    )
    # The pool is exact whatever the index.
    assert len(report.scores) == 3 * 2 * 2 * (1 + 2)
    by_level = {
        level: [(s.slices, s.weights, s.rank, s.index, s.recall) for s in report.scores if s.level == level]
        for level in ("organ", "label")
    }
    assert by_level["organ"] == by_level["label"]
    assert "Recall by side" in report.tables()
    assert "Precision by side" in report.tables()
    assert "random:2" in str(report)
    right = evaluate(gallery, protocol="khun-jush", levels=["organ"], ranks=["pool"], where="side=right")
    assert right.volumes == 6


def test_what_cannot_be_measured_is_refused(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    with pytest.raises(UsageError, match="fewer than two volumes"):
        evaluate(gallery, protocol="khun-jush")
    planted(gallery)
    with pytest.raises(UsageError, match="no volume has the attribute 'stage'"):
        evaluate(gallery, protocol="khun-jush", levels=["stage"])
    with pytest.raises(UsageError, match="rank is one of"):
        evaluate(gallery, protocol="khun-jush", ranks=["best"])
