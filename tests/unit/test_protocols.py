"""Protocols against brute force, and the encoder benchmark on small collections."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.errors import LookalikeError, UsageError
from lookalike.evaluation.experiment import MeasuredSpace
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.measures import AP, CAPPED, CUT, EACH, EXACT, NDCG
from lookalike.evaluation.protocols.declared import PublishedOptions
from lookalike.evaluation.protocols.published import ABSENT, PUBLISHED, Cases
from lookalike.evaluation.report import Report
from lookalike.evaluation.tables import latex_escape, render
from lookalike.gallery import Gallery
from lookalike.store import BASE, Batch, NewRecord
from lookalike.types import EncoderSpec, Preprocessing
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate

SPEC = EncoderSpec("lite0", "0" * 64, 8, 2, "", Preprocessing(), frozenset())
LABELS = ("a", "b", "c", "d")


def cases_from(
    labels: Sequence[tuple[str, ...]], patients: Sequence[str], splits: Sequence[str] = (), seed: int = 0
) -> Cases:
    """Every other seed draws vectors of halves, four of eight components: many cosines are equal, and exact."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(labels), 8)).astype(np.float32)
    if seed % 2:
        signs = rng.choice([-0.5, 0.5], (len(labels), 4))
        vectors = np.zeros_like(vectors)
        np.put_along_axis(vectors, rng.integers(0, 2, (len(labels), 4)) + np.arange(0, 8, 2), signs, axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = tuple(f"id{i}" for i in range(len(labels)))
    return Cases(Labelled(vectors, tuple(labels), tuple(patients), ids), tuple(splits) or ("",) * len(labels), {})


def score(name: str, cases: Cases, k: Sequence[int] = (), samples: int = 2000) -> Report:
    """The report of a protocol on cases that are in no gallery."""
    options = PublishedOptions(k=tuple(k), samples=samples)
    protocol = next(each for each in PUBLISHED if each.name == name)
    return protocol.score(MeasuredSpace(BASE, SPEC), cases, options)


def ranking(cases: Cases, query: int, among: Sequence[int]) -> list[int]:
    """The rows that may answer, best first, by loops over single numbers."""
    data = cases.data
    free = [row for row in among if data.patients[row] != data.patients[query]]
    return sorted(
        free,
        key=lambda row: -sum(float(a) * float(b) for a, b in zip(data.vectors[query], data.vectors[row], strict=True)),
    )


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def macro(per_query: Sequence[float | None], labels: Sequence[tuple[str, ...]]) -> float | None:
    means = [
        mean([v for v, bears in zip(per_query, labels, strict=True) if v is not None and name in bears])
        for name in LABELS
    ]
    return mean([value for value in means if value is not None])


def close(found: float | None, wanted: float | None) -> bool:
    return found is wanted if wanted is None or found is None else math.isclose(found, wanted, abs_tol=2e-6)


records = st.lists(
    st.tuples(st.frozensets(st.sampled_from(LABELS), min_size=1, max_size=3), st.integers(0, 5)),
    min_size=4,
    max_size=16,
)


@settings(max_examples=60, deadline=None)
@given(records, st.integers(0, 1000), st.sampled_from([1, 2, 5, 40]))
def test_plain_and_capped_equal_brute_force(drawn: list[tuple[frozenset[str], int]], seed: int, k: int) -> None:
    labels = [tuple(sorted(names))[:1] for names, _ in drawn]
    cases = cases_from(labels, [f"p{patient}" for _, patient in drawn], seed=seed)
    plain: list[float | None] = []
    capped: list[float | None] = []
    cut: list[float | None] = []
    for query, own in enumerate(labels):
        order = ranking(cases, query, range(len(labels)))
        total = sum(labels[row] == own for row in order)
        hits = sum(labels[row] == own for row in order[:k])
        plain.append(hits / k if total else None)
        capped.append(hits / min(k, total) if total else None)
        seen = min(k, total)
        cut.append(sum(labels[row] == own for row in order[:seen]) / seen if total else None)
    report = score("denner", cases, k=[k], samples=5)
    scored = [value for value in plain if value is not None]
    assert close(report.micro[f"P@{k}"], mean(scored))
    assert close(report.macro[f"P@{k}"], macro(plain, labels))
    assert close(report.measures[CAPPED].micro[f"P@{k}"], mean([v for v in capped if v is not None]))
    assert close(report.measures[CAPPED].macro[f"P@{k}"], macro(capped, labels))
    assert close(report.measures[CUT].micro[f"P@{k}"], mean([v for v in cut if v is not None]))
    assert close(report.measures[CUT].macro[f"P@{k}"], macro(cut, labels))
    assert report.left_out.get(ABSENT, 0) == len(plain) - len(scored) == report.unscored


@settings(max_examples=60, deadline=None)
@given(records, st.integers(0, 1000), st.sampled_from([1, 3, 40]))
def test_multilabel_measures_equal_brute_force(drawn: list[tuple[frozenset[str], int]], seed: int, k: int) -> None:
    labels = [tuple(sorted(names)) for names, _ in drawn]
    cases = cases_from(labels, [f"p{patient}" for _, patient in drawn], seed=seed)
    overlap: list[float | None] = []
    exact: list[float | None] = []
    ndcg: list[float | None] = []
    pairs: dict[str, list[float]] = {}
    for query, own in enumerate(drawn):
        order = ranking(cases, query, range(len(labels)))
        gains = [len(own[0] & drawn[row][0]) / len(own[0] | drawn[row][0]) for row in order]
        overlap.append(sum(g > 0 for g in gains[:k]) / k if any(gains) else None)
        exact.append(sum(g == 1 for g in gains[:k]) / k if 1 in gains else None)
        ideal = sum(g / math.log2(r + 2) for r, g in enumerate(sorted(gains, reverse=True)[:k]))
        ndcg.append(sum(g / math.log2(r + 2) for r, g in enumerate(gains[:k])) / ideal if ideal else None)
        for label in own[0]:
            bearing = [label in drawn[row][0] for row in order]
            if any(bearing):
                pairs.setdefault(label, []).append(sum(bearing[:k]) / k)
    report = score("multilabel", cases, k=[k], samples=5)
    for figures, wanted in ((report.micro, overlap), (report.measures[EXACT].micro, exact)):
        assert close(figures[f"P@{k}"], mean([value for value in wanted if value is not None]))
    assert close(report.macro[f"P@{k}"], macro(overlap, labels))
    assert close(report.measures[NDCG].micro[f"nDCG@{k}"], mean([v for v in ndcg if v is not None]))
    alone = report.measures[EACH]
    assert close(alone.micro[f"P@{k}"], mean([value for values in pairs.values() for value in values]))
    for label, values in pairs.items():
        assert close(alone.per_class[label][f"P@{k}"], mean(values))


@settings(max_examples=60, deadline=None)
@given(records, st.integers(0, 1000), st.sampled_from([1, 3, 40]))
def test_findings_equal_brute_force(drawn: list[tuple[frozenset[str], int]], seed: int, k: int) -> None:
    """3d-mir: P@k, and AP over the whole ranking however small k is."""
    labels = [tuple(sorted(names)) for names, _ in drawn]
    cases = cases_from(labels, [f"p{patient}" for _, patient in drawn], seed=seed)
    at_k: list[float | None] = []
    average: list[float | None] = []
    for query, own in enumerate(drawn):
        same = [bool(own[0] & drawn[row][0]) for row in ranking(cases, query, range(len(labels)))]
        at_k.append(sum(same[:k]) / k if any(same) else None)
        precisions = [sum(same[: rank + 1]) / (rank + 1) for rank, hit in enumerate(same) if hit]
        average.append(mean(precisions))
    report = score("3d-mir", cases, k=[k], samples=5)
    assert close(report.micro[f"P@{k}"], mean([value for value in at_k if value is not None]))
    assert close(report.macro[f"P@{k}"], macro(at_k, labels))
    assert close(report.measures[AP].micro["AP"], mean([value for value in average if value is not None]))
    assert close(report.measures[AP].macro["AP"], macro(average, labels))


def test_the_official_split_test_asks_train_and_val_is_unused() -> None:
    labels = [("a",), ("b",)] * 15
    splits = ["train"] * 20 + ["val"] * 4 + ["test"] * 6
    cases = cases_from(labels, [f"p{i}" for i in range(30)], splits)
    report = score("denner", cases, k=[3], samples=5)
    nearest = {query: ranking(cases, query, range(20))[:3] for query in range(24, 30)}
    hits = [sum(labels[row] == labels[query] for row in rows) / 3 for query, rows in nearest.items()]
    assert report.queries == 6
    assert close(report.micro["P@3"], mean(hits))
    assert report.split == "official split, test asks train; 4 records of no or another split unused"


def test_without_test_pictures_val_asks() -> None:
    cases = cases_from([("a",), ("b",)] * 6, [f"p{i}" for i in range(12)], ["train"] * 8 + ["val"] * 4)
    assert score("denner", cases, samples=5).split == "official split, val asks train"


def test_a_patient_on_both_sides_of_an_official_split_is_left_out() -> None:
    cases = cases_from([("a",)] * 6, ["p", "q", "r", "p", "q", "s"], ["train"] * 3 + ["test"] * 3)
    report = score("denner", cases, k=[3], samples=5)
    assert report.micro["P@3"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3, abs=1e-6)
    assert report.measures[CAPPED].micro["P@3"] == 1
    assert report.audit.same_patient == 2


def fill(gallery: Gallery, rows: Sequence[dict[str, Any]], dim: int = 8) -> None:
    """Records with the vectors that a test wants: {"labels", "patient", "vector", attributes}."""
    batch = Batch()
    for i, row in enumerate(rows):
        vector = np.asarray(row.get("vector", np.random.default_rng(i).normal(size=dim)), np.float32)
        vector /= np.linalg.norm(vector)
        batch.records.append(
            NewRecord(
                f"{i}.png",
                f"{i:064x}",
                0,
                str(row.get("patient", i)),
                tuple(row["labels"]),
                row.get("attributes", {}),
                vector[None],
                b"",
            )
        )
    gallery.store.write(batch)


def test_classes_are_modality_anatomy_pathology(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(
        gallery,
        [
            {"labels": ["normal"], "attributes": {"modality": "CT", "anatomy": "abd"}},
            {"labels": ["normal"], "attributes": {"modality": "MR", "anatomy": "abd"}},
            {"labels": ["normal"], "attributes": {"Modality": "DX", "BodyPartExamined": "CHEST"}},
            {"labels": ["normal"], "attributes": {"Modality": "CR", "BodyPartExamined": "CHEST"}},
            {"labels": ["mass"]},
            {"labels": ["mass", "node"]},
            {"labels": []},
        ],
    )
    report = evaluate(gallery, protocol="denner")
    assert report.class_sizes == {"CT/Abd/normal": 1, "MR/Abd/normal": 1, "X-ray/Chest/normal": 2, "mass": 1}
    assert report.left_out == {"several labels": 1, "no label": 1, ABSENT: 3}
    assert report.macro["P@1"] == report.micro["P@1"]


def test_depths_reach_a_hundred_on_a_small_gallery(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["a" if i % 2 else "b"]} for i in range(10)])
    report = evaluate(gallery, protocol="denner")
    assert report.macro["P@100"] == pytest.approx(4 / 100)
    assert report.measures[CAPPED].macro["P@100"] == 1


