"""The calibration file beside a model, and how it is made."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from sim2sky.build.dataset import labels_for_model
from sim2sky.calibrate.neighbours import LatentAxes, latent_axes, neighbour_distance
from sim2sky.calibrate.settings import CalibrateSettings
from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, hdf5_dataset, open_hdf5
from sim2sky.seeding import generator
from sim2sky.train.model_file import Model

FILE_NAME = "calibration.h5"  # beside model.pt
ROW_COLUMNS = ("galaxy_id", "view", "system_id", "label", "probability")


@dataclass(frozen=True)
class Calibration:
    """What held-out images say of a model, and where its training images lie.

    Parameters
    ----------
    classes : list of str
        K names.
    model_digest : str
        Of the model that it belongs to.
    rows : dict of numpy.ndarray
        Labelled source validation rows: galaxy_id, view, system_id, label,
        all (V,), and probability (V,K), as the network gives it.
    axes : LatentAxes
        Of the model's latent space.
    points : dict of numpy.ndarray
        Domain (``source``, perhaps ``target``) to (M,P+1), training images.
    held_out : dict of numpy.ndarray
        Domain to (V,), distances of the validation images to these.
    neighbours : int
        Which neighbour the distance is to.
    """

    classes: list[str]
    model_digest: str
    rows: dict[str, np.ndarray]
    axes: LatentAxes
    points: dict[str, np.ndarray]
    held_out: dict[str, np.ndarray]
    neighbours: int

    def distances(self, latent: np.ndarray) -> dict[str, np.ndarray]:
        """Return how far images lie from the training images of each domain.

        Parameters
        ----------
        latent : numpy.ndarray
            (N,D) latent vectors of the model.

        Returns
        -------
        dict of numpy.ndarray
            Domain to (N,), in units of the scatter within a class.
        """
        projected = self.axes.project(latent)
        return {
            domain: neighbour_distance(projected, points, self.neighbours)
            for domain, points in self.points.items()
        }


def model_digest(model: Model) -> str:
    """Return a digest of a model's weights.

    Parameters
    ----------
    model : Model
        Any.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for state in (model.network.state_dict(), model.target_statistics or {}):
        for name, values in sorted(state.items()):
            digest.update(name.encode())
            digest.update(values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def calibrate_model(
    model: Model, source: Path, target: Path | None, settings: CalibrateSettings
) -> Calibration:
    """Look at a model's own images: those held out of its training, and those in it.

    Parameters
    ----------
    model : Model
        From `sim2sky.train.model_file.load_model`.
    source : Path
        Dataset with labels: its validation rows calibrate.
    target : Path or None
        Dataset whose images, never its labels, took part in the training.
    settings : CalibrateSettings
        What is remembered.

    Returns
    -------
    Calibration
        Of this model.

    Raises
    ------
    Sim2SkyError
        If a dataset has other bands or classes than the model, or the
        validation rows do not hold every class.
    """
    train, held = (model.read_rows(source, part) for part in PARTS)
    label = labels_for_model(held, model.classes)
    known = (label >= 0) & (label < len(model.classes))
    missing = [name for k, name in enumerate(model.classes) if not (label == k).any()]
    if missing:
        raise Sim2SkyError(
            f"no validation row is of class {', '.join(missing)}",
            where=source,
            got=f"{known.sum()} labelled rows",
            fix="give the dataset more systems or a larger validation part",
        )
    train_label = labels_for_model(train, model.classes)
    chosen = _some(np.flatnonzero(train_label >= 0), settings, "source")
    latents = {"source": model.predict(train.images[chosen], "source")[1]}
    probability, held_latent = model.predict(held.images[known], "source")
    held_latents = {"source": held_latent}
    if target is not None:
        for part, latent in zip(PARTS, (latents, held_latents), strict=True):
            images = model.read_rows(target, part, labels=False).images
            rows = _some(np.arange(len(images)), settings, "target", part)
            latent["target"] = model.predict(images[rows], "target")[1]
    axes = latent_axes(
        latents["source"],
        train_label[chosen],
        latents.get("target", latents["source"][:0]),
        settings.components,
    )
    points = {domain: axes.project(latent) for domain, latent in latents.items()}
    return Calibration(
        classes=list(model.classes),
        model_digest=model_digest(model),
        rows={
            **{name: getattr(held, name)[known] for name in ("galaxy_id", "view", "system_id")},
            "label": label[known],
            "probability": probability,
        },
        axes=axes,
        points=points,
        held_out={
            domain: neighbour_distance(axes.project(latent), points[domain], settings.neighbours)
            for domain, latent in held_latents.items()
        },
        neighbours=settings.neighbours,
    )


def write_calibration(
    calibration: Calibration, path: str | Path, provenance: dict[str, str]
) -> None:
    """Write a calibration file.

    Parameters
    ----------
    calibration : Calibration
        What to write.
    path : str or Path
        Output HDF5 file.
    provenance : dict of str
        From `sim2sky.provenance.stamp`.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name in ROW_COLUMNS:
            values = calibration.rows[name]
            if name == "galaxy_id":
                text = values.astype(object)
                file.create_dataset(f"validation/{name}", data=text, dtype=h5py.string_dtype())
            else:
                file[f"validation/{name}"] = values
        file["latent/mean"] = calibration.axes.mean
        file["latent/components"] = calibration.axes.components
        file["latent"].attrs["scatter"] = calibration.axes.scatter
        for domain, points in calibration.points.items():
            file[f"training/{domain}"] = points
            file[f"held_out/{domain}"] = calibration.held_out[domain]
        file.attrs.update(
            classes=calibration.classes,
            model_digest=calibration.model_digest,
            neighbours=calibration.neighbours,
            **provenance,
        )


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Parameters
    ----------
    path : str or Path
        Written by `write_calibration`.

    Returns
    -------
    Calibration
        As it was written.

    Raises
    ------
    Sim2SkyError
        If the file is missing, truncated or something else.
    """
    with open_hdf5(path) as file:
        if "model_digest" not in file.attrs:
            raise Sim2SkyError(
                "not a calibration file", where=path, fix="make it with `sim2sky calibrate`"
            )
        rows = {name: hdf5_dataset(file, f"validation/{name}") for name in ROW_COLUMNS}
        domains = list(hdf5_dataset(file, "training"))
        return Calibration(
            classes=[str(name) for name in file.attrs["classes"]],
            model_digest=str(file.attrs["model_digest"]),
            rows={
                name: column.asstr()[:].astype(str) if name == "galaxy_id" else column[:]
                for name, column in rows.items()
            },
            axes=LatentAxes(
                hdf5_dataset(file, "latent/mean")[:],
                hdf5_dataset(file, "latent/components")[:],
                float(file["latent"].attrs["scatter"]),
            ),
            points={domain: file[f"training/{domain}"][:] for domain in domains},
            held_out={domain: hdf5_dataset(file, f"held_out/{domain}")[:] for domain in domains},
            neighbours=int(file.attrs["neighbours"]),
        )


PARTS = ("train", "validation")


def _some(rows: np.ndarray, settings: CalibrateSettings, *keys: str) -> np.ndarray:
    """Return at most `reference_images` of some rows, in their order."""
    if len(rows) <= settings.reference_images:
        return rows
    random = generator("calibrate", *keys, seed=settings.seed)
    return np.sort(random.choice(rows, settings.reference_images, replace=False))
