"""Catalogues of class probabilities for images that no one has labelled."""