def test_plain_precision_is_what_evaluate_says(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["ab"[i % 2]], "patient": i // 2} for i in range(30)])
    asked = evaluate(gallery, k=[1, 5], samples=50)
    report = evaluate(gallery, protocol="denner", k=[1, 5], samples=50)
    for name in ("micro", "macro", "per_class", "chance", "intervals"):
        assert getattr(report, name) == getattr(asked, name)
    several = evaluate(gallery, protocol="multilabel", k=[1, 5], samples=50)
    assert several.macro == asked.macro


def test_medimageinsight_sets_the_adapter_beside_the_baseline(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    rng = np.random.default_rng(0)
    rows = []
    for i in range(50):
        vector = rng.normal(size=384)
        vector[i % 5] += 2  # the class hides in a few of many directions
        rows.append({"labels": [f"class {i % 5}"], "vector": vector})
    fill(gallery, rows)
    adapt(gallery, "findings", kind="linear")
    report = evaluate(gallery, protocol="medimageinsight", space="findings", samples=50)
    again = evaluate(gallery, space="findings", folds=5, k=[1, 3, 5], samples=50)
    assert report.split == "5 patient-disjoint folds, seed 0"
    assert report.baseline == again.baseline
    assert report.macro == again.macro
    assert report.gain == again.gain
    assert list(report.macro) == ["P@1", "P@3", "P@5"]
    assert "P@5 base" in report.tables()
    assert "P@5 findings" in report.tables()


def test_an_adapted_space_needs_a_split(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["ab"[i % 2]]} for i in range(20)], dim=384)
    adapt(gallery, "findings", kind="linear")
    with pytest.raises(UsageError, match="give --folds"):
        evaluate(gallery, protocol="denner", space="findings")
    capped = evaluate(gallery, protocol="denner", space="findings", folds=4, k=[1], samples=5).measures
    assert set(capped) == {f"{name}{of}" for name in (CAPPED, CUT) for of in ("", " (base)")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"protocol": "dener"}, "Did you mean 'denner'"),
        ({"protocol": "denner", "k": [0]}, "from 1 to 1000"),
        ({"protocol": "denner", "folds": 1}, "folds must be"),
        ({"protocol": "denner", "space": "nowhere"}, "no space is called"),
    ],
)
def test_what_cannot_be_asked_is_said(
    make_gallery: Callable[..., Gallery], arguments: dict[str, Any], says: str
) -> None:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["ab"[i % 2]]} for i in range(8)])
    with pytest.raises(LookalikeError, match=says):
        evaluate(gallery, **arguments)


