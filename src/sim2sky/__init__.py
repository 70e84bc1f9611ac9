"""Simulated galaxies to the sky: mocks, datasets, domain adaptation and figures."""

from importlib.metadata import version

__version__ = version("sim2sky")
