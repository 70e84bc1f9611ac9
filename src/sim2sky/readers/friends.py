"""Friends-of-friends groups of stars (Davis+1985), exact and without all the pairs."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_NEIGHBOURS = 8


def friends_of_friends(position: np.ndarray, linking_length: float, box_size: float) -> np.ndarray:
    """Return the group number of each point: chains of steps no longer than the linking length.

    Listing all pairs within the linking length costs N^2 in a dense galaxy. Points in
    one cube whose diagonal is the linking length are friends anyway, and so are near
    neighbours; all pairs are only listed among points that have a foreign group within
    reach after that, which are few.

    Parameters
    ----------
    position : ndarray, shape (N, 3)
        In [0, box_size) if periodic.
    linking_length : float
        In the same unit.
    box_size : float
        Side of the periodic box, or infinity.

    Returns
    -------
    ndarray of int, shape (N,)
        0, 1, 2, ... without gaps.
    """
    n = len(position)
    if n == 0:
        return np.zeros(0, dtype=int)
    periodic = box_size if np.isfinite(box_size) else None
    side = linking_length / np.sqrt(3)
    _, first, cube = np.unique(
        np.floor(position / side).astype(np.int64), axis=0, return_index=True, return_inverse=True
    )
    cube = cube.reshape(-1)
    nodes = cKDTree(position, boxsize=periodic)
    distance, near = nodes.query(
        position,
        k=min(_NEIGHBOURS + 1, n),
        distance_upper_bound=np.nextafter(linking_length, 9e99),
    )
    near, reached = near.reshape(n, -1), np.isfinite(distance).reshape(n, -1)
    row = np.broadcast_to(np.arange(n)[:, None], near.shape)
    edges = np.concatenate(
        [np.stack([np.arange(n), first[cube]]), np.stack([row[reached], near[reached]])], axis=1
    )
    group = _components(edges, n)

    # a foreign friend lies in a cube whose first point is at most two diagonals further away
    cubes = cKDTree(position[first], boxsize=periodic)
    cube_pairs = cubes.query_pairs(3 * linking_length, output_type="ndarray")
    foreign = cube_pairs[group[first[cube_pairs[:, 0]]] != group[first[cube_pairs[:, 1]]]]
    near_border = np.isin(cube, foreign)
    border = np.flatnonzero(near_border)
    if len(border):
        pairs = cKDTree(position[border], boxsize=periodic).query_pairs(
            linking_length, output_type="ndarray"
        )
        group = _components(np.concatenate([edges, border[pairs.T]], axis=1), n)
    return group


def _components(edges: np.ndarray, n: int) -> np.ndarray:
    graph = coo_array((np.ones(edges.shape[1], dtype=bool), tuple(edges)), shape=(n, n))
    return connected_components(graph, directed=False)[1]
