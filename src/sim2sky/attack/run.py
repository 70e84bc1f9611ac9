"""One model attacked: the same test images of both domains, before and after."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from sim2sky.attack.accidents import Scene, befall, sky_noise
from sim2sky.attack.boundary import boundary_distance, within_class_scatter
from sim2sky.attack.kinds import ACCIDENTS, NONE, ONE_PIXEL
from sim2sky.attack.local import evaluator_of
from sim2sky.attack.one_pixel import OnePixel, find_pixel, value_bounds
from sim2sky.attack.settings import AttackSettings
from sim2sky.build.dataset import Dataset, labels_for_model
from sim2sky.errors import Sim2SkyError
from sim2sky.evaluate.choice import choose_rows
from sim2sky.seeding import generator
from sim2sky.train.networks.symmetry import D4Averaged

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

log = logging.getLogger("sim2sky")


@dataclass(frozen=True)
class Side:
    """What a model makes of the test images of one domain, as they are; N rows.

    Parameters
    ----------
    domain : {"source", "target"}
        Which.
    dataset : Dataset
        The images.
    label : numpy.ndarray
        (N,) true class by the model's numbers, -1 where it is unknown to the model.
    predicted : numpy.ndarray
        (N,) class.
    latent : numpy.ndarray
        (N,D).
    scatter : float
        See `within_class_scatter`.
    noise : numpy.ndarray
        (C,) see `sky_noise`.
    bounds : numpy.ndarray
        (C,2) normalised values between which the images' pixels lie.
    """

    domain: str
    dataset: Dataset
    label: np.ndarray
    predicted: np.ndarray
    latent: np.ndarray
    scatter: float
    noise: np.ndarray
    bounds: np.ndarray

    def order(self, seed: int) -> np.ndarray:
        """Return the rows with a known class in the order in which they are taken.

        Parameters
        ----------
        seed : int
            The user's seed.

        Returns
        -------
        numpy.ndarray
            Indices, the classes in turn; the same for all models.
        """
        rows = np.flatnonzero(self.label >= 0)
        columns = (self.dataset.galaxy_id, self.dataset.view, self.dataset.system_id, self.label)
        return rows[choose_rows(*(column[rows] for column in columns), len(rows), seed)]


def look_at(model: "Model", dataset: Dataset, domain: str) -> Side:
    """Return what a model makes of test images as they are.

    Parameters
    ----------
    model : Model
        The classifier.
    dataset : Dataset
        Test rows with labels.
    domain : {"source", "target"}
        Chooses normalisation and BatchNorm statistics.

    Returns
    -------
    Side
        All rows.

    Raises
    ------
    Sim2SkyError
        If no row has a class that the model knows.
    """
    label = labels_for_model(dataset, model.classes)
    label = np.where(label < len(model.classes), label, -1)
    if (label < 0).all():
        raise Sim2SkyError(
            "no test image has a known class, so that no prediction can be called correct",
            where=f"domain {dataset.domain}",
            fix="give the images labels, or set the experiment's attack to null",
        )
    probability, latent = model.predict(dataset.images, domain)
    return Side(
        domain,
        dataset,
        label,
        probability.argmax(axis=1),
        latent,
        within_class_scatter(latent, label),
        sky_noise(dataset),
        value_bounds(model.normalisation[domain].apply(dataset.images)),
    )


def attack_model(model: "Model", sides: dict[str, Side], settings: AttackSettings) -> pd.DataFrame:
    """Return what attacks and accidents change, image by image.

    Parameters
    ----------
    model : Model
        The classifier.
    sides : dict of Side
        Keys ``source`` and ``target``.
    settings : AttackSettings
        Which, how strong, how many.

    Returns
    -------
    pandas.DataFrame
        One row per image and attack: domain, attack (``"none"``, a name of
        `sim2sky.attack.kinds.ACCIDENTS` or ``"one_pixel"``), strength, galaxy_id, view,
        system_id, label, before and after (predicted classes), moved (distance in the
        latent space), boundary (distance to the decision boundary before), both in units
        of the within-class scatter; for one pixel its row, column, margin and the number
        of evaluations.
    """
    parts = []
    for side in sides.values():
        parts += _accidents(model, side, sides["target"].noise, settings)
        if side.domain in settings.one_pixel.domains:
            parts.append(_one_pixel(model, side, settings))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(method=model.method, network=model.network_name, seed=model.seed)


def attack_pixel(model: "Model", side: Side, row: int, settings: AttackSettings) -> OnePixel:
    """Return the most harmful pixel of one image.

    Parameters
    ----------
    model : Model
        The classifier.
    side : Side
        The image's domain.
    row : int
        Its number.
    settings : AttackSettings
        The search.

    Returns
    -------
    OnePixel
        It depends on galaxy, view, domain and model, on no other image but by the bounds.
    """
    data = side.dataset
    network = model.network_for(side.domain)
    evaluator = evaluator_of(D4Averaged(network) if model.d4_average else network, model.device)
    random = generator(
        "attack", ONE_PIXEL, side.domain, data.galaxy_id[row], data.view[row], seed=settings.seed
    )
    image = model.normalisation[side.domain].apply(data.images[row : row + 1])[0]
    return find_pixel(
        evaluator, image, int(side.label[row]), side.bounds, settings.one_pixel, random
    )


def _rows(side: Side, rows: np.ndarray, attack: str, strength: float) -> pd.DataFrame:
    """Return the columns that an attack does not change."""
    data = side.dataset
    return pd.DataFrame(
        {
            "domain": side.domain,
            "attack": attack,
            "strength": float(strength),
            "galaxy_id": data.galaxy_id[rows],
            "view": data.view[rows],
            "system_id": data.system_id[rows],
            "label": side.label[rows],
            "before": side.predicted[rows],
        }
    )


def _accidents(
    model: "Model", side: Side, target_noise: np.ndarray, settings: AttackSettings
) -> list[pd.DataFrame]:
    """Return one table for the images as they are and one for each accident and strength."""
    rows = side.order(settings.seed)[: settings.accidents.n_galaxies]
    data = side.dataset
    scene = Scene(
        data.galaxy_id[rows],
        data.view[rows],
        side.noise,
        target_noise,
        data.normalisation.softening,
        data.normalisation.stretch,
        data.units,
        settings.accidents,
        settings.seed,
    )
    head = model.network_for(side.domain).classifier
    boundary = boundary_distance(head, side.latent[rows]) / side.scatter
    if model.d4_average:
        # the distance is that of the image as it is, whose own class may be another one
        single = head(torch.from_numpy(side.latent[rows]).to(model.device)).argmax(1)
        boundary = np.where(single.cpu().numpy() == side.predicted[rows], boundary, np.nan)
    tables = [
        _rows(side, rows, NONE, 0.0).assign(
            after=side.predicted[rows], moved=0.0, boundary=boundary
        )
    ]
    for name in ACCIDENTS:
        for strength in getattr(settings.accidents, name):
            images = befall(data.images[rows], name, strength, scene)
            probability, latent = model.predict(images, side.domain)
            moved = np.linalg.norm(latent - side.latent[rows], axis=1) / side.scatter
            tables.append(
                _rows(side, rows, name, strength).assign(
                    after=probability.argmax(axis=1), moved=moved, boundary=boundary
                )
            )
    return tables


def _one_pixel(model: "Model", side: Side, settings: AttackSettings) -> pd.DataFrame:
    """Return the table of the attacks by one pixel, on correctly classified images."""
    rows = side.order(settings.seed)
    rows = rows[side.predicted[rows] == side.label[rows]][: settings.one_pixel.n_galaxies]
    found = [attack_pixel(model, side, int(row), settings) for row in rows]
    attacked = side.latent[:0]
    if found:
        images = model.normalisation[side.domain].apply(side.dataset.images[rows])
        changed = np.stack([one.apply(image) for one, image in zip(found, images, strict=True)])
        with torch.no_grad():
            tensor = torch.from_numpy(changed).to(model.device)
            attacked = model.network_for(side.domain)(tensor)[0].cpu().numpy()
    log.info(
        "one pixel, %s: %d of %d predictions changed",
        side.domain,
        sum(one.margin < 0 for one in found),
        len(found),
    )
    return _rows(side, rows, ONE_PIXEL, 1.0).assign(
        after=np.array([one.predicted for one in found], dtype=np.int64),
        moved=np.linalg.norm(attacked - side.latent[rows], axis=1) / side.scatter,
        **{
            name: np.array([getattr(one, name) for one in found], dtype=float)
            for name in ("row", "column", "margin", "evaluations")
        },
    )
