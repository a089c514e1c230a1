"""The small parts that everything stands on: errors, plug-ins, atomic files, text, declared preprocessing."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lookalike.atomic import write_atomically
from lookalike.errors import (
    REASONS,
    LookalikeError,
    MissingExtraError,
    NotWrittenError,
    UnreadableImageError,
    UsageError,
)
from lookalike.evaluation.tables import render
from lookalike.plugins import load_plugin, load_plugins, plugin_names, suggestion
from lookalike.text import file_name, one_line, plain_text
from lookalike.types import Preprocessing


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_says_its_reason(reason: str) -> None:
    error = UnreadableImageError(reason)
    assert isinstance(error, LookalikeError)
    assert error.reason == reason
    assert str(error) == f"{reason}: {REASONS[reason]}"


def test_a_reason_that_is_none_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="unknown reason code"):
        UnreadableImageError("the parser's own words")


def test_a_missing_extra_names_the_command() -> None:
    assert "pip install 'lookalike[mlp]'" in str(MissingExtraError("the mlp adapter", "mlp"))


def test_plug_ins_are_found_by_name() -> None:
    names = plugin_names("lookalike.readers")
    assert {"dicom", "raster"} <= set(names)
    assert names == sorted(names)
    assert load_plugins("lookalike.readers")["dicom"] is load_plugin("lookalike.readers", "dicom")
    assert plugin_names("lookalike.nothing") == []


def test_an_unknown_plug_in_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no reader is called 'diccom'. Did you mean 'dicom'\?"):
        load_plugin("lookalike.readers", "diccom")
    with pytest.raises(UsageError, match=r"Known: .*dicom, .*raster"):
        load_plugin("lookalike.readers", "zzz")
    assert suggestion("x", []) == " Known: none."


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for data in (b"first", b"", b"x" * 100_000):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: Any, step: str) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(NotWrittenError, match="could not be written: No space left on device; see whether") as error:
        write_atomically(path, b"new")
    assert (error.value.errno, "\n" in str(error.value)) == (errno.ENOSPC, False)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: Any) -> None:
    """File, rename, folder: in another order, or without the last, a power cut can take both versions."""
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        opened = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(("sync", "folder" if opened == tmp_path else "file"))
        fsync(descriptor)

    def renamed(old: Any, new: Any, **options: Any) -> None:
        steps.append(("rename", Path(new).name))
        replace(old, new, **options)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    write_atomically(tmp_path / "a.bin", b"whole")
    assert steps == [("sync", "file"), ("rename", "a.bin"), ("sync", "folder")]


@given(st.text())
@example("x" * 63 + " y")
def test_kept_text_is_one_printable_line(text: str) -> None:
    kept = plain_text(text)
    assert len(kept) <= 64
    assert kept == kept.strip()
    assert kept.isprintable()
    assert plain_text(kept) == kept
    kept.encode()


@given(st.text())
def test_shown_text_is_one_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character)[0] == "C" for character in shown)
    shown.encode()


def test_shown_text_says_what_was_there() -> None:
    assert one_line("a\nb\x1b[31m\u202ec é") == r"a\nb\x1b[31m\u202ec é"


def test_names_that_are_no_text_can_be_stored() -> None:
    assert file_name("/data/é.png") == "/data/é.png"
    assert file_name(os.fsdecode(b"/data/\xff.png")) == r"/data/\xff.png"


@given(
    st.builds(
        Preprocessing,
        size=st.tuples(st.integers(1, 512), st.integers(1, 512)),
        resize=st.sampled_from(["squash", "crop", "pad"]),
        shortest_edge=st.none() | st.integers(1, 512),
        percentiles=st.tuples(st.floats(0, 50), st.floats(50, 100)),
    )
)
def test_preprocessing_survives_json_with_its_hash(recipe: Preprocessing) -> None:
    again = Preprocessing.from_fields(json.loads(recipe.to_json()))
    assert again == recipe
    assert again.hash == recipe.hash


def test_every_part_of_the_preprocessing_counts() -> None:
    """The hash of the default recipe is stored with every gallery: a change makes them unreadable."""
    plain = Preprocessing()
    others: list[dict[str, Any]] = [
        {"size": (225, 224)},
        {"resize": "pad"},
        {"shortest_edge": 256},
        {"resample": "bicubic"},
        {"percentiles": (0.0, 100.0)},
        {"mean": (0.0, 0.0, 0.0)},
        {"std": (1.0, 1.0, 1.0)},
        {"fill": (1, 0, 0)},
        {"parts": (plain,)},
    ]
    hashes = {Preprocessing(**fields).hash for fields in others}
    assert len(hashes) == len(others)
    assert plain.hash not in hashes
    assert plain.hash == "11c7034f085ba007"


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-cmd", "\t=1"])
def test_a_label_is_no_formula_in_a_spreadsheet(text: str) -> None:
    printed = render("", [["label", "P@1"], [text, "+0.020 [-0.01, 0.05]"], ["-", "-0.5"]], "csv")
    label, gain = next(csv.reader(io.StringIO(printed.split("\n", 1)[1])))
    assert label == "'" + text
    assert gain.startswith("+0.020")
    assert printed.endswith("-,-0.5\n")
