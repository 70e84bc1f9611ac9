"""Columns of a ladder's table."""

KEYS = (
    *("method", "network", "seed", "domain", "axis", "step", "rung", "exposure_factor"),
    *("depth_band", "depth_mag_ab", "depth_mag_arcsec2"),
)
"""What a number is of."""

DRAWS = "draws"
"""Column with a number's value and those of its resamples, for means over seeds."""
