"""A third party's adapter and classifier, through the commands; what was trained outlives the plug-in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from running import lookalike

from plugged import install

SOURCE = '''
"""The class means as an adapter, and the nearest one of them as a classifier."""

import numpy as np
from lookalike.adapters import AdapterNetwork
from lookalike.adapters.layers import dense
from lookalike.classifiers import Fitted


def means(data, seed):
    weight = data.vectors.T @ data.targets / data.targets.sum(0)
    head = dense(20 * weight, np.zeros(len(data.classes)))
    return AdapterNetwork((), (head,), (), "probabilities", 0.5), {"source": "class means"}


def nearest_mean(data, settings):
    weight = data.vectors.T @ data.members / np.maximum(data.members.sum(0), 1)
    return Fitted(lambda queries: 20.0 * (queries @ weight).astype(np.float64))
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    points = {
        "lookalike.adapters": {"class-means": "acme_means:means"},
        "lookalike.classifiers": {"nearest-mean": "acme_means:nearest_mean"},
    }
    return install(tmp_path_factory.mktemp("site"), "acme-means", points, {"acme_means": SOURCE})


@pytest.mark.slow  # tests/extend runs one of each through the command
def test_they_work_through_the_commands(site: Path, picture_folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    gallery = ("--gallery", tmp_path / "g", "--json")
    asked = ("search", picture_folder / "p00.png", *gallery, "--space", "means", "--same-patient")

    def run(*words: str | Path, plugged: bool = True) -> dict:
        done = lookalike(*words, env=environment if plugged else None)
        assert done.returncode == 0, done.stderr
        answer: dict = json.loads(done.stdout)
        return answer

    run("index", picture_folder, "--labels", next(picture_folder.glob("*.csv")), *gallery)
    adapted = run("adapt", "--name", "means", "--kind", "class-means", *gallery)
    assert (adapted["kind"], adapted["training"]["source"]) == ("class-means", "class means")
    found = run(*asked)
    assert found["hits"][0]["source"].endswith("p00.png")
    by_mean = run("classify", picture_folder / "p00.png", "--method", "nearest-mean", *gallery)
    assert {each["label"] for each in by_mean["labels"]} == {"even", "odd"}
    assert sum(each["probability"] for each in by_mean["labels"]) == pytest.approx(1)
    assert run("classify", picture_folder / "p00.png", "--method", "adapter", *gallery)["method"] == "adapter"
    measured = run("evaluate", "--space", "means", "--folds", "2", *gallery)
    assert measured["queries"] > 0

    # Without the plug-in the space is served as before; only training it anew needs the plug-in.
    assert [hit["score"] for hit in run(*asked, plugged=False)["hits"]] == [hit["score"] for hit in found["hits"]]
    refused = lookalike("evaluate", "--space", "means", "--folds", "2", *gallery)
    assert refused.returncode == 1
    assert "no adapter kind is called 'class-means'" in refused.stderr
