"""Which runtime an encoder is run by: ``LOOKALIKE_RUNTIME``, or ``lookalike --runtime``.

Without it each encoder is run by the one that it was made for. In 32 bits all of them give the same vectors, which is
checked when one is first asked for; a lower precision is another encoder (``families.precision``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.configuration.resolve import setting_value
from lookalike.encoders.families.converted import ALL_RUNTIMES, converted, runtime_of
from lookalike.encoders.families.imported import is_imported
from lookalike.encoders.families.measured import RUNTIME_OF, RuntimeMeasured, measure, measured_before
from lookalike.encoders.families.precision import InPrecision
from lookalike.encoders.protocols import Encoder, EncoderEntry
from lookalike.encoders.runtimes.agreement import LEAST_PICTURES, Quality, noise
from lookalike.encoders.runtimes.sessions import Precision
from lookalike.errors import LookalikeError, UsageError

FASTEST: Final = "auto"

_CHECK_ROUNDS: Final = 3
_ROUNDS: Final = 5


def runtime_asked_for() -> str:
    """What is asked for: "auto", one of ``ALL_RUNTIMES``, or "" for each encoder's own. Raises UsageError."""
    return str(setting_value("encoders.runtime"))


def runtime_told() -> str:
    """What is asked for, in words. Raises UsageError."""
    asked = runtime_asked_for()
    return f"runtime {asked or 'of each its own'} (LOOKALIKE_RUNTIME or --runtime)"


def in_asked_runtime(encoder: Encoder) -> Encoder:
    """An encoder in 32 bits, in the runtime that is asked for. Raises UsageError where that is not the same encoder."""
    asked, own = runtime_asked_for(), runtime_of(encoder)
    if asked in ("", own):
        return encoder
    if asked == FASTEST:
        return _fastest(encoder)
    other = converted(encoder, asked)
    if fault := _measured(encoder, other).fault:
        raise UsageError(f"{encoder.spec.name} cannot be run by {asked}: {fault}; leave --runtime out")
    return other


def check_precision_runtime(name: str, precision: Precision) -> None:
    """Raise UsageError if a runtime is asked for that does not compute in a precision."""
    asked, needed = runtime_asked_for(), RUNTIME_OF[precision]
    if asked not in ("", FASTEST, needed):
        raise UsageError(f"{name} is run by {needed}, and --runtime says {asked}; leave that out")


def _measured(encoder: Encoder, other: Encoder) -> RuntimeMeasured:
    runtime = runtime_of(other)
    found = measured_before(encoder.spec.identity, runtime, "float32")
    return found or measure(encoder, {(runtime, "float32"): other}, noise(encoder.spec), _CHECK_ROUNDS)[0]


def _fastest(encoder: Encoder) -> Encoder:
    """The encoder in the fastest runtime that is installed and gives the same vectors; its own on a CUDA device."""
    own = runtime_of(encoder)
    if own not in ALL_RUNTIMES or getattr(encoder, "device", "cpu") == "cuda":
        return encoder
    best, ratio = own, 1.0
    for runtime in ALL_RUNTIMES:
        found = measured_before(encoder.spec.identity, runtime, "float32")
        if found is None and runtime != own:
            with suppress(LookalikeError):
                found = _measured(encoder, converted(encoder, runtime))
        if found is not None and not found.fault and found.ratio > ratio:
            best, ratio = runtime, found.ratio
    return encoder if best == own else converted(encoder, best)


@dataclass(frozen=True, slots=True)
class RuntimeFound:
    """An encoder in one runtime and precision. encoder: its name there. ms: a picture; ratio: how many times as fast as
    the first row, the encoder as it was made. quality: beside that; None for the first row. why_not: what it lacks,
    or "".
    """

    runtime: str
    precision: Precision
    encoder: str
    ms: float | None = None
    ratio: float | None = None
    quality: Quality | None = None
    why_not: str = ""


def find_runtimes(entry: EncoderEntry, inputs: NDArray[np.uint8] | None) -> Iterator[RuntimeFound]:
    """An encoder in every runtime and precision, all measured in turns. inputs: prepared pictures (n, rows, columns, 3)
    uint8, at least 20 for the lower precisions; None: of noise, and 32 bits alone.
    """
    own = entry.build()
    if inputs is not None and len(inputs) < LEAST_PICTURES:
        raise UsageError(
            f"{len(inputs)} pictures are too few to compare the order of hits; {LEAST_PICTURES} are needed"
        )
    wanted: list[tuple[str, Precision]] = [(each, "float32") for each in ALL_RUNTIMES if each != runtime_of(own)]
    wanted += [(runtime, each) for each, runtime in RUNTIME_OF.items()] if inputs is not None else []
    others, lacking = dict[tuple[str, Precision], Encoder](), list[RuntimeFound]()
    for runtime, precision in wanted:
        try:
            others[runtime, precision] = converted(own, runtime, precision)
        except LookalikeError as error:
            lacking.append(RuntimeFound(runtime, precision, own.spec.name, why_not=str(error)))
    found = measure(own, others, noise(own.spec) if inputs is None else inputs, _ROUNDS)
    own_ms = found[0].own_ms if found else None
    yield RuntimeFound(runtime_of(own), "float32", own.spec.name, own_ms, 1.0)
    for each in found:
        name = own.spec.name + ("" if each.precision == "float32" else f"@{each.precision}")
        yield RuntimeFound(each.runtime, each.precision, name, each.ms, each.ratio, each.quality, each.fault)
    yield from lacking


def can_choose(entry: EncoderEntry) -> bool:
    """Whether an encoder of a new gallery may be taken in a lower precision: one of pictures, not in one already."""
    return not isinstance(entry, InPrecision) and not is_imported(entry.spec.name) and entry.spec.ndim == 2


def choose_precision(entry: EncoderEntry, inputs: NDArray[np.uint8]) -> tuple[str, str]:
    """The name of an encoder in the precision that is fastest in the runtime asked for, of those that keep the ten
    nearest of some prepared pictures; and a sentence that says what was measured.
    """
    name, asked = entry.spec.name, runtime_asked_for()
    if len(inputs) < LEAST_PICTURES:
        return name, f"{name} in 32 bits: {LEAST_PICTURES} pictures are needed to choose a lower precision on"
    found = [each for each in find_runtimes(entry, inputs) if each.ratio and asked in (FASTEST, each.runtime)]
    best = max((each for each in found if not each.why_not), key=lambda each: each.ratio or 0, default=None)
    told = "; ".join(f"{each.precision} not: {each.why_not}" for each in found if each.why_not)
    if best is None:
        return name, told
    return best.encoder, "; ".join(filter(None, [_told(best, len(inputs)), told]))


def _told(found: RuntimeFound, pictures: int) -> str:
    said = f"{found.encoder} in {found.runtime}, {found.ratio:g} times as fast as it was made"
    if found.precision == "float32" or found.quality is None or found.quality.interval is None:
        return said
    low, high = found.quality.interval
    kept = found.quality.overlap["@10"]
    return f"{said}; it keeps {kept:.3f} of the ten nearest ({low:.3f} to {high:.3f}, {pictures} pictures)"
