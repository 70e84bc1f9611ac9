"""SubLink merger tree of the suite (Rodriguez-Gomez et al. 2015, MNRAS 449, 49).

One tree for each system. Nodes are numbered depth first, the main branch before the
secondary's, so that the progenitors of a node are the nodes from its own number to
its LastProgenitorID.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TREE_STRIDE = 10_000
"""SubhaloIDs of one tree start at a multiple of this."""


@dataclass(frozen=True)
class Branch:
    """A galaxy's subhaloes over time.

    Parameters
    ----------
    system : int
        Number of the system.
    secondary : bool
        Whether it ends in the system's main branch.
    subfind : dict of int to int
        Number of the subhalo in the catalogue, by snapshot, without gaps.
    """

    system: int
    secondary: bool
    subfind: dict[int, int]


def tree_nodes(branches: list[Branch]) -> dict[str, NDArray[np.int64]]:
    """Return the nodes of all systems, numbered and linked.

    Parameters
    ----------
    branches : list of Branch
        The main branch of each system, followed by its secondary's where it has one. A
        secondary that is still there at the last snapshot stays a tree of its own.

    Returns
    -------
    dict of str to int64 array (nodes,)
        SubLink's fields that link nodes, ``SnapNum`` and ``SubfindID``, in the order of
        SubhaloID.
    """
    rows: list[dict[str, int]] = []
    start = 0
    for main in (branch for branch in branches if not branch.secondary):
        others = [b for b in branches if b.secondary and b.system == main.system]
        nodes = _chain(main, start, start)
        for other in others:
            last = max(other.subfind)
            merges = last + 1 in main.subfind
            first = nodes[-1]["SubhaloID"] + 1
            tail = _chain(other, first, start if merges else first)
            if merges:
                by_snapshot = {node["SnapNum"]: node for node in nodes}
                descendant, sibling = by_snapshot[last + 1], by_snapshot[last]
                tail[0]["DescendantID"] = descendant["SubhaloID"]
                sibling["NextProgenitorID"] = tail[0]["SubhaloID"]
                for node in nodes:
                    if node["SnapNum"] > last:
                        node["LastProgenitorID"] = tail[-1]["SubhaloID"]
            for node in nodes + tail:
                node["TreeID"] = start
            _link_group(nodes, tail)
            nodes += tail
        rows += nodes
        start += TREE_STRIDE * (1 + len(nodes) // TREE_STRIDE)
    return {name: np.array([row[name] for row in rows], np.int64) for name in rows[0]}


def _chain(branch: Branch, first: int, root: int) -> list[dict[str, int]]:
    """Return the nodes of one branch, from the last snapshot to the first."""
    snapshots = sorted(branch.subfind, reverse=True)
    leaf = first + len(snapshots) - 1
    return [
        {
            "SubhaloID": first + i,
            "SubhaloIDRaw": snapshot * 10**12 + branch.subfind[snapshot],
            "LastProgenitorID": leaf,
            "MainLeafProgenitorID": leaf,
            "RootDescendantID": root,
            "TreeID": root,
            "DescendantID": first + i - 1 if i else -1,
            "FirstProgenitorID": first + i + 1 if first + i < leaf else -1,
            "NextProgenitorID": -1,
            "FirstSubhaloInFOFGroupID": first + i,
            "NextSubhaloInFOFGroupID": -1,
            "SnapNum": snapshot,
            "SubfindID": branch.subfind[snapshot],
        }
        for i, snapshot in enumerate(snapshots)
    ]


def _link_group(main: list[dict[str, int]], secondary: list[dict[str, int]]) -> None:
    """Link two galaxies of one friends-of-friends group at each snapshot that has both."""
    first = {node["SnapNum"]: node for node in main}
    for node in secondary:
        head = first[node["SnapNum"]]
        head["NextSubhaloInFOFGroupID"] = node["SubhaloID"]
        node["FirstSubhaloInFOFGroupID"] = head["SubhaloID"]
