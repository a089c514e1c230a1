"""Curation: what to label next, labels that persons set, and what is decided of what audits found and readers said."""
