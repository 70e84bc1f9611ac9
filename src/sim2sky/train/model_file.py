"""The model file: a trained network with all that is needed to use it on new images."""

import dataclasses
import json
import pickle
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from sim2sky.build.dataset import Dataset, read_dataset
from sim2sky.build.normalisation import Normalisation
from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path
from sim2sky.train.batchnorm import with_statistics
from sim2sky.train.networks import build_network
from sim2sky.train.networks.symmetry import D4Averaged

FORMAT = "sim2sky model 1"


@dataclass(frozen=True)
class Model:
    """A classifier and the images it was made for.

    Parameters
    ----------
    network : torch.nn.Module
        ``forward(images) -> (latent, logits)``.
    network_name : str
        Name in `sim2sky.train.networks.NETWORKS`.
    classes, bands : list of str
        K and C names, in the order of the outputs and of the channels.
    image_size : int
        Side of the images in pixels.
    pixel_scale_arcsec : float
        Of the source images; NaN if unknown.
    units : str
        Of the source images: ``"nJy"`` per pixel or ``"8bit"``.
    normalisation : dict of str to Normalisation
        Keys ``source`` and ``target``.
    method : str
        Name of the training method.
    seed : int
        Seed of the training.
    provenance : dict of str
        Stage, version, commit, settings (JSON) and their digest.
    d4_average : bool
        Whether `predict` averages the logits over flips and quarter turns.
    target_statistics : dict of str to torch.Tensor, optional
        BatchNorm statistics that target images need in place of the network's own.
    """

    network: nn.Module
    network_name: str
    classes: list[str]
    bands: list[str]
    image_size: int
    pixel_scale_arcsec: float
    units: str
    normalisation: dict[str, Normalisation]
    method: str
    seed: int
    provenance: dict[str, str]
    d4_average: bool = False
    target_statistics: dict[str, torch.Tensor] | None = None

    def network_for(self, domain: Literal["source", "target"]) -> nn.Module:
        """Return the network that is right for the images of a domain.

        Parameters
        ----------
        domain : {"source", "target"}
            Whose images.

        Returns
        -------
        torch.nn.Module
            In evaluation mode; one and the same for both domains unless the
            model has `target_statistics`.
        """
        return (self.network if domain == "source" else self._target_network).eval()

    @cached_property
    def _target_network(self) -> nn.Module:
        """The network with the target's BatchNorm statistics, if it has any."""
        if self.target_statistics is None:
            return self.network
        return with_statistics(self.network, self.target_statistics)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return next(self.network.parameters()).device

    def read_rows(self, path: str | Path, split: str, *, labels: bool = True) -> Dataset:
        """Read a part of a dataset that the model can take.

        Parameters
        ----------
        path : str or Path
            A dataset file.
        split : str
            Key of `sim2sky.build.dataset.SPLITS`.
        labels : bool
            Read the labels too.

        Returns
        -------
        Dataset
            Rows of the split only.

        Raises
        ------
        Sim2SkyError
            If the split is empty or the bands are not those the model was trained on.
        """
        dataset = read_dataset(path, split, labels=labels)
        if list(dataset.bands) != list(self.bands):
            raise Sim2SkyError(
                "the model was trained on other bands",
                where=path,
                got=", ".join(dataset.bands),
                expected=", ".join(self.bands),
                fix="give the datasets of the model's own experiment",
            )
        return dataset

    def prepare(
        self, images: np.ndarray, domain: Literal["source", "target"] = "target"
    ) -> torch.Tensor:
        """Return images as the network takes them.

        Parameters
        ----------
        images : numpy.ndarray
            (N,C,H,W) in `units`.
        domain : {"source", "target"}
            Whose normalisation applies.

        Returns
        -------
        torch.Tensor
            float32, (N,C,H,W), on the network's device.

        Raises
        ------
        Sim2SkyError
            If the number of bands or the size is not the model's.
        """
        expected = (len(self.bands), self.image_size, self.image_size)
        if images.ndim != 4 or images.shape[1:] != expected:
            raise Sim2SkyError(
                "images do not fit the model",
                got=f"shape {images.shape}",
                expected=f"(N, {', '.join(map(str, expected))}), bands {', '.join(self.bands)}",
            )
        tensor = torch.from_numpy(self.normalisation[domain].apply(images))
        return tensor.contiguous(memory_format=torch.channels_last).to(self.device)

    def predict(
        self,
        images: np.ndarray,
        domain: Literal["source", "target"] = "target",
        batch_size: int = 256,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return class probabilities and latent vectors.

        Parameters
        ----------
        images : numpy.ndarray
            (N,C,H,W) in `units`.
        domain : {"source", "target"}
            Whose normalisation and BatchNorm statistics apply.
        batch_size : int
            Images per pass through the network.

        Returns
        -------
        probability : numpy.ndarray
            (N,K) float64, rows sum to 1.
        latent : numpy.ndarray
            (N,D) float32, of the images as they are, with or without `d4_average`.
        """
        logits, latent = self.logits(images, domain, batch_size)
        return torch.from_numpy(logits).softmax(1).numpy(), latent

    @torch.no_grad()
    def logits(
        self,
        images: np.ndarray,
        domain: Literal["source", "target"] = "target",
        batch_size: int = 256,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return class scores before the softmax and latent vectors.

        Parameters
        ----------
        images, domain, batch_size
            As in `predict`.

        Returns
        -------
        logits : numpy.ndarray
            (N,K) float64.
        latent : numpy.ndarray
            (N,D) float32.
        """
        network = self.network_for(domain)
        if self.d4_average:
            network = D4Averaged(network)
        scores = [np.empty((0, len(self.classes)))]
        latents = [np.empty((0, self.network.latent_size), dtype=np.float32)]
        for start in range(0, len(images), batch_size):
            latent, logits = network(self.prepare(images[start : start + batch_size], domain))
            scores.append(logits.double().cpu().numpy())
            latents.append(latent.cpu().numpy())
        return np.concatenate(scores), np.concatenate(latents)


def save_model(model: Model, path: str | Path) -> None:
    """Write a model file, atomically.

    Parameters
    ----------
    model : Model
        What to save.
    path : str or Path
        Output file. It holds plain Python types and tensors only, so that
        ``torch.load(path, weights_only=True)`` reads it.
    """
    content = {
        "format": FORMAT,
        **{field.name: getattr(model, field.name) for field in dataclasses.fields(model)},
        "network": model.network_name,
        "network_arguments": {
            "n_bands": len(model.bands),
            "n_classes": len(model.classes),
            "image_size": model.image_size,
        },
        "state_dict": {key: value.cpu() for key, value in model.network.state_dict().items()},
        "normalisation": {key: value.to_dict() for key, value in model.normalisation.items()},
        "settings": json.loads(model.provenance["settings"]),
    }
    del content["network_name"]
    # into an open file: given a path, torch would write the temporary name into the archive
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)


