"""A client of servers that speak OpenAI's chat protocol: one request, one answer.

Request: ``POST {address}/chat/completions {"model", "messages": [{"role", "content"}]}`` with a bearer key where there
is one; answer: ``{"choices": [{"message": {"content": text}}]}``.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from lookalike.encoders.runtimes.addresses import check_address
from lookalike.errors import EndpointError, UsageError

_SECONDS: Final = 300.0
_MOST_BYTES: Final = 4 << 20


def chat_address(address: str, variable: str) -> str:
    """The address without a slash at its end. Raises UsageError for none, and for one that is neither https nor of this
    machine.
    """
    if not address:
        raise UsageError(f"nothing is asked unless an endpoint is named: --endpoint https://HOST/v1, or {variable}")
    check_address(address, f"--endpoint, or {variable},")
    return address.rstrip("/")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuse redirects: they would send the key and the reports to an address that nobody named."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


def ask_model(address: str, key: str, model: str, messages: Sequence[dict[str, Any]]) -> str:
    """The text that a model answers with. Raises EndpointError, without a word of what the server said."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    body = json.dumps({"model": model, "messages": list(messages)}).encode()
    request = urllib.request.Request(f"{address}/chat/completions", body, headers)
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            said = json.loads(answer.read(_MOST_BYTES))
        return str(said["choices"][0]["message"]["content"]).strip()
    except urllib.error.HTTPError as error:
        raise EndpointError(
            f"the endpoint refused the request with status {error.code}; check address, model and key"
        ) from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise EndpointError(
            f"the endpoint gave no answer of the chat protocol ({type(error).__name__}); check the address, which ends "
            "in /v1 with most servers"
        ) from None
