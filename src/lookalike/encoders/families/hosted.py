"""MedImageInsight behind a hosted endpoint: no local weights, only an address and a key."""

from __future__ import annotations

import os
import urllib.parse
from dataclasses import dataclass
from typing import Final

from lookalike.encoders.runtimes.endpoint import ADDRESS, DIM, KEY, EndpointEncoder
from lookalike.errors import UsageError
from lookalike.types import EncoderSpec, Preprocessing

_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


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
            preprocessing=Preprocessing(
                size=(480, 480), resample="bicubic", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
            ),
            trained_on=frozenset({"mimic-cxr", "chexpert", "chestx-ray14", "irma-2009", "rsna-bone-age", "mura"}),
            text=True,
            note="a hosted model: every picture is sent to the address in LOOKALIKE_ENDPOINT",
        )

    @property
    def here(self) -> bool:
        """Whether address and key are in the environment."""
        return bool(os.environ.get(ADDRESS) and os.environ.get(KEY))

    def build(self) -> EndpointEncoder:
        """A client for the address in the environment. Raises UsageError if that is not usable."""
        address, key = os.environ.get(ADDRESS, ""), os.environ.get(KEY, "")
        if not address or not key:
            raise UsageError(f"the encoder {self.name} needs the address in {ADDRESS} and the key in {KEY}")
        parts = urllib.parse.urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
            raise UsageError(f"{ADDRESS} must begin with https:// (got {parts.scheme or 'no scheme'})")
        return EndpointEncoder(self.spec, address, key)


ENDPOINT: Final = Endpoint()
