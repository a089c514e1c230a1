"""Evaluation: labelled records, splits, exact ranking, leakage audit, reports and protocols."""
