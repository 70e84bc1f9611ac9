"""Classifiers that see no pixel: cuts and forests on measured shapes, and a probe for leaks."""
