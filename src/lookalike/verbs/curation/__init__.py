"""Curation: what to label next, and what is decided of what audits have found and readers have said."""
