"""The encoder benchmark on small collections: its table, its cache, what it leaves out."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.verbs.benchmark_encoders import COMBINED, benchmark_encoders
from lookalike.verbs.evaluate import evaluate


@pytest.fixture
def collections(tmp_path: Path, picture_folder: Path) -> list[str]:
    """A folder with a table, and an array file with an official split."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{split}_{what}": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        if what == "images"
        else (np.arange(n) % 2).astype(np.uint8)[:, None]
        for split, n in (("train", 12), ("test", 6))
        for what in ("images", "labels")
    }
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    return [f"{picture_folder}?contains=ImageNet_1k&as=pictures", str(tmp_path / "breastmnist.npz")]


def bench(collections: list[str], cache: Path, **options: Any) -> Any:
    return benchmark_encoders(["lite0-inner"], collections, cache=cache, samples=20, **options)


def test_the_table_has_a_row_an_encoder_and_marks_what_was_seen(
    collections: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "260")
    result = bench(collections, tmp_path / "cache")
    assert [run.dataset for run in result.runs] == ["pictures", "breastmnist"]
    assert {run.protocol for run in result.runs} == {"denner"}
    seen, unseen = result.runs
    assert seen.trained_on == ("ImageNet_1k",)
    assert unseen.trained_on == ()
    first, second = result.tables().split("\n\n")[:2]
    assert "lite0-inner†" in first
    assert "lite0-inner " in second
    assert "† lite0-inner was trained on ImageNet_1k" in str(result)
    assert "official split, test asks train" in second
    head = first.splitlines()[1].split("  ")
    assert [cell.strip() for cell in head if cell.strip()] == [
        "encoder",
        *(f"P@{k} {mean}" for mean in ("micro", "macro") for k in (1, 3, 5, 10)),
        "knn F1",
        "linear F1",
    ]
    assert r"lite0-inner$^\dagger$" in result.tables("latex")
    assert "| lite0-inner† |" in result.tables("markdown")


def test_figures_are_those_of_the_protocol_itself(
    collections: list[str], tmp_path: Path, picture_folder: Path, make_gallery: Callable[..., Gallery]
) -> None:
    from lookalike.verbs.index import index

    run = bench(collections[:1], tmp_path / "cache", k=[1, 3]).runs[0]
    gallery = make_gallery()
    index(gallery, [picture_folder], labels=picture_folder / "labels.csv")
    report = evaluate(gallery, protocol="denner", k=[1, 3], samples=20)
    assert run.report["micro"] == report.micro
    assert run.report["macro"] == report.macro
    rows = list(csv.DictReader(io.StringIO(bench(collections[:1], tmp_path / "cache", k=[1, 3]).tables("csv"))))
    assert {(r["mean"], r["figure"]): float(r["value"]) for r in rows if r["figure"].startswith("P@")} == {
        (name, k): pytest.approx(value) for name in ("micro", "macro") for k, value in getattr(report, name).items()
    }


def test_runs_are_found_again_and_only_asked_anew_where_something_changed(
    collections: list[str], tmp_path: Path, picture_folder: Path
) -> None:
    cache = tmp_path / "cache"
    first = bench(collections, cache)
    assert not any(run.cached for run in first.runs)
    again = bench(collections, cache)
    assert all(run.cached for run in again.runs)
    assert again.tables() == first.tables()
    assert [run.cached for run in bench(collections, cache, seed=1).runs] == [False, False]
    table = picture_folder / "labels.csv"
    table.write_text(table.read_text().replace("p00.png,even", "p00.png,odd"))
    changed = bench(collections, cache)
    assert [run.cached for run in changed.runs] == [False, True]
    assert changed.runs[0].report["class_sizes"] != first.runs[0].report["class_sizes"]


def test_a_cut_short_benchmark_goes_on_where_it_stopped(collections: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"

    class StopError(Exception):
        pass

    def stop_at_the_second(line: str) -> None:
        if "breastmnist" in line:
            raise StopError

    with pytest.raises(StopError):
        bench(collections, cache, say=stop_at_the_second)
    assert [run.cached for run in bench(collections, cache).runs] == [True, False]
    for report in (cache / "reports").glob("*.json"):
        report.write_text("{cut")
    assert not any(run.cached for run in bench(collections, cache).runs)


def test_all_collections_together_with_splits_of_both_kinds(collections: list[str], tmp_path: Path) -> None:
    result = bench(collections, tmp_path / "cache", combined=True, k=[1])
    together = result.runs[-1]
    assert together.dataset == COMBINED
    assert together.trained_on == ("ImageNet_1k",)
    assert together.report["split"].startswith("official splits where there are")
    assert set(together.report["class_sizes"]) >= {"US/Breast/malignant", "US/Breast/normal, benign"}
    assert 6 < together.report["queries"] < 12
    assert bench(collections, tmp_path / "cache", combined=True, k=[1]).runs[-1].cached


def test_an_encoder_without_weights_is_left_out_and_said(
    collections: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path / "no-models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options: dict[str, Any] = {"cache": tmp_path / "cache", "samples": 5}
    result = benchmark_encoders(["dinov2-b", "lite0-inner"], collections[:1], **options)
    assert [run.encoder for run in result.runs] == ["lite0-inner"]
    assert set(result.left_out) == {"dinov2-b"}
    assert "Left out: dinov2-b" in str(result)
    with pytest.raises(UsageError, match="nothing could be scored"):
        benchmark_encoders(["dinov2-b"], collections[:1], **options)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"encoders": ["lite0-iner"]}, "Did you mean 'lite0-inner'"),
        ({"protocols": ["dener"]}, "no protocol is called 'dener'"),
        ({"data": []}, "name at least one"),
    ],
)
def test_a_benchmark_that_cannot_be_run_is_said(
    collections: list[str], tmp_path: Path, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        benchmark_encoders(**{"encoders": ["lite0-inner"], "data": collections, "cache": tmp_path, **arguments})


def test_two_collections_of_one_name_are_refused(collections: list[str], tmp_path: Path, picture_folder: Path) -> None:
    shutil.copytree(picture_folder, tmp_path / "other" / "pictures")
    with pytest.raises(UsageError, match=r"\?as=NAME"):
        bench([str(picture_folder), str(tmp_path / "other" / "pictures")], tmp_path / "cache")


def test_real_collections_reach_the_published_figures(shared_data: Path, tmp_path: Path) -> None:
    chest = str(shared_data / "chest-xray-dicom5")
    report = benchmark_encoders(["lite0-inner"], [chest], cache=tmp_path, samples=20).runs[0].report
    assert report["queries"] == 100
    for name, least in {"P@1": 0.59, "P@3": 0.535, "P@5": 0.515}.items():
        assert report["macro"][name] >= least
