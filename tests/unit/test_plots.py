"""Pictures from results: they say what the results say, whatever the texts in them."""

from __future__ import annotations

import io
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from lookalike.errors import MissingExtraError, UsageError
from lookalike.evaluation.benchmarks.encoders import EncoderBenchmark, Run
from lookalike.evaluation.classifier_report import ClassifierReport
from lookalike.evaluation.report import Report
from lookalike.gallery import Gallery
from lookalike.pixels import thumbnail
from lookalike.plots import page as map_page
from lookalike.plots import save_bars, save_benchmark_curves, save_confusion, save_curves, save_map
from lookalike.plots.fields import PALETTE, colour_fields, field_number
from lookalike.plots.page import small_jpeg
from lookalike.store import Batch, NewRecord
from lookalike.types import Record
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.map import map_gallery

MakeGallery = Callable[..., Gallery]
CLASSES = ("aorta", "bone $x_{", "<b>clot</b>")


def fill(gallery: Gallery, count: int = 36, noise: float = 2.5) -> Gallery:
    """Records of three classes that overlap, with ages, sites and pictures."""
    centres = np.random.default_rng(5).standard_normal((3, gallery.spec.dim)).astype(np.float32)
    rows = []
    for i in range(count):
        vector = centres[i % 3] + noise * np.random.default_rng(i).standard_normal((1, gallery.spec.dim))
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        facts = {"PatientAge": 20.0 + i, "site": "north" if i % 4 else "south"}
        small = thumbnail(PIL.Image.fromarray(texture(i)))
        rows.append(NewRecord(f"/secret/{i}", f"{i:064x}", 0, f"doe-{i}", (CLASSES[i % 3],), facts, vector, small))
    gallery.store.write(Batch(records=rows))
    return gallery


@pytest.fixture
def gallery(make_gallery: MakeGallery) -> Gallery:
    return fill(make_gallery())


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report, ClassifierReport]:
    """An adapted space beside the base, the base alone, and two classifiers."""
    from lookalike.gallery import open_gallery

    with open_gallery(tmp_path_factory.mktemp("plots") / "g", create=True) as opened:
        fill(opened)
        adapt(opened, "tissue", kind="linear")
        return (
            evaluate(opened, space="tissue", folds=3, samples=100),
            evaluate(opened, samples=100),
            evaluate(opened, protocol="classifiers", methods=["knn", "centroid"], folds=3, samples=50),
        )


def words(path: Path) -> list[str]:
    """The texts of an SVG picture."""
    return ["".join(part.itertext()).strip() for part in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


# What a map is coloured by


def records(*rows: dict[str, Any]) -> list[Record]:
    return [Record(i, f"id{i}", "", 0, row.pop("labels", ()), "group", row) for i, row in enumerate(rows)]


def test_labels_come_first_and_patients_never() -> None:
    fields = colour_fields(records({"labels": ("b", "c"), "site": "x"}, {"labels": ("a",)}, {"label": "shadowed"}))
    assert [field.name for field in fields] == ["label", "site"]
    assert (fields[0].categories, fields[0].codes) == (("a", "b, c"), (1, 0, -1))
    assert (fields[1].categories, fields[1].codes) == (("x",), (0, -1, -1))


def test_the_most_frequent_categories_come_first() -> None:
    (_, field) = colour_fields(records(*({"site": site} for site in "cabbcc")))
    assert (field.categories, field.codes) == (("c", "b", "a"), (0, 2, 1, 1, 0, 0))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, 2.5, None], "number"),
        (["0", "1", "1"], "text"),  # a code, not a measure
        ([str(i) for i in range(len(PALETTE) + 1)], "number"),  # a table's column of numbers
        (["1", "two"], "text"),
        ([float(i) for i in range(30)] + ["unknown"], "text"),
        ([f"{i}" for i in range(30)] + ["nan"], "text"),
    ],
)
def test_numbers_have_a_scale_and_codes_have_colours(values: list[Any], kind: str) -> None:
    (_, field) = colour_fields(records(*({} if v is None else {"f": v} for v in values)))
    assert field.kind == kind
    assert len(field.values if kind == "number" else field.codes) == len(values)


def test_a_field_that_no_record_has() -> None:
    with pytest.raises(UsageError, match=r"no record has a field 'sitee' to colour by.*Did you mean 'site'"):
        field_number(colour_fields(records({"site": "x"})), "sitee")


# The page


