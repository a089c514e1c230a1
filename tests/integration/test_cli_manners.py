"""How the command behaves: widths, help, the default gallery, Ctrl-C, and what a failure leaves behind."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from running import COMMAND, HELD, lookalike, refusal, run

from awaited import PATIENCE, eventually
from conftest import write_pictures
from lookalike import cli
from lookalike.gallery import open_gallery
from lookalike.verbs.adapt import adapt
from lookalike.verbs.index import index


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose path is far longer than a line."""
    folder = tmp_path_factory.mktemp("manners") / ("a folder of a long name" * 3) / ("another-" * 8)
    (folder / "other").mkdir(parents=True)
    (folder / "other" / "broken.dcm").write_bytes(b"x" * 200)
    return write_pictures(folder / "pictures")


@pytest.fixture(scope="module")
def gallery(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("manners") / "gallery"
    with open_gallery(folder, create=True) as opened:
        index(opened, [pictures], labels=pictures / "labels.csv")
        adapt(opened, "parity", kind="linear")
    return str(folder)


OUTPUTS = (
    "search {picture}",
    "search {picture} --box 0.2,0.2,0.8,0.8",
    "classify {picture}",
    "classify --folds 2 --method knn",
    "evaluate",
    "evaluate --space parity --folds 2",
    "audit",
    "audit duplicates",
    "map --method tsne",
    "adapt --name again --kind linear",
    "doctor",
    "index {folder} {folder}/../other --verbose",
)
WITHOUT_GALLERY = ("encoders list", "doctor", "keys --help", "benchmark index --sizes 200 --dims 16 --kinds flat,hnsw")


def wide_lines(text: str, width: int) -> list[str]:
    """Lines that are too wide, and could have been wrapped."""
    return [line for line in text.splitlines() if len(line) > width and " " in line.strip()]


def test_every_output_fits_80_columns(gallery: str, pictures: Path) -> None:
    places = {"picture": str(pictures / "p00.png"), "folder": str(pictures)}
    runs = [[word.format(**places) for word in each.split()] + ["--gallery", gallery] for each in OUTPUTS]
    runs += [each.split() for each in WITHOUT_GALLERY]
    for words in runs:
        result = CliRunner().invoke(cli.main, words, env={"COLUMNS": "80"})
        assert result.exit_code in (0, 1), (words, result.output)
        assert "unexpected" not in result.stderr, (words, result.stderr)
        assert wide_lines(result.stdout, 80) == [], words


def test_a_wide_terminal_gets_a_wide_table_and_json_whole_paths(gallery: str, pictures: Path) -> None:
    words = ["search", str(pictures / "p00.png"), "--gallery", gallery]
    narrow, wide = (CliRunner().invoke(cli.main, words, env={"COLUMNS": columns}).stdout for columns in ("80", "400"))
    hits = json.loads(run(*words, "--json").stdout)["hits"]
    for hit in hits:
        assert Path(hit["source"]).is_file()
        assert hit["source"] in wide
        assert hit["source"] not in narrow
        assert hit["id"] in narrow


def test_the_default_gallery_comes_from_the_environment(gallery: str, pictures: Path) -> None:
    words = ["search", str(pictures / "p00.png"), "--json"]
    told = CliRunner().invoke(cli.main, words, env={"LOOKALIKE_GALLERY": gallery})
    assert json.loads(told.stdout)["hits"] == json.loads(run(*words, "--gallery", gallery).stdout)["hits"]
    assert "LOOKALIKE_GALLERY" in run("search", "--help").stdout


def test_short_help_and_the_module() -> None:
    long, short = (lookalike("keys", "add", word).stdout for word in ("--help", "-h"))
    assert long == short
    assert long.startswith("Usage: lookalike keys add ")
    done = subprocess.run([sys.executable, "-m", "lookalike", "-h"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: lookalike ")


@pytest.mark.parametrize(
    "words", [["nofolder"], ["{pictures}", "--encoder", "rad-dino"], ["{pictures}", "--labels", "no.csv"]]
)
@pytest.mark.parametrize("place", ["new", "deeper/new", "empty"])
def test_a_failed_index_leaves_no_gallery(pictures: Path, tmp_path: Path, words: list[str], place: str) -> None:
    (tmp_path / "empty").mkdir()
    folder = tmp_path / place
    refusal(run("index", *(word.format(pictures=pictures) for word in words), "--gallery", folder))
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]
    assert "no gallery at" in refusal(run("search", pictures / "p00.png", "--gallery", folder))


def test_a_failed_index_leaves_an_old_gallery_alone(gallery: str, pictures: Path) -> None:
    refusal(run("index", "nofolder", "--gallery", gallery))
    assert run("search", pictures / "p00.png", "--gallery", gallery).exit_code == 0


def test_a_gallery_without_records_is_no_gallery_to_search(pictures: Path, tmp_path: Path) -> None:
    open_gallery(tmp_path / "empty", create=True).close()
    assert "no gallery to search" in refusal(run("search", pictures / "p00.png", "--gallery", tmp_path / "empty"))


def interrupted(when: str, words: list[str | Path], ready: Callable[[], bool], output: Path) -> str:
    """What a command that waits there (``HELD``) says when Ctrl-C comes once it is ready: to every process, as a
    terminal sends it.
    """
    with output.open("w") as file:
        # A shell starts what runs in its background with SIGINT ignored, and children inherit it.
        command = ["env", "--default-signal=INT", sys.executable, "-c", HELD, when, *words]
        started = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        eventually(lambda: ready() or started.poll() is not None, every=0.01)
        assert started.poll() is None, output.read_text()
        os.killpg(started.pid, signal.SIGINT)
        assert started.wait(PATIENCE) == 130
    return " ".join(output.read_text().split())


def stored(folder: Path) -> int:
    """How many records a gallery holds that another process is filling."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{folder}/gallery.db?mode=ro", uri=True)) as database:
        return int(database.execute("select count(*) from records").fetchone()[0])
    return 0


@pytest.mark.sqlite_file
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    pictures, folder = tmp_path / "pictures", tmp_path / "gallery"
    pictures.mkdir()
    for number in range(400):
        grey = np.random.default_rng(number).integers(0, 256, (16, 16), dtype=np.uint8)
        PIL.Image.fromarray(grey).save(pictures / f"{number}.png")
    words: list[str | Path] = ["index", pictures, "--gallery", folder]
    said = interrupted("after", words, lambda: stored(folder) > 0, tmp_path / "output")
    kept = stored(folder)
    assert 0 < kept < 400
    assert said == f"Interrupted. {kept} records are kept in the gallery. Run the same command again: it finishes " + (
        "what is not there yet."
    )
    result = json.loads(run(*words, "--json").stdout)
    assert (result["skipped"], result["added"], result["refused"]) == (kept, 400 - kept, [])


@pytest.mark.sqlite_file
def test_ctrl_c_before_anything_is_stored_leaves_no_gallery(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deeper" / "gallery"
    words: list[str | Path] = ["index", pictures, "--gallery", folder]
    said = interrupted("before", words, (folder / "gallery.db").exists, tmp_path / "output")
    assert said.startswith("Interrupted. ")
    assert "Run the same command again" in said
    assert "Aborted" not in said
    assert not folder.parent.exists()


def on_a_terminal(words: list[str], columns: int) -> str:
    """What a command says on a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [COMMAND, *words], stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=environment
    ) as process:
        os.close(slave)
        said = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        assert process.wait() == 0, said
    os.close(master)
    return said.decode()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 0])
