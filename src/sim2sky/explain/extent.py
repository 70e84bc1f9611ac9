"""How far out an attribution map reaches, in units of the galaxy's half-light radius."""

import numpy as np

from sim2sky.build.dataset import Dataset
from sim2sky.explain.gradcam import weighted_radius
from sim2sky.measure.footprint import significant_light
from sim2sky.measure.radii import half_light_radius, pixel_radii
from sim2sky.measure.sky import border_sky


def apparent_half_light_radius(images: np.ndarray, light_sigma: float) -> np.ndarray:
    """Return the radius of the circle around the image's centre that holds half of the light.

    The light is that of the pixels that stand out of the sky
    (`sim2sky.measure.footprint.significant_light`), above the border's median and
    summed over the bands; companions and neighbours in the image count. In images
    that are stretched (units ``8bit``) it is the stretched light.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W).
    light_sigma : float
        Threshold above the border, in units of its scatter.

    Returns
    -------
    numpy.ndarray
        (N,) in pixels; NaN where nothing stands out.
    """
    light = images.sum(axis=1, dtype=np.float64)
    level = np.array([border_sky(image)[0] for image in light])
    excess = (light - level[:, None, None]) * significant_light(light, light_sigma)
    return half_light_radius(excess)


def sky_noise(images: np.ndarray, light_sigma: float) -> float:
    """Return how noisy the sky of some images is, compared with the galaxies in them.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W).
    light_sigma : float
        Threshold above the border, in units of its scatter.

    Returns
    -------
    float
        Median over the images of the border's scatter over the sum of the light above the
        sky; infinite where nothing stands out.
    """
    light = images.sum(axis=1, dtype=np.float64)
    level, sigma = np.array([border_sky(image) for image in light]).T
    excess = (light - level[:, None, None]) * significant_light(light, light_sigma)
    total = excess.sum(axis=(1, 2))
    return float(
        np.median(np.divide(sigma, total, out=np.full(len(light), np.inf), where=total > 0))
    )


def half_light_radii(
    datasets: list[Dataset], chosen: list[np.ndarray], light_sigma: float
) -> list[np.ndarray]:
    """Return the half-light radii of the galaxies shown in source and target.

    Where both show the same galaxies in pixels of a known size, a galaxy's radius is that
    measured in the domain with less noise, for both: noise hides the outskirts, and the
    unit must not change with it. Elsewhere each image is measured by itself.

    Parameters
    ----------
    datasets : list of Dataset
        Source and target.
    chosen : list of numpy.ndarray
        (N,) rows in each.
    light_sigma : float
        See `apparent_half_light_radius`.

    Returns
    -------
    list of numpy.ndarray
        (N,) in pixels of each domain; NaN where nothing stands out of the sky.
    """
    images = [dataset.images[rows] for dataset, rows in zip(datasets, chosen, strict=True)]
    scales = [dataset.pixel_scale_arcsec for dataset in datasets]
    if not (same_galaxies(datasets, chosen) and np.isfinite(scales).all()):
        return [apparent_half_light_radius(each, light_sigma) for each in images]
    quiet = int(np.argmin([sky_noise(each, light_sigma) for each in images]))
    radius_arcsec = apparent_half_light_radius(images[quiet], light_sigma) * scales[quiet]
    return [radius_arcsec / scale for scale in scales]


def same_galaxies(datasets: list[Dataset], chosen: list[np.ndarray]) -> bool:
    """Return whether the rows of two datasets are the same galaxies and views.

    Parameters
    ----------
    datasets : list of Dataset
        Two.
    chosen : list of numpy.ndarray
        Rows in each.

    Returns
    -------
    bool
        Whether identifiers and views agree, row by row.
    """
    first, second = (
        (dataset.galaxy_id[rows], dataset.view[rows])
        for dataset, rows in zip(datasets, chosen, strict=True)
    )
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def profile_edges(maximum: float, width: float) -> np.ndarray:
    """Return the edges of the annuli of a radial profile.

    Parameters
    ----------
    maximum, width : float
        Outermost edge and width of an annulus, in half-light radii.

    Returns
    -------
    numpy.ndarray
        (R+1,) from 0.
    """
    return np.linspace(0, maximum, 1 + max(1, round(maximum / width)))


def radial_shares(weights: np.ndarray, unit_px: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return which share of an image's weights lies in each annulus around its centre.

    Shares of a map over those of an even map (weights of one) are its density: 1 where it
    is as dense as if it were spread over the whole image.

    Parameters
    ----------
    weights : numpy.ndarray
        (N,H,W), not negative.
    unit_px : numpy.ndarray
        (N,) half-light radius of each image's galaxy.
    edges : numpy.ndarray
        (R+1,) in units of it.

    Returns
    -------
    numpy.ndarray
        (N,R) shares, whose sum is below 1 where the image reaches further out; NaN where
        the weights are all zero or the unit is unknown.
    """
    radius = pixel_radii(*weights.shape[1:]).ravel()
    flat = weights.reshape(len(weights), -1).astype(np.float64)
    shares = np.full((len(weights), len(edges) - 1), np.nan)
    for row, (values, unit) in enumerate(zip(flat, unit_px, strict=True)):
        total = values.sum()
        if total > 0 and np.isfinite(unit):
            shares[row] = np.histogram(radius / unit, edges, weights=values)[0] / total
    return shares


def radius_in_units(weights: np.ndarray, unit_px: np.ndarray) -> np.ndarray:
    """Return the mean distance from the image's centre in half-light radii, weighted.

    Parameters
    ----------
    weights : numpy.ndarray
        (N,H,W), not negative.
    unit_px : numpy.ndarray
        (N,) half-light radius of each image's galaxy.

    Returns
    -------
    numpy.ndarray
        (N,), NaN where the weights are all zero or the unit is unknown.
    """
    return weighted_radius(weights) * (weights.shape[2] / 2) / unit_px