def load_model(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """Read a model file.

    Parameters
    ----------
    path : str or Path
        Written by `save_model`.
    device : str or torch.device
        Where the network goes.

    Returns
    -------
    Model
        The network is in evaluation mode.

    Raises
    ------
    Sim2SkyError
        If the file is missing, damaged or not a model of this package.
    """
    content = read_torch_file(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise Sim2SkyError(
            "not a model file of this version of sim2sky",
            where=path,
            got=content.get("format") if isinstance(content, dict) else type(content).__name__,
            expected=FORMAT,
            fix="train the model again",
        )
    network = build_network(content["network"], **content["network_arguments"])
    network.load_state_dict(content["state_dict"])
    known = {field.name for field in dataclasses.fields(Model)} - {"network"}
    return Model(
        **{key: value for key, value in content.items() if key in known - {"normalisation"}},
        network=network.to(device).eval(),
        network_name=content["network"],
        normalisation={
            key: Normalisation.from_dict(value) for key, value in content["normalisation"].items()
        },
    )


def read_torch_file(path: str | Path) -> object:
    """Read plain types and tensors written by `torch.save`.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    object
        Its content, tensors on the CPU.

    Raises
    ------
    Sim2SkyError
        If the file is missing, damaged or holds anything but plain types.
    """
    path = Path(path)
    if not path.is_file():
        raise Sim2SkyError("file not found", where=path, fix="check the path")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError, LookupError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise Sim2SkyError(
            "not a readable model file (truncated, damaged or another format)",
            where=path,
            got=f"{path.stat().st_size} bytes ({reason})",
            fix="train or download the model again",
        ) from error
