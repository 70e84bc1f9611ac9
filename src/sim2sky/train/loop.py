"""The training loop, to be read from top to bottom."""

import hashlib
import logging
import math
import time
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import settings_digest
from sim2sky.seeding import generator
from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.weighting import WeightedSum
from sim2sky.train.checkpoint import load_checkpoint, save_checkpoint, termination_awaited
from sim2sky.train.data import Batches, TrainingData
from sim2sky.train.networks import build_network
from sim2sky.train.optimisation import (
    adopt_weights,
    class_weights_of,
    deterministic,
    learning_rate_schedule,
    warmup_factor,
)
from sim2sky.train.progress import progress_reported
from sim2sky.train.settings import TrainSettings
from sim2sky.train.validation import validate

log = logging.getLogger("sim2sky")

TERMINATED = 128 + 15  # exit status of a process ended by SIGTERM, as shells count it


@dataclass
class Progress:
    """How far a training has come, as plain values that a checkpoint can hold.

    Parameters
    ----------
    epoch, step : int
        Finished epochs, and finished steps of the present one.
    totals : dict of str to float
        Sums over the steps of the present epoch.
    history : list of dict
        One row per finished epoch.
    seconds : float
        Time spent on the present epoch before an interruption.
    best_loss : float
        Lowest validation loss so far.
    best_weights : dict or None
        The network at that epoch, if the settings want it.
    """

    epoch: int = 0
    step: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    best_loss: float = math.inf
    best_weights: dict[str, torch.Tensor] | None = None

    def state_dict(self) -> dict:
        """Return all fields."""
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        """Set all fields."""
        vars(self).update(state)


def train_network(
    data: TrainingData,
    settings: TrainSettings,
    seed: int,
    *,
    device: torch.device,
    checkpoint_path: Path,
    initial_weights: dict[str, torch.Tensor] | None = None,
) -> tuple[nn.Module, list[dict[str, float]]]:
    """Train a network; the same arguments give the same weights, interrupted or not.

    Parameters
    ----------
    data : TrainingData
        Images and labels.
    settings : TrainSettings
        Method, network and optimiser.
    seed : int
        Decides the first weights, the order of images and their flips, all
        alike for every method, so that methods can be compared in pairs.
    device : torch.device
        Where to compute.
    checkpoint_path : Path
        Written while training; left there for the caller to remove once the
        result is safe. If it holds a state of this very training, that is
        where it goes on.
    initial_weights : dict of str to torch.Tensor, optional
        Weights to start from instead of random ones, where names and shapes fit.

    Returns
    -------
    network : torch.nn.Module
        Trained, in evaluation mode.
    history : list of dict
        One row per epoch.

    Raises
    ------
    Sim2SkyError
        If the loss is no longer finite.
    SystemExit
        With status 143 after SIGTERM, once a checkpoint is written.
    """
    method = settings.method
    with deterministic(settings.num_threads):
        # 1. the network and everything else that changes while training
        torch.manual_seed(int(generator("train", "weights", seed=seed).integers(2**62)))
        network = build_network(
            settings.network, len(data.bands), len(data.classes), data.image_size
        ).to(device)
        if initial_weights is not None:
            adopt_weights(network, initial_weights)
        losses = build_losses(method.losses, network.latent_size, len(data.classes)).to(device)
        weighted_sum = WeightedSum(method.losses).to(device)
        optimiser = torch.optim.AdamW(
            [*network.parameters(), *losses.parameters(), *weighted_sum.parameters()],
            lr=settings.learning_rate,
            betas=settings.adam_betas,
            weight_decay=settings.weight_decay,
        )
        n_steps = math.ceil(len(data.labelled) / settings.batch_size)  # per epoch
        schedule = learning_rate_schedule(optimiser, settings, n_steps)
        other_domain = "source" if data.labelled_domain == "target" else "target"
        batches = {
            domain: Batches(
                rows,
                settings.batch_size,
                augment=settings.augment,
                device=device,
                keys=("batches", domain),
                seed=seed,
            )
            for domain, rows in (
                (data.labelled_domain, data.labelled),
                (other_domain, data.unlabelled),
            )
            if rows is not None
        }
        progress = Progress()
        parts = {
            "network": network,
            "losses": losses,
            "weighted_sum": weighted_sum,
            "optimiser": optimiser,
            "schedule": schedule,
            "progress": progress,
            **{f"batches_{domain}": stream for domain, stream in batches.items()},
        }

        # 2. go on from a checkpoint of the same training
        digest = training_digest(data, settings, seed, device, network)
        if load_checkpoint(checkpoint_path, parts, digest):
            log.info("going on from epoch %d, step %d", progress.epoch, progress.step)

        # 3. train
        class_weights = class_weights_of(data.labelled.label, len(data.classes), settings).to(
            device
        )
        with (
            termination_awaited() as terminated,
            progress_reported(settings.epochs * n_steps, method.name) as report,
        ):
            while progress.epoch < settings.epochs:
                started = time.monotonic() - progress.seconds
                network.train()
                while progress.step < n_steps:
                    if terminated():
                        progress.seconds = time.monotonic() - started
                        save_checkpoint(checkpoint_path, parts, digest)
                        log.warning("SIGTERM: state saved, run again to go on from it")
                        raise SystemExit(TERMINATED)

                    images, label = batches[data.labelled_domain].next()
                    n_labelled = len(images)
                    if data.unlabelled is not None:
                        # one pass for both domains: BatchNorm takes its statistics from the mix
                        images = torch.cat([images, batches[other_domain].next()[0]])
                    latent, logits = network(images)

                    loss_class = cross_entropy(logits[:n_labelled], label, class_weights)
                    epochs_done = progress.epoch + progress.step / n_steps
                    share_done = epochs_done / settings.epochs
                    seen = {
                        data.labelled_domain: DomainBatch(
                            latent[:n_labelled], logits[:n_labelled], label, share_done
                        ),
                        other_domain: DomainBatch(
                            latent[n_labelled:], logits[n_labelled:], None, share_done
                        ),
                    }
                    terms = {
                        name: loss(seen["source"], seen["target"]) for name, loss in losses.items()
                    }
                    ramp = warmup_factor(epochs_done, settings.adaptation_warmup_epochs)
                    loss = weighted_sum(loss_class, terms, ramp, share_done)

                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
                    optimiser.step()
                    learning_rate = schedule.get_last_lr()[0]
                    schedule.step()
                    progress.step += 1

                    correct = (logits[:n_labelled].argmax(1) == label).float().mean()
                    for name, value in {
                        "loss": loss,
                        "loss_class": loss_class,
                        **{f"loss_{name}": term for name, term in terms.items()},
                        **{f"weight_{k}": v for k, v in weighted_sum.trained_weights().items()},
                        "accuracy": correct,
                    }.items():
                        progress.totals[name] = progress.totals.get(name, 0.0) + value.item()
                    if not math.isfinite(progress.totals["loss"]):
                        raise Sim2SkyError(
                            "the loss is no longer a finite number",
                            where=f"{method.name}, epoch {progress.epoch + 1}",
                            got={name: term.item() for name, term in terms.items()}
                            | {"class": loss_class.item()},
                            fix="lower learning_rate or the weights of the losses",
                        )
                    report(progress.epoch * n_steps + progress.step)

                # 4. judge the epoch on the labelled domain alone
                valid_loss, valid_accuracy = validate(network, data.validation, class_weights)
                means = {name: total / n_steps for name, total in progress.totals.items()}
                progress.history.append(
                    history_row(
                        data.labelled_domain,
                        epoch=progress.epoch + 1,
                        learning_rate=learning_rate,
                        means=means,
                        valid_loss=valid_loss,
                        valid_balanced_accuracy=valid_accuracy,
                        seconds=time.monotonic() - started,
                    )
                )
                if settings.selection == "source_validation" and valid_loss < progress.best_loss:
                    progress.best_loss = valid_loss
                    progress.best_weights = deepcopy(network.state_dict())
                progress.epoch += 1
                progress.step, progress.totals, progress.seconds = 0, {}, 0.0
                if progress.epoch % settings.checkpoint_every_epochs == 0:
                    save_checkpoint(checkpoint_path, parts, digest)
                report(
                    progress.epoch * n_steps,
                    f"epoch {progress.epoch}/{settings.epochs}: loss {means['loss']:.3f}, "
                    f"{data.labelled_domain} accuracy {means['accuracy']:.3f}, "
                    f"validation {valid_accuracy:.3f}",
                )

        # 5. the network to keep
        if progress.best_weights is not None:
            network.load_state_dict(progress.best_weights)
    return network.eval(), progress.history


