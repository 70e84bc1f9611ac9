"""How far a classifier can be trusted: scores of the test split, with intervals over systems."""
