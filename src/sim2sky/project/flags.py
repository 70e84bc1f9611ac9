"""What can be wrong with a map."""

from enum import IntFlag


class MapFlag(IntFlag):
    """Bits that `project` adds to a galaxy's ``flag``; the lower eight are the sample's own.

    Zero is a good map. A flagged row is kept, for whoever reads it to judge.
    """

    FEW_STARS = 1 << 8
    """The field holds fewer star particles than ``n_particles``: all were used."""

    LIGHT_CUT = 1 << 9
    """More than ``max_light_outside`` of the field's light lies outside the map."""

    NON_FINITE = 1 << 10
    """Stars with a position, mass, age or metallicity that is not finite were left out."""

    EMPTY = 1 << 11
    """No star was left: the map is zero and its size NaN."""

    UNREADABLE = 1 << 12
    """The simulation files of this galaxy could not be read (``on_missing: skip``)."""
