"""Patches of a survey's own sky, to lay mocks on in place of drawn noise.

As RealSim does for SDSS (Bottrell et al. 2019, MNRAS 490, 5390): noise with its
correlations, neighbours, halos and flaws are those of the survey.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5
from sim2sky.observe.instrument import Band

SCALE_TOLERANCE = 0.01
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class SkyPatches:
    """Squares of sky with nothing in their middle; N of them.

    Parameters
    ----------
    pixels : numpy.ndarray
        (N,C,P,P) float32 in nJy per pixel, sky level subtracted.
    bands : list of str
        C names.
    pixel_scale_arcsec : float
        Side of a pixel; NaN unknown, then it is taken to be the survey's.
    """

    pixels: np.ndarray
    bands: list[str]
    pixel_scale_arcsec: float

    def for_bands(self, bands: list[Band], where: object) -> "SkyPatches":
        """Return patches of the bands of a survey, in its order.

        Parameters
        ----------
        bands : list of Band
            What is observed.
        where : object
            Named in messages.

        Returns
        -------
        SkyPatches
            With these bands alone.

        Raises
        ------
        Sim2SkyError
            If a band is missing or the pixels have another size.
        """
        missing = [band.name for band in bands if band.name not in self.bands]
        if missing:
            raise Sim2SkyError(
                f"the patches of sky lack band {', '.join(missing)}",
                where=where,
                got=", ".join(self.bands),
            )
        scale = bands[0].pixel_scale_arcsec
        if abs(self.pixel_scale_arcsec - scale) > SCALE_TOLERANCE * scale:
            raise Sim2SkyError(
                "patches of sky and mocks have other pixels",
                where=where,
                got=f"{self.pixel_scale_arcsec:.4g} arcsec",
                expected=f"{scale:.4g} arcsec",
                fix="set pixel_scale_arcsec of the survey to that of its frames",
            )
        order = [self.bands.index(band.name) for band in bands]
        return SkyPatches(self.pixels[:, order], [band.name for band in bands], scale)

    def draw(self, side: int, random: np.random.Generator) -> np.ndarray:
        """Return the middle of one patch, flipped and turned at random.

        Parameters
        ----------
        side : int
            Pixels of the field.
        random : numpy.random.Generator
            Source of the choice.

        Returns
        -------
        numpy.ndarray
            (C,side,side) float64.

        Raises
        ------
        Sim2SkyError
            If the patches are smaller than that.
        """
        size = self.pixels.shape[-1]
        if side > size:
            raise Sim2SkyError(
                "patches of sky are smaller than the field of a mock",
                got=f"{size} pixels",
                expected=f"at least {side}",
                fix="set sky_patch_px of the detection to the largest field",
            )
        start = (size - side) // 2
        patch = self.pixels[random.integers(len(self.pixels))]
        patch = patch[:, start : start + side, start : start + side].astype(np.float64)
        patch = np.rot90(patch, random.integers(4), axes=(1, 2))
        return patch[:, ::-1] if random.integers(2) else patch

    @property
    def noise_sigma_njy(self) -> np.ndarray:
        """Background rms by band (C,), from the absolute deviations of all pixels."""
        flat = self.pixels.transpose(1, 0, 2, 3).reshape(len(self.bands), -1)
        return MAD_TO_SIGMA * np.median(np.abs(flat - np.median(flat, axis=1)[:, None]), axis=1)


def write_sky(sky: SkyPatches, path: str | Path, provenance: dict[str, str]) -> None:
    """Write patches of sky.

    Parameters
    ----------
    sky : SkyPatches
        What to write.
    path : str or Path
        Output HDF5 file.
    provenance : dict of str
        From `sim2sky.provenance.stamp`.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["patches"] = sky.pixels.astype("f4")
        file.attrs.update(
            bands=sky.bands, pixel_scale_arcsec=sky.pixel_scale_arcsec, units="nJy", **provenance
        )


def read_sky(path: str | Path) -> SkyPatches:
    """Read patches of sky.

    Parameters
    ----------
    path : str or Path
        Written by `write_sky`.

    Returns
    -------
    SkyPatches
        All of them.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or something else.
    """
    with open_hdf5(path) as file:
        pixels = hdf5_dataset(file, "patches")
        if "bands" not in file.attrs or len(pixels) == 0:
            raise Sim2SkyError(
                "no patches of sky", where=path, fix="make them with `sim2sky detect --sky`"
            )
        return SkyPatches(
            pixels[:],
            [str(band) for band in file.attrs["bands"]],
            float(file.attrs["pixel_scale_arcsec"]),
        )
