"""The client of a hosted MedImageInsight, against a real HTTP server that answers as the published one."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from awaited import PATIENCE
from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.runtimes import endpoint, patience
from lookalike.errors import EndpointError, UsageError
from lookalike.pixels import from_array, prepare

KEY = "a-key-that-must-not-be-told"


class Host(ThreadingHTTPServer):
    """What the endpoint was sent, and what it shall answer next instead of vectors."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Scorer)
        self.requests: list[dict] = []
        self.instead: list[tuple[int, dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        self.together = threading.Barrier(1)  # as many requests as must have come before one is answered
        self.scale: object = 4.513
        self.address = f"http://127.0.0.1:{self.server_port}/score"


class Scorer(BaseHTTPRequestHandler):
    """A vector is made of the mean colour of the picture's corner, or of the letters of the text."""

    server: Host
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"body": body, "authorization": self.headers["Authorization"]})
        self.server.connections.add(self.client_address)
        self.server.together.wait(timeout=PATIENCE)
        if self.server.instead:
            return self._answer(*self.server.instead.pop(0))
        rows = []
        for image, text in body["input_data"]["data"]:
            row = {
                "image_features": [vector_of_png(image)] if image else None,
                "text_features": [vector_of_text(text)] if text else None,
            }
            if body["params"]["get_scaling_factor"] and self.server.scale is not None:
                row["scaling_factor"] = self.server.scale
            rows.append(row)
        return self._answer(200, {}, json.dumps(rows).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def vector_of_png(data: str) -> list[float]:
    shown = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data))))
    return np.random.default_rng(int(shown[::9, ::9].sum())).normal(size=1024).tolist()


def vector_of_text(text: str) -> list[float]:
    return np.random.default_rng(list(text.encode())).normal(size=1024).tolist()


