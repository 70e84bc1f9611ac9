"""The images that every rung is compared with, the target's and the source's; without labels."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from sim2sky.build.dataset import Dataset
from sim2sky.embed.layout import principal_components
from sim2sky.embed.separation import domain_distances, proxy_a_distance, told_domains
from sim2sky.evaluate.bootstrap import Resampling
from sim2sky.evaluate.choice import choose_rows
from sim2sky.ladder.rungs_file import Rendered
from sim2sky.ladder.settings import LadderSettings
from sim2sky.seeding import generator

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

N_HALVINGS = 20


def anchor_rows(dataset: Dataset, rendered: Rendered, settings: LadderSettings) -> np.ndarray:
    """Return which test images of a domain the rungs are compared with.

    Parameters
    ----------
    dataset : Dataset
        Test rows, read without labels.
    rendered : Rendered
        The rungs.
    settings : LadderSettings
        How many, if there are other galaxies in the domain.

    Returns
    -------
    numpy.ndarray
        Indices: the same galaxies and views where the domain holds all of them, so that
        nothing but the observation differs; else a choice of `n_galaxies` that is spread
        over systems. Their classes are then as common as in the survey, not balanced.
    """
    place = {
        (galaxy, int(view)): row
        for row, (galaxy, view) in enumerate(zip(dataset.galaxy_id, dataset.view, strict=True))
    }
    own = zip(rendered.columns["galaxy_id"], rendered.columns["view"], strict=True)
    twins = [place.get((galaxy, int(view)), -1) for galaxy, view in own]
    if min(twins) >= 0:
        return np.array(twins)
    unlabelled = np.zeros(len(dataset), dtype=int)
    identity = (dataset.galaxy_id, dataset.view, dataset.system_id, unlabelled)
    return choose_rows(*identity, settings.n_galaxies, settings.seed)


class Anchor:
    """Latent vectors of a domain's images, from which distances are measured.

    Parameters
    ----------
    model : Model
        The classifier.
    dataset : Dataset
        Test rows, read without labels.
    rows : numpy.ndarray
        From `anchor_rows`.
    settings : LadderSettings
        Components, folds and seed.
    domain : {"target", "source"}
        Which it is: chooses the normalisation of its images.
    """

    def __init__(
        self,
        model: "Model",
        dataset: Dataset,
        rows: np.ndarray,
        settings: LadderSettings,
        domain: Literal["target", "source"] = "target",
    ) -> None:
        self.images = dataset.images[rows]
        self.system_id = dataset.system_id[rows]
        self.classes = list(model.classes)
        self.settings = settings
        probability, self.latent = model.predict(self.images, domain)
        self.predicted = probability.argmax(axis=1)

    def distances(
        self,
        latent: np.ndarray,
        label: np.ndarray,
        system_id: np.ndarray,
        resampling: Resampling,
        *,
        classifier: bool = True,
    ) -> dict[str, np.ndarray]:
        """Return how far images of a rung lie from the domain's.

        Parameters
        ----------
        latent : numpy.ndarray
            (N,D) of the rung's images.
        label, system_id : numpy.ndarray
            (N,) each.
        resampling : Resampling
            Of all systems of the rung and the domain.
        classifier : bool
            Without, there is no ``proxy_a_distance``.

        Returns
        -------
        dict of numpy.ndarray
            (1+B,) each. ``latent_distance``: between the centres of both, in units of the
            scatter within a class (`sim2sky.embed.separation.domain_distances`); the
            domain's classes are the predicted ones. ``proxy_a_distance``: how well a linear
            classifier tells them apart, from 0 to 2 (`proxy_a_distance` there); resamples
            weight the rows that it was tested on and do not train it anew.
        """
        both = np.concatenate([latent, self.latent])
        points, _ = principal_components(both, self.settings.n_components)
        domain = np.repeat([0, 1], [len(latent), len(self.latent)])
        systems = np.concatenate([system_id, self.system_id])
        group = np.concatenate([label, self.predicted])
        told = None
        if classifier:
            told = told_domains(points, domain, systems, self.settings.cv_folds)

        def distances(weights: np.ndarray) -> dict[str, np.ndarray]:
            centres = domain_distances(points, domain, group, self.classes, weights)
            result = {"latent_distance": centres["domain_distance"]}
            if classifier:
                result["proxy_a_distance"] = proxy_a_distance(told, domain, weights)
            return result

        return resampling.apply(distances, systems)

    def floor(self) -> np.ndarray:
        """Return the latent distance between random halves of the domain's own systems.

        Returns
        -------
        numpy.ndarray
            (1+`N_HALVINGS`,) the mean, then each; NaN with fewer than four systems. What
            sampling alone gives for images of other galaxies; the same galaxies can come
            closer.
        """
        systems = np.unique(self.system_id)
        if len(systems) < 4:
            return np.full(1 + N_HALVINGS, np.nan)
        points, _ = principal_components(self.latent, self.settings.n_components)
        random = generator("ladder", "halves", seed=self.settings.seed)
        even = np.ones((len(points), 1))
        values = []
        for _ in range(N_HALVINGS):
            half = random.permutation(len(systems)) % 2
            domain = half[np.searchsorted(systems, self.system_id)]
            samples = domain_distances(points, domain, self.predicted, self.classes, even)
            values.append(samples["domain_distance"][0])
        return np.array([np.mean(values), *values])
