"""What is measured: labelled records, splits, exact ranks, leakage, reports, and the protocols."""
