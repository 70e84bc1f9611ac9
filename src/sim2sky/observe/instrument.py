"""A survey's PSF and background noise, in electrons and nJy.

Electrons per second from the zero point; sky and dark current are Poisson,
read noise is Gaussian. Everything is counted per solid angle first, so that a
stamp may have other pixels than the detector.
"""

from dataclasses import dataclass
from functools import cache

import galsim
import numpy as np

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.flux import NJY_AT_MAG_ZERO, flux_njy
from sim2sky.observe.psf_file import measured_psf
from sim2sky.observe.settings import BandSettings, PsfSettings, SurveySettings

# A Moffat profile with beta near 2 never ends. Ten FWHM hold 99.9 % of its light, and the
# cut keeps GalSim's Fourier grid small.
MOFFAT_TRUNCATION_FWHM = 10


@cache
def psf_profile(settings: PsfSettings) -> galsim.GSObject:
    """Return the PSF as a GalSim profile of unit flux, lengths in arcsec.

    Parameters
    ----------
    settings : PsfSettings
        Kind and width, or a file.

    Returns
    -------
    galsim.GSObject
        A profile is not yet convolved with a pixel; an image of stars holds its own.
    """
    if settings.path is not None:
        return measured_psf(settings)
    fwhm = settings.fwhm_arcsec
    if settings.kind == "moffat":
        return galsim.Moffat(beta=settings.beta, fwhm=fwhm, trunc=MOFFAT_TRUNCATION_FWHM * fwhm)
    if settings.kind == "kolmogorov":
        return galsim.Kolmogorov(fwhm=fwhm)
    if settings.kind == "airy":
        unit = galsim.Airy(lam_over_diam=1.0)
        return galsim.Airy(lam_over_diam=fwhm / unit.fwhm)
    return galsim.Gaussian(fwhm=fwhm)


@cache
def psf_fwhm_arcsec(settings: PsfSettings) -> float:
    """Return the full width at half maximum of a PSF, measured if it comes from a file.

    Parameters
    ----------
    settings : PsfSettings
        Any.

    Returns
    -------
    float
        arcsec.
    """
    if settings.fwhm_arcsec is not None:
        return settings.fwhm_arcsec
    return float(psf_profile(settings).calculateFWHM(scale=settings.pixel_scale_arcsec / 8))


@dataclass(frozen=True)
class Band:
    """One band of a survey at one pixel size.

    Parameters
    ----------
    name : str
        Such as ``"F814W"``.
    settings : BandSettings
        The survey's values.
    pixel_scale_arcsec : float
        Side of the stamps' pixels.
    """

    name: str
    settings: BandSettings
    pixel_scale_arcsec: float

    @property
    def psf(self) -> galsim.GSObject:
        """The PSF, see `psf_profile`."""
        return psf_profile(self.settings.psf)

    @property
    def psf_pixel_arcsec(self) -> float:
        """Side of the pixel that the PSF holds already: a measured one was seen with pixels."""
        psf = self.settings.psf
        if psf.path is None:
            return 0.0
        return psf.pixel_scale_arcsec if psf.held_pixel_arcsec is None else psf.held_pixel_arcsec

    @property
    def exposure_s(self) -> float:
        """Total exposure time."""
        return self.settings.exposure_s * self.settings.n_exposures

    @property
    def electrons_per_njy(self) -> float:
        """Electrons of the total exposure for 1 nJy."""
        return self.exposure_s / flux_njy(self.settings.zero_point_mag_ab)

    @property
    def background_electrons(self) -> float:
        """Mean sky and dark electrons of a stamp's pixel in the total exposure."""
        band = self.settings
        sky = flux_njy(band.sky_brightness_mag_arcsec2) * self.electrons_per_njy
        dark = band.dark_electrons_s * self.exposure_s / band.detector_pixel_arcsec**2
        return (sky + dark) * self.pixel_scale_arcsec**2

    @property
    def read_noise_electrons(self) -> float:
        """Read noise (rms) of a stamp's pixel in the total exposure."""
        band = self.settings
        per_arcsec = band.read_noise_electrons / band.detector_pixel_arcsec
        return per_arcsec * np.sqrt(band.n_exposures) * self.pixel_scale_arcsec

    @property
    def noise_sigma_njy(self) -> float:
        """Background rms of a stamp's pixel."""
        variance = self.background_electrons + self.read_noise_electrons**2
        return np.sqrt(variance) / self.electrons_per_njy

    def depth_5sigma_mag_ab(self) -> float:
        """Return the magnitude of a point source measured at 5 sigma, its own photons included.

        For PSF photometry the noise is that of ``1 / sum(PSF^2)`` pixels (King
        1983, PASP 95, 163), which for a Gaussian is 2.266 (FWHM/pixel)^2 (Ivezić
        et al. 2019, ApJ 873, 111; https://smtn-002.lsst.io). For a depth quoted in
        an aperture it is that of the aperture, and only the light inside it counts.

        Returns
        -------
        float
            AB magnitude of the source's total light.
        """
        area_arcsec2, fraction = _photometry(
            self.settings.psf, self.settings.depth_aperture_arcsec
        )
        pixels = area_arcsec2 / self.pixel_scale_arcsec**2
        variance = pixels * (self.background_electrons + self.read_noise_electrons**2)
        electrons = (25 + np.sqrt(625 + 100 * variance)) / 2  # S / sqrt(S + variance) = 5
        return -2.5 * np.log10(electrons / fraction / self.electrons_per_njy / NJY_AT_MAG_ZERO)


def survey_bands(
    survey: SurveySettings, names: list[str] | None, pixel_scale_arcsec: float | None
) -> list[Band]:
    """Return bands of a survey at a pixel size.

    Parameters
    ----------
    survey : SurveySettings
        The survey.
    names : list of str or None
        Which bands; None: all.
    pixel_scale_arcsec : float or None
        Side of a pixel; None: the survey's own.

    Returns
    -------
    list of Band
        In the order of `names`.

    Raises
    ------
    Sim2SkyError
        If the survey has no such band.
    """
    names = list(survey.bands) if names is None else names
    unknown = [name for name in names if name not in survey.bands]
    if unknown:
        raise Sim2SkyError(
            f"survey '{survey.name}' has no band {', '.join(unknown)}",
            expected=", ".join(survey.bands),
            fix="correct `bands`, or add the band to the survey's file in config/surveys",
        )
    scale = pixel_scale_arcsec or survey.pixel_scale_arcsec
    return [Band(name, survey.bands[name], scale) for name in names]


@cache
def _photometry(psf: PsfSettings, aperture_arcsec: float | None) -> tuple[float, float]:
    """Return the noise-equivalent area in arcsec^2 and the fraction of light that is counted."""
    fwhm = psf_fwhm_arcsec(psf)
    step = fwhm / 20
    half = int(np.ceil(max(8 * fwhm, aperture_arcsec or 0) / step))
    side = 2 * half + 1
    image = psf_profile(psf).drawImage(nx=side, ny=side, scale=step, method="no_pixel").array
    if aperture_arcsec is None:
        return step**2 / float((image.astype(np.float64) ** 2).sum()), 1.0
    y, x = np.indices(image.shape) - half
    inside = np.hypot(x, y) * step <= aperture_arcsec / 2
    return np.pi * aperture_arcsec**2 / 4, float(image[inside].sum(dtype=np.float64))
