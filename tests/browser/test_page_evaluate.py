"""Adapt and evaluate on the page: a training that is watched, a report with intervals, audits in sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import ADAPTED, CLASSES

MakePage = Callable[..., Any]


def test_train_a_space_and_search_in_it(served_alone: str, page_without_errors: MakePage, artefacts: Path) -> None:
    page = page_without_errors()
    page.goto(f"{served_alone}#/adapt")
    page.get_by_test_id("adapt-view").get_by_text("covid19").wait_for()
    assert page.get_by_test_id("adapt-name").input_value() == f"{ADAPTED}-2"  # a name that is free
    page.get_by_test_id("adapt-name").fill(ADAPTED)
    page.get_by_test_id("name-taken").wait_for()
    page.get_by_test_id("adapt-start").click()
    page.get_by_test_id("replace-space").get_by_text(f"Replace the space “{ADAPTED}”?").wait_for()
    page.screenshot(path=artefacts / "replace.png")
    page.get_by_role("button", name="Keep it").click()
    assert page.locator("[data-testid=job]").count() == 0
    page.get_by_test_id("adapt-name").fill("../odd name")
    assert page.get_by_test_id("adapt-start").is_disabled()
    page.get_by_test_id("adapt-name").fill("second")
    page.get_by_test_id("adapt-kind-linear").click()
    page.get_by_test_id("adapt-start").click()
    page.locator("[data-testid=job][data-kind=adapt]").first.wait_for()
    page.locator("[data-testid=job][data-state=done]").wait_for()
    page.locator("[data-testid=space-row][data-space=second]").wait_for()
    page.get_by_test_id("no-curve").wait_for()  # this kind is fitted at once
    page.get_by_test_id("adapt-name").fill("second")
    page.get_by_test_id("adapt-kind-mlp").click()
    page.get_by_test_id("adapt-start").click()
    page.get_by_test_id("replace-confirm").click()
    page.locator("[data-testid=job][data-state=done]").nth(1).wait_for()
    trained = page.locator("[data-testid=job]").first
    for measure in ("loss", "accuracy"):  # of both runs that are compared, with intervals
        curve = trained.get_by_test_id(f"curve-{measure}")
        assert curve.locator("path.band").count() == 2
        assert "noise 1.5: best" in (curve.get_by_role("img").get_attribute("aria-label") or "")
    gain = trained.get_by_test_id("inner-gain").inner_text()
    assert re.match(r"-?\d+\.\d \(-?\d+\.\d to -?\d+\.\d\), p ", gain)
    head = {row.get_attribute("data-measure"): row.inner_text() for row in trained.get_by_test_id("head-figure").all()}
    assert re.search(r"\d\.\d\s%", head["auc"])
    assert re.search(r"\t\d\.\d{3} ", head["brier"])  # no share, which a per cent would say
    assert "took" in trained.get_by_test_id("job-times").inner_text()
    page.screenshot(path=artefacts / "adapt.png")
    page.get_by_test_id("nav-search").click()
    page.get_by_test_id("pick-record").click()
    page.get_by_test_id("picker-record").first.click()
    page.get_by_test_id("hits").wait_for()
    page.get_by_test_id("space-second").click()  # chosen by itself only where it was accepted
    page.locator("[data-testid=space-second][aria-checked=true]").wait_for()
    page.get_by_test_id("hits").wait_for()


@pytest.mark.slow
def test_evaluate_an_adapter_and_export_the_report(
    served_alone: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900})
    page.goto(f"{served_alone}#/evaluate")
    page.get_by_test_id("evaluate-space").select_option(ADAPTED)
    page.get_by_test_id("evaluate-folds").fill("3")
    page.get_by_test_id("evaluate-by").select_option("sex")
    page.get_by_test_id("evaluate-against").select_option("base")
    page.get_by_test_id("evaluate-start").click()
    page.locator("[data-testid=job][data-kind=evaluate]").wait_for()
    page.get_by_test_id("report").wait_for(timeout=600_000)
    with page.expect_download() as download:
        page.get_by_test_id("report-json").click()
    report = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    for name in CLASSES:
        row = page.locator(f"[data-testid=class-row][data-class={name}]").inner_text().split()
        base, adapted = report["baseline"]["per_class"][name]["P@5"], report["per_class"][name]["P@5"]
        low, high = report["intervals"]["per_class_intervals"][name]["P@5"]
        assert float(row[2]) == pytest.approx(base * 100, abs=0.06)
        assert float(row[4]) == pytest.approx(adapted * 100, abs=0.06)
        assert [float(bound) for bound in row[5].split("–")] == pytest.approx([low * 100, high * 100], abs=0.06)
    assert "95 % interval" in page.get_by_test_id("gain").inner_text()
    difference = report["comparison"]["macro"]["P@5"]
    told = page.get_by_test_id("difference-row").first.inner_text().split()
    assert f"{difference['value'] * 100:.1f}" in told
    (sex,) = report["subgroups"]
    rows = page.locator("[data-testid=part][aria-label='By sex'] [data-testid=part-row]")
    assert [row.get_attribute("data-name") for row in rows.all()] == list(sex["groups"])
    assert report["audit"]["sentence"] in page.get_by_test_id("leakage").inner_text()
    assert page.get_by_test_id("worst-query").count() == len(report["worst"])
    page.screenshot(path=artefacts / "evaluate.png")
    page.get_by_test_id("confusion-start").click()
    matrix = page.get_by_test_id("confusion-classifier").get_by_test_id("confusion-matrix")
    matrix.wait_for(timeout=400_000)  # an adapter is trained thirty times
    assert [th.inner_text() for th in matrix.locator("thead th").all()] == sorted(CLASSES)
    assert sum(int(cell.inner_text()) for cell in matrix.locator("tbody td").all()) == report["queries"]
    matrix.scroll_into_view_if_needed()
    page.screenshot(path=artefacts / "confusion.png")
    page.get_by_test_id("depth-P@1").click()
    first = page.locator("[data-testid=class-row]").first.inner_text().split()
    assert float(first[4]) == pytest.approx(report["per_class"][first[0]]["P@1"] * 100, abs=0.06)
    page.reload()  # the report lives in the store, not in the page
    page.get_by_test_id("report").wait_for()
    page.get_by_test_id("worst-query").first.click()
    page.get_by_test_id("hits").wait_for()
    assert f"record={report['worst'][0]}" in page.url


def test_confounds_are_asked_about_in_sentences(served_alone: str, page_without_errors: MakePage) -> None:
    page = page_without_errors()
    page.goto(f"{served_alone}#/evaluate")
    page.get_by_test_id("audit-field").select_option("cols")
    page.get_by_test_id("audit-start").click()
    sentence = page.get_by_test_id("audit-sentence").first
    sentence.wait_for()
    # Those of covid19 come from another hospital, and are wider.
    assert "covid19 is separable" in sentence.inner_text()


def test_failures_stand_beside_what_was_found_and_reports_beside_each_other(
    served_alone: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900})
    api = f"{served_alone}api/v1"
    for seed in (0, 0, 1):
        asked = {"space": "base", "folds": 2, "seed": seed, "k": [5]}
        assert page.request.post(f"{api}/evaluate", data=asked).status == 202
    page.goto(f"{served_alone}#/evaluate")
    page.get_by_test_id("run-choice").locator("option").nth(2).wait_for(state="attached")
    page.get_by_test_id("report-choice").select_option(index=0)  # of seed 1
    page.get_by_test_id("run-choice").select_option(index=1)
    page.get_by_test_id("not-comparable").get_by_text("divided another way").wait_for()
    page.get_by_test_id("report-choice").select_option(index=1)
    page.get_by_test_id("run-choice").select_option(index=2)  # of the same seed
    rows = page.get_by_test_id("beside").get_by_test_id("beside-row")
    rows.nth(len(CLASSES) + 1).wait_for()
    assert [row.inner_text().split()[-1] for row in rows.all()] == ["0.0"] * (len(CLASSES) + 2)
    failure = page.get_by_test_id("worst").locator(".failure").first
    failure.get_by_test_id("found-instead").nth(4).wait_for()
    page.get_by_test_id("all-jobs").locator("summary").click()
    assert page.get_by_test_id("job-row").count() == 3
    page.get_by_test_id("job-log-open").first.click()
    page.get_by_test_id("job-log").get_by_text("ranking, rounds 2").wait_for()
    page.screenshot(path=artefacts / "evaluate-runs.png")
    failure.get_by_test_id("found-instead").first.click()
    page.get_by_test_id("compare").wait_for()
    assert "compare=" in page.url


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1440, "light", marks=pytest.mark.slow)])
def test_the_confusion_is_open_and_its_cells_show_their_queries(
    served_alone: str, page_without_errors: MakePage, artefacts: Path, width: int, scheme: str
) -> None:
    page = page_without_errors(viewport={"width": width, "height": 900}, color_scheme=scheme)
    api = f"{served_alone}api/v1"
    job = page.request.post(f"{api}/evaluate", data={"space": "base", "folds": 2, "k": [1, 5]}).json()["id"]
    page.goto(f"{served_alone}#/evaluate")
    matrix = page.get_by_test_id("confusion-nearest").get_by_test_id("confusion-matrix")
    matrix.wait_for()  # with the report, without a further press
    found = page.request.get(f"{api}/jobs/{job}").json()["result"]["confusion"]
    cells = [int(cell.inner_text()) for cell in matrix.locator("tbody td").all()]
    assert cells == [count for row in found["counts"] for count in row]
    wrong = next(one for one in found["queries"] if one["label"] != one["answer"])
    cell = matrix.locator(f"[data-label={wrong['label']}][data-answer={wrong['answer']}]")
    cell.focus()
    page.keyboard.press("Enter")
    shown = page.get_by_test_id("confusion-cell")
    ids = [one["id"] for one in found["queries"] if all(one[name] == wrong[name] for name in ("label", "answer"))]
    assert [each.get_attribute("data-id") for each in shown.get_by_test_id("worst-query").all()] == ids
    assert shown.locator("li").first.get_by_test_id("found-instead").count() == len(wrong["neighbours"])
    assert shown.locator("li").first.get_by_test_id("found-instead").first.get_attribute("data-shares") == "false"
    shown.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('[data-testid=confusion-cell] img')?.complete")
    page.screenshot(path=artefacts / f"confusion-{width}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown.get_by_test_id("worst-query").first.click()
    page.get_by_test_id("hits").wait_for()
    assert f"record={ids[0]}" in page.url


def test_the_votes_confusion_comes_with_the_evaluation_and_jobs_tell_steps_in_german(
    served_alone: str, page_without_errors: MakePage, artefacts: Path
) -> None:
    page = page_without_errors(viewport={"width": 1440, "height": 900}, locale="de-DE")
    page.goto(f"{served_alone}#/evaluate")
    page.get_by_test_id("evaluate-space").select_option("base")
    page.get_by_test_id("evaluate-start").click()
    page.get_by_test_id("report").wait_for(timeout=600_000)
    matrix = page.get_by_test_id("confusion-classifier").get_by_test_id("confusion-matrix").first
    matrix.wait_for(timeout=400_000)  # without a further press
    assert page.get_by_test_id("confusion-start").count() == 0
    nearest = page.get_by_test_id("confusion-nearest").get_by_test_id("confusion-matrix")
    asked = [sum(int(cell.inner_text()) for cell in each.locator("tbody td").all()) for each in (matrix, nearest)]
    assert asked[0] == asked[1] > 0
    matrix.scroll_into_view_if_needed()
    page.screenshot(path=artefacts / "confusion-of-the-vote.png")
    page.get_by_test_id("all-jobs").locator("summary").click()
    page.locator("[data-testid=job-row][data-kind=evaluate]").last.get_by_test_id("job-log-open").click()
    log = page.get_by_test_id("job-log")
    log.get_by_text("sucht Kopien unter Anfragen und Galerie").wait_for()
    told = log.inner_text()
    assert "begonnen" in told
    assert "Werte und Intervalle, Anfragen" in told
    assert log.locator("[lang=en]").count() == 0
    log.scroll_into_view_if_needed()
    page.screenshot(path=artefacts / "job-log-german.png")
