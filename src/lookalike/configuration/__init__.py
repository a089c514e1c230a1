"""Every setting, declared once, and the ways to give one: option > environment > ``lookalike.toml`` > default.

A setting is one row of ``table.SETTINGS``, and is added there. From the row it has

- its option of ``lookalike serve`` (``flag``), which needs a row in ``tests/unit/options/``;
- its variable (``variable``) and its key in the file (``key``: ``table.name``), read by ``resolve`` and nowhere else;
- its line in ``lookalike config check`` and ``config show``, and in docs/configuration.md, which
  ``python -m lookalike.configuration`` prints (a test compares).

What the service does with it stands in ``server/configured.py``, which makes the settings of the server of the
values. A setting that other commands, or processes of jobs, heed as well is marked ``everywhere``: they read its
variable, which the command line fills from the file (``resolve.fill_environment``).

No gallery holds any of this: a gallery from elsewhere is data.
"""
