"""The parts of an evaluation together: on folds, in learnt spaces, from elsewhere, by the command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from filled import fill
from lookalike.cli import main
from lookalike.errors import GalleryError, ManifestMismatchError, UsageError
from lookalike.evaluation.protocols.protocol import PRECISION, remote_options
from lookalike.gallery import Gallery
from lookalike.server.jobs.process import WORK
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate
from planar import ANGLES, MakeGallery, at, filled, tree


def test_spaces_are_compared_on_folds(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    planted_space(gallery)
    report = evaluate(gallery, space="findings", folds=3, against="base", k=[1, 5], samples=50)
    found = report.comparison
    assert found is not None
    assert report.baseline == found.scores
    assert {name: (each.value, each.low, each.high) for name, each in found.macro.items()} == report.gain
    assert found.macro["P@5"].value > 0.1
    assert found.macro["P@5"].p_adjusted < 0.05
    assert "better than chance explains" in str(report)
    back = evaluate(gallery, folds=3, against="findings", k=[1, 5], samples=50).comparison
    assert back is not None
    assert back.adapter is not None
    assert back.adapter["kind"] == "linear"
    assert {name: -each.value for name, each in back.macro.items()} == {n: e.value for n, e in found.macro.items()}
    assert [each.p for each in back.macro.values()] == [each.p for each in found.macro.values()]


def test_a_space_is_compared_with_its_namesake_in_another_gallery(make_gallery: MakeGallery) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    planted_space(gallery)
    planted_space(other)
    found = evaluate(gallery, space="findings", folds=3, against=other.folder, k=[1], samples=20).comparison
    assert found is not None
    assert (found.against, found.macro["P@1"].value) == ("other (findings)", 0.0)
    assert found.adapter is not None


def test_across_galleries_in_a_learnt_space(make_gallery: MakeGallery) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    planted_space(gallery)
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 50)
    vectors = rng.normal(size=(50, other.spec.dim))
    vectors[:, :3] += 5 * np.eye(3)[labels]
    names = [("abc"[label],) for label in labels]
    unlabelled = np.ones((90, other.spec.dim))  # whose ids are those of the gallery's records
    fill(other, [*unlabelled, *vectors], [f"q{i}" for i in range(140)], [*[()] * 90, *names])
    report = evaluate(gallery, space="findings", queries_from=other.folder, k=[5], samples=20)
    found = report.cross_domain
    assert found is not None
    assert report.baseline is not None
    assert report.macro["P@5"] > report.baseline.macro["P@5"]
    assert found.queries_alone.scores is not None
    assert found.gallery_alone.scores is None
    assert "trained on these very records" in found.gallery_alone.reason


def planted_space(gallery: Gallery) -> None:
    """Labels that lie in a few of many directions, so that an adapter is better than the cosine of all."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(90, gallery.spec.dim))
    labels = rng.integers(0, 3, 90)
    vectors[:, :3] += 5 * np.eye(3)[labels]
    fill(gallery, [*vectors], [f"p{i // 2}" for i in range(90)], [("abc"[label],) for label in labels])
    adapt(gallery, "findings", kind="linear")


