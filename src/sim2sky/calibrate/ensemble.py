"""Several models of one experiment, taken as one classifier."""

from pathlib import Path

import numpy as np

from sim2sky.calibrate.calibration import Calibration, read_calibration
from sim2sky.errors import Sim2SkyError


def read_calibrations(paths: list[Path]) -> list[Calibration]:
    """Read the calibrations of the models of an ensemble.

    Parameters
    ----------
    paths : list of Path
        Calibration files.

    Returns
    -------
    list of Calibration
        In the same order.

    Raises
    ------
    Sim2SkyError
        If one is unreadable, or they were not made of the same rows and classes.
    """
    calibrations = [read_calibration(path) for path in paths]
    first = calibrations[0]
    for path, other in zip(paths[1:], calibrations[1:], strict=True):
        alike = other.classes == first.classes and set(other.points) == set(first.points)
        for name in ("galaxy_id", "view", "label"):
            alike = alike and np.array_equal(other.rows[name], first.rows[name])
        if not alike:
            raise Sim2SkyError(
                "calibrations of an ensemble were not made of the same datasets",
                where=path,
                expected=f"classes, rows and domains as in {paths[0]}",
                fix="calibrate all models with the same --source and --target",
            )
    return calibrations


def pooled_rows(calibrations: list[Calibration]) -> dict[str, np.ndarray]:
    """Return the validation rows with the mean of the models' probabilities.

    Averaging comes before calibrating: a mean of calibrated probabilities is
    underconfident (Rahaman & Thiery 2021, NeurIPS, arXiv:2007.08792).

    Parameters
    ----------
    calibrations : list of Calibration
        From `read_calibrations`.

    Returns
    -------
    dict of numpy.ndarray
        As `Calibration.rows`.
    """
    mean = np.mean([each.rows["probability"] for each in calibrations], axis=0)
    return {**calibrations[0].rows, "probability": mean}


def pooled_distances(
    calibrations: list[Calibration], latents: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the mean distance of images to the training images of each domain.

    Parameters
    ----------
    calibrations : list of Calibration
        M of them.
    latents : list of numpy.ndarray
        (N,D) latent vectors of each model.

    Returns
    -------
    dict of numpy.ndarray
        Domain to (N,).
    """
    each = [
        calibration.distances(latent)
        for calibration, latent in zip(calibrations, latents, strict=True)
    ]
    return {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}


def distance_limits(calibrations: list[Calibration], quantile: float) -> dict[str, float]:
    """Return how far from the training images a share of held-out images lies.

    Parameters
    ----------
    calibrations : list of Calibration
        M of them; without any there are no limits.
    quantile : float
        The share.

    Returns
    -------
    dict of float
        Domain to the distance that so many validation images do not exceed.
    """
    return {
        domain: float(
            np.quantile(np.mean([c.held_out[domain] for c in calibrations], 0), quantile)
        )
        for domain in (calibrations[0].held_out if calibrations else ())
    }
