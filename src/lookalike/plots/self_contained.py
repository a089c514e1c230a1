"""Web pages in one file: their parts, and the hashes by which a policy lets nothing else run or load."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files


def page_part(name: str) -> str:
    """A template, a style sheet or a script of this package."""
    return (files("lookalike.plots") / name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """The hash that a Content-Security-Policy uses for an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def filled_template(template: str, parts: Mapping[str, str]) -> str:
    """A template with what stands in {{name}}: parts are HTML, texts escaped by who gives them."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page_part(template))
