"""One training from datasets to model file."""

import json
import logging
from pathlib import Path

import pandas as pd
import torch

from sim2sky.errors import Sim2SkyError
from sim2sky.files import atomic_path, read_json
from sim2sky.provenance import RUN, stamp
from sim2sky.settings import parse_settings
from sim2sky.train.batchnorm import batchnorm_statistics
from sim2sky.train.data import read_training_data
from sim2sky.train.loop import train_network
from sim2sky.train.model_file import Model, save_model
from sim2sky.train.settings import TrainSettings
from sim2sky.train.transfer import initial_weights

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
        Model file whose weights to start from, where they fit.

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
    origin = settings.method.init_from
    if origin is not None and initial_model_path is None:
        raise Sim2SkyError(
            f"method {settings.method.name} starts from trained weights",
            where="--initial-model",
            got="nothing",
            expected=f"the model of {origin.experiment}, {origin.method}",
        )
    data = read_training_data(source_path, target_path, settings, seed=seed)
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
    initial = None
    if initial_model_path is not None:
        initial = initial_weights(
            initial_model_path,
            network_name=settings.network,
            bands=data.bands,
            classes=data.classes,
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
    statistics = None
    if settings.method.batchnorm == "target":
        statistics = batchnorm_statistics(network, data.unlabelled, settings.batch_size, seed)
    inputs = (source_path, target_path, initial_model_path)
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
        d4_average=settings.d4_average,
        target_statistics=statistics,
        provenance=stamp("train", settings)
        | {"inputs": json.dumps([str(path) for path in inputs if path is not None])},
    )
    save_model(model, model_path)
    with atomic_path(history_path) as temporary:
        pd.DataFrame(history).to_csv(temporary, index=False)
    checkpoint_path.unlink(missing_ok=True)
    return model


def chosen_settings(settings: TrainSettings, choice_path: Path) -> TrainSettings:
    """Return the settings that a tuning has chosen for a method.

    Parameters
    ----------
    settings : TrainSettings
        What they replace, of the same method and network. What to do when the loss
        diverges is still taken from here: trials go about that in their own way.
    choice_path : Path
        Output of `sim2sky choose`.

    Returns
    -------
    TrainSettings
        To train with.

    Raises
    ------
    Sim2SkyError
        If the file cannot be read or is about another method or network.
    """
    content = read_json(choice_path)
    chosen = parse_settings(TrainSettings, content.get("settings"), f"{choice_path}: settings")
    for own, other in (
        (settings.method.name, chosen.method.name),
        (settings.network, chosen.network),
    ):
        if own != other:
            raise Sim2SkyError(
                "the choice is about another method or network",
                where=choice_path,
                got=other,
                expected=own,
            )
    log.info("settings of trial %s, %s", content.get("trial"), content.get("reason"))
    return chosen.model_copy(update={"on_divergence": settings.on_divergence})


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
    if available and name != "cpu":
        RUN.device = torch.cuda.get_device_name()
        return torch.device("cuda")
    return torch.device("cpu")
