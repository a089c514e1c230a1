"""`map` and the figures of `evaluate` and `classify`, as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import PIL.Image
import pytest
from running import refusal, run

from conftest import write_pictures
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.index import index
from lookalike.verbs.map import map_gallery


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """Twelve pictures, an adapted space."""
    pictures = write_pictures(tmp_path_factory.mktemp("pictures") / "pictures")
    with open_gallery(pictures.parent / "gallery", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        adapt(opened, "parity", kind="linear")
        yield opened


def test_map_draws_a_page_and_a_picture(gallery: Gallery, tmp_path: Path) -> None:
    page, picture = tmp_path / "map.html", tmp_path / "map.png"
    arguments = ["map", "--gallery", gallery.folder, "--method", "tsne", "--seed", "3", "--color", "site"]
    first = run(*arguments, "--figure", page)
    assert first.exit_code == 0, first.output
    assert "12 records laid out by tsne, space base, seed 3, made in" in first.stdout
    assert f"wrote {page}" in first.stdout
    assert "north" in page.read_text(encoding="utf-8")
    second = run(*arguments, "--figure", picture)
    assert "kept from before" in second.stdout
    with PIL.Image.open(picture) as opened:
        assert opened.size[0] > 1000


def test_map_as_json_is_what_python_gives(gallery: Gallery) -> None:
    arguments = ["map", "-g", gallery.folder, "--method", "tsne", "--space", "parity", "--where", "site=north"]
    said = run(*arguments, "--json")
    fields = json.loads(said.stdout)
    result = asdict(map_gallery(gallery, method="tsne", space="parity", where="site=north"))
    assert len(fields["ids"]) == 6
    changing = {"cached": None, "seconds": None}
    assert fields | changing == json.loads(json.dumps(result)) | changing


def test_map_without_a_figure_says_how_to_get_one(gallery: Gallery) -> None:
    said = run("map", "-g", gallery.folder, "--method", "tsne").stdout
    assert "give --figure map.html" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--color", "sitee", "--figure", "map.html"], "no record has a field 'sitee' to colour by"),
        (["--figure", "missing/map.html"], "cannot write the map map.html"),
        (["--figure", "map.xyz"], "name a .png, .pdf or .svg"),
        (["--space", "nowhere"], "no space is called 'nowhere'"),
        (["--where", "height>3"], "no record has a field 'height'"),
    ],
)
def test_what_map_refuses(gallery: Gallery, arguments: list[str], message: str) -> None:
    assert message in refusal(run("map", "-g", gallery.folder, "--method", "tsne", *arguments))


def test_evaluate_draws_curves_and_bars(gallery: Gallery, tmp_path: Path) -> None:
    curves, bars = tmp_path / "curves.png", tmp_path / "bars.svg"
    arguments = ["evaluate", "-g", gallery.folder, "--space", "parity", "--folds", "2"]
    said = run(*arguments, "--curves", curves, "--bars", bars)
    assert said.exit_code == 0, said.output
    assert f"wrote {curves}" in said.stdout
    with PIL.Image.open(curves) as opened:
        assert opened.size[0] > 1000
    drawn = bars.read_text(encoding="utf-8")
    assert all(f">{word}<" in drawn for word in ("base", "parity", "macro mean", "even  (n=6)"))
    as_json = run("evaluate", "-g", gallery.folder, "--json", "--curves", curves)
    assert json.loads(as_json.stdout)["queries"] == 12, "nothing but JSON is printed"


def test_classify_draws_the_confusion_matrices(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "confusion.svg"
    said = run("classify", "-g", gallery.folder, "--folds", 2, "--method", "knn,centroid", "--confusion", path)
    assert said.exit_code == 0, said.output
    drawn = path.read_text(encoding="utf-8")
    assert all(f">{word}<" in drawn for word in ("knn", "centroid", "even", "odd", "true label"))


def test_figures_that_the_command_cannot_draw_are_wrong_use(gallery: Gallery) -> None:
    asked = run("classify", "q.png", "-g", gallery.folder, "--confusion", "out.png")
    assert (asked.exit_code, "give --folds 5 too" in asked.stderr) == (2, True)
    asked = run("evaluate", "-g", gallery.folder, "--protocol", "khun-jush", "--curves", "out.png")
    assert (asked.exit_code, "khun-jush does not measure" in asked.stderr) == (2, True)
