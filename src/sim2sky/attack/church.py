"""Church windows: the classes in the plane of the noise's direction and an attack's.

Warde-Farley & Goodfellow (2016, in Perturbations, Optimization, and Statistics, MIT
Press, chapter 11); with the direction from a noise-free image to its noisy twin as in
Ciprijanovic et al. (2022, MLST 3, 035007).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import torch

from sim2sky.attack.run import Side, attack_pixel
from sim2sky.attack.settings import AttackSettings
from sim2sky.files import atomic_path
from sim2sky.train.networks.symmetry import D4Averaged

if TYPE_CHECKING:
    from sim2sky.train.model_file import Model

EXTENT = (-1.0, 2.0)  # 0 is the source's image, 1 the other end of each direction
BATCH = 256


def twins(source: Side, target: Side, n: int, seed: int) -> list[tuple[int, int]]:
    """Return rows of the same galaxy and view in both domains.

    Parameters
    ----------
    source, target : Side
        Both domains.
    n : int
        Most pairs wanted.
    seed : int
        The user's seed.

    Returns
    -------
    list of tuple
        Pairs of rows, the classes in turn; the same for all models, and none if the
        domains hold different galaxies.
    """
    data = target.dataset
    places = {key: row for row, key in enumerate(zip(data.galaxy_id, data.view, strict=True))}
    pairs = []
    for row in source.order(seed):
        twin = places.get((source.dataset.galaxy_id[row], source.dataset.view[row]))
        if twin is not None:
            pairs.append((int(row), twin))
    return pairs[:n]


def church_windows(
    model: "Model", source: Side, target: Side, settings: AttackSettings
) -> dict[str, np.ndarray]:
    """Return the class that a model sees at each point of the plane, for a few galaxies.

    Parameters
    ----------
    model : Model
        The classifier.
    source, target : Side
        Both domains.
    settings : AttackSettings
        How many galaxies, how many points.

    Returns
    -------
    dict of numpy.ndarray
        ``window`` (G,P,P) int8: entry [i, j] is the class of ``x + a_j n + b_i p``, where
        x is the source's image, n the target's image less x (both as the network takes
        them) and p what the one-pixel attack on x changes; a and b are evenly spaced
        over `EXTENT`. ``label`` (G,), ``attacked`` (G,) whether p changes the prediction,
        ``image`` (G,C,H,W) in the dataset's units, ``galaxy_id``, ``view``.
    """
    pairs = twins(source, target, settings.church_galaxies, settings.seed)
    rows = np.array([row for row, _ in pairs], dtype=int)
    steps = np.linspace(*EXTENT, settings.church_points)
    windows = np.zeros((len(pairs), len(steps), len(steps)), dtype=np.int8)
    attacked = np.zeros(len(pairs), dtype=bool)
    for number, (row, twin) in enumerate(pairs):
        image = model.normalisation["source"].apply(source.dataset.images[row : row + 1])[0]
        noisy = model.normalisation["target"].apply(target.dataset.images[twin : twin + 1])[0]
        pixel = attack_pixel(model, source, row, settings)
        attacked[number] = pixel.predicted != source.predicted[row]
        windows[number] = _window(model, image, noisy - image, pixel.apply(image) - image, steps)
    data = source.dataset
    return {
        "window": windows,
        "label": source.label[rows],
        "attacked": attacked,
        "image": data.images[rows],
        "galaxy_id": data.galaxy_id[rows],
        "view": data.view[rows],
    }


def write_church_windows(
    path: str | Path,
    windows: dict[str, np.ndarray],
    model: "Model",
    source: Side,
    stamp: dict[str, str],
) -> None:
    """Write church windows to an HDF5 file.

    Parameters
    ----------
    path : str or Path
        Output file.
    windows : dict of numpy.ndarray
        From `church_windows`.
    model : Model
        Named in the attributes.
    source : Side
        Says how its images are stretched to be shown.
    stamp : dict of str
        Provenance.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, values in windows.items():
            text = values.dtype.kind == "U"
            data, dtype = (values.astype(object), h5py.string_dtype()) if text else (values, None)
            file.create_dataset(name, data=data, dtype=dtype)
        file.attrs.update(
            classes=list(model.classes),
            method=model.method,
            network=model.network_name,
            seed=model.seed,
            extent=EXTENT,
            units=source.dataset.units,
            stretch=source.dataset.normalisation.stretch,
            softening=source.dataset.normalisation.softening,
            **stamp,
        )


@torch.no_grad()
def _window(
    model: "Model", image: np.ndarray, noise: np.ndarray, attack: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """Return the classes (P,P) in the plane through an image, rows along the attack."""
    network = model.network_for("source")
    network = D4Averaged(network) if model.d4_average else network
    along = [torch.from_numpy(part).to(model.device) for part in (image, noise, attack)]
    b, a = torch.cartesian_prod(*[torch.from_numpy(steps.astype(np.float32))] * 2).T
    classes = []
    for start in range(0, len(a), BATCH):
        part = slice(start, start + BATCH)
        weights = [x[part].to(model.device)[:, None, None, None] for x in (a, b)]
        images = along[0] + weights[0] * along[1] + weights[1] * along[2]
        images = images.contiguous(memory_format=torch.channels_last)
        classes.append(network(images)[1].argmax(dim=1).cpu().numpy())
    return np.concatenate(classes).reshape(len(steps), len(steps)).astype(np.int8)