class _Elements(HTMLParser):
    """Every element that the page has, and what stands in its data block."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts[len(self.tags)] = self.texts.get(len(self.tags), "") + data


def read(path: Path) -> tuple[_Elements, dict[str, Any]]:
    elements = _Elements()
    elements.feed(path.read_text(encoding="utf-8"))
    number = next(i for i, (_, attrs) in enumerate(elements.tags, 1) if attrs.get("id") == "data")
    return elements, json.loads(elements.texts[number])


def test_the_page_holds_the_map_and_neither_files_nor_patients(gallery: Gallery, tmp_path: Path) -> None:
    result = map_gallery(gallery, method="tsne")
    path = save_map(gallery, result, tmp_path / "map.html", color="PatientAge")
    elements, data = read(path)
    assert (data["ids"], data["x"], data["y"]) == (list(result.ids), list(result.x), list(result.y))
    assert [field["name"] for field in data["fields"]] == ["label", "PatientAge", "site"]
    assert data["fields"][data["color"]]["values"] == [20.0 + i for i in range(36)]
    assert [tag for tag, _ in elements.tags].count("script") == 2, "the data and the one script"
    assert not [attrs for _, attrs in elements.tags if attrs.get("src")]
    assert [attrs["href"] for _, attrs in elements.tags if "href" in attrs] == ["data:,"]
    text = path.read_text(encoding="utf-8")
    groups = [record.patient for record in gallery.store.records().values()]
    assert not [word for word in ("/secret", "doe-", *groups) if word in text]
    assert "not a medical device" in text
    assert gallery.spec.note in text


def test_the_same_map_gives_the_same_page(gallery: Gallery, tmp_path: Path) -> None:
    result = map_gallery(gallery, method="tsne")
    pages = [save_map(gallery, result, tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_above_a_limit_some_records_go_without_a_picture_and_the_page_says_so(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_page, "MOST_THUMBNAILS", 10)
    path = save_map(gallery, map_gallery(gallery, method="tsne"), tmp_path / "map.html")
    assert sum(bool(picture) for picture in read(path)[1]["pictures"]) == 10
    assert "10 of 36 records, chosen at random, have a picture here" in path.read_text(encoding="utf-8")


def test_a_small_picture_is_small_whatever_it_shows() -> None:
    """5,000 of them as base64 stay under 25 MB with all else that the page holds."""
    noise = np.random.default_rng(0).integers(0, 256, (160, 120, 3), dtype=np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(noise).save(out, "JPEG", quality=95)
    for jpeg in (out.getvalue(), thumbnail(PIL.Image.fromarray(texture(1)))):
        small = small_jpeg(jpeg)
        assert len(small) * 4 / 3 * map_page.MOST_THUMBNAILS < 23e6
        with PIL.Image.open(io.BytesIO(small)) as picture:
            assert max(picture.size) <= 96
    assert small_jpeg(b"") == small_jpeg(b"no JPEG") == small_jpeg(out.getvalue()[:700]) == b""


# The map as a picture


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
@pytest.mark.parametrize("color", ["label", "PatientAge"])
def test_a_map_as_a_picture(gallery: Gallery, tmp_path: Path, suffix: str, color: str) -> None:
    path = save_map(gallery, map_gallery(gallery, method="tsne"), tmp_path / f"map.{suffix}", color)
    if suffix == "png":
        with PIL.Image.open(path) as picture:
            seen = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        wanted = PALETTE[:3] if color == "label" else ("#440154", "#FDE725")
        for rgb in (np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for c in wanted):
            assert (np.abs(seen.astype(int) - rgb).max(axis=1) < 32).sum() > 50
    elif suffix == "svg":
        said = words(path)
        assert "t-SNE map of gallery" in said
        assert any("not a medical device" in word for word in said)
        assert set([f"{name} (12)" for name in CLASSES] if color == "label" else ["PatientAge"]) <= set(said)
    else:
        assert path.read_bytes().startswith(b"%PDF")


def test_an_empty_map_as_a_picture(make_gallery: MakeGallery, tmp_path: Path) -> None:
    gallery = make_gallery("empty")
    assert save_map(gallery, map_gallery(gallery, method="tsne"), tmp_path / "map.png").stat().st_size > 1000


# The charts


def test_curves_show_every_space_with_its_figures(
    evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path
) -> None:
    report, _, _ = evaluated
    path = save_curves({"tissue": report}, tmp_path / "curves.svg")
    assert {"base", "tissue", "chance", "1", "3", "5", "10", "Precision at k"} <= set(words(path))
    again = save_curves({"tissue": report}, tmp_path / "again.svg")
    assert path.read_bytes() == again.read_bytes()
    several = save_curves({"one": report, "two": evaluated[1]}, tmp_path / "several.svg", mean="micro")
    assert {"one, base", "one", "two", "P@k, micro"} <= set(words(several))


def test_every_encoder_of_a_benchmark_has_its_curve_in_each_panel(
    evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path
) -> None:
    runs = tuple(
        Run(encoder, data, "denner", asdict(evaluated[1]), seen, False)
        for data in ("chest", "brain")
        for encoder, seen in (("lite0", ()), ("dino", ("chest",)))
    )
    said = words(save_benchmark_curves(EncoderBenchmark(runs, (1, 3)), tmp_path / "curves.svg"))
    assert (said.count("lite0"), said.count("dino†"), said.count("chance")) == (2, 2, 2)
    assert {"chest, denner", "brain, denner"} <= set(said)
    assert any("† The encoder was trained on these pictures." in word for word in said)
    with pytest.raises(UsageError, match="there is no precision at k to draw"):
        save_benchmark_curves(EncoderBenchmark((), (1, 3)), tmp_path / "curves.svg")


def test_the_curve_goes_through_the_figures(evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path) -> None:
    """The points of the line lie as far from each other as the report's figures do."""
    report = evaluated[1]
    tree = ET.parse(save_curves({"base": report}, tmp_path / "curves.svg"))
    drawn = [
        part.get("d") or ""
        for part in tree.iter("{http://www.w3.org/2000/svg}path")
        if f"stroke: {PALETTE[0].lower()}" in (part.get("style") or "")
    ]
    line = max((path for path in drawn if "C" not in path), key=len)  # curved paths are the markers
    heights = [float(y) for y in re.findall(r"[ML] [\d.]+ ([\d.]+)", line)]
    values = [report.macro[name] for name in ("P@1", "P@3", "P@5", "P@10")]
    slopes = np.diff(heights) / np.diff(values)
    assert len(heights) == 4
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-3)
    assert slopes[0] < 0, "SVG counts downwards"