def training_digest(
    data: TrainingData,
    settings: TrainSettings,
    seed: int,
    device: torch.device,
    network: nn.Module,
) -> str:
    """Return a digest of all that decides the result, the first weights included.

    Parameters
    ----------
    data : TrainingData
        Images and labels.
    settings : TrainSettings
        Settings.
    seed : int
        Seed.
    device : torch.device
        Device.
    network : torch.nn.Module
        As it is before the first step.

    Returns
    -------
    str
        Hexadecimal digits.
    """
    weights = hashlib.blake2b(digest_size=16)
    for name, value in network.state_dict().items():
        weights.update(name.encode())
        weights.update(value.cpu().contiguous().numpy())
    return settings_digest(
        {
            # how often it is saved does not change the result
            "settings": settings.model_dump(mode="json", exclude={"checkpoint_every_epochs"}),
            "seed": seed,
            "device": device.type,
            "data": data.digest(),
            "weights": weights.hexdigest(),
        }
    )


def history_row(
    domain: str,
    *,
    epoch: int,
    learning_rate: float,
    means: dict[str, float],
    valid_loss: float,
    valid_balanced_accuracy: float,
    seconds: float,
) -> dict[str, float]:
    """Return one line of the history.

    Parameters
    ----------
    domain : str
        Whose labels were used. The columns of the source are there for an
        oracle too, as NaN, beside those of the target.
    epoch : int
        Counted from 1.
    learning_rate : float
        Of the last step.
    means : dict of str to float
        Means over the steps: ``loss``, ``loss_class``, ``loss_<term>``
        (before its weight), ``weight_<term>`` (if it is trained) and
        ``accuracy`` (while training, on augmented images).
    valid_loss, valid_balanced_accuracy : float
        On the validation rows.
    seconds : float
        Wall-clock time of the epoch.

    Returns
    -------
    dict of str to float
        Column -> value.
    """
    judged = {
        "train_accuracy": means["accuracy"],
        "valid_loss": valid_loss,
        "valid_balanced_accuracy": valid_balanced_accuracy,
    }
    row = {"epoch": epoch, "learning_rate": learning_rate}
    row |= {name: value for name, value in means.items() if name != "accuracy"}
    row |= {f"source_{name}": math.nan for name in judged}
    row |= {f"{domain}_{name}": value for name, value in judged.items()}
    return row | {"seconds": seconds}
