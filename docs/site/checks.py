"""What the built site must keep: no public name is forgotten, and no page asks another host for anything."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocstrings import Inventory

sys.path.insert(0, str(Path(__file__).parent))
from pages import module_name, modules, public_names

# What a browser fetches by itself; a link that a reader may follow is another thing.
_FETCHED: Final = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\ssrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*?\shref=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|(?:url\(|@import )[\"']?((?:https?:)?//[^\"')\s]+)"
)


def on_post_build(config: MkDocsConfig) -> None:
    """Stop the build if a promise is broken."""
    site = Path(config.site_dir)
    if forgotten := forgotten_names(site):
        raise PluginError(f"no page shows {len(forgotten)} public names: {', '.join(forgotten[:20])}")
    if fetched := foreign_addresses(site):
        raise PluginError(f"the site would fetch from other hosts: {', '.join(fetched[:20])}")


def forgotten_names(site: Path) -> list[str]:
    """Public names of the package that the site's inventory does not hold."""
    with (site / "objects.inv").open("rb") as stream:
        shown = Inventory.parse_sphinx(stream)
    return [
        full
        for path in modules()
        for name in public_names(path)
        if (full := f"{module_name(path)}.{name}") not in shown
    ]


def foreign_addresses(site: Path) -> list[str]:
    """Addresses of other hosts that pages or style sheets would fetch, each with the file that names it."""
    return [
        f"{''.join(found)} ({path.relative_to(site)})"
        for path in sorted(site.rglob("*"))
        if path.suffix in (".html", ".css")
        for found in _FETCHED.findall(path.read_text(encoding="utf-8"))
    ]