def test_rankings_of_two_galleries_are_fused(make_gallery: MakeGallery) -> None:
    """As in plain Python: 1 / (60 + rank) of both, the own patient left out, equal sums in this gallery's order."""
    gallery, other = make_gallery(), make_gallery("other")
    rng = np.random.default_rng(2)
    labels, patients = rng.integers(0, 3, 40), [f"p{i // 2}" for i in range(40)]
    both = rng.normal(size=(2, 40, gallery.spec.dim))
    both[:, :, :3] += 4 * np.eye(3)[labels]
    for each, vectors in zip((gallery, other), both, strict=True):
        fill(each, [*vectors], patients, [("abc"[label],) for label in labels])
    found = evaluate(gallery, against=other.folder, fused=True, k=[1, 4], samples=20).comparison
    alone = evaluate(gallery, against=other.folder, k=[1, 4], samples=20).comparison
    assert found is not None
    assert alone is not None
    assert found.against == "base + gallery other"
    right = []
    for asked in range(40):
        free = [i for i in range(40) if i // 2 != asked // 2]
        ranks = []
        for vectors in both:
            cosines = vectors @ vectors[asked] / np.linalg.norm(vectors, axis=1)
            ranks.append(sorted(free, key=lambda i, cosines=cosines: -cosines[i]))
        score = {i: sum(1 / (61 + ranking.index(i)) for ranking in ranks) for i in ranks[0]}
        best = sorted(score, key=lambda i, score=score: -score[i])
        right.append([labels[best[0]] == labels[asked], np.mean([labels[i] == labels[asked] for i in best[:4]])])
    assert [*found.scores.micro.values()] == pytest.approx(np.mean(right, axis=0), abs=1e-6)
    assert found.scores.micro != alone.scores.micro
    with pytest.raises(UsageError, match="--fused fuses"):
        evaluate(gallery, fused=True)


def test_a_gallery_is_compared_with_its_copy_and_with_noise(make_gallery: MakeGallery) -> None:
    gallery, copy, noise = make_gallery(), make_gallery("copy"), make_gallery("noise")
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    about = [("abc"[label],) for label in labels]
    good, bad = rng.normal(size=(2, 60, gallery.spec.dim))
    good[:, :3] += 25 * np.eye(3)[labels]
    patients = [f"p{i}" for i in range(60)]
    fill(gallery, [*good], patients, about)
    fill(copy, [*good], patients, [*about[:-1], ("other",)])
    fill(noise, [*bad][:50], patients, about)
    same = evaluate(gallery, against=copy.folder, samples=50)
    assert same.comparison is not None
    assert {(e.value, e.p) for e in same.comparison.macro.values()} == {(0.0, 1.0)}
    assert same.comparison.patients == 0
    assert asdict(same.comparison.matched) == {"records": 60, "only_here": 0, "only_there": 0, "other_labels": 1}
    assert "no difference is shown" in str(same)
    better = evaluate(gallery, against=noise.folder, samples=50)
    assert better.queries == 50
    assert better.comparison is not None
    assert better.comparison.matched is not None
    assert better.comparison.matched.only_here == 10
    assert all(each.p_adjusted < 0.01 and each.value > 0.3 for each in better.comparison.macro.values())


def test_what_cannot_be_asked_is_said(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery, other = make_gallery(), make_gallery("other")
    tree(gallery)
    fill(other, [*at(other, [1, 2, 3, 4, 5, 6, 7])][6:], ["x"], [("Z",)])
    lite = make_gallery("last", encoder="lite0-last")
    tree(lite)
    refused: list[tuple[Mapping[str, Any], type[Exception], str]] = [
        ({"against": "base"}, UsageError, "not compared with itself"),
        ({"against": tmp_path / "nowhere"}, GalleryError, "no gallery at"),
        ({"queries_from": other.folder}, UsageError, "no label is in both galleries: other has Z, this gallery [AB]"),
        ({"queries_from": lite.folder}, ManifestMismatchError, "made with the encoder 'lite0-last'"),
        ({"queries_from": gallery.folder}, UsageError, "--queries-from is the gallery that is asked itself"),
        ({"queries_from": other.folder, "folds": 2}, UsageError, "either --folds or --queries-from"),
        ({"by": ["sexx"]}, UsageError, "Did you mean 'sex'"),
        ({"levels": ["nothing"]}, UsageError, "no record has a field 'nothing'"),
        ({"sizes": [2, 7]}, UsageError, "sizes must be from 2 to 6"),
        ({"sizes": [2], "draws": 0}, UsageError, "sizes and draws are 50 each at most, got 1 and 0"),
        ({"queries": ["a.png"], "query_labels": "t.csv", "by": ["sex"]}, UsageError, "no field is recorded"),
    ]
    for options, error, says in refused:
        with pytest.raises(error, match=says):
            evaluate(gallery, **options)


def test_a_request_from_elsewhere_names_a_space_and_no_folder() -> None:
    asked = {"by": ["sex"], "levels": ["label"], "sizes": [10], "draws": 2, "against": "findings"}
    assert remote_options(PRECISION, asked, ["base", "findings"]) == asked
    for name, value in (("against", "/galleries/other"), ("against", "other"), ("queries_from", "base")):
        with pytest.raises(UsageError, match="names files of this machine"):
            remote_options(PRECISION, {name: value}, ["base", "findings"])


def test_a_job_of_the_service_says_the_same(make_gallery: MakeGallery) -> None:
    gallery = make_gallery()
    filled(gallery, 8)
    options = {"by": ["site"], "levels": ["site"], "sizes": [20], "draws": 2, "samples": 20}
    given = {"protocol": None, "space": "base", "folds": None, "seed": 0, "k": [1, 4], "options": options}
    told, printed = WORK["evaluate"](gallery, given, lambda _done, _all: None)
    in_python = evaluate(gallery, k=[1, 4], **options)
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(asdict(in_python)))
    assert all("Spread between subgroups" in printed[form] for form in ("md", "html", "tex"))
    with pytest.raises(UsageError, match="names files of this machine"):
        WORK["evaluate"](gallery, {**given, "options": {"against": str(gallery.folder)}}, lambda _done, _all: None)


def test_a_report_names_what_is_needed_to_repeat_it(make_gallery: MakeGallery) -> None:
    gallery, twin = make_gallery(), make_gallery("twin")
    tree(gallery)
    tree(twin)
    report = evaluate(gallery, k=[1, 2], by=["sex"], levels=["sex"], sizes=[4], seed=3, samples=20)
    assert (report.options["by"], report.options["seed"], report.options["k"]) == (("sex",), 3, (1, 2))
    assert "queries" not in report.options
    assert report.version
    assert evaluate(twin, **report.options) == report
    against = evaluate(gallery, against=twin.folder, samples=20)
    assert against.options["against"] == "twin"
    assert (against.data_hash, against.split_hash) == (report.data_hash, report.split_hash)
    relabelled = make_gallery("relabelled")
    fill(relabelled, [*at(relabelled, ANGLES)], [f"p{i}" for i in range(6)], [("A",)] * 3 + [("B",)] * 3)
    assert evaluate(relabelled, samples=20).data_hash != report.data_hash


def test_the_command_says_the_same_and_draws(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery = make_gallery()
    filled(gallery, 6)
    in_python = evaluate(gallery, k=[1, 4], by=["age:20", "site"], levels=["site"], sizes=[20, 40], draws=2, samples=50)
    figure = tmp_path / "sizes.png"
    words = ["evaluate", "-g", str(gallery.folder), "-k", "1,4", "--by", "age:20,site", "--levels", "site", "--json"]
    words += ["--sizes", "20,40", "--draws", "2", "--samples", "50", "--figure", str(figure)]
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == json.loads(json.dumps(asdict(in_python)))
    with PIL.Image.open(figure) as drawn:
        assert drawn.format == "PNG"
    text = str(in_python)
    for title in (
        "By age",
        "By site",
        "Spread between subgroups",
        "Precision by level",
        "over the size of the gallery",
    ):
        assert title in text
    assert "By site: " in text