@pytest.fixture
def host() -> Iterator[Host]:
    server = Host()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def encoder(host: Host, monkeypatch: pytest.MonkeyPatch) -> endpoint.EndpointEncoder:
    monkeypatch.setenv("LOOKALIKE_ENDPOINT", host.address)
    monkeypatch.setenv("LOOKALIKE_ENDPOINT_KEY", KEY)
    built = encoders.load("medimageinsight-endpoint")
    built._first_wait = 0.001
    return built


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_the_request_is_the_published_one(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    vectors = encoder.encode_images([golden_picture()])
    sent = host.requests[0]
    assert sent["authorization"] == f"Bearer {KEY}"
    body = sent["body"]
    assert body["params"] == {"get_scaling_factor": True}
    assert (body["input_data"]["columns"], body["input_data"]["index"]) == (["image", "text"], [0])
    image, text = body["input_data"]["data"][0]
    assert text is None
    shown = PIL.Image.open(io.BytesIO(base64.b64decode(image)))
    assert np.array_equal(np.asarray(shown), prepare(golden_picture(), encoder.spec.preprocessing))
    assert (shown.format, shown.size, shown.info) == ("PNG", (480, 480), {})
    np.testing.assert_allclose(vectors, unit([vector_of_png(image)]), atol=1e-6)


def test_batches_keep_their_order(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    drawn = [from_array(np.full((8, 8), 10, np.uint8) + np.eye(8, dtype=np.uint8) * i) for i in range(37)]
    together = encoder.encode_images(drawn)
    assert sorted(len(r["body"]["input_data"]["data"]) for r in host.requests) == [5, 16, 16]
    assert together.shape == (37, 1024)
    texts = [f"finding {i}" for i in range(18)]
    np.testing.assert_allclose(encoder.encode_texts(texts), unit([vector_of_text(t) for t in texts]), atol=1e-6)
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, 1024)


def test_requests_are_on_their_way_together(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    """The host answers none before all have come: asked one after another, they would wait for ever."""
    host.together = threading.Barrier(endpoint.REQUESTS_AT_ONCE)
    texts = [f"finding {i}" for i in range(16 * 2 * endpoint.REQUESTS_AT_ONCE)]
    np.testing.assert_allclose(encoder.encode_texts(texts), unit([vector_of_text(t) for t in texts]), atol=1e-6)
    assert len(host.requests) == 2 * endpoint.REQUESTS_AT_ONCE
    assert len(host.connections) <= endpoint.REQUESTS_AT_ONCE  # kept open, and used again


def test_texts_and_the_model_s_temperature(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    assert isinstance(encoder, encoders.TextEncoder)
    assert encoder.logit_scale == pytest.approx(91.2, abs=0.1)  # the published value
    asked = len(host.requests)
    assert encoder.logit_scale > 0
    assert len(host.requests) == asked  # it is asked for once


def test_no_temperature_is_said(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    host.scale = None
    with pytest.raises(EndpointError, match="scaling_factor"):
        _ = encoder.logit_scale


def test_busy_and_broken_answers_are_tried_again(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    host.instead = [(429, {"Retry-After": "0"}, b""), (503, {}, b"busy"), (500, {}, b""), (200, {}, b"not json")]
    assert encoder.encode_texts(["a"]).shape == (1, 1024)
    assert len(host.requests) == 5


def test_retry_after_is_waited_for(
    encoder: endpoint.EndpointEncoder, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=waited.append))
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=59)
    asked = ("7", "9999", "soon", format_datetime(later))
    host.instead = [(429, {"Retry-After": value}, b"") for value in asked]
    encoder.encode_texts(["a"])
    assert waited[0] == 7
    assert waited[1] == 60  # never longer
    assert 0 < waited[2] <= 0.004  # 0.001 * 2^2, half of it by lot
    assert max(0.0, (later - datetime.now(UTC)).total_seconds()) <= waited[3] <= 59


@pytest.mark.parametrize("attempt", range(12))
def test_waits_grow_and_are_bounded(attempt: int) -> None:
    """Half of the wait is by lot."""
    whole = min(2.0**attempt, patience.LONGEST_WAIT)
    assert all(whole / 2 <= patience.wait(attempt) <= whole for _ in range(50))
    assert len({patience.wait(attempt) for _ in range(50)}) > 10


def test_it_gives_up_after_six_tries(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    host.instead = [(503, {}, b"")] * 6
    with pytest.raises(EndpointError, match=r"no answer in 6 tries \(status 503\)"):
        encoder.encode_texts(["a"])
    assert len(host.requests) == 6


@pytest.mark.parametrize(
    ("status", "said"), [(401, "LOOKALIKE_ENDPOINT_KEY"), (404, "LOOKALIKE_ENDPOINT"), (400, "400")]
)
def test_refusals_are_not_tried_again(encoder: endpoint.EndpointEncoder, host: Host, status: int, said: str) -> None:
    host.instead = [(status, {}, b"the host's own words about the patient")] * 2
    with pytest.raises(EndpointError, match=said) as error:
        encoder.encode_texts(["a"])
    assert len(host.requests) == 1
    assert "patient" not in str(error.value)
    assert KEY not in str(error.value)


def test_a_redirect_is_not_followed(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    """It would carry the key and the pictures elsewhere."""
    host.instead = [(307, {"Location": host.address + "/elsewhere"}, b"")]
    with pytest.raises(EndpointError, match="307"):
        encoder.encode_texts(["a"])
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"{}",
        b'[{"text_features": [[1, 2]]}]',
        b'[{"image_features": [[1]]}]',
        b'[{"text_features": null}]',
        b'["a"]',
        b'[{"text_features": [[' + b",".join([b"NaN"] * 1024) + b"]]}]",
    ],
)
def test_other_answers_are_refused(encoder: endpoint.EndpointEncoder, host: Host, answer: bytes) -> None:
    host.instead = [(200, {}, answer)]
    with pytest.raises(EndpointError, match="is not MedImageInsight's"):
        encoder.encode_texts(["a"])


def test_nobody_there(encoder: endpoint.EndpointEncoder, host: Host) -> None:
    gone = endpoint.EndpointEncoder(encoder.spec, "http://127.0.0.1:9/score", KEY, first_wait=0.001)
    with pytest.raises(EndpointError, match="no answer in 6 tries"):
        gone.encode_texts(["a"])


@pytest.mark.parametrize(
    ("address", "key", "said"),
    [
        ("", KEY, "LOOKALIKE_ENDPOINT"),
        ("https://host/score", "", "LOOKALIKE_ENDPOINT_KEY"),
        ("http://example.org/score", KEY, "https"),
        ("ftp://host", KEY, "https"),
        ("host/score", KEY, "https"),
    ],
)
def test_what_the_environment_must_hold(address: str, key: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_ENDPOINT", address)
    monkeypatch.setenv("LOOKALIKE_ENDPOINT_KEY", key)
    with pytest.raises(UsageError, match=said):
        encoders.load("medimageinsight-endpoint")
