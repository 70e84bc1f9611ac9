"""What attacks and accidents are called, and what their strength is."""

from dataclasses import dataclass

NONE = "none"
ONE_PIXEL = "one_pixel"


@dataclass(frozen=True)
class Kind:
    """One kind of attack or accident.

    Parameters
    ----------
    title : str
        In words.
    strength : str
        What its strength is, with the unit in brackets.
    """

    title: str
    strength: str


ACCIDENTS = {  # in the order of the figure; the names are fields of AccidentSettings
    "cosmic_rays": Kind("cosmic rays", "hits per band"),
    "dead_pixels": Kind("dead pixels", "share of pixels"),
    "dead_columns": Kind("dead columns", "columns per band"),
    "rice": Kind("Rice compression", "step [sky noise]"),
    "hcompress": Kind("HCOMPRESS", "step [sky noise]"),
    "jpeg": Kind("JPEG", "100 \u2212 quality"),
    "psf_error": Kind("wrong PSF", "FWHM of extra blur [px]"),
    "sky_oversubtraction": Kind("sky over-subtraction", "offset [sky noise]"),
    "noise_level": Kind("other noise", "noise [sky noise]"),
}
