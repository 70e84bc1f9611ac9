"""Random changes of training images: what a network should not mind it must have seen.

The simplest answer to a gap between domains, and the one that any adaptation
has to beat: no image of the target is needed.
"""

import math

import torch
from torch.nn.functional import affine_grid, grid_sample

from sim2sky.seeding import generator
from sim2sky.train.settings import AugmentationSettings

# A blur is never narrower: its kernel would be 0 everywhere but in the middle, and so it is here.
SMALLEST_BLUR_PX = 0.05
# In standard deviations; beyond, a Gaussian is below the rounding of what it is added to, and
# computing with numbers that small is slow.
REACH = 6.0


class Augmentation:
    """Shift, turn and zoom, then blur, contrast and brightness, then noise, as in a telescope.

    Each batch has a generator of its own, keyed by its number, so that a
    training that was interrupted repeats it and methods see the same changes.

    Parameters
    ----------
    settings : AugmentationSettings
        Ranges of the changes.
    domain : str
        Whose images they are.
    seed : int
        Seed of the training.
    """

    def __init__(self, settings: AugmentationSettings, domain: str, seed: int) -> None:
        self.settings = settings
        self.domain = domain
        self.seed = seed

    def __call__(self, images: torch.Tensor, number: int) -> torch.Tensor:
        """Return changed images.

        Parameters
        ----------
        images : torch.Tensor
            (N,C,H,W), normalised.
        number : int
            Of the batch, counted from the start of the training.

        Returns
        -------
        torch.Tensor
            Same shape and device, in channels-last order.
        """
        settings = self.settings
        keys = ("augmentation", self.domain, number)
        first = int(generator("train", *keys, seed=self.seed).integers(2**62))
        random = torch.Generator(images.device).manual_seed(first)
        n, n_bands = images.shape[:2]

        def even(low: float, high: float, *shape: int) -> torch.Tensor:
            values = torch.rand(*shape, generator=random, device=images.device)
            return low + (high - low) * values

        def even_in_logarithm(low: float, high: float, *shape: int) -> torch.Tensor:
            return even(math.log(low), math.log(high), *shape).exp()

        turn = math.radians(settings.rotation_deg)
        images = moved(
            images,
            shift_px=even(-settings.shift_px, settings.shift_px, n, 2),
            angle=even(-turn, turn, n),
            zoom=even_in_logarithm(1 / settings.zoom, settings.zoom, n),
            stretch=even_in_logarithm(1.0, settings.stretch, n),
            direction=even(0.0, math.pi, n),
        )
        images = blurred(images, even(0, settings.blur_sigma_px, n))
        contrast = even_in_logarithm(1 / settings.contrast, settings.contrast, n, 1, 1, 1)
        brightness = even(-settings.brightness, settings.brightness, n, n_bands, 1, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = mean + contrast * (images - mean) + brightness
        if settings.colour > 1:
            factor = even_in_logarithm(1 / settings.colour, settings.colour, n, n_bands, 1, 1)
            sky = images.amin((2, 3), keepdim=True)
            images = sky + factor * (images - sky)
        noise = torch.randn(images.shape, generator=random, device=images.device)
        images = images + even_in_logarithm(*settings.noise_sigma, n, 1, 1, 1) * noise
        return images.contiguous(memory_format=torch.channels_last)


def moved(
    images: torch.Tensor,
    shift_px: torch.Tensor,
    angle: torch.Tensor,
    zoom: torch.Tensor,
    stretch: torch.Tensor | None = None,
    direction: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return images stretched, magnified and turned about their middle, then shifted.

    Values between pixels are interpolated linearly; what comes in from outside
    is the image itself, mirrored at its edge, so that the sky goes on.

    Parameters
    ----------
    images : torch.Tensor
        (N,C,H,W) with H = W.
    shift_px : torch.Tensor
        (N,2), along x and y.
    angle : torch.Tensor
        (N,), in radians, from x towards y.
    zoom : torch.Tensor
        (N,), magnification.
    stretch, direction : torch.Tensor, optional
        (N,), factor along a direction in radians from x towards y, and its inverse across.

    Returns
    -------
    torch.Tensor
        Same shape.
    """
    # the grid maps places of the result to places of the image: the inverse of what is done
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    inverse = torch.stack([cosine, sine, -sine, cosine], dim=1).reshape(-1, 2, 2)
    if stretch is not None:
        c, s = direction.cos(), direction.sin()
        along = torch.stack([c * c, c * s, c * s, s * s], dim=1).reshape(-1, 2, 2)
        across = torch.eye(2, dtype=along.dtype, device=along.device) - along
        factor = stretch[:, None, None]
        inverse = (along / factor + across * factor) @ inverse
    half_widths = shift_px * (2 / images.shape[3])  # coordinates run from -1 to 1
    offset = -(inverse @ half_widths[:, :, None])
    grid = affine_grid(torch.cat([inverse, offset], dim=2), images.shape, align_corners=False)
    return grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def blurred(images: torch.Tensor, sigma_px: torch.Tensor) -> torch.Tensor:
    """Return images convolved with a Gaussian, each with its own.

    Along each axis the convolution is one product with a matrix whose rows are
    Gaussians that sum to 1, at the edge too.

    Parameters
    ----------
    images : torch.Tensor
        (N,C,H,W) with H = W.
    sigma_px : torch.Tensor
        (N,), standard deviation; 0 changes nothing.

    Returns
    -------
    torch.Tensor
        Same shape.
    """
    place = torch.arange(images.shape[3], dtype=images.dtype, device=images.device)
    distance = (place[:, None] - place) / sigma_px.clamp_min(SMALLEST_BLUR_PX)[:, None, None, None]
    square = distance.square().clamp_max(REACH**2)
    kernel = torch.exp(-0.5 * square).masked_fill(square == REACH**2, 0)
    kernel = kernel / kernel.sum(3, keepdim=True)
    return kernel @ images @ kernel.transpose(2, 3)
