"""Distances from a reference set, against a loop over single numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from filled import fill, unit
from lookalike.errors import ManifestMismatchError, NotFoundError, UsageError
from lookalike.gallery import Gallery
from lookalike.verbs.audit import audit_outliers
from lookalike.verbs.cohorts.cohorts import save_cohort


def test_distances_percentiles_and_area_are_what_a_loop_gives(make_gallery: Callable[..., Gallery]) -> None:
    rng = np.random.default_rng(2)
    gallery, count = make_gallery(encoder="imported:x:5"), 40
    normal = [i % 4 != 0 for i in range(count)]
    vectors = unit(
        rng.normal(size=(count, 5)) * 0.6 + [[2.0, 0, 0, 0, 0] if each else [0, 0, 1, 0, 0] for each in normal]
    )
    patients = [f"p{i // 3}" for i in range(count)]
    ids = fill(gallery, list(vectors), patients, [("normal",) if each else ("mass",) for each in normal])

    def distance(i: int) -> float:
        others = [float(vectors[i] @ vectors[j]) for j in range(count) if normal[j] and patients[j] != patients[i]]
        return 1 - float(np.mean(sorted(others)[-3:]))

    own = [distance(i) for i in range(count) if normal[i]]
    expected = sorted(((distance(i), ids[i]) for i in range(count) if not normal[i]), reverse=True)
    audit = audit_outliers(gallery, "label=normal", neighbours=3, limit=6)
    assert [each.id for each in audit.outliers] == [identity for _, identity in expected[:6]]
    assert [each.distance for each in audit.outliers] == pytest.approx([value for value, _ in expected[:6]], abs=1e-5)
    assert [each.percentile for each in audit.outliers] == pytest.approx(
        [100 * np.mean([value < one for value in own]) for one, _ in expected[:6]], abs=0.01
    )
    assert (audit.reference, audit.records) == (30, 10)
    assert audit.limit == pytest.approx(np.quantile(own, 0.95), abs=1e-5)
    assert audit.beyond == sum(value > np.quantile(own, 0.95) for value, _ in expected)
    assert audit.auc == pytest.approx(np.mean([[other > one for one in own] for other, _ in expected]))
    assert ids[0] in str(audit) or expected[0][1] in str(audit)


def test_known_outliers_are_told_with_an_interval(make_gallery: Callable[..., Gallery]) -> None:
    rng = np.random.default_rng(3)
    gallery, count = make_gallery(encoder="imported:x:4"), 90
    kinds = ["normal" if i % 3 == 0 else "mass" if i % 3 == 1 else "cyst" for i in range(count)]
    places = {"normal": [2.0, 0, 0, 0], "mass": [0.8, 1.2, 0, 0], "cyst": [1.6, 0.6, 0, 0]}
    vectors = unit(rng.normal(size=(count, 4)) * 0.5 + [places[kind] for kind in kinds])
    fill(gallery, list(vectors), [f"p{i // 3}" for i in range(count)], [(kind,) for kind in kinds])
    audit = audit_outliers(gallery, "label=normal", outlier="label=mass", limit=60)
    distances = {kind: [o.distance for o in audit.outliers if o.labels == (kind,)] for kind in ("mass", "cyst")}
    assert audit.known is not None
    assert (audit.known.outliers, audit.known.others) == (30, 30)
    assert audit.known.auc == pytest.approx(np.mean([[m > c for c in distances["cyst"]] for m in distances["mass"]]))
    assert audit.known.interval is not None
    low, high = audit.known.interval
    assert 0.5 < low < audit.known.auc < high < 1
    assert "30 of the compared records" in str(audit)
    assert audit_outliers(gallery, "label=normal").known is None
    nobody = audit_outliers(gallery, "label=normal", outlier="label=normal")
    assert nobody.known is not None
    assert nobody.known.auc is None


def test_what_cannot_be_compared_is_said(make_gallery: Callable[..., Gallery]) -> None:
    gallery = make_gallery(encoder="imported:x:2")
    fill(gallery, [np.array([1.0, 0]), np.array([0, 1.0]), np.array([1.0, 1])], ["a", "b", "c"], [("n",)] * 3)
    with pytest.raises(UsageError, match="has 3 records and 0 others"):
        audit_outliers(gallery, "label=n")
    with pytest.raises(UsageError, match="at least 1"):
        audit_outliers(gallery, "label=n", neighbours=0)


def test_a_studys_distance_is_the_mean_of_its_records(make_gallery: Callable[..., Gallery]) -> None:
    rng = np.random.default_rng(5)
    gallery, count = make_gallery(encoder="imported:x:4"), 120
    sick = [i // 4 % 3 == 0 for i in range(count)]  # whole studies of two records, two studies a patient
    vectors = unit(rng.normal(size=(count, 4)) * 0.6 + [[1.0, 0.7, 0, 0] if each else [2.0, 0, 0, 0] for each in sick])
    patients, studies = [f"p{i // 4}" for i in range(count)], [f"s{i // 2}" for i in range(count)]
    sites = [{"site": "north" if i % 8 >= 4 and not sick[i] else "south"} for i in range(count)]
    labels = [("mass",) if each else ("normal",) for each in sick]
    ids = fill(gallery, list(vectors), patients, labels, sites, studies=studies)
    reference = [i for i in range(count) if sites[i]["site"] == "north"]

    def distance(i: int) -> float:
        others = [float(vectors[i] @ vectors[j]) for j in reference if patients[j] != patients[i]]
        return 1 - float(np.mean(sorted(others)[-5:]))

    expected = {studies[i]: np.mean([distance(i), distance(i + 1)]) for i in range(0, count, 2) if i not in reference}
    audit = audit_outliers(gallery, "site=north", outlier="label=mass", per="study", limit=100)
    assert (audit.per, audit.records, audit.reference) == ("study", len(expected), len(reference) // 2)
    assert [each.distance for each in audit.outliers] == pytest.approx(
        sorted(expected.values(), reverse=True), abs=1e-5
    )
    assert {each.records for each in audit.outliers} == {2}
    assert len({each.study for each in audit.outliers}) == len(expected)
    for each in audit.outliers:
        first = ids.index(each.id) // 2 * 2
        assert each.id == ids[max((first, first + 1), key=distance)]
    assert audit.known is not None
    mass, rest = ([v for s, v in expected.items() if sick[2 * int(s[1:])] == known] for known in (True, False))
    assert audit.known.auc == pytest.approx(np.mean([[one > other for other in rest] for one in mass]), abs=1e-4)
    assert audit.known.interval is not None
    assert audit.known.interval[0] < audit.known.auc < audit.known.interval[1]
    assert "compared studies" in str(audit)


def test_a_reference_of_another_gallery(make_gallery: Callable[..., Gallery]) -> None:
    rng = np.random.default_rng(6)
    gallery, other = make_gallery("here", encoder="imported:x:4"), make_gallery("there", encoder="imported:x:4")
    middle = np.array([2.0, 0, 0, 0])
    vectors, theirs = unit(rng.normal(size=(30, 4)) + middle), unit(rng.normal(size=(40, 4)) + middle)
    patients, owners = [f"a{i // 3}" for i in range(30)], [f"b{i // 5}" for i in range(40)]
    ids = fill(gallery, list(vectors), patients)
    fill(other, list(theirs), owners, [("normal",) if i % 2 == 0 else ("odd",) for i in range(40)])

    def distance(i: int, among: list[int]) -> float:
        shared = {owners[j] for j in range(30) if patients[j] == patients[i]}  # same number, same file
        cosines = [float(vectors[i] @ theirs[j]) for j in among if owners[j] not in shared]
        return 1 - float(np.mean(sorted(cosines)[-5:]))

    for where, among in ((None, list(range(40))), ("label=normal", list(range(0, 40, 2)))):
        audit = audit_outliers(gallery, where, reference_gallery=other.folder, limit=30)
        expected = {ids[i]: distance(i, among) for i in range(30)}
        assert {each.id: each.distance for each in audit.outliers} == pytest.approx(expected, abs=1e-5)
        assert audit.reference == len(among)
    save_cohort(other, "evens", where="label=normal")
    assert audit_outliers(gallery, reference_cohort="evens", reference_gallery=other.folder, limit=30) == audit
    assert "another gallery" in str(audit)
    with pytest.raises(NotFoundError, match="no cohort"):
        audit_outliers(gallery, reference_cohort="evens")
    elsewhere = make_gallery("elsewhere", encoder="imported:y:4")
    with pytest.raises(ManifestMismatchError, match="elsewhere was made with the encoder"):
        audit_outliers(gallery, reference_gallery=elsewhere.folder)
    with pytest.raises(UsageError, match="the reference gallery is the gallery that is asked itself"):
        audit_outliers(gallery, reference_gallery=gallery.folder)
    with pytest.raises(UsageError, match="name a reference"):
        audit_outliers(gallery)
