"""What is compared: names, words and units."""

from dataclasses import dataclass
from itertools import pairwise

# statmorph's four: ours by the column of `sim2sky measure`
SHAPES = {
    "gini": "gini",
    "m20": "m20",
    "concentration": "concentration",
    "asymmetry": "asymmetry_circle",
}
SIDES = ("source", "target", "reference")


@dataclass(frozen=True)
class Quantity:
    """One number of a galaxy or its image.

    Parameters
    ----------
    name : str
        Its column.
    label : str
        In words.
    unit : str
        Empty where there is none.
    """

    name: str
    label: str
    unit: str

    @property
    def is_shape(self) -> bool:
        """Whether `sim2sky measure` gives it, for some rows only."""
        return self.name in SHAPES


def quantities_of(bands: list[str], units: str) -> list[Quantity]:
    """Return what is compared for images of some bands.

    Parameters
    ----------
    bands : list of str
        In the order of the channels: blue to red, red to blue if 8-bit.
    units : str
        ``"nJy"`` or ``"8bit"``.

    Returns
    -------
    list of Quantity
        Shapes, size, colours of neighbouring bands (bluer minus redder), sky noise by band.
    """
    bands = bands[::-1] if units == "8bit" else bands
    return [
        Quantity("gini", "Gini", ""),
        Quantity("m20", "M20", ""),
        Quantity("concentration", "concentration", ""),
        Quantity("asymmetry", "asymmetry", ""),
        Quantity("half_light_px", "half-light radius", "px"),
        *(
            Quantity(f"colour_{blue}_{red}", f"colour {_short(blue)} \u2212 {_short(red)}", "mag")
            for blue, red in pairwise(bands)
        ),
        *(Quantity(f"sky_noise_{band}", f"sky noise, {_short(band)}", units) for band in bands),
    ]


def _short(band: str) -> str:
    """Return a band without its survey: g for sdss_g."""
    return band.rsplit("_", 1)[-1]
