"""An encoder in a lower precision: another encoder, with a name and an identity of its own.

bfloat16 and eight bits change the order of hits, so no gallery may hold vectors of two precisions. Such an encoder can
be used where it was measured on this machine to keep the ten nearest (``measured``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lookalike.encoders.families.converted import converted
from lookalike.encoders.families.measured import RUNTIME_OF, measured_before
from lookalike.encoders.protocols import Encoder, EncoderEntry, facts_of
from lookalike.encoders.runtimes.sessions import Precision
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec

# How each computes, in its identity: "int8" alone was another way, whose vectors are further from those in 32 bits.
_COMPUTED: Final[Mapping[Precision, str]] = {"bf16": "bf16", "int8": "int8-groups"}
_NAME: Final = re.compile(rf"(.+)@({'|'.join(RUNTIME_OF)})")


def split_precision(name: str) -> tuple[str, Precision]:
    """``NAME@bf16`` -> ``NAME`` and ``bf16``; of another name itself and ``float32``."""
    found = _NAME.fullmatch(name)
    return (found[1], found[2]) if found else (name, "float32")  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class InPrecision:
    """The catalogue entry of an encoder in a lower precision."""

    base: EncoderEntry
    precision: Precision

    @property
    def name(self) -> str:
        """The encoder's, with the precision behind it."""
        return f"{self.base.spec.name}@{self.precision}"

    @property
    def checkpoint(self) -> str:
        """That of the encoder."""
        return facts_of(self.base).checkpoint

    @property
    def parameters(self) -> float:
        """Those of the encoder."""
        return facts_of(self.base).parameters

    @property
    def gmacs(self) -> float:
        """Those of the encoder."""
        return facts_of(self.base).gmacs

    @property
    def here(self) -> bool:
        """Whether the encoder is here, and was measured in this precision."""
        return facts_of(self.base).here and not self._fault()

    @property
    def spec(self) -> EncoderSpec:
        """The encoder's, with another name and revision."""
        base = self.base.spec
        note = f"{base.note}; in {self.precision}" if base.note else f"in {self.precision}"
        return replace(base, name=self.name, revision=f"{base.revision}-{_COMPUTED[self.precision]}", note=note)

    def build(self) -> Encoder:
        """Load the encoder in the precision. Raises UsageError where it was not measured on this machine, or changes
        the order of hits; else as the encoder's own ``build``.
        """
        own = self.base.build()
        if fault := self._fault():
            raise UsageError(f"{self.name} cannot be used: {fault}")
        encoder = converted(own, RUNTIME_OF[self.precision], self.precision)
        encoder.spec = self.spec
        return encoder

    def _fault(self) -> str:
        base = self.base.spec
        found = measured_before(base.identity, RUNTIME_OF[self.precision], self.precision)
        if found is None:
            return (
                "what it changes is measured first, on your pictures: "
                f"lookalike encoders runtimes {base.name} --pictures SOURCE"
            )
        return f"{found.fault}; take {base.name}" if found.fault else ""
