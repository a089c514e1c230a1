"""The package of docs/extend.md, installed as a third party's, does what the page says, through the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import texture
from one_process import commands_in

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"
FILES = dict(re.findall(r"^```\w+ title=\"([\w.]+)\"\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S))
SHOWN = re.findall(r"^lookalike .*$", PAGE.read_text(encoding="utf-8"), re.M)
Run = Callable[[str], str]


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package, a labelled folder of PGM files and the same as an archive."""
    root = tmp_path_factory.mktemp("toys")
    install(root / "site")
    write_scans(root / "scans")
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        for number, file in enumerate(sorted((root / "scans").glob("p*.pgm"))):
            archive.write(file, f"{'even' if number % 2 == 0 else 'odd'}/{file.name}")
    return root


def install(site: Path) -> None:
    """The files of the page, with what an installer writes of their entry points."""
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir(parents=True)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(head, encoding="utf-8")
    groups = project["entry-points"].items()
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items()) for group, points in groups
    ]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for name, code in FILES.items():
        (site / name).write_text(code, encoding="utf-8")


def write_scans(folder: Path) -> None:
    """Eighteen PGM files of six patients and two classes, which differ in brightness; with a label table."""
    folder.mkdir()
    rows = ["file,label,patient_id"]
    for number in range(18):
        picture = texture(number).copy()
        half = slice(0, 32) if number % 2 == 0 else slice(32, 64)
        picture[half] = picture[half] // 4
        deep = number % 3 == 0  # some of 16 bits
        pixels = (picture.astype(">u2") * 257) if deep else picture
        head = f"P5\n64 64 {65535 if deep else 255}\n".encode()
        (folder / f"p{number:02}.pgm").write_bytes(head + pixels.tobytes())
        rows.append(f"p{number:02}.pgm,{'even' if number % 2 == 0 else 'odd'},patient-{number // 3}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "cut.pgm").write_bytes(b"P5\n64 64 255\n" + bytes(100))


@pytest.fixture(scope="module")
def run(toys: Path) -> Iterator[Run]:
    """Run a line of the page where the package is installed, once; what it printed."""
    path = os.pathsep.join([str(toys / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    done: dict[str, str] = {}
    with commands_in(toys, {**os.environ, "PYTHONPATH": path}) as command:

        def call(line: str) -> str:
            if line not in done:
                ended = command(*line.split()[1:])
                assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
                done[line] = ended.stdout
            return done[line]

        yield call


def shown(part: str) -> str:
    """The line of the page that holds some words."""
    (line,) = [line for line in SHOWN if part in line]
    return line


def answer(run: Run, line: str) -> Any:
    return json.loads(run(f"{line} --json"))


def test_the_examples_are_short_and_each_is_declared() -> None:
    project = tomllib.loads(FILES["pyproject.toml"])
    declared = {
        value.partition(":")[0] for points in project["project"]["entry-points"].values() for value in points.values()
    }
    modules = {name.removesuffix(".py") for name in FILES if name.endswith(".py")}
    assert declared == modules == set(project["tool"]["setuptools"]["py-modules"])
    assert len(modules) == 7
    for name in modules:
        lines = [line for line in FILES[f"{name}.py"].splitlines() if line and not line.startswith(("import", "from"))]
        assert len(lines) < 36, name


def test_a_reader(run: Run) -> None:
    indexed = answer(run, shown("index scans/ --gallery toys"))
    assert indexed["added"] + indexed["skipped"] == indexed["records"] == 18  # added by whichever test comes first
    assert [one["reason"] for one in indexed["refused"]] == ["damaged-pixels"]
    found = answer(run, "lookalike search scans/p03.pgm --gallery toys -k 3")  # 16 bits, beside those of 8
    assert len(found["hits"]) == 3
    same = answer(run, "lookalike search scans/p03.pgm --gallery toys -k 1 --same-patient")
    assert same["hits"][0]["source"].endswith("p03.pgm")
    assert same["hits"][0]["score"] == pytest.approx(1, abs=1e-5)


def test_a_source(run: Run) -> None:
    line = shown("index toyzip:archive.zip")
    indexed = answer(run, line)
    assert (indexed["added"], indexed["skipped"], indexed["refused"]) == (18, 0, [])
    report = answer(run, "lookalike evaluate --gallery zipped --k 1")
    assert set(report["per_class"]) == {"even", "odd"}
    again = answer(run, line.replace("lookalike index", "lookalike  index"))  # not the answer that is kept
    assert (again["added"], again["skipped"]) == (0, 18)


def test_an_encoder(run: Run) -> None:
    kept = answer(run, shown("encoders verify toy"))
    assert all(promise["kept"] is not False for promise in kept["promises"])
    assert "toy" in run("lookalike encoders list")
    assert answer(run, shown("--encoder toy"))["added"] == 18
    found = answer(run, "lookalike search scans/p04.pgm --gallery small -k 5")
    assert found["encoder"] == "toy"
    assert {hit["labels"][0] for hit in found["hits"]} == {"even"}  # it sees which half is dark


def test_an_index_kind(run: Run, toys: Path) -> None:
    run(shown("index scans/ --gallery toys"))
    assert answer(run, shown("--index toy"))["added"] == 18
    line = "lookalike search scans/p04.pgm --gallery {} -k 7 --where label=odd"
    exact, found = answer(run, line.format("toys")), answer(run, line.format("own-index"))
    assert [hit["id"] for hit in found["hits"]] == [hit["id"] for hit in exact["hits"]]
    np.testing.assert_allclose([h["score"] for h in found["hits"]], [h["score"] for h in exact["hits"]], atol=1e-6)
    made = (json.loads(path.read_text(encoding="utf-8")) for path in (toys / "own-index" / "indexes").glob("*.json"))
    assert "toy" in [one.get("kind") for one in made]


def test_an_adapter_kind(run: Run) -> None:
    run(shown("index scans/ --gallery toys"))
    trained = answer(run, shown("adapt --gallery toys"))
    assert (trained["kind"], trained["classes"]) == ("toy", ["even", "odd"])
    report = answer(run, shown("--space ridge --folds 3"))
    assert report["macro"]["P@1"] > 0.8


def test_a_classifier(run: Run) -> None:
    run(shown("index scans/ --gallery toys"))
    answered = answer(run, shown("classify scans/p00.pgm"))
    assert answered["method"] == "toy"
    assert sum(one["probability"] for one in answered["labels"]) == pytest.approx(1, abs=1e-5)
    assert "toy" in run(shown("--method toy,knn"))


def test_a_protocol(run: Run) -> None:
    run(shown("index scans/ --gallery toys"))
    line = shown("evaluate --gallery toys --protocol toy")
    report = answer(run, line)
    assert report["queries"] == 18
    plain = answer(run, "lookalike evaluate --gallery toys --k 1")
    assert report["agreeing"] == pytest.approx(plain["micro"]["P@1"], abs=1e-5)
    assert answer(run, line.replace("--least 1", "--least 2"))["agreeing"] == 0  # each bears one label
    assert "--least" in run("lookalike evaluate --protocol toy --help")


@pytest.mark.slow
@pytest.mark.parametrize("seam", ["index", "adapter", "classifier"])
def test_a_contract_takes_the_example(toys: Path, seam: str) -> None:
    """The contract tests find a third party's kind by its entry point, and it keeps them."""
    contracts = PAGE.parents[1] / "tests" / "contracts" / f"test_{seam}_contract.py"
    path = os.pathsep.join([str(toys / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-m", "pytest", "-q", "-k", "toy", "-p", "no:cacheprovider", str(contracts)]
    environment = {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stdout
    assert re.search(r"^\d+ passed", ended.stdout, re.M)
