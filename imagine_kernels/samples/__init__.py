"""Seeded generators: a small labelled sample for each use case, physically plausible, with exact truth."""
