"""Writing snapshots, group catalogues, offsets and trees as IllustrisTNG lays them out.

Field names, units and types are those of Nelson et al. (2019, Computational Astrophysics and
Cosmology 6, 2, section 3); `illustris_python` reads the result unchanged.
"""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from sim2sky.simulate.catalogue import HALO_TYPE, STAR_TYPE, Fields, Particles

TYPES = {HALO_TYPE: "PartType1", STAR_TYPE: "PartType4"}


def write_snapshot(
    root: Path,
    snapshot: int,
    groups: list[Particles],
    header: dict[str, object],
    n_files: int,
) -> NDArray[np.int64]:
    """Write a snapshot in several files, cut between groups.

    Parameters
    ----------
    root : Path
        The simulation directory.
    snapshot : int
        Its number.
    groups : list of Particles
        Bodies of each group, in the order of its subhaloes.
    header : dict
        Attributes that all files share; ``Time`` is the scale factor.
    n_files : int
        Number of files.

    Returns
    -------
    int64 array (n_files, 6)
        Number of the first particle of each type in each file.
    """
    folder = root / "output" / f"snapdir_{snapshot:03d}"
    folder.mkdir(parents=True)
    counts = np.array([np.bincount(g.particle_type, minlength=6) for g in groups])
    total = counts.sum(axis=0)
    parts = np.array_split(np.arange(len(groups)), n_files)
    here = np.array([counts[part].sum(axis=0) for part in parts])
    for number, part in enumerate(parts):
        with h5py.File(folder / f"snap_{snapshot:03d}.{number}.hdf5", "w") as file:
            attributes = file.create_group("Header").attrs
            attributes.update(header)
            attributes["NumPart_ThisFile"] = here[number].astype(np.int32)
            attributes["NumPart_Total"] = total.astype(np.uint32)
            attributes["NumPart_Total_HighWord"] = np.zeros(6, np.uint32)
            attributes["NumFilesPerSnapshot"] = np.int32(n_files)
            attributes["MassTable"] = np.zeros(6)
            for kind, name in TYPES.items():
                if here[number][kind]:
                    fields = [_fields(groups[i], kind, header) for i in part]
                    for field in fields[0]:
                        file[f"{name}/{field}"] = np.concatenate([f[field] for f in fields])
    return np.cumsum(np.vstack([np.zeros((1, 6), np.int64), here]), axis=0)[:-1]


def _fields(group: Particles, kind: int, header: dict[str, object]) -> Fields:
    """Return the fields of one particle type of one group."""
    rows = group.particle_type == kind
    scale = float(header["Time"])
    fields: Fields = {
        "Coordinates": group.position[rows] % float(header["BoxSize"]),
        # km/s of peculiar velocity over sqrt(a), as Gadget and AREPO store it
        "Velocities": (group.velocity[rows] / np.sqrt(scale)).astype(np.float32),
        "Masses": group.mass[rows].astype(np.float32),
        "ParticleIDs": group.particle_id[rows],
    }
    if kind == STAR_TYPE:
        fields["GFM_InitialMass"] = group.initial_mass[rows].astype(np.float32)
        fields["GFM_Metallicity"] = group.metallicity[rows].astype(np.float32)
        fields["GFM_StellarFormationTime"] = group.formation_scale_factor[rows].astype(np.float32)
    return fields


