"""Hostile names and text, odd paths, closed folders, several writers, other versions."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from running import lookalike, refusal, run, without_root_powers

from conftest import texture
from dicoms import data_set, save
from lookalike.gallery import open_gallery
from lookalike.verbs.doctor import doctor
from lookalike.verbs.index import index
from started import ran


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are looked for in what is printed: none may be shortened."""
    monkeypatch.setenv("COLUMNS", "1000")


def test_no_name_or_label_can_leave_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    evil = "a\nError: \x1b]0;pwn\x07\x1b[2Jb\r\u202e\u2028\x9bc"
    rows = ["file,label,patient_id,note"]
    for i in range(4):
        name = f"{i}{evil}.png"
        PIL.Image.fromarray(texture(i)).save(folder / name)
        rows.append(f'"{name}","class {i % 2}{evil}",{i},"{evil}"')
    save(data_set(texture(9), Modality="CR", PatientID=evil, Manufacturer="A\x1b[2JB"), folder / f"9{evil}.dcm")
    (folder / f"bad{evil}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8", newline="")
    there = ["--gallery", tmp_path / "gallery"]
    indexed = run("index", folder, *there, "--labels", tmp_path / "labels.csv")
    assert indexed.stdout.startswith("5 records added, 0 files skipped, 1 refused")
    searched = run("search", folder / f"0{evil}.png", *there, "-k", "3")
    evaluated = run("evaluate", *there, "--k", "1")
    for result, lines in ((indexed, 6), (searched, 7), (evaluated, None)):
        assert result.exit_code == 0, result.output
        printed = result.stdout.splitlines()
        assert all(line.isprintable() for line in printed), printed
        assert lines is None or len(printed) == lines
    assert "class 0" in evaluated.stdout
    with open_gallery(tmp_path / "gallery") as opened:
        for record in opened.store.records().values():
            assert all(str(value).isprintable() for value in (*record.labels, *record.attributes.values()))


def test_hostile_metadata_of_real_files(shared_data: Path, tmp_path: Path) -> None:
    files = sorted((shared_data / "bad-input" / "dicom-bad" / "gen").glob("meta_*.dcm"))
    assert len(files) == 5
    there = ["--gallery", tmp_path / "gallery"]
    outputs = [run("index", *files, *there), run("search", files[0], *there, "--same-patient")]
    outputs += [run("search", files[0], *there, "--same-patient", "--json"), run("doctor", *there)]
    for result in outputs:
        assert result.exit_code == 0, result.output
        assert all(line.isprintable() for line in result.stdout.splitlines())
    stored = b"".join(path.read_bytes() for path in (tmp_path / "gallery").rglob("*") if path.is_file())
    for word in (b"CANARY", b"0;pwn", b"__pwned", b"Set-Cookie", b"HYPERLINK", b"19010203"):
        assert word not in stored
        assert not any(word.decode() in result.output for result in outputs)


