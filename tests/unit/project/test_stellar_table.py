from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.project.settings import BANDS
from sim2sky.project.stellar_table import SHIPPED_TABLE, StellarTable

DATA = Path(__file__).parents[3] / ".." / "shared/data"
CUTOUT = DATA / "simulations/tng100-1-subhalo-565261/stars_565261.hdf5"
TABLE = StellarTable.read()


@pytest.mark.parametrize(
    ("age_gyr", "redshift", "metallicity", "band", "bagpipes_ujy", "tolerance"),
    [
        (10.0, 0.05, 0.02, "sdss_g", 67.7762, 0.02),
        (10.0, 0.05, 0.02, "sdss_r", 155.492, 0.02),
        (10.0, 0.05, 0.02, "F160W", 484.7742, 0.02),
        (1.0, 0.05, 0.02, "sdss_i", 1511.838, 0.03),
        (1.0, 2.0, 0.02, "F814W", 0.044, 0.03),
        (1.0, 2.0, 0.02, "F160W", 0.6049, 0.02),
        (0.1, 1.0, 0.02, "sdss_r", 6.2142, 0.03),
    ],
)
def test_flux_of_a_burst_is_that_of_bagpipes(
    age_gyr, redshift, metallicity, band, bagpipes_ujy, tolerance
):
    """Photometry of bagpipes 1.3.6's model_galaxy: a burst of 1e10 Msun, no dust or nebula.

    It averages over age bins of 0.1 dex and has its own filter resampling, hence a few per cent.
    """
    cosmology = FlatLambdaCDM(H0=70, Om0=0.3)  # bagpipes' own
    args = (np.array([1e10]), np.array([age_gyr]), np.array([metallicity]), redshift, cosmology)
    flux = TABLE.select([band]).flux_njy(*args)
    assert flux.shape == (1, 1)
    assert flux[0, 0] / 1e3 == pytest.approx(bagpipes_ujy, rel=tolerance)


@pytest.mark.skipif(not CUTOUT.is_file(), reason="the TNG100 cutout is not beside the project")
def test_magnitudes_are_those_of_tng():
    """TNG's g, r, i, z (AB, dust-free): BC03 with Chabrier's IMF, 0.08-0.1 mag above Kroupa's."""
    with h5py.File(CUTOUT) as file:
        stars = {name: file[f"PartType4/{name}"][()].astype(float) for name in file["PartType4"]}
        hubble = file["Header"].attrs["HubbleParam"]
        cosmology = FlatLambdaCDM(H0=100 * hubble, Om0=file["Header"].attrs["Omega0"])
    real = stars["GFM_StellarFormationTime"] > 0
    birth = stars["GFM_StellarFormationTime"][real]
    age = (cosmology.age(0) - cosmology.age(1 / birth - 1)).to_value("Gyr")
    table = TABLE.select(["sdss_g", "sdss_r", "sdss_i", "sdss_z"])
    ours = table.absolute_magnitude(age, stars["GFM_Metallicity"][real], 0.0)
    ours -= 2.5 * np.log10(stars["GFM_InitialMass"][real] * 1e10 / hubble)[:, None]
    theirs = stars["GFM_StellarPhotometrics"][real, 4:]

    def total(magnitude):
        return -2.5 * np.log10((10 ** (-0.4 * magnitude)).sum(axis=0))

    assert total(ours) - total(theirs) == pytest.approx(0.09, abs=0.03)
    assert np.diff(total(ours) - total(theirs)) == pytest.approx(0, abs=0.02)  # colours
    assert (ours - theirs).std(axis=0).max() < 0.05  # star by star


def test_nodes_are_returned_and_edges_hold():
    table = TABLE.select(["sdss_r"])
    ages, metals = 10**table.log_age_gyr, 10**table.log_metallicity
    at_node = table.absolute_magnitude(ages[[3]], metals[[2]], table.redshift[5])
    assert at_node[0, 0] == pytest.approx(table.magnitude[0, 3, 2, 5], abs=1e-9)
    outside = table.absolute_magnitude(np.array([0.0, 20.0]), np.array([0.0, 0.9]), 0.1)
    inside = table.absolute_magnitude(ages[[0, -1]], metals[[0, -1]], 0.1)
    assert outside == pytest.approx(inside, abs=1e-9)


def test_interpolation_is_halfway_in_log_age_log_metallicity_and_redshift():
    table = TABLE.select(["F160W"])
    age = 10 ** table.log_age_gyr[40:42].mean()
    metallicity = 10 ** table.log_metallicity[3:5].mean()
    middle = table.absolute_magnitude(
        np.array([age]), np.array([metallicity]), table.redshift[20:22].mean()
    )
    assert middle[0, 0] == pytest.approx(table.magnitude[0, 40:42, 3:5, 20:22].mean(), abs=1e-9)


def test_flux_is_proportional_to_initial_mass_and_bands_keep_their_order():
    cosmology = FlatLambdaCDM(H0=67.74, Om0=0.3089)
    ones = np.ones(3)
    table = TABLE.select(["F160W", "F814W"])
    flux = table.flux_njy(np.array([1e6, 2e6, 4e6]), ones, 0.02 * ones, 2.0, cosmology)
    assert flux[:, 0] / flux[0, 0] == pytest.approx([1, 2, 4])
    alone = TABLE.select(["F814W"]).flux_njy(1e6 * ones, ones, 0.02 * ones, 2.0, cosmology)
    assert flux[0, 1] == alone[0, 0]


def test_intergalactic_hydrogen_takes_the_u_band_at_redshift_four():
    """Rest frame 600-800 A, below the Lyman limit at 912 A: a dropout, also of hot stars."""
    table = TABLE.select(["sdss_u", "sdss_i"])
    young = (np.array([0.005]), np.array([0.02]))
    colour = [np.diff(table.absolute_magnitude(*young, z))[0, 0] for z in (2.0, 4.0)]
    assert abs(colour[0]) < 0.5
    assert colour[1] < -5


def test_the_shipped_table_is_small_and_says_where_it_comes_from():
    assert tuple(TABLE.bands) == BANDS  # what settings promise
    assert SHIPPED_TABLE.stat().st_size < 1_000_000
    with h5py.File(SHIPPED_TABLE) as file:
        assert file["magnitude"].dtype == np.float32
        assert {"source", "citation", "terms", "versions", "script"} <= set(file.attrs)
        assert "Bruzual & Charlot 2003" in file.attrs["citation"]


def test_errors():
    with pytest.raises(Sim2SkyError, match=r"band 'F999' .* known bands: F814W, F160W, F356W"):
        TABLE.select(["F814W", "F999"])
    one = np.ones(1)
    with pytest.raises(Sim2SkyError, match=r"redshift outside the table.*got 5.0; expected 0 to"):
        TABLE.absolute_magnitude(one, one, 5.0)
    with pytest.raises(Sim2SkyError, match=r"redshift outside the table.*got nan"):
        TABLE.absolute_magnitude(one, one, np.nan)
    with pytest.raises(Sim2SkyError, match="at redshift zero has no distance"):
        TABLE.flux_njy(one, one, one, 0.0, FlatLambdaCDM(H0=70, Om0=0.3))
    with pytest.raises(Sim2SkyError, match="file not found"):
        StellarTable.read(Path("nowhere.h5"))