def write_groups(
    root: Path,
    snapshot: int,
    groups: list[Fields],
    subhalos: list[list[Fields]],
    header: dict[str, object],
    n_files: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write the group catalogue of a snapshot in several files.

    Parameters
    ----------
    root : Path
        The simulation directory.
    snapshot : int
        Its number.
    groups : list of dict
        Fields of each group.
    subhalos : list of list of dict
        Fields of the subhaloes of each group.
    header : dict
        Attributes that all files share.
    n_files : int
        Number of files.

    Returns
    -------
    tuple of int64 array (n_files,)
        Number of the first group and of the first subhalo in each file.
    """
    folder = root / "output" / f"groups_{snapshot:03d}"
    folder.mkdir(parents=True)
    parts = np.array_split(np.arange(len(groups)), n_files)
    n_groups = [len(part) for part in parts]
    n_subhalos = [sum(len(subhalos[i]) for i in part) for part in parts]
    for number, part in enumerate(parts):
        path = folder / f"fof_subhalo_tab_{snapshot:03d}.{number}.hdf5"
        with h5py.File(path, "w") as file:
            attributes = file.create_group("Header").attrs
            attributes.update(header)
            attributes["NumFiles"] = np.int32(n_files)
            attributes["Ngroups_ThisFile"] = np.int32(n_groups[number])
            attributes["Ngroups_Total"] = np.int32(len(groups))
            attributes["Nsubgroups_ThisFile"] = np.int32(n_subhalos[number])
            attributes["Nsubgroups_Total"] = np.int32(sum(n_subhalos))
            _write_rows(file, "Group", [groups[i] for i in part])
            _write_rows(file, "Subhalo", [row for i in part for row in subhalos[i]])
    starts = [np.cumsum([0, *counts])[:-1] for counts in (n_groups, n_subhalos)]
    return starts[0].astype(np.int64), starts[1].astype(np.int64)


def _write_rows(file: h5py.File, name: str, rows: list[Fields]) -> None:
    """Write a list of rows as one dataset for each field; an empty one makes an empty group."""
    group = file.create_group(name)
    for field in rows[0] if rows else ():
        group[field] = np.stack([row[field] for row in rows])


def write_offsets(
    root: Path,
    snapshot: int,
    groups: list[Fields],
    subhalos: list[list[Fields]],
    file_starts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """Write where the particles of each group and subhalo begin.

    Parameters
    ----------
    root : Path
        The simulation directory.
    snapshot : int
        Its number.
    groups, subhalos : list
        As in `write_groups`; without particles outside of subhaloes.
    file_starts : tuple of arrays
        First particles (n_files, 6), groups and subhaloes of each file.
    """
    path = root / "postprocessing" / "offsets" / f"offsets_{snapshot:03d}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        names = ("SnapByType", "Group", "Subhalo")
        for name, start in zip(names, file_starts, strict=True):
            file[f"FileOffsets/{name}"] = start
        lengths = np.array([row["GroupLenType"] for row in groups], np.int64)
        file["Group/SnapByType"] = np.cumsum(lengths, axis=0) - lengths
        lengths = np.array([r["SubhaloLenType"] for rows in subhalos for r in rows], np.int64)
        file["Subhalo/SnapByType"] = np.cumsum(lengths, axis=0) - lengths


def write_tree(
    root: Path,
    nodes: dict[str, NDArray[np.int64]],
    subhalos: dict[int, list[Fields]],
) -> None:
    """Write the SubLink tree in its extended form, and where each subhalo is in it.

    Parameters
    ----------
    root : Path
        The simulation directory.
    nodes : dict
        See `tree.tree_nodes`.
    subhalos : dict of int to list of dict
        Fields of the subhaloes of each snapshot, in the order of the catalogue.
    """
    folder = root / "postprocessing" / "trees" / "SubLink"
    folder.mkdir(parents=True)
    rows = [
        subhalos[snapshot][subfind]
        for snapshot, subfind in zip(nodes["SnapNum"], nodes["SubfindID"], strict=True)
    ]
    with h5py.File(folder / "tree_extended.0.hdf5", "w") as file:
        for name, values in nodes.items():
            kind = {"SnapNum": np.int16, "SubfindID": np.int32}.get(name, np.int64)
            file[name] = values.astype(kind)
        file["NumParticles"] = np.array([row["SubhaloLen"] for row in rows], np.uint32)
        file["Mass"] = np.array([row["SubhaloMass"] for row in rows])
        file["MassHistory"] = _mass_history(nodes, np.array([r["SubhaloMass"] for r in rows]))
        for name in rows[0]:
            file[name] = np.stack([row[name] for row in rows])
    for snapshot in sorted(subhalos):
        here = np.flatnonzero(nodes["SnapNum"] == snapshot)
        here = here[np.argsort(nodes["SubfindID"][here])]
        path = root / "postprocessing" / "offsets" / f"offsets_{snapshot:03d}.hdf5"
        with h5py.File(path, "a") as file:
            file["Subhalo/SubLink/RowNum"] = here
            for name in ("SubhaloID", "LastProgenitorID"):
                file[f"Subhalo/SubLink/{name}"] = nodes[name][here]


def _mass_history(nodes: dict[str, NDArray[np.int64]], mass: NDArray) -> NDArray[np.float32]:
    """Return the mass summed along each node's main progenitor branch (SubLink's criterion)."""
    history = mass.astype(np.float64)
    row_of = {number: row for row, number in enumerate(nodes["SubhaloID"])}
    for row in np.argsort(nodes["SnapNum"], kind="stable"):
        first = nodes["FirstProgenitorID"][row]
        if first >= 0:
            history[row] += history[row_of[first]]
    return history.astype(np.float32)
