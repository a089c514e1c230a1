"""A decoding process opens the files it was given and no other: through every reader, with and without Landlock."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lookalike
from dicoms import data_set, save
from lookalike.errors import UnreadableImageError
from lookalike.gallery import open_gallery
from lookalike.readers.events import Finished, Frame
from lookalike.readers.landlock import landlock_version
from lookalike.readers.pairs import files_of, named_data
from lookalike.readers.pool import ReaderPool
from lookalike.types import Preprocessing, Refusal
from lookalike.verbs.index import index
from prying import CANARY, META, NRRD, VOXELS, install_prying, leading_elsewhere, plant

UNCLEAR = {
    "null.mhd": META.format("Comment = x\0\nElementDataFile = a.raw\n"),
    "name.mhd": META.format("ElementDataFile = a.raw\0.txt\n"),
    "macintosh.mhd": META.format("Comment = x\ry\nElementDataFile = a.raw\n"),
    "null.nhdr": NRRD.format("content: \0\ndata file: a.raw\n"),
    "macintosh.nhdr": NRRD.format("content: x\rdata file: a.raw\n"),
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A port of this machine that takes whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Headers that lead elsewhere, by what they must be refused for: their folder's name."""
    folder = tmp_path / "in"
    (folder / "points-elsewhere").mkdir(parents=True)
    (folder / "damaged-header").mkdir()
    for each in folder.iterdir():
        (each / "a.raw").write_bytes(VOXELS)
        (each / "out.raw").symlink_to(tmp_path / "canary.raw")
    (folder / "canary").write_bytes(CANARY * 400)
    (tmp_path / "canary.raw").write_bytes(CANARY * 400)
    for name, text in leading_elsewhere(folder / "points-elsewhere").items():
        (folder / "points-elsewhere" / name).write_bytes(text)
    for name, text in UNCLEAR.items():
        (folder / "damaged-header" / name).write_bytes(text.encode())
    return folder


def reasons(events: Iterator[object]) -> dict[str, str]:
    """How reading each file ended, by its name."""
    ended = {}
    for event in events:
        if isinstance(event, (Finished, Refusal)):
            ended[Path(event.source).name] = getattr(event, "reason", "read")
    return ended


def test_only_readers_and_the_receiver_parse_dicom() -> None:
    """What they do runs in processes of their own; nothing else in the package has a parser to call."""
    package = Path(lookalike.__file__).parent
    parsing = {file for file in package.rglob("*.py") if re.search(r"\b(dcmread|read_partial)\b", file.read_text())}
    assert {file.parent.name for file in parsing} <= {"readers", "receiving"}
    assert package / "readers" / "dicom_frames.py" in parsing


def test_a_header_that_leads_elsewhere_is_refused_before_a_library_sees_it(hostile: Path) -> None:
    with ReaderPool(Preprocessing(), workers=1) as pool:
        for folder in sorted(each for each in hostile.iterdir() if each.is_dir()):
            headers = [file for file in folder.iterdir() if file.suffix != ".raw"]
            ended = reasons(pool.read(sorted(headers)))
            assert ended == dict.fromkeys((file.name for file in headers), folder.name)


def test_nothing_is_opened_that_a_header_names(hostile: Path) -> None:
    """Neither by the process that lists the files: a pair is its two halves or the one file."""
    for file in hostile.rglob("*"):
        assert {*files_of(file)} <= {file, file.parent / "a.raw"}
    os.mkfifo(hostile / "pipe.mhd")
    assert files_of(hostile / "pipe.mhd") == (hostile / "pipe.mhd",)
    with pytest.raises(OSError, match="regular"):
        named_data(hostile / "pipe.mhd")
    with ReaderPool(Preprocessing(), workers=1) as pool:
        assert reasons(pool.read([hostile / "pipe.mhd"])) == {"pipe.mhd": "not-readable"}


def test_halves_of_analyze_that_are_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
    image = nibabel.Nifti1Pair(np.zeros((64, 64, 4), np.uint8), np.eye(4))
    nibabel.save(image, tmp_path / "x.img")
    (tmp_path / "there").mkdir()
    (tmp_path / "x.img").rename(tmp_path / "there" / "x.img")
    (tmp_path / "x.img").symlink_to(tmp_path / "there" / "x.img")
    with ReaderPool(Preprocessing(), workers=1) as pool:
        assert reasons(pool.read([tmp_path / "x.hdr"])) == {"x.hdr": "points-elsewhere"}


def test_dicom_that_says_where_its_pixels_are_is_refused(tmp_path: Path) -> None:
    ds = data_set(np.zeros((8, 8), np.uint8), Modality="CR")
    del ds.PixelData
    ds.PixelDataProviderURL = (tmp_path / "canary").as_uri()
    save(ds, tmp_path / "url.dcm")
    with ReaderPool(Preprocessing(), workers=1) as pool:
        assert reasons(pool.read([tmp_path / "url.dcm"])) == {"url.dcm": "points-elsewhere"}


