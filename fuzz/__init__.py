"""Coverage-guided fuzzing of the boundaries, where bytes of others come in: ``make fuzz BOUNDARY=... SECONDS=...``.

Each module of a boundary has ``check(data)``, which raises AssertionError where a rule of docs/security.md does not
hold, ``seeds()``, inputs to begin with, and ``WORDS``, which inputs are put together from. ``target`` runs one of them
under atheris (libFuzzer for Python), ``__main__`` starts it again until the time is over. What the fuzzer has found to
reach new code is kept small in ``corpus/``; tests/unit/test_fuzz_corpus.py asks all of it again, without atheris.
"""
