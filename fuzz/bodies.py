"""Paths, query strings, headers and JSON bodies of every route: no 5xx, every answer declared, no secret in any.

An input is a request as text: a line of method and target, lines of headers, an empty line, the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from fuzz.asgi import API, client, ids, requests
from lookalike.server.document import openapi_document

_TYPED: Final = "Content-Type: application/json\n\n"
_WORDS: Final = (
    "GET POST DELETE PATCH HEAD OPTIONS Host: Origin: Authorization: Bearer Sec-Fetch-Site: cross-site "
    "Content-Type: Range: "
    'bytes=0- Content-Length: Cookie: Accept: null true 1e400 -0 NaN 99999999999999999999 \\u0000 \\ud800 ": '
    "[[[[ {} %00 %ff "
    "%2e%2e%2f ../ // ?where= &cursor= &limit= &slice= size=64 knn patient base uniform auto and not ( label~ "
    "Modality=CR "
    "k-means linear class-1"
)


def prepare() -> None:
    """Open the gallery."""
    client()


def check(data: bytes) -> None:
    """Ask once."""
    client().ask(data)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from (value for value in node.get("enum", ()) if isinstance(value, str))
        for each in node.values():
            yield from _names(each)
    elif isinstance(node, list):
        for each in node:
            yield from _names(each)


DOCUMENT: Final = openapi_document()
WORDS: Final = " ".join((_WORDS, *sorted({*_names(DOCUMENT["components"]["schemas"])}), *DOCUMENT["paths"]))


def seeds() -> Iterator[bytes]:
    """Every route, and bodies that are answered."""
    identity = ids()[0]
    for path, operations in DOCUMENT["paths"].items():
        for method in operations:
            target = path.replace("{identity}", identity).replace("{name}", "base").replace("{group}", "0" * 64)
            yield f"{method.upper()} {target}\n{_TYPED}{{}}".encode()
    vector = json.dumps([0.5] * 384)
    yield from requests(
        f"GET {API}/records?where=Modality%3DCR&limit=2\n\n",
        f"GET {API}/facets?where=label~class\n\n",
        f"GET {API}/map?method=tsne&space=base\n\n",
        "GET /%2e%2e/%2e%2e/etc/passwd\nHost: localhost:80\nSec-Fetch-Site: none\n\n",
        "GET /assets/%00\n\n",
        f"POST {API}/search\n{_TYPED}"
        + '{"query":{"ids":["{id}","{other}"]},"k":3,"where":"not label=x","positive":["{id}"]}',
        f"POST {API}/search\n{_TYPED}"
        + '{"query":{"roi":{"record":"{id}","box":[0,0,1,1],"slice":0}},"rank":"auto","explain":true}',
        f"POST {API}/search\n{_TYPED}" + '{"query":{"vector":' + vector + '},"group_by":"patient","same_patient":true}',
        f"POST {API}/search\n{_TYPED}" + '{"query":{"text":"a chest"},"weights":"uniform","space":"base"}',
        f"POST {API}/explain\n{_TYPED}" + '{"query":{"ids":["{id}"]},"record":"{other}","space":"base"}',
        f"POST {API}/classify\n{_TYPED}" + '{"query":{"ids":["{id}"]},"method":"knn","k":3}',
        f"PATCH {API}/records/{{id}}\n{_TYPED}" + '{"labels":["a","b"]}',
        f"POST {API}/labels\n{_TYPED}" + '{"ids":["{id}"],"add":["x"],"remove":["class-0"]}',
        f"POST {API}/labels/undo\n{_TYPED}" + '{"change":1}',
        f"POST {API}/evaluate\n{_TYPED}"
        + '{"space":"base","folds":2,"protocol":"precision","k":[1],"options":{"a":[1,"b"]}}',
        f"POST {API}/adapt\n{_TYPED}" + '{"name":"m","kind":"linear","seed":1,"replace":true}',
        f"POST {API}/audit\n{_TYPED}" + '{"fields":["label","Modality"]}',
        f"POST {API}/index\n{_TYPED}" + '{"uploads":["x"],"label_columns":["a"],"where_source":"Modality=CR"}',
        f"DELETE {API}/records/{{id}}\nOrigin: http://127.0.0.1\n\n",
    )
