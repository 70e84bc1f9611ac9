"""Grad-CAM: which part of an image speaks for a class.

Selvaraju et al. 2017 (ICCV, arXiv:1610.02391), eqs. 1 and 2: the maps of the
last convolution, each weighted with the mean gradient of the class's logit by
it, summed, and cut off below zero.
"""

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from sim2sky.measure.radii import pixel_radii


def gradcam_maps(
    network: nn.Module, prepared: torch.Tensor, class_index: int, batch_size: int = 64
) -> np.ndarray:
    """Return Grad-CAM maps of the size of the images.

    Parameters
    ----------
    network : torch.nn.Module
        ``forward(x) -> (latent, logits)``, with the attribute ``gradcam_layer``.
    prepared : torch.Tensor
        (N,C,H,W) normalised images on the network's device.
    class_index : int
        The class whose logit is explained.
    batch_size : int
        Images per pass.

    Returns
    -------
    numpy.ndarray
        (N,H,W) float32 in 0..1, each divided by its own maximum; all zero
        where nothing speaks for the class.
    """
    network.eval()
    explainer = LayerGradCam(lambda images: network(images)[1], network.gradcam_layer)
    size = tuple(prepared.shape[-2:])
    maps = [np.empty((0, *size), dtype=np.float32)]
    for batch in prepared.split(batch_size):
        coarse = explainer.attribute(batch, target=class_index, relu_attributions=True)
        fine = LayerAttribution.interpolate(coarse.detach(), size, interpolate_mode="bilinear")
        peak = fine.amax(dim=(2, 3), keepdim=True)
        fine = torch.where(peak > 0, fine / peak, torch.zeros_like(fine))
        maps.append(fine[:, 0].cpu().numpy())
    return np.concatenate(maps)


def weighted_radius(weights: np.ndarray) -> np.ndarray:
    """Return the mean distance from the image's centre, weighted pixel by pixel.

    Parameters
    ----------
    weights : numpy.ndarray
        (N,H,W), not negative.

    Returns
    -------
    numpy.ndarray
        (N,) in units of half the width of the image; NaN where the weights are
        all zero. Even weights give 0.765.
    """
    height, width = weights.shape[1:]
    radius = pixel_radii(height, width) / (width / 2)
    total = weights.sum(axis=(1, 2), dtype=np.float64)
    moment = (weights * radius).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(moment, total, out=np.full(len(weights), np.nan), where=total > 0)


def share_on(weights: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return which share of the weights falls on a mask.

    Parameters
    ----------
    weights : numpy.ndarray
        (N,H,W), not negative.
    mask : numpy.ndarray
        (N,H,W) bool.

    Returns
    -------
    numpy.ndarray
        (N,) between 0 and 1, NaN where the weights are all zero.
    """
    total = weights.sum(axis=(1, 2), dtype=np.float64)
    part = (weights * mask).sum(axis=(1, 2), dtype=np.float64)
    return np.divide(part, total, out=np.full(len(weights), np.nan), where=total > 0)