def test_bars_set_the_baseline_beside_the_adapter(
    evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path
) -> None:
    report, alone, _ = evaluated
    said = words(save_bars(report, tmp_path / "bars.svg"))
    assert {"base", "tissue", "macro mean", "P@10 by class", *(f"{name}  (n=12)" for name in CLASSES)} <= set(said)
    assert "P@1 by class" in words(save_bars(alone, tmp_path / "alone.svg", "P@1"))
    with pytest.raises(UsageError, match=r"the report has no 'P@7'; it has P@1, P@3, P@5, P@10"):
        save_bars(report, tmp_path / "bars.svg", "P@7")


def test_a_class_that_could_not_be_scored_has_no_bar(
    evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path
) -> None:
    report = evaluated[1]
    none = dict.fromkeys(report.micro)
    scores = replace(
        report.intervals,
        per_class={**report.per_class, CLASSES[0]: none},
        per_class_intervals={**report.intervals.per_class_intervals, CLASSES[0]: dict.fromkeys(none, (None, None))},
    )
    path = save_bars(replace(report, intervals=scores), tmp_path / "bars.png")
    assert path.stat().st_size > 5000


def test_the_confusion_matrix_shows_every_count(
    evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path
) -> None:
    report = evaluated[2]
    said = words(save_confusion(report, tmp_path / "confusion.svg"))
    assert {"knn", "centroid", "true label", "answer", *CLASSES} <= set(said)
    cells = [n for scores in report.methods.values() for row in scores.confusion or () for n in row if n]
    assert sorted(int(word) for word in said if word.isdigit()) == sorted(cells)
    assert sum(cells) == 2 * 36


def test_what_has_no_matrix(evaluated: tuple[Report, Report, ClassifierReport], tmp_path: Path) -> None:
    report = evaluated[2]
    several = {name: replace(scores, confusion=None) for name, scores in report.methods.items()}
    with pytest.raises(UsageError, match="records with several labels have no confusion matrix"):
        save_confusion(replace(report, methods=several), tmp_path / "confusion.png")
    with pytest.raises(UsageError, match="a matrix of at most 40 classes can be read, got 41"):
        save_confusion(replace(report, classes=("c",) * 41), tmp_path / "confusion.png")
    with pytest.raises(UsageError, match="there is no precision at k to draw"):
        save_curves({}, tmp_path / "curves.png")


@pytest.mark.parametrize("name", ["missing/figure.png", "figure.xyz", "figure"])
def test_a_chart_that_cannot_be_written(
    evaluated: tuple[Report, Report, ClassifierReport], gallery: Gallery, tmp_path: Path, name: str
) -> None:
    result = map_gallery(gallery, method="tsne")
    (tmp_path / "figure").mkdir()
    for draw in (
        lambda path: save_curves({"base": evaluated[1]}, path),
        lambda path: save_bars(evaluated[1], path),
        lambda path: save_confusion(evaluated[2], path),
        lambda path: save_map(gallery, result, path),
    ):
        with pytest.raises(UsageError, match=r"cannot write the figure figure.*name a \.png"):
            draw(tmp_path / name)
    with pytest.raises(UsageError, match=r"cannot write the map map\.html"):
        save_map(gallery, result, tmp_path / "missing" / "map.html")


def test_without_matplotlib_one_line_says_what_to_install(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = map_gallery(gallery, method="tsne")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[plots\]'"):
        save_map(gallery, result, tmp_path / "map.png")
    assert save_map(gallery, result, tmp_path / "map.html").exists(), "the page needs nothing"
