"""Which label is taken for which: against plain Python, bounded, and without whom was erased."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import pytest

from labelled_cases import CLASSES, Case, MakeGallery, cases, filled
from lookalike.errors import UsageError
from lookalike.evaluation.classifier_report import ClassifierReport
from lookalike.evaluation.confusion import AnsweredQuery, Confusion, confusion_of
from lookalike.job_queue import end_job
from lookalike.server.serialise import plain
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.jobs import job_info, job_report, submit_job
from lookalike.verbs.records import remove


def nearest(query: Case, made: list[Case]) -> list[Case]:
    return sorted(
        (case for case in made if case.patient != query.patient), key=lambda case: -float(query.vector @ case.vector)
    )


@pytest.mark.parametrize("k", [[1], [1, 10]])
def test_the_nearest_record_answers(make_gallery: MakeGallery, k: list[int]) -> None:
    made = cases(40, patients=12)
    gallery = filled(make_gallery(), made)
    report = evaluate(gallery, k=k, samples=20)
    found = report.confusion
    assert found is not None
    expected = Counter((case.labels[0], nearest(case, made)[0].labels[0]) for case in made)
    cells = {(a, b): found.counts[i][j] for i, a in enumerate(found.classes) for j, b in enumerate(found.classes)}
    assert {cell: count for cell, count in cells.items() if count} == expected
    scored = report.queries - report.unscored
    assert sum(found.counts[i][i] for i in range(len(found.classes))) / scored == pytest.approx(report.micro["P@1"])
    ids = {record.source: record.id for record in gallery.store.records().values()}
    by_id = {ids[f"/data/{case.sha256[:6]}"]: case for case in made}
    listed = Counter((each.label, each.answer) for each in found.queries)
    assert listed == {cell: min(count, 20) for cell, count in expected.items()}
    for each in found.queries:
        near = nearest(by_id[each.id], made)[: min(5, k[-1])]
        assert [one.id for one in each.neighbours] == [ids[f"/data/{case.sha256[:6]}"] for case in near]
        assert [one.labels for one in each.neighbours] == [case.labels for case in near]
    assert "Confusion: what the nearest record bears" in report.tables()


def test_in_folds_nobody_is_answered_by_its_own_fold(make_gallery: MakeGallery) -> None:
    report = evaluate(filled(make_gallery(), cases(40, patients=12)), folds=3, samples=20)
    assert report.confusion is not None
    assert sum(map(sum, report.confusion.counts)) == report.queries
    assert all(each.id not in [one.id for one in each.neighbours] for each in report.confusion.queries)


def test_several_labels_have_no_confusion(make_gallery: MakeGallery) -> None:
    assert evaluate(filled(make_gallery(), cases(several=True)), samples=20).confusion is None


def test_classifiers_name_the_queries_of_each_cell(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), cases(40, patients=12)[:-1])
    report = evaluate(gallery, protocol="classifiers", methods=["knn", "centroid"], folds=3, samples=20)
    assert isinstance(report, ClassifierReport)
    assert report.space == "base"
    patients = {record.id: record.patient for record in gallery.store.records().values()}
    for method in report.methods:
        found = report.confusion(method)
        assert found is not None
        for row, label in enumerate(found.classes):
            for column, answer in enumerate(found.classes):
                assert len(found.cell(label, answer)) == min(20, found.counts[row][column])
        for each in found.queries:
            assert len(each.neighbours) == 5
            assert patients[each.id] not in {patients[one.id] for one in each.neighbours}


def query(number: int, label: str, answer: str) -> AnsweredQuery:
    return AnsweredQuery(f"{number:04}", label, answer, ())


def test_no_cell_is_crowded_out() -> None:
    """Of 30,000 right answers and one error of each other kind every error is listed."""
    names = [f"c{i}" for i in range(25)]
    every = [query(i, names[i % 25], names[i % 25]) for i in range(30_000)]
    every += [query(i, a, b) for i, (a, b) in enumerate((a, b) for a in names for b in names if a != b)]
    found = confusion_of(every)
    assert sum(map(sum, found.counts)) == len(every)
    assert len(found.queries) <= 1000
    assert all(len(found.cell(a, b)) == 1 for a in names for b in names if a != b)
    assert all(1 <= len(found.cell(a, a)) <= 20 for a in names)


def test_a_label_that_there_is_not_is_an_error() -> None:
    found = Confusion(("edema", "mass"), ((1, 0), (0, 1)), (query(0, "edema", "edema"),))
    with pytest.raises(UsageError, match="Did you mean 'edema'"):
        found.cell("edma", "mass")
    assert found.cell("mass", "edema") == ()


def test_an_erased_record_leaves_the_lists_and_the_figures_stay(make_gallery: MakeGallery) -> None:
    gallery = filled(make_gallery(), cases(30, patients=9))
    report = evaluate(gallery, k=[5], samples=20)
    job = submit_job(gallery, "evaluate", {}, "anna")
    end_job(gallery, job.id, result=plain(report), reports={"md": report.tables("markdown")})
    gone = report.worst[0]
    before = job_info(gallery, job.id).result
    assert gone in str(before)
    remove(gallery, [gone])
    after = job_info(gallery, job.id).result
    assert after is not None
    assert gone not in str(after)
    assert gone not in job_report(gallery, job.id, "json")
    assert (after["micro"], after["confusion"]["counts"]) == (before["micro"], before["confusion"]["counts"])
    listed = after["confusion"]["queries"]
    had = before["confusion"]["queries"]
    assert [each["id"] for each in listed] == [each["id"] for each in had if each["id"] != gone]
    assert any(len(each["neighbours"]) == 4 for each in listed)
    assert len(after["worst"]) == len(before["worst"]) - 1
    assert job_report(gallery, job.id, "md") == report.tables("markdown")


def test_a_result_names_no_class_that_was_removed(make_gallery: MakeGallery) -> None:
    """The label of one record alone stands in the figures' names: by another one, and no printed report is left."""
    gallery = filled(make_gallery(), cases(30, patients=9))
    report = evaluate(gallery, k=[5], samples=20)
    job = submit_job(gallery, "evaluate", {}, "anna")
    end_job(gallery, job.id, result=asdict(report))
    (only,) = (record.id for record in gallery.store.records().values() if record.labels == (CLASSES[3],))
    remove(gallery, [only])
    result = job_info(gallery, job.id).result
    assert result is not None
    assert CLASSES[3] not in json.dumps(result)
    assert "removed label 1" in result["per_class"]
