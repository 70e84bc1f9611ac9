"""The training loop, to be read from top to bottom."""

import hashlib
import logging
import math
import time
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sim2sky.errors import Sim2SkyError
from sim2sky.provenance import settings_digest
from sim2sky.train.adaptation import DomainBatch, build_losses
from sim2sky.train.adaptation.weighting import WeightedSum
from sim2sky.train.batches import training_batches
from sim2sky.train.batchnorm import running_statistics_kept
from sim2sky.train.checkpoint import load_checkpoint, save_checkpoint, termination_awaited
from sim2sky.train.data import TrainingData
from sim2sky.train.history import Progress, history_row
from sim2sky.train.initial import initial_network
from sim2sky.train.optimisation import (
    class_weights_of,
    deterministic,
    forward_precision,
    learning_rate_schedule,
    warmup_factor,
)
from sim2sky.train.progress import progress_reported
from sim2sky.train.residence import on_device
from sim2sky.train.selection import criteria_of_epoch, selection_score
from sim2sky.train.settings import TrainSettings
from sim2sky.train.transfer import adopt_weights, parameter_groups
from sim2sky.train.validation import judge, judged_networks

log = logging.getLogger("sim2sky")

TERMINATED = 128 + 15  # exit status of a process ended by SIGTERM, as shells count it


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
        network = initial_network(
            settings.network, len(data.bands), len(data.classes), data.image_size, seed
        ).to(device)
        taken_over = set() if initial_weights is None else adopt_weights(network, initial_weights)
        digest = training_digest(data, settings, seed, device, network)
        data = on_device(data, device)
        n_unlabelled = 0 if data.unlabelled is None else len(data.unlabelled)
        losses = build_losses(
            method.losses, network.latent_size, len(data.classes), n_unlabelled
        ).to(device)
        weighted_sum = WeightedSum(method.losses).to(device)
        optimiser = torch.optim.AdamW(
            parameter_groups(
                network, [*losses.parameters(), *weighted_sum.parameters()], taken_over, settings
            ),
            betas=settings.adam_betas,
            weight_decay=settings.weight_decay,
        )
        n_steps = math.ceil(len(data.labelled) / settings.batch_size)  # per epoch
        schedule = learning_rate_schedule(optimiser, settings, n_steps)
        other_domain = "source" if data.labelled_domain == "target" else "target"
        batches = training_batches(data, settings, seed, device)
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
        if load_checkpoint(checkpoint_path, parts, digest):
            log.info("going on from epoch %d, step %d", progress.epoch, progress.step)

        if settings.on_divergence == "stop" and progress.sound_weights is None:
            progress.sound_weights = deepcopy(network.state_dict())

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

                    images, label, index = batches[data.labelled_domain].next()
                    n_labelled, other_index = len(images), None
                    if method.sees_both_domains:
                        other_images, _, other_index = batches[other_domain].next()
                    if method.mixed_batches:
                        # one pass for both domains: BatchNorm takes its statistics from the mix
                        images = torch.cat([images, other_images])
                    with forward_precision(device, settings):
                        latent, logits = network(images)
                        if method.sees_both_domains and not method.mixed_batches:
                            with running_statistics_kept(network):
                                other_latent, other_logits = network(other_images)
                            latent = torch.cat([latent, other_latent])
                            logits = torch.cat([logits, other_logits])
                    latent, logits = latent.float(), logits.float()

                    loss_class = cross_entropy(logits[:n_labelled], label, class_weights)
                    epochs_done = progress.epoch + progress.step / n_steps
                    share_done = epochs_done / settings.epochs
                    seen = {
                        data.labelled_domain: DomainBatch(
                            latent[:n_labelled], logits[:n_labelled], label, share_done, index
                        ),
                        other_domain: DomainBatch(
                            latent[n_labelled:],
                            logits[n_labelled:],
                            None,
                            share_done,
                            other_index,
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
                        parts_of_loss = {name: term.item() for name, term in terms.items()}
                        parts_of_loss["class"] = loss_class.item()
                        _end_of_divergence(settings, progress.epoch + 1, parts_of_loss)
                        break
                    report(progress.epoch * n_steps + progress.step)

                if not math.isfinite(progress.totals["loss"]):
                    break

                # 4. judge the epoch, without a label of a domain whose labels are not the method's
                epoch = progress.epoch + 1
                networks = judged_networks(network, data, settings, seed)
                judgement = judge(
                    networks, data, class_weights, criteria_of_epoch(settings, epoch)
                )
                # the last step of an epoch, whose loss was finite, may have been the fatal one
                if not math.isfinite(judgement.loss):
                    _end_of_divergence(settings, epoch, {"validation": judgement.loss})
                    break
                means = {name: total / n_steps for name, total in progress.totals.items()}
                progress.history.append(
                    history_row(
                        data.labelled_domain,
                        epoch=epoch,
                        learning_rate=learning_rate,
                        means=means,
                        judgement=judgement,
                        seconds=time.monotonic() - started,
                    )
                )
                progress.keep_if_best(selection_score(judgement, settings, epoch), network)
                if settings.on_divergence == "stop":
                    progress.sound_weights = deepcopy(network.state_dict())
                progress.next_epoch()
                if progress.epoch % settings.checkpoint_every_epochs == 0:
                    save_checkpoint(checkpoint_path, parts, digest)
                report(
                    progress.epoch * n_steps,
                    f"epoch {progress.epoch}/{settings.epochs}: loss {means['loss']:.3f}, "
                    f"{data.labelled_domain} accuracy {means['accuracy']:.3f}, "
                    f"validation {judgement.balanced_accuracy:.3f}",
                )

        # 5. the network to keep
        if settings.selection != "last" and progress.best_weights is None:
            log.warning("no epoch has a finite %s: the last is kept", settings.selection)
        elif settings.selection != "last":
            log.info("epoch %d is kept by its %s", progress.best_epoch, settings.selection)
        kept = progress.best_weights or progress.sound_weights
        if kept is not None:
            network.load_state_dict(kept)
    return network.eval(), progress.history


def _end_of_divergence(settings: TrainSettings, epoch: int, got: dict[str, float]) -> None:
    """Refuse a training whose loss is no longer a number, or say that it ends here."""
    problem = Sim2SkyError(
        "the loss is no longer a finite number",
        where=f"{settings.method.name}, epoch {epoch}",
        got=got,
        fix="lower learning_rate or the weights of the losses",
    )
    if settings.on_divergence == "error":
        raise problem
    log.warning("%s; training ends here", problem)


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
