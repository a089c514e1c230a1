"""What was measured of an encoder in other runtimes and precisions, on this machine; kept beside its networks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.atomic import write_atomically
from lookalike.encoders.families.converted import networks_folder
from lookalike.encoders.protocols import Encoder
from lookalike.encoders.runtimes.agreement import (
    LEAST_COSINE,
    LEAST_OVERLAP,
    LEAST_PICTURES,
    Quality,
    compare,
    in_turns,
)
from lookalike.encoders.runtimes.sessions import Precision

RUNTIME_OF: Final[Mapping[Precision, str]] = {"bf16": "openvino", "int8": "openvino"}
"""The lower precisions, and what runs them."""

_AT: Final = "@10"


@dataclass(frozen=True, slots=True)
class RuntimeMeasured:
    """An encoder in a runtime and a precision beside itself as it is made. ms, own_ms: a picture, measured in turns."""

    runtime: str
    precision: Precision
    ms: float
    own_ms: float
    quality: Quality

    @property
    def ratio(self) -> float:
        """How many times as fast it is."""
        return round(self.own_ms / self.ms, 2)

    @property
    def fault(self) -> str:
        """Why it may not stand for the encoder; "" where it may: in 32 bits it is the same encoder, by its vectors; a
        lower precision keeps the order of hits.
        """
        quality = self.quality
        if self.precision == "float32":
            same = quality.least_cosine >= LEAST_COSINE
            return "" if same else f"it computes something else (cosine {quality.least_cosine:.4f})"
        if quality.pictures < LEAST_PICTURES:
            return f"it was compared on {quality.pictures} pictures, which are fewer than {LEAST_PICTURES}"
        kept = quality.overlap[_AT]
        return "" if kept >= LEAST_OVERLAP else f"it keeps {kept:.3f} of the ten nearest, less than {LEAST_OVERLAP:g}"


def measure(
    own: Encoder, others: Mapping[tuple[str, Precision], Encoder], inputs: NDArray[np.uint8], rounds: int
) -> list[RuntimeMeasured]:
    """Measure an encoder in other runtimes and precisions beside itself, on prepared pictures, and keep it."""
    exact = own.encode_inputs(inputs)
    qualities = [compare(exact, other.encode_inputs(inputs)) for other in others.values()]
    own_ms, *times = in_turns([each.encode_inputs for each in (own, *others.values())], inputs, rounds)
    found = [
        RuntimeMeasured(runtime, precision, ms, own_ms, quality)
        for (runtime, precision), ms, quality in zip(others, times, qualities, strict=True)
    ]
    for each in found:
        _keep(own.spec.identity, each)
    return found


def _keep(identity: Mapping[str, str], found: RuntimeMeasured) -> None:
    path = _place(identity, found.runtime, found.precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(found), indent=1).encode())


def measured_before(identity: Mapping[str, str], runtime: str, precision: Precision) -> RuntimeMeasured | None:
    """What was measured of an encoder with this version of the runtime on this kind of processor; None if nothing."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        said = json.loads(_place(identity, runtime, precision).read_bytes())
        return RuntimeMeasured(**{**said, "quality": Quality(**said["quality"])})
    return None


def _place(identity: Mapping[str, str], runtime: str, precision: Precision) -> Path:
    said = json.dumps([dict(identity), runtime, precision, _version(runtime), _processor()], sort_keys=True)
    return networks_folder() / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.json"


def _version(runtime: str) -> str:
    try:
        return version(runtime)
    except PackageNotFoundError:
        return ""


@cache
def _processor() -> str:
    """What tells processors apart: the model and what it can do."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return ""
