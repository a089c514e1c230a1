"""``python -m lookalike.configuration`` prints the table of docs/configuration.md."""

from __future__ import annotations

from lookalike.configuration.printed import settings_table

print("\n".join(settings_table()))