def test_what_is_not_in_a_compressed_stream_is_not_taken_from_memory(tmp_path: Path) -> None:
    """ITK reads the rest of a volume from wherever its memory lies, and says nothing."""
    pytest.importorskip("SimpleITK", reason="the extra 'volumes' is not installed")
    whole = zlib.compress(VOXELS)
    streams = {
        "whole": (len(whole), whole),
        "cut": (20, whole[:20]),
        "little": (11, zlib.compress(b"abc")),
        "much": (len(zlib.compress(VOXELS * 3)), zlib.compress(VOXELS * 3)),
        "shorter": (9, whole),
        "unsaid": (None, whole),
        "junk": (400, b"junk" * 100),
    }
    for name, (size, data) in streams.items():
        said = "" if size is None else f"CompressedDataSize = {size}\n"
        head = META.format(f"CompressedData = True\n{said}ElementDataFile = LOCAL\n")
        (tmp_path / f"{name}.mha").write_bytes(head.encode() + data)
    for spelled in ("1", "t", "TRUE"):
        head = META.format(f"CompressedData = {spelled}\nElementDataFile = LOCAL\n")
        (tmp_path / f"{spelled}.mha").write_bytes(head.encode() + b"junk" * 9)
    with ReaderPool(Preprocessing(), workers=1) as pool:
        ended = reasons(pool.read(sorted(tmp_path.iterdir())))
    assert ended == {
        **dict.fromkeys((f"{name}.mha" for name in streams if name != "whole"), "damaged-pixels"),
        "whole.mha": "read",
        **dict.fromkeys(("1.mha", "t.mha", "TRUE.mha"), "damaged-header"),
    }


def test_a_reader_that_pries_gets_nothing(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in of somebody else, in the processes that index: files of one call are no more open than others."""
    if not landlock_version():
        pytest.skip("the kernel has no Landlock")
    monkeypatch.setenv("PYTHONPATH", install_prying(tmp_path / "site"))
    monkeypatch.setenv("SECRET_OF_THE_SERVER", CANARY.decode())
    deeds = plant(tmp_path / "planted", port)
    for name, line in deeds.items():
        (tmp_path / "planted" / "in" / f"{name}.pry").write_text(line)
    own = tmp_path / "planted" / "in" / "own.pry"
    own.write_text(f"read {own}")
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with ReaderPool(Preprocessing(), workers=1) as pool:
        events = list(pool.read([own, *sorted(own.parent.glob("*.pry"))]))
    assert [event.source for event in events if isinstance(event, Frame)] == [str(own), str(own)]
    ended = reasons(iter(events))
    assert ended == {"own.pry": "read", **{f"{name}.pry": "not-readable" for name in deeds}}
    assert {path: path.lstat().st_mtime_ns for path in before} == before
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before.keys()


FENCE = """
import json, sys
from pathlib import Path
from acme_pry import DEEDS
from lookalike.readers.confine import run_confined
from lookalike.readers.seccomp import refuse_calls

deeds, own, landlock = json.loads(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "landlock"
if landlock:
    refuse_calls()
done = {"own": run_confined([own], own.read_text, landlock=landlock)}
for name, line in deeds.items():
    deed, _, place = line.partition(" ")
    if deed.startswith("native") and not landlock:
        continue
    try:
        done[name] = repr(run_confined([own], lambda: DEEDS[deed](place), landlock=landlock))
    except PermissionError as error:
        done[name] = "refused"
    except Exception as error:
        done[name] = type(error).__name__
print(json.dumps(done))
"""


@pytest.mark.parametrize("fence", ["hook", "landlock"])
def test_each_fence_holds(fence: str, tmp_path: Path, port: int) -> None:
    """Where the kernel has no Landlock the hook alone holds, for all that Python opens."""
    if fence == "landlock" and not landlock_version():
        pytest.skip("the kernel has no Landlock")
    deeds = plant(tmp_path / "planted", port)
    own = tmp_path / "planted" / "in" / "own"
    own.write_text("own")
    environment = {**os.environ, "PYTHONPATH": install_prying(tmp_path / "site")}
    command = [sys.executable, "-P", "-c", FENCE, json.dumps(deeds), str(own), fence]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert CANARY.decode() not in told
    done = json.loads(told)
    assert done.pop("own") == "own"
    assert len(done) > 40
    assert set(done.values()) == {"refused"}, {name: said for name, said in done.items() if said != "refused"}


def test_no_record_shows_another_file(
    hostile: Path, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Indexing the folder with everything in it leaves no canary in any file of the gallery."""
    monkeypatch.setenv("PYTHONPATH", install_prying(tmp_path / "site"))
    for name, line in plant(tmp_path / "planted", port).items():
        (hostile / f"{name}.pry").write_text(line)
    with open_gallery(tmp_path / "g", create=True) as gallery:
        result = index(gallery, [hostile])
    assert result.added == 0
    assert {each.reason for each in result.refused} >= {"points-elsewhere", "damaged-header"}
    for file in (tmp_path / "g").rglob("*"):
        assert not file.is_file() or CANARY[:19] not in file.read_bytes(), file
    with pytest.raises(UnreadableImageError, match="points-elsewhere"):
        named_data(hostile / "points-elsewhere" / "up.mhd")
