"""One training from datasets to model file."""

import json
import logging
from pathlib import Path

import pandas as pd
import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path
from sim2sky.provenance import stamp
from sim2sky.train.data import read_training_data
from sim2sky.train.loop import train_network
from sim2sky.train.model_file import Model, load_model, save_model
from sim2sky.train.settings import TrainSettings

log = logging.getLogger("sim2sky")


def train_model(
    settings: TrainSettings,
    source_path: Path,
    target_path: Path,
    *,
    seed: int,
    device: str,
    model_path: Path,
    history_path: Path,
    initial_model_path: Path | None = None,
) -> Model:
    """Train a network on two datasets and write the model and its history.

    Parameters
    ----------
    settings : TrainSettings
        Method, network and optimiser.
    source_path, target_path : Path
        Dataset files.
    seed : int
        Seed of weights and batches.
    device : {"auto", "cpu", "cuda"}
        Where to compute.
    model_path, history_path : Path
        Outputs. ``checkpoint.pt`` stands beside the model while training.
    initial_model_path : Path, optional
        Model file whose weights to start from.

    Returns
    -------
    Model
        As written.

    Raises
    ------
    Sim2SkyError
        If an input or the device is of no use.
    """
    chosen = choose_device(device)
    initial = None
    if initial_model_path is not None:
        initial = load_model(initial_model_path).network.state_dict()
    data = read_training_data(source_path, target_path, settings)
    log.info(
        "%s, seed %d: %d labelled %s images%s of %d x %d px in %s",
        settings.method.name,
        seed,
        len(data.labelled),
        data.labelled_domain,
        "" if data.unlabelled is None else f" and {len(data.unlabelled)} others",
        data.image_size,
        data.image_size,
        ", ".join(data.bands),
    )
    checkpoint_path = model_path.with_name("checkpoint.pt")
    network, history = train_network(
        data,
        settings,
        seed,
        device=chosen,
        checkpoint_path=checkpoint_path,
        initial_weights=initial,
    )
    model = Model(
        network=network,
        network_name=settings.network,
        classes=data.classes,
        bands=data.bands,
        image_size=data.image_size,
        pixel_scale_arcsec=data.pixel_scale_arcsec,
        units=data.units,
        normalisation=data.normalisation,
        method=settings.method.name,
        seed=seed,
        provenance=stamp("train", settings)
        | {"inputs": json.dumps([str(source_path), str(target_path)])},
    )
    save_model(model, model_path)
    with atomic_path(history_path) as temporary:
        pd.DataFrame(history).to_csv(temporary, index=False)
    checkpoint_path.unlink(missing_ok=True)
    return model


def choose_device(name: str) -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``auto`` takes a GPU if there is one.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    Sim2SkyError
        If the name is unknown, or a GPU is asked for and there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise Sim2SkyError(
            "unknown device", where="--device", got=name, expected="auto, cpu or cuda"
        )
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise Sim2SkyError(
            "no CUDA GPU found",
            where="--device cuda",
            got=f"torch {torch.__version__}",
            fix="use --device auto, or a CUDA build of torch on a machine with a GPU",
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
