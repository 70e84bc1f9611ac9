"""Datasets for learning: one file per domain, split by system and audited for leaks."""