@pytest.mark.sqlite_file
def test_paths_with_spaces_and_any_alphabet(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("mes images", "été 图像 #1")
    folder.mkdir(parents=True)
    for number, name in enumerate(["zwei wörter.png", "図 2.png"]):
        (folder / name).write_bytes((picture_folder / f"p{number:02}.png").read_bytes())
    gallery = "ma galerie é? a=1&100%20#1"
    assert run("index", "mes images", "--gallery", gallery).exit_code == 0
    assert (tmp_path / gallery / "gallery.db").is_file()
    searched = run("search", folder / "zwei wörter.png", "--gallery", gallery, "-k", "1", "--json")
    (hit,) = json.loads(searched.stdout)["hits"]
    assert hit["source"] == str(tmp_path / folder / "図 2.png")


def test_a_terminal_without_the_letters(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    (tmp_path / "図").write_bytes(b"nothing")
    there = ["--gallery", tmp_path / "gallery"]
    done = lookalike("index", tmp_path / "図", *there, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"  refused  not-an-image                 {tmp_path}/\\u56f3\n")
    PIL.Image.fromarray(texture(1)).save(tmp_path / "there.png")
    assert lookalike("index", tmp_path / "there.png", *there).returncode == 0
    done = lookalike("search", tmp_path / "図.jpg", *there, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: no such file: {tmp_path}/\\u56f3.jpg")


def test_the_gallery_may_lie_among_its_images(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "among").mkdir()
    (tmp_path / "among" / "p00.png").write_bytes((picture_folder / "p00.png").read_bytes())
    monkeypatch.chdir(tmp_path / "among")
    for added in (1, 0):
        found = json.loads(run("index", ".", "--gallery", "chest", "--json").stdout)
        assert (found["added"], found["refused"], found["files"]) == (added, [], 1)


def test_a_frame_of_a_file_is_named_by_its_number(tmp_path: Path) -> None:
    frames = np.stack([texture(i) for i in range(5)])
    scan = save(data_set(frames, PatientID="one", Modality="US"), tmp_path / "scan.dcm")
    PIL.Image.fromarray(texture(3)).save(tmp_path / "scan.dcm#3.png")
    there = ["--gallery", tmp_path / "gallery"]
    assert json.loads(run("index", tmp_path / "scan.dcm", tmp_path, *there, "--json").stdout)["added"] == 6
    for frame in (0, 3):
        options = ["--same-patient", "-k", "1", "--where", "Modality=US", "--json"]
        asked = run("search", f"{scan}#{frame}", *there, *options)
        (hit,) = json.loads(asked.stdout)["hits"]
        assert hit["attributes"]["frame"] == frame
        assert hit["score"] == pytest.approx(1, abs=1e-5)
    assert "the file has no frame 5" in refusal(run("search", f"{scan}#5", *there))
    named = run("search", f"{scan}#3.png", *there, "-k", "1", "--json")  # a file of that very name
    assert json.loads(named.stdout)["hits"][0]["attributes"]["frame"] == 3


def test_writers_that_start_at_once_on_a_new_gallery(picture_folder: Path, tmp_path: Path) -> None:
    command = ("index", picture_folder, "--gallery", tmp_path / "gallery")
    with ThreadPoolExecutor() as threads:
        ended = [each.result() for each in [threads.submit(ran, *command) for _ in range(3)]]
    assert 0 in [done.returncode for done in ended]
    for done in ended:
        assert (done.returncode, done.stderr) == (0, "") or "another process is writing" in done.stderr
    with open_gallery(tmp_path / "gallery") as opened:
        assert opened.store.count() == 12
        assert doctor(opened).healthy


@pytest.mark.sqlite_file
def test_a_folder_that_may_not_be_written_to(picture_folder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    with open_gallery(closed / "gallery", create=True) as opened:
        index(opened, [picture_folder / "p00.png"])
    hidden = tmp_path / "source" / "hidden"
    hidden.mkdir(parents=True)
    (hidden / "x.png").write_bytes(b"x")
    for path in (*closed.rglob("*"), closed):
        path.chmod(0o555 if path.is_dir() else 0o444)
    hidden.chmod(0)
    options: dict[str, Callable[[], None]] = {"preexec_fn": without_root_powers}
    try:
        index_there = lookalike("index", picture_folder, "--gallery", closed / "gallery", **options)
        index_new = lookalike("index", picture_folder, "--gallery", closed / "new", **options)
        unlisted = lookalike("index", tmp_path / "source", "--gallery", tmp_path / "g", **options)
    finally:
        for path in (hidden, closed, *closed.rglob("*")):
            path.chmod(0o755)
    for done in (index_there, index_new):
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
    assert "may be read but not written to" in index_there.stderr
    assert "name a folder that you may write to" in index_new.stderr
    assert unlisted.returncode == 0
    assert f"  refused  not-readable                 {hidden}\n" in unlisted.stdout


@pytest.mark.sqlite_file
def test_a_gallery_of_a_newer_version_is_left_alone(picture_folder: Path, tmp_path: Path) -> None:
    open_gallery(tmp_path / "gallery", create=True).close()
    with closing(sqlite3.connect(tmp_path / "gallery" / "gallery.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = (tmp_path / "gallery" / "gallery.db").read_bytes()
    for command in (["index", picture_folder], ["search", picture_folder / "p00.png"], ["doctor"]):
        message = refusal(run(*command, "--gallery", tmp_path / "gallery"))
        assert "revision '9999'" in message
        assert "a newer one" in message
    assert (tmp_path / "gallery" / "gallery.db").read_bytes() == before
