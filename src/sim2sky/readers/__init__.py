"""Simulations as users hold them, behind one interface: stars, galaxies and merger trees."""

from sim2sky.readers.interface import Flag, Header, Simulation, Stars
from sim2sky.readers.merger_history import MergerHistory
from sim2sky.readers.opening import open_simulation
from sim2sky.readers.tree import MergerTree

__all__ = [
    "Flag",
    "Header",
    "MergerHistory",
    "MergerTree",
    "Simulation",
    "Stars",
    "open_simulation",
]
