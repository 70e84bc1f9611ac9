"""Star particles to pixels: adaptive smoothing lengths and the deposit of kernels."""

import numba
import numpy as np
from scipy.spatial import cKDTree

# Below this radius the kernel, as sampled, is no wider than the bilinear cloud that replaces
# it: both have a standard deviation of 0.41 pixels (kernel: h / sqrt(10); cloud: 1 / sqrt(6)).
SMALLEST_KERNEL_PX = 1.3
# Above this radius the sum of the sampled kernel differs from its integral by < 3e-5 (Poisson
# summation: the kernel's Fourier transform is 4! (2/k)^4 J4(k)), so it need not be summed.
EXACT_SUM_PX = 8.0


def smoothing_lengths(position: np.ndarray, k_neighbours: int) -> np.ndarray:
    """Return the distance of each star to its k-th nearest neighbour.

    Parameters
    ----------
    position : ndarray, shape (N, 3)
        Positions, finite.
    k_neighbours : int
        k; with fewer other stars than that, the most distant one counts.

    Returns
    -------
    ndarray, shape (N,)
        Same unit as `position`; zero for a lone star.
    """
    k = min(k_neighbours, len(position) - 1)
    if k < 1:
        return np.zeros(len(position))
    return cKDTree(position).query(position, k=[k + 1])[0][:, 0]


@numba.njit(cache=True)
def deposit(
    x_px: np.ndarray, y_px: np.ndarray, h_px: np.ndarray, flux: np.ndarray, pixels: int
) -> np.ndarray:
    """Return maps of stars smoothed with kernels of their own width.

    The kernel is (1 - r^2/h^2)^3 for r < h, which is what the 3D kernel
    (1 - r^2/h^2)^(5/2) looks like from any side. Each star's kernel is scaled
    to the star's flux before it is cut at the edge of the map, so what lies
    inside is kept exactly and what lies outside is lost, not moved.

    Parameters
    ----------
    x_px, y_px : ndarray, shape (N,)
        Positions in pixels; the centre of the pixel in row 0 and column 0 is
        (0, 0), x runs along the columns and y up the rows.
    h_px : ndarray, shape (N,)
        Smoothing lengths in pixels.
    flux : ndarray, shape (N, B)
        Flux of each star in each band.
    pixels : int
        M, side of the map.

    Returns
    -------
    ndarray, shape (M, M, B)
        Flux per pixel, index order (row, column, band).
    """
    n_bands = flux.shape[1]
    image = np.zeros((pixels, pixels, n_bands))
    for i in range(len(x_px)):
        x, y, h = x_px[i], y_px[i], h_px[i]
        if h < SMALLEST_KERNEL_PX:
            column, row = int(np.floor(x)), int(np.floor(y))
            for r in range(row, row + 2):
                for c in range(column, column + 2):
                    if 0 <= r < pixels and 0 <= c < pixels:
                        weight = (1 - abs(x - c)) * (1 - abs(y - r))
                        for b in range(n_bands):
                            image[r, c, b] += weight * flux[i, b]
            continue
        first_row, last_row = int(np.ceil(y - h)), int(np.floor(y + h))
        first_column, last_column = int(np.ceil(x - h)), int(np.floor(x + h))
        if last_row < 0 or first_row >= pixels or last_column < 0 or first_column >= pixels:
            continue
        per_h2 = 1 / (h * h)
        total = np.pi * h * h / 4
        if h < EXACT_SUM_PX:
            total = 0.0
            for r in range(first_row, last_row + 1):
                left = 1 - (y - r) ** 2 * per_h2
                for c in range(first_column, last_column + 1):
                    rest = left - (x - c) ** 2 * per_h2
                    if rest > 0:
                        total += rest * rest * rest
        scale = 1 / total
        for r in range(max(first_row, 0), min(last_row, pixels - 1) + 1):
            left = 1 - (y - r) ** 2 * per_h2
            for c in range(max(first_column, 0), min(last_column, pixels - 1) + 1):
                rest = left - (x - c) ** 2 * per_h2
                if rest > 0:
                    weight = rest * rest * rest * scale
                    for b in range(n_bands):
                        image[r, c, b] += weight * flux[i, b]
    return image
