"""A tiny simulation in Illustris/TNG format whose mergers are known by construction.

Ten snapshots, 0.2 Gyr apart. Each system is one friends-of-friends group:

- system 0: ``a`` and ``b`` merge between snapshots 4 and 5; b's mass peaks at snapshot 2,
  where the ratio is 4:8, and has fallen to 1:9 in the end;
- systems 1, 2, 4, 5: ``c``, ``d``, ``g``, ``h``, isolated (c lies across the periodic boundary);
- system 3: ``e`` swallows ``f`` of a twentieth of its mass between snapshots 4 and 5.
"""

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from astropy import units
from astropy.cosmology import FlatLambdaCDM, z_at_value

H, OMEGA_M, BOX = 0.7, 0.3, 30000.0
COSMOLOGY = FlatLambdaCDM(H0=100 * H, Om0=OMEGA_M)
TIMES_GYR = 8.0 + 0.2 * np.arange(10)
REDSHIFTS = [float(z_at_value(COSMOLOGY.age, t * units.Gyr)) for t in TIMES_GYR]
STARS_PER_MASS = 12
MERGER_SNAPSHOT = 5


@dataclass
class Branch:
    """A galaxy through time: stellar mass [1e10 Msun/h] by snapshot, and what it ends in."""

    name: str
    system: int
    offset_kpc: float
    mass: dict[int, float]
    ends_in: str | None = None
    morphology: int = 0
    subfind: dict[int, int] = field(default_factory=dict)
    node: dict[int, int] = field(default_factory=dict)


def branches() -> list[Branch]:
    steady = range(10)
    return [
        Branch("a", 0, 0.0, {s: 8.0 if s < 3 else 9.0 if s < 5 else 11.0 for s in steady}),
        Branch("b", 0, 20.0, dict(zip(range(5), [3.0, 3.5, 4.0, 2.0, 1.0], strict=True)), "a"),
        Branch("c", 1, 0.0, dict.fromkeys(steady, 5.0), morphology=1),
        Branch("d", 2, 0.0, dict.fromkeys(steady, 4.0)),
        Branch("e", 3, 0.0, dict.fromkeys(steady, 10.0)),
        Branch("f", 3, 15.0, dict.fromkeys(range(5), 0.5), "e"),
        Branch("g", 4, 0.0, dict.fromkeys(steady, 6.0)),
        Branch("h", 5, 0.0, dict.fromkeys(steady, 3.0)),
    ]


def write_simulation(
    root: Path, *, offsets: bool = True, tree: bool = True, snapshots: int = 10
) -> list[Branch]:
    """Write snapshots in 3 files, groups in 2, offsets and a tree; return its branches."""
    made = branches()
    for snapshot, redshift in enumerate(REDSHIFTS[:snapshots]):
        _write_snapshot(root, snapshot, redshift, made, offsets)
    if snapshots < len(REDSHIFTS):
        return made
    nodes = _tree_rows(made)
    if tree:
        path = root / "postprocessing/trees/SubLink/tree_extended.0.hdf5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for name, column in nodes.items():
                file[name] = column
        if offsets:
            _write_tree_offsets(root, nodes)
    return made


def _header(file: h5py.File, redshift: float, **more: object) -> None:
    attributes = file.create_group("Header").attrs
    values = {
        "Redshift": redshift,
        "Time": 1 / (1 + redshift),
        "HubbleParam": H,
        "Omega0": OMEGA_M,
        "OmegaLambda": 1 - OMEGA_M,
        "BoxSize": BOX,
        "MassTable": np.zeros(6),
    }
    for name, value in (values | more).items():
        attributes[name] = value


def _counts(n_stars: int) -> np.ndarray:
    return np.array([0, 0, 0, 0, n_stars, 0], dtype=np.int32)


