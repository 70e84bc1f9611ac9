"""What can be wrong with a stamp."""

from enum import IntFlag


class StampFlag(IntFlag):
    """Bits that `observe` and `detect` add to the flag of the maps, whose own are below 1 << 16.

    Zero is a good stamp. A flagged row is kept, for whoever reads it to judge.
    """

    BAD_MAP = 1 << 16
    """A map holds NaN or infinity."""

    EMPTY_MAP = 1 << 17
    """A map holds no light, or less than none."""

    BAD_IMAGE = 1 << 18
    """An image cannot be read, has other channels or too many bad pixels."""

    EDGE = 1 << 19
    """An object reaches the edge of its frame."""

    SATURATED = 1 << 20
    """A pixel of it is saturated."""

    BLENDED = 1 << 21
    """It was taken apart from others."""

    MASKED = 1 << 22
    """It has, or touches, a bad pixel."""
