"""The photometry behind the shipped table, against closed forms and an independent library."""

import galsim
import numpy as np
import pytest

from sim2sky.project.make_ssp_table import (
    AREA_OF_10PC_CM2,
    SEDPY_FILTERS,
    SOLAR_LUMINOSITY_ERG_S,
    SPEED_OF_LIGHT_AA_S,
    band_magnitudes,
)
from sim2sky.project.stellar_table import StellarTable

WAVELENGTH = np.linspace(3000, 9000, 3001)
FILTER = np.array([5000.0, 5200.0, 6100.0, 6500.0])
RESPONSE = np.array([0.0, 0.4, 0.3, 0.0])


def luminosity_of_constant_ab_magnitude(magnitude):
    """Lsun per Angstrom of a source of constant f_nu at 10 pc; 48.6 as in Oke & Gunn 1983."""
    f_nu = 10 ** (-0.4 * (magnitude + 48.6))
    f_lambda = f_nu * SPEED_OF_LIGHT_AA_S / WAVELENGTH**2
    return f_lambda * AREA_OF_10PC_CM2 / SOLAR_LUMINOSITY_ERG_S


def test_source_of_constant_f_nu_has_its_magnitude_in_any_filter():
    spectra = np.stack([luminosity_of_constant_ab_magnitude(m) for m in (3.0, 5.5)], axis=1)
    magnitudes = band_magnitudes(WAVELENGTH, spectra, FILTER, RESPONSE)
    assert magnitudes == pytest.approx([3.0, 5.5], abs=5e-4)


def test_magnitude_of_a_sloped_spectrum_is_that_of_galsim():
    luminosity = luminosity_of_constant_ab_magnitude(4.0) * np.exp((WAVELENGTH - 5500) / 900)
    f_lambda = luminosity * SOLAR_LUMINOSITY_ERG_S / AREA_OF_10PC_CM2
    fine = np.linspace(FILTER[0], FILTER[-1], 1501)  # galsim integrates over the filter's nodes
    curve = galsim.LookupTable(fine, np.interp(fine, FILTER, RESPONSE), interpolant="linear")
    band = galsim.Bandpass(curve, wave_type="Angstrom").withZeropoint("AB")
    spectrum = galsim.LookupTable(WAVELENGTH, f_lambda, interpolant="linear")
    sed = galsim.SED(spectrum, wave_type="Angstrom", flux_type="flambda")
    expected = sed.calculateMagnitude(band)
    found = band_magnitudes(WAVELENGTH, luminosity, FILTER, RESPONSE)
    assert found == pytest.approx(expected, abs=5e-4)


def test_source_without_light_gets_the_faintest_magnitude():
    assert band_magnitudes(WAVELENGTH, 0 * WAVELENGTH, FILTER, RESPONSE) == 40.0


def test_every_band_of_the_script_is_in_the_shipped_table():
    assert StellarTable.read().bands == list(SEDPY_FILTERS)
