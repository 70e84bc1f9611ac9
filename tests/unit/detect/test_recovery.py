"""Five hundred galaxies at known places: found, placed and measured."""

import numpy as np
import pandas as pd
import pytest
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from sim2sky.detect.frame import detect_objects
from sim2sky.detect.photometry import depth_mag_ab, measure_objects
from sim2sky.observe.fits_image import FitsImage

from .conftest import FIELD_SIDE, N_GALAXIES, NOISE_NJY, header, settings_with

MATCH_PX = 3.0


@pytest.fixture(scope="session")
def recovered(field):
    """Each galaxy with the nearest object, and the depth that the frame is said to have."""
    image = FitsImage(
        field.pixels[None],
        np.zeros(field.pixels.shape, bool),
        None,
        WCS(header(FIELD_SIDE)),
        np.ones(1),
    )
    settings = settings_with()
    frame = detect_objects(image, settings, "frame")
    table = measure_objects(frame, image, settings)
    distance, nearest = cKDTree(table[["x", "y"]]).query(field.place)
    matched = table.iloc[nearest].reset_index(drop=True)
    matched["distance"] = distance
    matched["offset_x"], matched["offset_y"] = (matched[["x", "y"]] - field.place).to_numpy().T
    matched["ratio"] = matched["flux_r"] / field.flux
    matched["true_magnitude"] = field.magnitude
    matched["least_error"] = field.least_error
    return matched, depth_mag_ab(frame, table)[0], frame, table


@pytest.fixture
def deep(recovered) -> pd.DataFrame:
    """The galaxies above the stated depth."""
    return recovered[0][recovered[0]["true_magnitude"] < recovered[1]]


def test_the_depth_is_that_of_its_definition(recovered):
    """S/N of 10 within the half-light radius that half of the objects exceed."""
    _, depth, _, table = recovered
    flux = 2 * 10 * NOISE_NJY * np.sqrt(np.pi) * table["radius_50_px"].median()
    assert depth == pytest.approx(-2.5 * np.log10(flux / 3631e9), abs=0.03)


def test_98_percent_above_the_depth_are_found(deep):
    assert len(deep) > 0.9 * N_GALAXIES
    assert (deep["distance"] < MATCH_PX).mean() >= 0.98


def test_positions_are_right_to_a_fifth_of_a_pixel(deep):
    found = deep[deep["distance"] < MATCH_PX]
    assert found["distance"].median() < 0.1
    assert abs(found["offset_x"].median()) < 0.02
    assert abs(found["offset_y"].median()) < 0.02
    # the noise of the sky sets the rest: a magnitude above the depth it is below 0.2 pixels
    bright = found[found["true_magnitude"] < found["true_magnitude"].max() - 1]
    assert bright["distance"].quantile(0.8) < 0.2


def test_positions_are_as_good_as_the_noise_allows(deep):
    """Of the best possible estimate the median distance is 0.83 of the rms one, at all fluxes."""
    found = deep[deep["distance"] < MATCH_PX]
    for _, part in found.groupby(pd.qcut(found["true_magnitude"], 3, labels=False)):
        assert (part["distance"] / part["least_error"]).median() < 1.15
    assert found[["offset_x", "offset_y"]].std().max() < 0.22
    # what lies farther off does so by the noise
    within = [(found[name] < 0.2).mean() for name in ("distance", "least_error")]
    assert within[0] > within[1] - 0.03


def test_fluxes_are_unbiased_to_two_percent(deep):
    ratio = deep.loc[deep["distance"] < MATCH_PX, "ratio"]
    assert ratio.median() == pytest.approx(1, abs=0.02)
    assert ratio.clip(0.5, 1.5).mean() == pytest.approx(1, abs=0.02)
    third = pd.qcut(deep["true_magnitude"], 3, labels=False)
    for _, part in deep.groupby(third):
        assert part["ratio"].median() == pytest.approx(1, abs=0.03)


def test_errors_of_fluxes_are_the_skys(recovered):
    """Faint galaxies scatter by up to twice their errors: apertures scatter too."""
    found = recovered[0].query("distance < 3 and 21.8 < true_magnitude < 22.6 and flag == 0")
    pull = (found["ratio"] - 1) * found["flux_r"] / found["flux_error_r"]
    assert 0.7 < 1.4826 * np.median(np.abs(pull - pull.median())) < 2.2


def test_the_sky_is_level(recovered):
    frame = recovered[2]
    empty = frame.pixels[0][frame.parents == 0]
    assert np.median(empty) == pytest.approx(0, abs=0.05 * NOISE_NJY)
    assert np.median(frame.noise) == pytest.approx(NOISE_NJY, rel=0.05)


def test_coordinates_are_those_of_the_header(recovered):
    row = recovered[3].iloc[7]
    ra, dec = WCS(header(FIELD_SIDE)).pixel_to_world_values(row["x"], row["y"])
    assert (row["ra_deg"], row["dec_deg"]) == (float(ra), float(dec))


def test_blended_objects_share_their_region(recovered):
    table = recovered[3]
    blended = table[table["flag"] & (1 << 21) > 0]
    assert len(blended) > 10
    assert (blended.groupby("parent").size() > 1).all()
    assert (table[table["flag"] & (1 << 21) == 0].groupby("parent").size() == 1).all()
