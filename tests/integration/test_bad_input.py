"""1,072 hostile files: each is read or refused, quickly, in bounded memory, and the next one is still read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import psutil
import pytest
from running import COMMAND

from conftest import texture
from lookalike.errors import REASONS
from lookalike.gallery import Gallery, open_gallery
from lookalike.readers.events import Finished
from lookalike.readers.pool import ReaderPool, Refusal
from lookalike.sources.files import walk
from lookalike.types import Preprocessing

SUMMARY = re.compile(
    r"(\d+) records added, (\d+) files skipped, (\d+) refused, (\d+) other files passed over, in [\d.]+ s\. "
    r"The gallery holds (\d+) records\."
)
REFUSED = re.compile(r"  refused  (\S+) +(/.*)")
# What is said once of all files: that of some no value was kept, never which.
REMARK = re.compile(
    r"\w+ of (?:1 file|\d+ files) was not kept: it is none of the known values; a label table may give it"
    r"|(?:1 file says|\d+ files say) that text is burned into the pixels \(BurnedInAnnotation\): .*"
)
# What a refused volume says besides: known words, and numbers.
DETAIL = re.compile(
    r" {40}(an? [\w ,;]+|compressed by \w+|\d+ volumes in one file|the slices differ in size|one place only"
    r"|slices lie [\d.e+-]+ to [\d.e+-]+ mm apart"
    r"|(\d+ of \d+ places hold several slices|\d+ missing at the usual distance of [\d.e+-]+ mm)"
    r"[\d.e+, ()InstaceNumbromd;:-]*)"
)


# Runs a command and writes the peak of its largest descendant, in KiB. A process of its own, since on Linux a program
# starts with the peak of the process that forked it: here that would be the whole test run's.
_MEASURED = """
import pathlib, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are looked for in what is printed: none may be shortened."""
    monkeypatch.setenv("COLUMNS", "1000")


@dataclass(frozen=True)
class Run:
    """One run of the command over every hostile file, a good one last."""

    code: int
    out: str
    err: str
    peak: int  # bytes resident in the largest process, the kernel's own count over the whole family
    good: Path
    gallery: Path


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("bad")
    good = folder / "zz" / "good.png"
    good.parent.mkdir()
    PIL.Image.fromarray(texture(1)).save(good)
    indexing = [COMMAND, "index", shared_data / "bad-input", good.parent, "--gallery", folder / "gallery"]
    wide = {**os.environ, "COLUMNS": "1000"}  # no path is shortened
    command = [sys.executable, "-c", _MEASURED, folder / "peak", *indexing]
    done = subprocess.run(command, capture_output=True, text=True, env=wide, check=False)
    peak = int((folder / "peak").read_text()) << 10
    return Run(done.returncode, done.stdout, done.stderr, peak, good, folder / "gallery")


@pytest.fixture
def opened(run: Run) -> Iterator[Gallery]:
    with open_gallery(run.gallery) as gallery:
        yield gallery


def test_it_ends_well_and_says_nothing_but_the_listing(run: Run) -> None:
    assert run.code == 0
    assert run.err == ""
    summary, listed = run.out.split("passed over: ", 1)
    assert SUMMARY.fullmatch(summary.replace("\n", " ").strip()), summary
    kinds, *rest = listed.splitlines()
    assert re.fullmatch(r"\d+ [\w ]+(?:, \d+ [\w ]+)*", kinds), kinds
    # A whitelist: no parser's words, no patient's data, no traceback can stand in such lines.
    for line in rest:
        if DETAIL.fullmatch(line) or REMARK.fullmatch(line):
            continue
        match = REFUSED.fullmatch(line)
        assert match, line
        assert match[1] in REASONS, line
        assert Path(match[2]).is_file(), line


def test_every_file_is_read_or_refused_and_only_notes_are_passed_over(
    run: Run, shared_data: Path, opened: Gallery
) -> None:
    match = SUMMARY.match(run.out.replace("\n", " "))
    assert match
    _added, skipped, refused, passed_over, held = map(int, match.groups())
    files = {str(path) for path in walk([shared_data / "bad-input"])}
    notes = {path for path in files if Path(path).name == "SOURCE.md"}
    assert len(files - notes) == 1072
    reasons = {refusal.source: refusal.reason for refusal in opened.store.refused()}
    sources = {record.source for record in opened.store.records().values()}
    unseen = files - notes - reasons.keys() - sources
    assert len(notes) == 3
    # The same bytes under another name, and objects that are no images.
    assert len(unseen) == skipped + passed_over - len(notes)
    assert skipped <= 3
    assert passed_over - len(notes) <= 15
    assert refused == len(reasons)
    assert opened.store.count() == held
    assert set(reasons.values()) <= REASONS.keys()
    assert Counter(reasons.values())["decoder-crash"] + Counter(reasons.values())["timeout"] <= 10


def test_the_good_file_at_the_end_is_read(run: Run, opened: Gallery) -> None:
    assert str(run.good) in {record.source for record in opened.store.records().values()}


def test_no_process_takes_two_gibibytes(run: Run) -> None:
    assert run.peak < 2 << 30


def test_no_patient_s_data_is_kept(run: Run) -> None:
    stored = b"".join(path.read_bytes() for path in run.gallery.rglob("*") if path.is_file())
    for canary in (b"CANARY", b"19010203", b"Set-Cookie", b"HYPERLINK", b"__pwned"):
        assert canary not in stored


def test_what_is_kept_of_hostile_headers_is_one_printable_line(opened: Gallery) -> None:
    for record in opened.store.records().values():
        for value in record.attributes.values():
            assert isinstance(value, float) or (value.isprintable() and len(value) <= 64), record.source


@pytest.mark.slow
def test_no_file_takes_twenty_seconds(shared_data: Path) -> None:
    with ReaderPool(Preprocessing(), workers=1) as pool:
        for path in walk([shared_data / "bad-input"]):
            before = spent()
            *_frames, last = pool.read([path])
            assert isinstance(last, Finished | Refusal)
            assert spent() - before < 20, path


def spent() -> float:
    """Seconds of a processor that this process's children have used, living or dead: no busy machine adds to them."""
    ended = os.times()
    living = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that has served its file ends
            times = child.cpu_times()
            living += times.user + times.system + times.children_user + times.children_system
    return ended.children_user + ended.children_system + living
