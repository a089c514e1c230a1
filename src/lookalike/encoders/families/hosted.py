"""MedImageInsight behind a hosted endpoint: no local weights, only an address and a key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from lookalike.encoders.preprocessing.normalisations import IMAGENET
from lookalike.encoders.runtimes.addresses import check_address
from lookalike.encoders.runtimes.endpoint import ADDRESS, DIM, KEY, EndpointEncoder
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing

MEDIMAGEINSIGHT_INPUT: Final = Preprocessing(size=(480, 480), resample="bicubic", **IMAGENET)
MEDIMAGEINSIGHT_SEEN: Final = (
    "mimic-cxr",
    "chexpert",
    "chestx-ray14",
    "irma-2009",
    "rsna-bone-age",
    "mura",
    "bingmedicalfewshot",
    "incomplete",
)
"""What its authors say that it was trained on; the list is not all."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The catalogue entry of the hosted model."""

    name: str = "medimageinsight-endpoint"
    checkpoint: str = ADDRESS
    parameters: float = 0
    gmacs: float = 0

    @property
    def spec(self) -> EncoderSpec:
        """The spec; the endpoint does not report a revision of its weights."""
        return EncoderSpec(
            name=self.name,
            revision="hosted",
            dim=DIM,
            ndim=2,
            license="terms of the host",
            preprocessing=MEDIMAGEINSIGHT_INPUT,
            trained_on=frozenset(MEDIMAGEINSIGHT_SEEN),
            text=True,
            note="a hosted model: every picture is sent to the address in LOOKALIKE_ENDPOINT",
        )

    @property
    def here(self) -> bool:
        """Whether address and key are in the environment, and the client's package installed."""
        return bool(os.environ.get(ADDRESS) and os.environ.get(KEY) and installed("httpx"))

    def build(self) -> EndpointEncoder:
        """A client for the address in the environment. Raises UsageError if that is not usable, MissingExtraError."""
        address, key = os.environ.get(ADDRESS, ""), os.environ.get(KEY, "")
        if not address or not key:
            raise UsageError(f"the encoder {self.name} needs the address in {ADDRESS} and the key in {KEY}")
        check_address(address, ADDRESS)
        require(f"the encoder {self.name}", "endpoint", "httpx")
        return EndpointEncoder(self.spec, address, key)


ENDPOINT: Final = Endpoint()