def _write_snapshot(
    root: Path, snapshot: int, redshift: float, made: list[Branch], offsets: bool
) -> None:
    random = np.random.default_rng(snapshot)
    scale = 1 / (1 + redshift)
    present = [branch for branch in made if snapshot in branch.mass]
    systems = sorted({branch.system for branch in present})
    stars, subhalos, group_lengths = [], [], []
    for subfind, branch in enumerate(present):
        branch.subfind[snapshot] = subfind
    for system in systems:
        # the second group straddles the corner of the periodic box
        place = np.full(3, BOX - 2.0) if system == 1 else np.full(3, 4000.0 * (system + 1))
        members = [branch for branch in present if branch.system == system]
        n_before = sum(len(part["Masses"]) for part in stars)
        for branch in members:
            n = round(STARS_PER_MASS * branch.mass[snapshot])
            centre = (place + np.eye(3)[0] * branch.offset_kpc / scale * H) % BOX
            formed = random.uniform(0.1, scale, n)
            stars.append(
                {
                    "Coordinates": (centre + random.normal(0, 3.0 / scale * H, (n, 3))) % BOX,
                    "Velocities": random.normal(0, 100, (n, 3)).astype("f4"),
                    "Masses": np.full(n, branch.mass[snapshot] / n, dtype="f4"),
                    "GFM_InitialMass": np.full(n, 1.5 * branch.mass[snapshot] / n, dtype="f4"),
                    "GFM_Metallicity": random.uniform(0.001, 0.03, n).astype("f4"),
                    "GFM_StellarFormationTime": formed.astype("f4"),
                }
            )
            subhalos.append(
                {
                    "SubhaloPos": centre,
                    "SubhaloGrNr": systems.index(system),
                    "SubhaloSFR": 1.0 + system,
                    "SubhaloLenType": _counts(n),
                    "SubhaloMassType": np.eye(6)[4] * branch.mass[snapshot],
                    "SubhaloHalfmassRadType": np.eye(6)[4] * 3.0,
                    "SubhaloMorphology": branch.morphology,
                    "SubhaloFlag": True,
                }
            )
        # one wind particle and one star of the group that is in no subhalo
        for formed in (-0.5, 0.5):
            fuzz = {name: column[:1].copy() for name, column in stars[-1].items()}
            fuzz["GFM_StellarFormationTime"][:] = formed
            stars.append(fuzz)
        group_lengths.append(sum(len(part["Masses"]) for part in stars) - n_before)
    stars.append({name: column[:3] for name, column in stars[0].items()})  # in no group
    table = {name: np.concatenate([part[name] for part in stars]) for name in stars[0]}
    table["ParticleIDs"] = np.arange(len(table["Masses"]), dtype=np.uint64)

    total = len(table["Masses"])
    edges = [0, total // 3 + 5, total, total]  # cuts a galaxy in two; the last file is empty
    folder = root / f"output/snapdir_{snapshot:03d}"
    folder.mkdir(parents=True)
    for number in range(3):
        rows = slice(edges[number], edges[number + 1])
        n = edges[number + 1] - edges[number]
        with h5py.File(folder / f"snap_{snapshot:03d}.{number}.hdf5", "w") as file:
            _header(
                file,
                redshift,
                NumPart_ThisFile=_counts(n),
                NumPart_Total=_counts(total),
                NumPart_Total_HighWord=_counts(0),
                NumFilesPerSnapshot=3,
            )
            for name, column in table.items() if n else ():
                file[f"PartType4/{name}"] = column[rows]

    n_groups, n_subhalos = len(group_lengths), len(subhalos)
    group_edges, subhalo_edges = [0, 2, n_groups], [0, 3, n_subhalos]
    group_start = np.cumsum([0, *group_lengths])[:-1]
    folder = root / f"output/groups_{snapshot:03d}"
    folder.mkdir(parents=True)
    for number in range(2):
        groups = slice(group_edges[number], group_edges[number + 1])
        here = subhalos[subhalo_edges[number] : subhalo_edges[number + 1]]
        with h5py.File(folder / f"fof_subhalo_tab_{snapshot:03d}.{number}.hdf5", "w") as file:
            _header(
                file,
                redshift,
                NumFiles=2,
                Ngroups_ThisFile=groups.stop - groups.start,
                Ngroups_Total=n_groups,
                Nsubgroups_ThisFile=len(here),
                Nsubgroups_Total=n_subhalos,
            )
            lengths = group_lengths[groups]
            file["Group/GroupLenType"] = np.array([_counts(n) for n in lengths])
            for name in here[0]:
                file[f"Subhalo/{name}"] = np.array([row[name] for row in here])
    if offsets:
        path = root / f"postprocessing/offsets/offsets_{snapshot:03d}.hdf5"
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["FileOffsets/SnapByType"] = np.array([_counts(n) for n in edges[:3]])
            file["FileOffsets/Group"] = group_edges[:2]
            file["FileOffsets/Subhalo"] = subhalo_edges[:2]
            file["Group/SnapByType"] = np.array([_counts(n) for n in group_start])
            file["Subhalo/SnapByType"] = np.array([_counts(0) for _ in subhalos])


def write_merger_history(root: Path, made: list[Branch]) -> None:
    """Write the merger_history catalogue: of these mergers one counts, a's and b's of 1:2."""
    folder = root / "postprocessing/MergerHistory"
    folder.mkdir(parents=True, exist_ok=True)
    for snapshot in range(len(REDSHIFTS)):
        present = [branch for branch in made if snapshot in branch.mass]
        merging = np.array([branch.name in "ab" for branch in present])
        past = merging & (snapshot >= MERGER_SNAPSHOT)
        with h5py.File(folder / f"MergerHistory_{snapshot:03d}.hdf5", "w") as file:
            for side, here in (("Last", past), ("Next", merging & ~past)):
                major = np.where(here, MERGER_SNAPSHOT, -1).astype("i2")
                file[f"SnapNum{side}MajorMerger"] = major
                file[f"SnapNum{side}MinorMerger"] = np.full(len(present), -1, dtype="i2")


def _tree_rows(made: list[Branch]) -> dict[str, np.ndarray]:
    """Number the nodes depth first as SubLink does and link them."""
    by_name = {branch.name: branch for branch in made}
    rows: list[dict] = []

    def visit(branch: Branch, root: int) -> None:
        first = len(rows)
        for snapshot in sorted(branch.mass, reverse=True):
            branch.node[snapshot] = len(rows)
            mass = np.zeros(6, dtype="f4")
            mass[4] = branch.mass[snapshot]
            rows.append(
                {
                    "SubhaloID": len(rows),
                    "DescendantID": len(rows) - 1 if len(rows) > first else -1,
                    "FirstProgenitorID": -1,
                    "NextProgenitorID": -1,
                    "MainLeafProgenitorID": first + len(branch.mass) - 1,
                    "LastProgenitorID": -1,
                    "RootDescendantID": root,
                    "SnapNum": snapshot,
                    "SubfindID": branch.subfind[snapshot],
                    "SubhaloMassType": mass,
                }
            )
            if len(rows) - 1 > first:
                rows[-2]["FirstProgenitorID"] = len(rows) - 1
        for other in made:
            if other.ends_in == branch.name:
                visit(other, root)
                last = max(other.mass)
                descendant = branch.node[last + 1]
                rows[other.node[last]]["DescendantID"] = descendant
                rows[branch.node[last]]["NextProgenitorID"] = other.node[last]
        # everything visited since is a progenitor of the rows later than the merger
        for snapshot, node in branch.node.items():
            merged = [b for b in by_name.values() if b.ends_in == branch.name]
            later = [max(b.node.values()) for b in merged if max(b.mass) < snapshot]
            rows[node]["LastProgenitorID"] = max([branch.node[min(branch.mass)], *later])

    for branch in made:
        if branch.ends_in is None:
            visit(branch, len(rows))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _write_tree_offsets(root: Path, nodes: dict[str, np.ndarray]) -> None:
    for snapshot in range(len(REDSHIFTS)):
        here = np.flatnonzero(nodes["SnapNum"] == snapshot)
        here = here[np.argsort(nodes["SubfindID"][here])]
        with h5py.File(root / f"postprocessing/offsets/offsets_{snapshot:03d}.hdf5", "a") as file:
            file["Subhalo/SubLink/RowNum"] = here
            for name in ("SubhaloID", "LastProgenitorID"):
                file[f"Subhalo/SubLink/{name}"] = nodes[name][here]
