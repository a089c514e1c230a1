"""Every DICOM file of the shared data through a real Orthanc: the same as from the folder, killed on the way or not."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
import pytest

from dicoms import save
from lookalike.gallery import Gallery, open_gallery
from lookalike.sources.pacs import is_uid
from lookalike.verbs.index import IndexResult, index
from peers.dicomweb import radiograph
from peers.orthanc import DIMSE_URI, URI, Orthanc, orthanc

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("lookalike")
KILLS = 20


class Truth(NamedTuple):
    """What the folder gives: vectors by the records' ids, and patients' groups as sets of ids. unnamed: the ids of
    records whose file no DICOMweb or C-MOVE can be asked for by itself: one of its UIDs is none, or another file has
    its SOPInstanceUID.
    """

    vectors: dict[str, Any]
    unnamed: frozenset[str]
    patients: set[frozenset[str]]
    result: IndexResult
    seconds: float


@pytest.fixture(scope="module")
def stored(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, Path]]:
    """Orthanc with every DICOM file that it accepts, and a folder of copies of the same files at the same places."""
    folder = tmp_path_factory.mktemp("pacs")
    with orthanc(folder / "orthanc") as peer:
        files = sorted(path for path in shared_data.rglob("*") if path.is_file() and _is_dicom(path))
        accepted = peer.store(files)
        for file in accepted:
            copy = folder / "files" / file.relative_to(shared_data)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        print(f"\nOrthanc accepts {len(accepted)} of {len(files)} DICOM files")
        yield peer, folder / "files"


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


@pytest.fixture(scope="module")
def truth(stored: tuple[Orthanc, Path], tmp_path_factory: pytest.TempPathFactory) -> Truth:
    started = time.monotonic()
    with open_gallery(tmp_path_factory.mktemp("truth") / "g", create=True) as gallery:
        result = index(gallery, [stored[1]])
        seconds = time.monotonic() - started
        files = _unnamed(stored[1])
        unnamed = {one.id for one in gallery.store.records().values() if one.source in files}
        print(f"{len(files)} of them bear no usable UID or that of another one: {len(unnamed)} records of the folder")
        return Truth(_vectors(gallery), frozenset(unnamed), _patients(gallery), result, seconds)


def _unnamed(folder: Path) -> set[str]:
    """The files that cannot be asked for by UIDs that name them alone."""
    named: dict[str, list[str]] = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        uids = [""]
        with suppress(Exception):  # whatever pydicom makes of a broken header
            ds = pydicom.dcmread(path, stop_before_pixels=True)
            uids = [str(ds.SOPInstanceUID), str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID)]
        named.setdefault(uids[0] if all(map(is_uid, uids)) else "", []).append(str(path))
    return {path for uid, paths in named.items() if not uid or len(paths) > 1 for path in paths}


def _vectors(gallery: Gallery) -> dict[str, Any]:
    return {record.id: gallery.store.vectors_of(record.key) for record in gallery.store.records().values()}


def _patients(gallery: Gallery) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for record in gallery.store.records().values():
        groups.setdefault(record.patient, set()).add(record.id)
    return {frozenset(group) for group in groups.values()}


def compare(folder: Path, truth: Truth) -> None:
    with open_gallery(folder) as gallery:
        found, groups = _vectors(gallery), _patients(gallery)
        refused = gallery.store.refused()
        sources = [(record.source, record.frame) for record in gallery.store.records().values()]
    lost, more = truth.vectors.keys() - found.keys() - truth.unnamed, found.keys() - truth.vectors.keys()
    cosines = [float((found[each] * truth.vectors[each]).sum(1).min()) for each in found.keys() & truth.vectors.keys()]
    print(f"{len(found)} records; {len(lost)} lost, {len(more)} more; {len(refused)} refused")
    print(f"least cosine {min(cosines):.6f}")
    assert not lost
    assert not more
    assert min(cosines) >= 0.9999
    assert {frozenset(group & found.keys()) for group in truth.patients} - {frozenset()} == groups
    assert len(set(sources)) == len(sources)
    assert not any(_uids(folder))


def _uids(folder: Path) -> Iterator[bytes]:
    """The beginnings of UIDs of the shared data that the gallery holds anywhere."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield from (root for root in (b"1.3.6.1.4.1.", b"1.2.826.0.1.", b"2.25.", b"1.2.276.0.") if root in data)


