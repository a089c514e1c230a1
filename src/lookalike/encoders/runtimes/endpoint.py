"""A hosted MedImageInsight: a client of its scoring endpoint.

Request (as published): ``{"input_data": {"columns": ["image", "text"], "index": [0, ..], "data":
[[base64 or null, text or null], ..]}, "params": {"get_scaling_factor": true}}``; the answer has a row for
each, with ``image_features`` [[1024]], ``text_features`` [[1024]] and ``scaling_factor``.

The address is in ``LOOKALIKE_ENDPOINT``, the key in ``LOOKALIKE_ENDPOINT_KEY``. Pictures leave this
machine: they are sent after preprocessing, as PNG without any metadata, over https (http only to this
machine itself). Several requests are on their way at the same time, over connections that are kept open; redirects
are refused: they would send the key and the pictures to an address that nobody named.
"""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.encoders.runtimes import patience
from lookalike.encoders.runtimes.vectors import prepared_pictures, unit
from lookalike.errors import EndpointError
from lookalike.types import EncoderSpec, Image, Vectors

ADDRESS: Final = "LOOKALIKE_ENDPOINT"
KEY: Final = "LOOKALIKE_ENDPOINT_KEY"
DIM: Final = 1024
REQUESTS_AT_ONCE: Final = 4
"""How many requests are on their way at the same time."""

_BATCH: Final = 16
_SECONDS: Final = 120.0


class EndpointEncoder:
    """Vectors from a hosted MedImageInsight."""

    def __init__(self, spec: EncoderSpec, address: str, key: str, first_wait: float = patience.FIRST_WAIT) -> None:
        import httpx

        self.spec = spec
        self._address, self._first_wait = address, first_wait
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"},
            timeout=_SECONDS,
            limits=httpx.Limits(max_connections=REQUESTS_AT_ONCE, max_keepalive_connections=REQUESTS_AT_ONCE),
        )
        self._logit_scale: float | None = None

    @property
    def logit_scale(self) -> float:
        """Zero-shot: softmax(logit_scale * cosine); the endpoint sends it with the first answer."""
        if self._logit_scale is None:
            self.encode_texts(["x-ray"])
        if self._logit_scale is None:
            raise EndpointError("the endpoint tells no scaling_factor; zero-shot labels need one")
        return self._logit_scale

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, 1024) float32."""
        return self._encode([(_png(picture), None) for picture in inputs], "image_features")

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, 1024) float32."""
        return self.encode_inputs(prepared_pictures(images, self.spec.preprocessing))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, 1024) float32."""
        return self._encode([(None, text) for text in texts], "text_features")

    def _encode(self, rows: Sequence[tuple[str | None, str | None]], feature: str) -> Vectors:
        if not rows:
            return np.empty((0, DIM), np.float32)
        batches = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
        with ThreadPoolExecutor(REQUESTS_AT_ONCE, "endpoint") as threads:
            answers = [row for answer in threads.map(self._ask, batches) for row in answer]
        try:
            vectors = np.array([np.asarray(row[feature], np.float32).reshape(DIM) for row in answers])
            if (scale := answers[0].get("scaling_factor")) is not None:
                self._logit_scale = math.exp(float(np.asarray(scale).reshape(-1)[0]))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise _not_understood() from None
        if not np.isfinite(vectors).all():
            raise _not_understood()
        return unit(vectors)

    def _ask(self, rows: Sequence[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
        body = {
            "input_data": {"columns": ["image", "text"], "index": list(range(len(rows))), "data": rows},
            "params": {"get_scaling_factor": True},
        }
        answer = self._post(body)
        if not isinstance(answer, list) or len(answer) != len(rows):
            raise _not_understood()
        return answer

    def _post(self, body: dict[str, Any]) -> Any:
        import httpx

        failure = ""
        for attempt in range(patience.TRIES):
            try:
                answer = self._client.post(self._address, json=body)
                if answer.status_code == 200:
                    return answer.json()
                if not patience.is_passing(answer.status_code):
                    raise _refused(answer.status_code)
                failure, retry_after = f"status {answer.status_code}", answer.headers.get("Retry-After", "")
            except (httpx.TransportError, ValueError) as error:
                failure, retry_after = type(error).__name__, ""
            if attempt + 1 < patience.TRIES:
                time.sleep(patience.wait(attempt, retry_after, self._first_wait))
        raise EndpointError(f"the endpoint gave no answer in {patience.TRIES} tries ({failure}); try again later")


def _png(picture: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    PIL.Image.fromarray(picture).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def _refused(status: int) -> EndpointError:
    why = f"; check {KEY}" if status in (401, 403) else f"; check {ADDRESS}" if status in (301, 302, 404) else ""
    return EndpointError(f"the endpoint refused the request with status {status}{why}")


def _not_understood() -> EndpointError:
    return EndpointError(
        f"the endpoint's answer is not MedImageInsight's (a row for each request, {DIM} numbers); check {ADDRESS}"
    )
