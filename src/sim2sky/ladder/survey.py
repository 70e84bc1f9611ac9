"""A survey with another PSF or another exposure time, and how deep it goes."""

import numpy as np

from sim2sky.ladder.settings import Rung
from sim2sky.observe.flux import NJY_AT_MAG_ZERO
from sim2sky.observe.instrument import Band, survey_bands
from sim2sky.observe.settings import BandSettings, PsfSettings, SurveySettings

# A Gaussian this much narrower than a pixel of the stamp is no PSF: it spreads no light.
NO_PSF_PIXELS = 1e-3


class PointBand(Band):
    """A band whose pixels take the light at their middle instead of collecting it."""

    @property
    def psf_pixel_arcsec(self) -> float:
        """The stamp's own pixel, as if the light had been through it already."""
        return self.pixel_scale_arcsec


def rung_bands(survey: SurveySettings, rung: Rung) -> list[Band]:
    """Return the bands with which a rung is observed.

    Parameters
    ----------
    survey : SurveySettings
        The rung's survey as published.
    rung : Rung
        Factors, bands and pixel scale.

    Returns
    -------
    list of Band
        In the order of the channels.

    Raises
    ------
    Sim2SkyError
        If the survey lacks a band.
    """
    scale = rung.observe.pixel_scale_arcsec or survey.pixel_scale_arcsec
    varied = survey.model_copy(
        update={
            "bands": {
                name: with_exposure(
                    band.model_copy(update={"psf": scaled_psf(band.psf, rung.psf_factor, scale)}),
                    rung.exposure_factor,
                )
                for name, band in survey.bands.items()
            }
        }
    )
    bands = survey_bands(varied, rung.observe.bands, rung.observe.pixel_scale_arcsec)
    if rung.pixel:
        return bands
    return [PointBand(band.name, band.settings, band.pixel_scale_arcsec) for band in bands]


def scaled_psf(psf: PsfSettings, factor: float, pixel_scale_arcsec: float) -> PsfSettings:
    """Return a PSF with all lengths multiplied.

    Parameters
    ----------
    psf : PsfSettings
        A profile, or a file, whose pixels are then taken to be larger or smaller.
    factor : float
        1: the same; 0: a PSF that spreads no light.
    pixel_scale_arcsec : float
        Side of the stamps' pixels.

    Returns
    -------
    PsfSettings
        The new PSF.
    """
    if factor == 1:
        return psf
    if factor == 0:
        return PsfSettings(kind="gaussian", fwhm_arcsec=NO_PSF_PIXELS * pixel_scale_arcsec)
    lengths = ("fwhm_arcsec", "pixel_scale_arcsec", "held_pixel_arcsec")
    update = {
        name: factor * value for name in lengths if (value := getattr(psf, name)) is not None
    }
    return psf.model_copy(update=update)


def with_exposure(band: BandSettings, factor: float) -> BandSettings:
    """Return a band with the total exposure time multiplied.

    Surveys go deeper by more exposures, and shallower by fewer: their number is
    multiplied, rounded, and is at least one, and the length of each makes up for the
    rounding. So read noise grows with the number of exposures as it does in a survey.

    Parameters
    ----------
    band : BandSettings
        As published.
    factor : float
        On ``exposure_s * n_exposures``.

    Returns
    -------
    BandSettings
        With the new exposures.
    """
    if factor == 1:
        return band
    number = max(1, round(factor * band.n_exposures))
    length = factor * band.n_exposures * band.exposure_s / number
    return band.model_copy(update={"n_exposures": number, "exposure_s": length})


def depth_per_arcsec2(band: Band) -> float:
    """Return the surface brightness that is seen at 5 sigma over a square arcsecond of sky.

    Parameters
    ----------
    band : Band
        Exposure, sky and read noise. Noise is taken to be uncorrelated.

    Returns
    -------
    float
        AB mag/arcsec^2; the noise of the mean over n pixels is that of one over sqrt(n).
    """
    sigma = band.noise_sigma_njy / band.pixel_scale_arcsec
    return float(-2.5 * np.log10(5 * sigma / NJY_AT_MAG_ZERO))