def test_the_records_of_a_folder_are_those_of_the_pacs(
    stored: tuple[Orthanc, Path], truth: Truth, tmp_path: Path
) -> None:
    peer, _files = stored
    run = peer.run(COMMAND, "index", URI, "--gallery", tmp_path / "g", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    print(f"folder: {truth.result.added} records in {truth.seconds:.0f} s, {len(truth.result.refused)} refused")
    print(f"PACS: {told['added']} records in {told['seconds']:.0f} s, {len(told['refused'])} refused; {told['notes']}")
    compare(tmp_path / "g", truth)
    again = json.loads(peer.run(COMMAND, "pull", URI, "--gallery", tmp_path / "g", "--stable", "1", "--json").stdout)
    print(f"again, by pull: {again['added']} added, {again['skipped']} there, in {again['seconds']:.0f} s")
    assert again["added"] == 0


def test_the_same_by_find_and_move(stored: tuple[Orthanc, Path], truth: Truth, tmp_path: Path) -> None:
    """The head of a file that was sent is another one than that of the stored file: records by what they hold. Orthanc
    writes the files anew, so that a few which cannot be read from the folder can be read as they come.
    """
    peer, _files = stored
    run = peer.run(COMMAND, "pull", DIMSE_URI, "--gallery", tmp_path / "g", "--stable", "0", "--json")
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    print(f"C-FIND, C-MOVE: {told['added']} records in {told['seconds']:.0f} s, {len(told['refused'])} refused")
    with open_gallery(tmp_path / "g") as gallery:
        found = _vectors(gallery)
    named = [vectors for identity, vectors in truth.vectors.items() if identity not in truth.unnamed]
    ours, theirs, every = (np.concatenate([*each]) for each in (found.values(), named, truth.vectors.values()))
    least = np.min(np.max(theirs @ ours.T, axis=1))
    other = int(np.sum(np.max(ours @ every.T, axis=1) < 0.9999))
    print(f"{len(found)} records, {len(named)} with UIDs of their own in the folder: least cosine {least:.6f};")
    print(f"{other} of the {len(found) - len(named)} more are like none of the folder")
    assert least >= 0.9999
    assert len(named) <= len(found) <= len(named) + len(truth.result.refused)
    assert other <= len(found) - len(named)
    again = json.loads(peer.run(COMMAND, "pull", URI, "--gallery", tmp_path / "g", "--stable", "0", "--json").stdout)
    print(f"again, over DICOMweb: {again['added']} added, {again['skipped']} there")
    assert again["added"] == 0


def test_an_orthanc_that_caps_its_lists_at_twenty(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", {"LimitFindResults": 20, "LimitFindInstances": 20}) as peer:
        files = [
            save(radiograph(number, StudyDate=f"202601{1 + number % 30:02}"), tmp_path / f"{number}.dcm")
            for number in range(70)
        ]
        assert len(peer.store(files)) == 70
        for uri in (URI, DIMSE_URI):
            run = peer.run(COMMAND, "pull", uri, "--gallery", tmp_path / uri[:5], "--stable", "0", "--json")
            assert run.returncode == 0, run.stderr
            told = json.loads(run.stdout)
            print(f"{uri[:8]}: {told['studies']} studies, {told['added']} records; {told['notes']}")
            assert (told["studies"], told["added"]) == (70, 70)
            assert len(told["notes"]) == 1


def test_killed_twenty_times_nothing_is_lost_and_nothing_comes_twice(
    stored: tuple[Orthanc, Path], truth: Truth, tmp_path: Path
) -> None:
    """Each time later in the run, as far as this machine's speed lets it be told."""
    peer, _files = stored
    chance = random.Random(0)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    command = peer.inside(COMMAND, "pull", URI, "--gallery", tmp_path / "g", "--stable", "0", "--json")
    counts = []
    for number in range(KILLS):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            ended = False
            try:
                process.communicate(timeout=4 + (number + chance.random()) / KILLS * 2 * truth.seconds)
                ended = True
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
        counts.append(_count(tmp_path / "g"))
        assert not ended or counts[-1] >= len(truth.vectors.keys() - truth.unnamed)
    last = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    print(f"records after each kill: {counts}; the last run added {json.loads(last.stdout)['added']}")
    assert sorted(counts) == counts
    compare(tmp_path / "g", truth)
    assert not [path for path in (tmp_path / "temporary").rglob("*") if path.is_file()]


def _count(folder: Path) -> int:
    if not (folder / "gallery.db").exists():
        return 0
    with open_gallery(folder) as gallery:
        return int(np.int64(gallery.store.count()))
