"""Every command goes on beside a third party's plug-ins that cannot be imported."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import PIL.Image

from one_process import Call, commands_in
from plugged import install

ACME = "acme-imaging"
TORN = "import os\nraise ValueError('the patient')\n"
REASON = f"ValueError when acme_torn:ANY was imported; distribution {ACME}"
GROUPS = ("encoders", "encoder_catalogues", "readers", "sources", "indexes", "adapters", "classifiers", "protocols")


def test_the_commands_go_on(tmp_path: Path) -> None:
    site = install(
        tmp_path / "site",
        ACME,
        {f"lookalike.{group}": {"aaa": "acme_torn:ANY"} for group in GROUPS},
        {"acme_torn": TORN},
    )
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "1000"}  # no line is wrapped
    for number in range(6):
        plane = np.random.default_rng(number).integers(0, 256, (40, 40), np.uint8)
        PIL.Image.fromarray(plane).save(tmp_path / f"{number}.png")
    labels = ["file,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(6))]
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    gallery = ("--gallery", tmp_path / "g")

    with commands_in(tmp_path, environment) as run:
        _all_go_on(run, tmp_path, gallery)


def _all_go_on(run: Call, tmp_path: Path, gallery: tuple[str | Path, ...]) -> None:
    listed = run("encoders", "list")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines()[-1] == f"broken: aaa: {REASON}"
    assert run("doctor").returncode == 0
    indexed = run("index", tmp_path, *gallery, "--labels", "labels.csv", "--json")
    assert json.loads(indexed.stdout)["added"] == 6, indexed.stderr
    for words in (
        ("search", "0.png"),
        ("classify", "0.png"),
        ("adapt", "--name", "s", "--kind", "linear"),
        ("evaluate",),
    ):
        done = run(*words, *gallery)
        assert done.returncode == 0, done.stderr
    new = ("index", "0.png", "--gallery", tmp_path / "h")
    for words in (
        (*new, "--encoder", "aaa"),
        (*new, "--index", "aaa"),
        ("classify", "0.png", *gallery, "--method", "aaa"),
        ("adapt", *gallery, "--name", "t", "--kind", "aaa"),
        ("evaluate", *gallery, "--protocol", "aaa"),
        ("index", "aaa:/there", "--gallery", tmp_path / "i"),
    ):
        refused = run(*words)
        assert refused.returncode == 1, refused
        (line,) = refused.stderr.splitlines()
        assert f"'aaa' cannot be used: {REASON}" in line
        assert "patient" not in line
