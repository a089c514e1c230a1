"""The command: help, exit codes, one-line errors, JSON that equals Python's answer, hostile names and text."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from running import COMMAND, commands, ids_of, refusal, run

from conftest import write_pictures
from lookalike.errors import REASONS
from lookalike.gallery import Gallery, open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.doctor import doctor
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.search import search
from started import ran


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("cli") / "pictures")


@pytest.fixture(scope="module")
def gallery(pictures: Path) -> Iterator[Gallery]:
    """An opened gallery of the pictures, with an adapted space."""
    with open_gallery(pictures.parent / "gallery", create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        adapt(opened, "parity", kind="linear")
        yield opened


# Help and exit codes


def test_the_commands_are_those_of_the_design() -> None:
    listed = run("--help")
    assert listed.exit_code == 0
    names = {words[0] for words in commands()}
    assert {"index", "search", "adapt", "evaluate", "demo", "doctor"} <= names
    assert all(f"\n  {name} " in listed.stdout for name in names)
    assert "not a medical device" in listed.stdout


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    _, example = result.stdout.split("Example:\n")
    assert example.splitlines()[0].startswith(f"    lookalike {' '.join(words)}")
    assert "--json" in result.stdout or words == ["mcp"]  # whose output is the protocol's


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["search"],
        ["search", "q.png"],
        ["search", "q.png", "--gallery", "g", "--nonsense"],
        ["search", "q.png", "--gallery", "g", "-k", "five"],
        ["index", "--gallery", "g"],
        ["adapt", "--gallery", "g"],
        ["adapt", "--gallery", "g", "--name", "s", "--kind", "forest"],
        ["evaluate", "--gallery", "g", "--k", "1,two"],
        ["evaluate", "--gallery", "g", "--k", ","],
        ["evaluate", "--gallery", "g", "stray"],
        ["evaluate", "--gallery", "g", "--folds", "many"],
    ],
)
def test_wrong_use_exits_with_2_and_says_how(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: ")
    assert "\nError: " in result.stderr


def errors_of_search(folder: Path) -> list[tuple[list[str | Path], str]]:
    picture = folder / "p00.png"
    return [
        (["nothing.png"], "no such file: "),
        ([folder], "the folder is no series of one volume"),
        (["~nobody-of-that-name/a.png"], "no such file: "),
        (["x" * 5000], "no such file: "),
        (["a\nb\x1b[2J"], r"a\nb\x1b[2J"),
        ([folder / "labels.csv"], "not-an-image"),
        ([picture, "--space", "bas"], "Did you mean 'base'?"),
        ([picture, "--space", "../base"], "no space is called"),
        ([picture, "--where", "label="], "the filter cannot be read"),
        ([picture, "--where", "label=even or"], "the filter cannot be read"),
        ([picture, "--where", "(" * 5000], "the filter cannot be read"),
        ([picture, "--where", "age>=old"], "compares numbers"),
        ([picture, "--where", "sight=north"], "Did you mean 'site'?"),
        ([picture, "-k", "0"], "k must be from 1 to"),
        ([picture, "-k", "-3"], "k must be from 1 to"),
        ([picture, "-k", "99999999"], "k must be from 1 to"),
        ([picture, "--id", "0" * 16], "give either a query"),
        (["--id", "0" * 16], "no record has the id"),
        ([], "give either a query"),
        ([picture, "--figure", folder / "nowhere" / "x.png"], "cannot write the figure"),
        ([f"{picture}#7"], "the file has no frame 7"),
    ]


def test_search_refuses_in_one_line(gallery: Gallery, pictures: Path) -> None:
    for arguments, words in errors_of_search(pictures):
        assert words in refusal(run("search", *arguments, "--gallery", gallery.folder)), arguments


def test_index_refuses_in_one_line(gallery: Gallery, pictures: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("name,label\na.png,x\n")
    full = tmp_path / "full"
    full.mkdir()
    (full / "other.txt").write_text("x")
    there = ["--gallery", gallery.folder]
    labels = ["--labels", pictures / "labels.csv"]
    for arguments, words in (
        (["nothing", *there], "no such file or folder: "),
        ([pictures, "--labels", "nothing.csv", *there], "cannot be opened"),
        ([pictures, "--labels", table, *there], "has no column that names the file"),
        ([pictures, "--labels", pictures / "p00.png", *there], "p00.png is no text"),
        ([pictures, *labels, "--label-column", "lable", *there], "Did you mean 'label'?"),
        ([pictures, *labels, "--label-column", "label", "--label-column", "site", *there], "must hold 0 and 1 only"),
        ([pictures, "--encoder", "lite0-last", *there], "was made with the encoder 'lite0'"),
        ([pictures, "--gallery", tmp_path / "new", "--encoder", "lite0-iner"], "Did you mean 'lite0-inner'?"),
        ([pictures, "--gallery", full], "is no gallery"),
        ([pictures, "--gallery", table], "is no gallery"),
        ([pictures, "--gallery", "x" * 300], "no gallery can be made at"),
    ):
        assert words in refusal(run("index", *arguments)), arguments


def test_the_others_refuse_in_one_line(gallery: Gallery, pictures: Path, tmp_path: Path) -> None:
    there = ["--gallery", gallery.folder]
    empty = tmp_path / "empty"
    open_gallery(empty, create=True).close()
    table = pictures / "labels.csv"
    for arguments, words in (
        (["search", "q.png", "--gallery", "nowhere"], "no gallery at"),
        (["evaluate", "--gallery", "nowhere"], "no gallery at"),
        (["doctor", "--gallery", tmp_path / ("x" * 300)], "no gallery at"),
        (["evaluate", "--gallery", empty], "no record of this gallery bears a label"),
        (["evaluate", *there, "--k", "0"], "k must be numbers from 1"),
        (["evaluate", *there, "--folds", "1"], "folds must be from 2"),
        (["evaluate", *there, "--folds", "5"], "folds must be from 2 to 4"),
        (["evaluate", *there, "--space", "parity"], "give --folds"),
        (["evaluate", *there, "--space", "parities"], "Did you mean 'parity'?"),
        (["evaluate", *there, "--queries", pictures], "--query-labels"),
        (["evaluate", *there, "--query-labels", table], "--queries"),
        (["evaluate", *there, "--out", tmp_path / "nowhere" / "x.txt"], "No such file or directory"),
        (["adapt", *there, "--name", "base", "--kind", "linear"], "is not 'base'"),
        (["adapt", *there, "--name", "../evil", "--kind", "linear"], "a space's name is made of"),
        (["adapt", "--gallery", empty, "--name", "s"], "no record of this gallery bears a label"),
        (["demo", "--data", tmp_path / "nowhere", "--out", tmp_path / "out"], "no such folder"),
        (["demo", "--data", pictures, "--out", tmp_path / "out"], "at least 10 patients"),
    ):
        assert words in refusal(run(*arguments)), arguments


def test_what_nobody_foresaw_is_one_line_without_the_parser_s_words(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError("SECRET^NAME\nline two")

    monkeypatch.setattr("lookalike.verbs.doctor.doctor", broken)
    result = run("doctor")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: unexpected RuntimeError; this is a bug: ")
    assert result.stderr.count("\n") == 1
    assert "SECRET" not in result.stderr


def test_a_missing_extra_says_what_to_install(gallery: Gallery) -> None:
    script = (
        "import sys\nsys.modules['torch'] = None\nfrom lookalike.cli import main\n"
        f"main(['adapt', '--gallery', {str(gallery.folder)!r}, '--name', 'x', '--kind', 'mlp'])"
    )
    done = ran("-c", script)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'lookalike[mlp]'" in done.stderr
    assert done.stderr.count("\n") == 1


# JSON


def same_as_python(printed: str, answer: Any, *, apart_from: tuple[str, ...] = ("seconds",)) -> dict[str, Any]:
    found, wanted = json.loads(printed), json.loads(json.dumps(asdict(answer)))
    assert found.keys() == wanted.keys()
    for name in apart_from:
        assert type(found.pop(name)) is type(wanted.pop(name))
    assert found == wanted
    return dict(found)


def test_index_json(pictures: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("p00.png", "p01.png"):
        (source / name).write_bytes((pictures / name).read_bytes())
    (source / "cut.png").write_bytes((pictures / "p00.png").read_bytes()[:50])
    options = ["--labels", pictures / "labels.csv", "--json"]
    with open_gallery(tmp_path / "python", create=True) as opened:
        for added, skipped in ((2, 0), (0, 2)):
            result = run("index", source, "--gallery", tmp_path / "command", *options)
            assert result.exit_code == 0
            answer = index(opened, [source], labels=pictures / "labels.csv")
            found = same_as_python(result.stdout, answer)
            assert (found["added"], found["skipped"]) == (added, skipped)
            (refused,) = found["refused"]
            assert refused["source"] == str(source / "cut.png")
            assert refused["reason"] in REASONS


def test_search_json(gallery: Gallery, pictures: Path) -> None:
    there = ["--gallery", gallery.folder, "--json"]
    by_file = run("search", pictures / "p03.png", *there, "-k", "4", "--where", "site=north")
    answer = search(gallery, str(pictures / "p03.png"), k=4, where="site=north")
    found = same_as_python(by_file.stdout, answer)
    assert found["space"] == "base"
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4]
    assert found["hits"][0].keys() >= {"rank", "score", "id", "source", "labels"}
    identity = ids_of(gallery)[0]
    by_id = run("search", "--id", identity, *there, "--space", "parity", "--same-patient")
    found = same_as_python(by_id.stdout, search(gallery, id=identity, space="parity", same_patient=True))
    assert (found["space"], found["hits"][0]["id"]) == ("parity", identity)


def test_evaluate_json(gallery: Gallery, pictures: Path) -> None:
    there = ["--gallery", gallery.folder, "--json"]
    found = same_as_python(run("evaluate", *there, "--k", "1,3").stdout, evaluate(gallery, k=(1, 3)), apart_from=())
    assert found["queries"] == 12
    assert found["micro"].keys() == found["macro"].keys() == {"P@1", "P@3"}
    assert found["per_class"].keys() == {"even", "odd"}
    assert found["per_class"]["even"].keys() == {"P@1", "P@3"}
    assert 0 < found["chance"]["macro"] < 1
    folds = run("evaluate", *there, "--space", "parity", "--folds", "2", "--seed", "3")
    same_as_python(folds.stdout, evaluate(gallery, space="parity", folds=2, seed=3), apart_from=())
    outside = run("evaluate", *there, "--queries", pictures, "--query-labels", pictures / "labels.csv")
    answer = evaluate(gallery, queries=[pictures], query_labels=pictures / "labels.csv")
    same_as_python(outside.stdout, answer, apart_from=())


def test_adapt_and_doctor_json(gallery: Gallery) -> None:
    there = ["--gallery", gallery.folder, "--json"]
    result = run("adapt", *there, "--name", "again", "--kind", "linear", "--seed", "5")
    assert result.exit_code == 0
    same_as_python(result.stdout, adapt(gallery, "again", kind="linear", seed=5, replace=True))
    same_as_python(run("doctor", *there).stdout, doctor(gallery), apart_from=())


# Other processes


def test_a_query_inside_the_gallery_leaves_its_own_patient_out(gallery: Gallery, pictures: Path) -> None:
    result = run("search", pictures / "p05.png", "--gallery", gallery.folder, "-k", "12", "--json")
    names = {Path(hit["source"]).name for hit in json.loads(result.stdout)["hits"]}
    assert names == {f"p{i:02}.png" for i in range(12)} - {"p01.png", "p05.png", "p09.png"}


def test_a_second_writer_is_told_to_wait(gallery: Gallery, pictures: Path) -> None:
    there = ["--gallery", gallery.folder]
    with gallery.writing():
        for command in (["index", pictures], ["adapt", "--name", "x", "--kind", "linear"]):
            assert "another process is writing to this gallery" in refusal(run(*command, *there))
        assert run("search", pictures / "p00.png", *there).exit_code == 0
    assert run("index", pictures, *there).exit_code == 0


def test_a_reader_that_stops_listening_is_no_error_of_ours(gallery: Gallery) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [COMMAND, "search", "--id", ids_of(gallery)[0], "--gallery", gallery.folder, "--json"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert "unexpected" not in done.stderr
    assert "Traceback" not in done.stderr


def test_encoders_verify_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each: sound, or what it needs in one line; exit 1 once one is broken."""
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    done = run("encoders", "verify", "--all")
    assert done.exit_code == 0, done.output
    rows = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert rows["lite0-inner"].startswith("sound: ")
    assert "lookalike encoders pull rad-dino --to DIR" in rows["rad-dino"]
    (tmp_path / "dinov2-b").mkdir()
    (tmp_path / "dinov2-b" / "model.safetensors").write_bytes(b"")
    (tmp_path / "dinov2-b" / "config.json").write_text("{")
    done = run("encoders", "verify", "--all", "--json")
    assert done.exit_code == 1
    states = {item["name"]: item["state"] for item in json.loads(done.stdout)}
    assert (states["dinov2-b"], states["lite0-inner"], states["swin-b"]) == ("broken", "sound", "needs")
    for words in (("encoders", "verify"), ("encoders", "verify", "lite0-inner", "--all")):
        assert "name an encoder, or --all" in run(*words).output
