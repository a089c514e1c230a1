"""The kinds of models: each an entry with a ``spec`` and a ``build()`` that knows its weights and its network."""