def test_what_takes_long_shows_a_bar_on_a_terminal(gallery: str, columns: int) -> None:
    said = on_a_terminal(["evaluate", "--gallery", gallery, "--space", "parity", "--folds", "2", "--json"], columns)
    assert "2/2" in said
    assert "it/s" not in said
    drawn = [line for line in said.replace("\n", "\r").split("\r") if line.strip()]
    assert max(map(len, drawn)) <= 80
    assert "at work" in on_a_terminal(["map", "--gallery", gallery, "--method", "tsne"], columns)


def test_whoever_removes_the_last_key_is_told_what_a_service_does(tmp_path: Path) -> None:
    there = ("--gallery", tmp_path / "g")
    open_gallery(tmp_path / "g", create=True).close()
    for name in ("one", "two"):
        run("keys", "add", name, *there)
    assert run("keys", "remove", "one", *there).stdout.count("\n") == 1
    assert "stays closed" in run("keys", "remove", "two", *there).stdout


def test_an_interruption_within_the_pool_of_connections_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_gallery(tmp_path / "g", create=True) as gallery, gallery.store.begin() as connection:
        pool = connection.engine.pool
        for error, lines in ((KeyboardInterrupt(), 0), (OSError(), 1)):
            pool.logger.error("Exception during reset or similar", exc_info=error)
            assert len(caplog.records) == lines
