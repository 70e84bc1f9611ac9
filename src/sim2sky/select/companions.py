"""Which galaxies have another of comparable mass in their picture."""

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree


def find_companions(
    subhalos: pd.DataFrame, box_size_kpc: float, distance_kpc: float, mass_ratio_min: float
) -> pd.DataFrame:
    """Return which galaxies have a companion, and which a heavier one.

    A companion is in the same friends-of-friends group, closer than `distance_kpc`, and of
    a stellar mass ratio of at least `mass_ratio_min`.

    Parameters
    ----------
    subhalos : pandas.DataFrame
        As of `Simulation.subhalos`.
    box_size_kpc : float
        Side of the periodic box, or infinity.
    distance_kpc : float
        Physical kpc.
    mass_ratio_min : float
        The smaller over the larger.

    Returns
    -------
    pandas.DataFrame
        has_companion and is_lesser (bool), indexed as `subhalos`; of two equal galaxies
        the second is the lesser.
    """
    found = pd.DataFrame({"has_companion": False, "is_lesser": False}, index=subhalos.index)
    if subhalos.empty:
        return found
    # heaviest first, so that of each pair the first is the greater
    order = subhalos.sort_values(["stellar_mass", "subhalo_id"], ascending=[False, True])
    position = order[["x_kpc", "y_kpc", "z_kpc"]].to_numpy()
    periodic = np.isfinite(box_size_kpc)
    tree = cKDTree(
        position % box_size_kpc if periodic else position,
        boxsize=box_size_kpc if periodic else None,
    )
    pairs = np.sort(tree.query_pairs(distance_kpc, output_type="ndarray"), axis=1)
    greater, lesser = pairs.T
    mass, group = order["stellar_mass"].to_numpy(), order["group_id"].to_numpy()
    counts = (group[greater] == group[lesser]) & (mass[lesser] >= mass_ratio_min * mass[greater])
    counts &= mass[lesser] > 0
    lesser_rows = order.index[lesser[counts]]
    found.loc[order.index[greater[counts]], "has_companion"] = True
    found.loc[lesser_rows, ["has_companion", "is_lesser"]] = True
    return found
