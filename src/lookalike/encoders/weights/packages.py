"""Check that packages which contain weights or run networks are installed."""

from __future__ import annotations

import importlib.util

from lookalike.errors import MissingExtraError


def require(feature: str, extra: str, *packages: str) -> None:
    """Raise MissingExtraError if one of these packages is not installed."""
    if not installed(*packages):
        raise MissingExtraError(feature, extra)


def installed(*packages: str) -> bool:
    """Whether all of these packages are installed; none is imported."""
    try:
        return all(importlib.util.find_spec(package) is not None for package in packages)
    except ValueError:  # a package that is blocked in sys.modules
        return False
