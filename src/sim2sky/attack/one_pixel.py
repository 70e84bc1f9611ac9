"""The one pixel that changes a prediction, found by differential evolution.

As Su, Vargas & Sakurai (2019, IEEE TEVC 23, 828) and, on galaxies, Ciprijanovic et al.
(2022, MLST 3, 035007): candidates are vectors of x, y and one value per band, a
generation has 400, each is replaced by ``a + F (b - c)`` of three others with F = 0.5 if
that is better (Storn & Price 1997, J. Global Optim. 11, 341; `rand1` without crossover).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, differential_evolution
from scipy.stats import qmc

from sim2sky.attack.local import Evaluator
from sim2sky.attack.settings import OnePixelSettings


@dataclass(frozen=True)
class OnePixel:
    """The most harmful pixel that was found.

    Parameters
    ----------
    row, column : int
        Its place.
    value : numpy.ndarray
        (C,) float32, its new normalised value.
    margin : float
        Logit of the true class less the largest of the others; negative after a success.
    predicted : int
        What the image is taken for.
    evaluations : int
        Candidates that were tried.
    """

    row: int
    column: int
    value: np.ndarray
    margin: float
    predicted: int
    evaluations: int

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return a copy of an image with the pixel replaced.

        Parameters
        ----------
        image : numpy.ndarray
            (C,H,W), normalised.

        Returns
        -------
        numpy.ndarray
            Same shape.
        """
        result = image.copy()
        result[:, self.row, self.column] = self.value
        return result


def margins(logits: np.ndarray, label: int | np.ndarray) -> np.ndarray:
    """Return by how much the true class leads.

    Parameters
    ----------
    logits : numpy.ndarray
        (N,K).
    label : int or numpy.ndarray
        True class, of all or (N,) of each.

    Returns
    -------
    numpy.ndarray
        (N,) logit of the true class less the largest of the others: the prediction is
        wrong where it is negative.
    """
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, label] = -np.inf
    return logits[rows, label] - others.max(axis=1)


def value_bounds(images: np.ndarray) -> np.ndarray:
    """Return the darkest and the brightest value that images hold, band by band.

    Parameters
    ----------
    images : numpy.ndarray
        (N,C,H,W).

    Returns
    -------
    numpy.ndarray
        (C,2). No attacked pixel is darker or brighter than some pixel of the dataset.
    """
    return np.stack([images.min(axis=(0, 2, 3)), images.max(axis=(0, 2, 3))], axis=1)


def find_pixel(
    evaluator: Evaluator,
    image: np.ndarray,
    label: int,
    bounds: np.ndarray,
    settings: OnePixelSettings,
    random: np.random.Generator,
    *,
    vectorized: bool = True,
) -> OnePixel:
    """Search for the pixel that takes most of the true class's lead.

    The first generation is a Latin hypercube. The search ends after the generation in
    which the prediction changes, or with the last.

    Parameters
    ----------
    evaluator : Evaluator
        Of the network.
    image : numpy.ndarray
        (C,H,W) float32, normalised.
    label : int
        True class.
    bounds : numpy.ndarray
        (C,2) normalised values that a pixel may have; see `value_bounds`.
    settings : OnePixelSettings
        Population, iterations and factor.
    random : numpy.random.Generator
        Of this image.
    vectorized : bool
        Evaluate a generation at once; one by one gives the same.

    Returns
    -------
    OnePixel
        A success or the best that was found.
    """
    evaluator.set_image(image)
    height, width = image.shape[1:]

    def lead(candidates: np.ndarray) -> np.ndarray | float:
        columns, rows, values = _parts(candidates if vectorized else candidates[:, None])
        result = margins(evaluator.logits(rows, columns, values), label).astype(float)
        return result if vectorized else result[0]

    def succeeded(intermediate_result: OptimizeResult) -> bool:
        return intermediate_result.fun < 0

    limits = np.array([[0, width], [0, height], *bounds], dtype=float)
    # a coordinate is rounded down, and the far edge belongs to no pixel
    limits[:2, 1] = np.nextafter(limits[:2, 1], 0)
    # scipy refuses bounds without an extent, as of a band that is empty in all images
    limits[:, 1] = np.maximum(limits[:, 1], limits[:, 0] + 1e-6)
    hypercube = qmc.LatinHypercube(len(limits), seed=random).random(settings.population)
    result = differential_evolution(
        lead,
        limits,
        strategy="rand1bin",
        init=limits[:, 0] + hypercube * (limits[:, 1] - limits[:, 0]),
        maxiter=settings.iterations,
        mutation=settings.factor,
        recombination=1.0,
        tol=0.0,
        seed=random,
        callback=succeeded,
        polish=False,
        updating="deferred",
        vectorized=vectorized,
    )
    columns, rows, values = _parts(result.x[:, None])
    logits = evaluator.logits(rows, columns, values)
    return OnePixel(
        row=int(rows[0]),
        column=int(columns[0]),
        value=values[0],
        margin=float(margins(logits, label)[0]),
        predicted=int(logits[0].argmax()),
        evaluations=settings.population * (1 + result.nit),
    )


def _parts(candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns (S,), rows (S,) and values (S,C) of candidates (2+C,S)."""
    columns, rows = candidates[:2].astype(np.int64)
    return columns, rows, candidates[2:].T.astype(np.float32)