def test_a_gallery_without_single_labels_says_why(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["a", "b"]}, {"labels": []}])
    with pytest.raises(UsageError, match="1 with several labels, 1 with no label"):
        evaluate(gallery, protocol="denner")


def small_report(make_gallery: Callable[..., Gallery], protocol: str) -> Report:
    gallery = make_gallery()
    fill(gallery, [{"labels": ["no_finding" if i % 2 else "A & B"]} for i in range(12)])
    return evaluate(gallery, protocol=protocol, k=[1, 3], samples=20)


@pytest.mark.parametrize("protocol", sorted(each.name for each in PUBLISHED))
def test_every_form_of_every_report(make_gallery: Callable[..., Gallery], protocol: str) -> None:
    report = small_report(make_gallery, protocol)
    figure = f"{report.macro['P@1']:.3f}"
    for form in ("text", "markdown", "csv", "latex"):
        text = report.tables(form)
        assert figure in text
        for measure in report.measures if form != "csv" else ():
            assert (latex_escape(measure) if form == "latex" else measure) in text
    assert json.loads(report.tables("json")) == json.loads(json.dumps(asdict(report)))
    assert protocol in report.notes[0]


def test_latex_is_escaped_and_balanced(make_gallery: Callable[..., Gallery]) -> None:
    text = small_report(make_gallery, "denner").tables("latex")
    assert r"no\_finding" in text
    assert r"A \& B" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 5
    for table in text.split(r"\begin{table}")[1:]:
        body = table.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
        assert len({line.replace(r"\&", "").count("&") for line in body}) == 1


def test_a_table_has_no_json_form() -> None:
    with pytest.raises(UsageError, match="cannot be printed as 'json'"):
        render("title", [["a"]], "json")
