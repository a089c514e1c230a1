"""The encoder that a gallery names: as it is stored, and as it is here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lookalike import encoders
from lookalike.errors import GalleryError, ManifestMismatchError
from lookalike.ownership import ownership_of
from lookalike.text import one_line
from lookalike.types import EncoderSpec


def spec_of_stored(stored: Mapping[str, Any], gallery: str) -> EncoderSpec:
    """The spec of an encoder that the gallery of this id names, as stored. Raises ManifestMismatchError if the encoder
    has changed, GalleryError where it is none that a gallery may name.
    """
    name = str(stored["name"])
    if not encoders.is_declared(name) and name not in ownership_of(gallery).encoders:
        raise GalleryError(
            f"this gallery names the encoder {one_line(name)!r}, which is none that is installed, and a file of "
            "this machine is not loaded since a gallery names it; if you trust it: lookalike gallery adopt G "
            "--encoder NAME"
        )
    spec = encoders.describe(name)
    changed = [name for name, value in spec.identity.items() if stored["identity"].get(name) != value]
    if changed:
        encoders.present(spec.name)  # missing weights are a different error from another revision
        raise ManifestMismatchError(
            f"the encoder {spec.name!r} differs from the one that made this gallery ({', '.join(changed)}); "
            "vectors of the two cannot be compared: install the earlier version, or encode the gallery again: "
            f"lookalike gallery migrate --encoder {spec.name}"
        )
    return spec


def spec_fields(spec: EncoderSpec) -> dict[str, Any]:
    """An encoder's spec as it is stored: JSON."""
    fields = {**asdict(spec), "trained_on": sorted(spec.trained_on), "identity": spec.identity}
    return dict(json.loads(json.dumps(fields)))
