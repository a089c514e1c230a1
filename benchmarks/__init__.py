"""What lookalike's speed is measured against: ``python -m benchmarks [NAME...]``; see docs/results.md.

Every figure is a ratio of two things measured in one run, turn by turn, after counts and recall have been
asserted: a machine that is busy, or another machine, moves both.
"""
