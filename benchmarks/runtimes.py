"""Encoders in every runtime and precision, beside themselves as they are made, in turns: rate, and what it keeps.

The ViT's weights are random, since none come with a package: the rate is that of any ViT-B/16, what it keeps is
measured again on your model and pictures by ``lookalike encoders runtimes``. Rates are of processor time, so that what
else the machine does counts little; torch has one thread, since threads that wait for each other on a busy machine use
processor time, too. The last note says what products of matrices reach here, which no network can surpass.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import folder
from benchmarks.report import Figure
from benchmarks.timing import interleave
from lookalike import encoders
from lookalike.encoders.families.converted import ALL_RUNTIMES, converted, runtime_of
from lookalike.encoders.families.measured import RUNTIME_OF
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.agreement import LEAST_COSINE, LEAST_OVERLAP, Quality, compare
from lookalike.encoders.runtimes.sessions import Precision
from lookalike.errors import MissingExtraError, UsageError
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool
from lookalike.sources.files import walk

TARGET: Final = 4.0
PICTURES: Final = 100
TIMED: Final = 4
ROUNDS: Final = 7
GMACS: Final = 17.6  # of a ViT-B/16 for 224 pixels


def run(data: Path | None) -> Iterator[Figure]:
    """Figures of ``lite0`` and of a ViT-B on the same radiographs."""
    files = walk([folder("chest-xray-dicom5", data)])
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch
        yield from _figures("lite0", files, None)
        yield from _figures(str(_random_vit(Path(scratch, "vit-b"))), files, TARGET)


def _figures(name: str, files: list[Path], target: float | None) -> Iterator[Figure]:
    with ReaderPool(encoders.describe(name).preprocessing) as readers:
        inputs = np.stack([event.input for event in readers.read(files) if isinstance(event, Frame)])[:PICTURES]
    assert len(inputs) == PICTURES, f"{len(inputs)} pictures were read"
    own = encoders.entry(name).build()
    if target:
        _one_thread()
    others = dict(_others(own))
    exact = own.encode_inputs(inputs)
    kept = {label: compare(exact, other.encode_inputs(inputs)) for label, other in others.items()}
    for label, quality in kept.items():
        assert label.endswith(("bf16", "int8")) or quality.least_cosine > LEAST_COSINE, f"{label} is another network"
    ms = _milliseconds({"own": own, **others}, inputs)
    called = Path(name).name + (" of random weights" if target else "")
    ratios = {label: ms["own"] / ms[label] for label in others}
    rows = [_row(label, ms[label], ratios[label], kept[label]) for label in others]
    limits = (_limits(ms["own"]),) if target else ()
    passed = {label: ratio for label, ratio in ratios.items() if kept[label].overlap["@10"] >= LEAST_OVERLAP}
    best = max(passed, key=lambda label: passed[label])
    yield Figure(
        f"{called}, {best}, beside {runtime_of(own)}",
        passed[best],
        target,
        notes=(f"{runtime_of(own):20} {ms['own']:7.1f} ms of processor time a picture", *rows, *limits),
    )


def _others(own: Encoder) -> Iterator[tuple[str, Encoder]]:
    wanted: list[tuple[str, Precision]] = [(each, "float32") for each in ALL_RUNTIMES if each != runtime_of(own)]
    for runtime, precision in [*wanted, *((runtime, each) for each, runtime in RUNTIME_OF.items())]:
        try:
            yield f"{runtime} {precision}", converted(own, runtime, precision)
        except UsageError:  # torch for a graph, eight bits for convolutions, bfloat16 for an older processor
            continue


def _milliseconds(found: dict[str, Encoder], inputs: NDArray[np.uint8]) -> dict[str, float]:
    """Processor time a picture of each, all threads together."""
    timed = interleave(ROUNDS, **{name: lambda e=e: e.encode_inputs(inputs[:TIMED]) for name, e in found.items()})
    return {name: 1000 * timing.cpu_seconds / TIMED for name, timing in timed.items()}


def _row(label: str, ms: float, ratio: float, quality: Quality) -> str:
    low, high = quality.interval or (0.0, 0.0)
    kept = f"overlap@10 {quality.overlap['@10']:.3f} ({low:.3f} to {high:.3f}, {quality.pictures} pictures)"
    return f"{label:20} {ms:7.1f} ms, {ratio:.2f} x, least cosine {quality.least_cosine:.5f}, {kept}"


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _limits(own_ms: float) -> str:
    """How many multiply-adds the network in torch does, and products of matrices alone, as torch multiplies them."""
    import torch

    numbers = torch.rand(1024, 1024)
    half, small = numbers.bfloat16(), (100 * numbers).to(torch.int8)
    products = {
        "in 32 bits": _rate(lambda: torch.mm(numbers, numbers)),
        "in bfloat16": _rate(lambda: torch.mm(half, half)),
        "in eight bits": _rate(lambda: torch._int_mm(small, small)),
    }
    told = ", ".join(f"{rate:.0f} {name}" for name, rate in products.items())
    rate = GMACS / own_ms * 1000
    return f"thousand million multiply-adds a second of a core: torch {rate:.0f}; products of matrices {told}"


def _rate(product: Callable[[], object]) -> float:
    """Thousand million multiply-adds a second of the best of twenty products of 1,024 x 1,024 numbers."""
    best = float("inf")
    for _ in range(20):
        began = time.thread_time()
        product()
        best = min(best, time.thread_time() - began)
    return 1024**3 / best / 1e9


def _random_vit(place: Path) -> Path:
    """ViT-B/16 as transformers saves it."""
    try:
        import torch
        from transformers import ViTConfig, ViTImageProcessorPil, ViTModel
    except ImportError:
        raise MissingExtraError("the network of this benchmark", "export") from None
    torch.manual_seed(0)
    ViTModel(ViTConfig()).save_pretrained(place)
    ViTImageProcessorPil().save_pretrained(place)
    return place
