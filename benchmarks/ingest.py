"""From DICOM file to stored vector: lookalike beside the tutorial's pipeline (``reference``)."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import dicom_copies, folder
from benchmarks.recall import assert_whole
from benchmarks.report import Figure
from benchmarks.timing import Timing, best_threads, busy_note, interleave
from lookalike import encoders
from lookalike.errors import MissingExtraError
from lookalike.gallery import open_gallery
from lookalike.verbs.index import index

ROUNDS = 5
WHOLE_ROUNDS = 3
TARGET = 5.0
LARGE = 2048  # pixels a side
LARGE_FILES = 4
LARGE_ROUNDS = 2
LARGE_TARGET = 8.0
COMMAND = str(Path(sys.executable).with_name("lookalike"))


def run(data: Path | None) -> list[Figure]:
    """A steady rate, with everything loaded, and whole runs from the start of the process."""
    source = folder("chest-xray-dicom5", data)
    try:
        from benchmarks import reference
    except ImportError:
        raise MissingExtraError("the reference of this benchmark", "bench") from None
    with tempfile.TemporaryDirectory() as scratch:
        copies = dicom_copies(source, Path(scratch), ROUNDS + 1)
        steady, threads = _steady(reference, copies, Path(scratch))
        whole = _whole(copies[0], Path(scratch), threads)
        large = _large(reference, source, Path(scratch))
    return [steady, whole, large]


def _steady(reference: Any, copies: list[Path], scratch: Path) -> tuple[Figure, int]:
    """Both sides loaded and warm; every turn reads 100 files that neither has seen."""
    network = reference.Network()
    _assert_same_network(reference, network)
    with open_gallery(scratch / "steady", create=True) as gallery:
        count = index(gallery, [copies[0]]).added  # starts the processes and loads the encoder
        some = sorted(copies[0].glob("*.dcm"))[:10]
        threads = best_threads(lambda: [reference.encode(network, reference.prepared(path)) for path in some])
        timings = interleave(
            ROUNDS,
            ours=_turns(lambda made: index(gallery, [made]).added, copies[1:], count),
            reference=_turns(lambda made: reference.index(network, made).ntotal, copies[1:], count),
        )
        assert_whole(gallery, count * len(copies))
    notes = (
        *(_rate(name, timing, count) for name, timing in timings.items()),
        f"torch threads for the reference: {threads}, what it did best with",
        f"by processor time {timings['reference'].cpu_seconds / timings['ours'].cpu_seconds:.2f} x",
        busy_note(timings),
    )
    ratio = timings["reference"].seconds / timings["ours"].seconds
    return Figure("ingest, steady", ratio, TARGET, notes=notes), threads


def _turns(run: Callable[[Path], int], copies: list[Path], count: int) -> Callable[[], None]:
    """One folder a turn; each turn must store every file."""
    left = itertools.cycle(copies)

    def turn() -> None:
        made = run(next(left))
        assert made == count, f"{made} of {count} files were stored"

    return turn


def _assert_same_network(reference: Any, network: Any) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    bundled = encoders.load("lite0-last").encode_inputs(picture[None])
    difference = np.abs(reference.encode(network, picture) - bundled).max()
    assert difference < 1e-5, f"the reference is not the same network: {difference}"


def _rate(name: str, timing: Timing, count: int) -> str:
    return (
        f"{name:10} {count / timing.seconds:7.1f} images/s, "
        f"{timing.cpu_seconds / count * 1000:5.1f} ms of processor time an image"
    )


def _whole(files: Path, scratch: Path, threads: int) -> Figure:
    """Two commands, from the start of the process to its end."""
    count = len(list(files.glob("*.dcm")))
    galleries = (scratch / f"whole-{number}" for number in itertools.count())

    def ours() -> None:
        made = next(galleries)
        subprocess.run([COMMAND, "index", str(files), "--gallery", str(made)], check=True, capture_output=True)
        with open_gallery(made) as gallery:
            assert gallery.store.count() == count

    def theirs() -> None:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.reference", str(files), str(threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert int(done.stdout) == count

    timings = interleave(WHOLE_ROUNDS, ours=ours, reference=theirs)
    return Figure(
        f"ingest, whole run of {count} files",
        timings["reference"].seconds / timings["ours"].seconds,
        notes=(*(f"{n:10} {t.seconds:6.2f} s" for n, t in timings.items()), busy_note(timings)),
    )


def _large(reference: Any, source: Path, scratch: Path) -> Figure:
    """JPEG 2000 without loss, 12 bits, of the size of a radiograph as it leaves its detector; both sides warm."""
    folders = [scratch / f"large-{number}" for number in range(LARGE_ROUNDS + 1)]
    for made in folders:
        made.mkdir()
    for number, path in enumerate(sorted(source.rglob("*.dcm"))[:LARGE_FILES]):
        for copy, made in enumerate(folders):
            _enlarged(path, made / f"{number}.dcm", seed=copy)
    network = reference.Network()
    with open_gallery(scratch / "large", create=True) as gallery:
        assert index(gallery, [folders[0]]).added == LARGE_FILES
        timings = interleave(
            LARGE_ROUNDS,
            ours=_turns(lambda made: index(gallery, [made]).added, folders[1:], LARGE_FILES),
            reference=_turns(lambda made: reference.index(network, made).ntotal, folders[1:], LARGE_FILES),
        )
        assert_whole(gallery, LARGE_FILES * len(folders))
    notes = (
        *(_rate(name, timing, LARGE_FILES) for name, timing in timings.items()),
        f"by processor time {timings['reference'].cpu_seconds / timings['ours'].cpu_seconds:.2f} x",
        busy_note(timings),
    )
    ratio = timings["reference"].seconds / timings["ours"].seconds
    return Figure(f"ingest, JPEG 2000 of {LARGE} pixels", ratio, LARGE_TARGET, notes=notes)


def _enlarged(path: Path, made: Path, seed: int) -> None:
    """The picture of a file, enlarged, in 12 bits with a detector's noise."""
    import imagecodecs
    import PIL.Image
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    ds = pydicom.dcmread(path)
    wide = PIL.Image.fromarray(ds.pixel_array).resize((LARGE, LARGE), PIL.Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, 6, (LARGE, LARGE))
    deep = np.clip(np.asarray(wide, np.float32) * 15 + noise, 0, 4095).astype(np.uint16)
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = LARGE, LARGE, 16, 12, 11
    ds.PixelData = encapsulate([imagecodecs.jpeg2k_encode(deep, level=0, reversible=True, codecformat="j2k")])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{str(ds.SOPInstanceUID)[:58]}.{seed}"
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.save_as(made)
