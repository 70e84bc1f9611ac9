"""Simulations: what is there, what is missing, and what can be made of it. Headers only."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from sim2sky.errors import Sim2SkyError
from sim2sky.files import open_hdf5
from sim2sky.inspect.report import Report, Table
from sim2sky.readers import Flag, MergerTree, Simulation, open_simulation
from sim2sky.readers.cutout import CutoutSimulation
from sim2sky.readers.fields import (
    STARS,
    actual_star_count,
    attribute,
    claimed_star_count,
    read_header,
    read_stars,
)
from sim2sky.readers.groups import GROUP_FOLDER
from sim2sky.readers.merger_history import MINOR, merger_history_files
from sim2sky.readers.opening import read_redshifts, simulation_root, tree_files
from sim2sky.readers.retrieved import GALAXIES, MANIFEST, RetrievedSimulation
from sim2sky.readers.snapshot import SNAPSHOT_FOLDER, numbered_folders

__all__ = ["MANIFEST", "inspect_file", "inspect_folder", "is_simulation"]

_SHOWN = 12  # snapshots on one screen


def is_simulation(path: Path) -> bool:
    """Return whether a folder looks like a simulation."""
    output = path / "output" if (path / "output").is_dir() else path
    return bool(
        SNAPSHOT_FOLDER.fullmatch(path.name)
        or numbered_folders(output, SNAPSHOT_FOLDER)
        or numbered_folders(output, GROUP_FOLDER)
        or (path / GALAXIES).is_file()
        or any(path.glob("*.hdf5"))
    )


def inspect_file(file: h5py.File, path: Path) -> Report:
    """Report on one file of a simulation."""
    if "SubhaloID" in file or "SnapNum" in file:
        return _inspect_tree(file, path)
    if "Header" not in file:
        return _inspect_merger_history(file, path)
    if STARS not in file and ("Subhalo" in file or "Group" in file):
        return _inspect_groups(file, path)
    report = Report(str(path), "simulation file")
    report.facts |= _star_facts(file)
    try:
        header = read_header(file)
        report.facts["redshift"] = _redshift(header.redshift)
        report.facts["cosmology"] = f"h {header.hubble:g}, matter {header.omega_m:g}"
        if actual_star_count(file) == 0:
            raise Sim2SkyError("no stars", got=", ".join(file))
        read_stars(file, slice(0, 1), header)
    except Sim2SkyError as error:
        report.notes.append(f"Cannot be used: {_sentence(error)}.")
        return report
    claimed, actual = claimed_star_count(file), actual_star_count(file)
    if claimed not in (None, actual):
        report.notes.append(
            f"The header claims {claimed:,} stars, the file holds {actual:,}: a broken download "
            "or a thinned file. Refused unless 'on_missing: skip', which flags it."
        )
    n_files = int(attribute(file["Header"].attrs, "NumFilesPerSnapshot") or 1)
    if n_files > 1:
        report.notes.append(
            f"One of {n_files} files of a snapshot: inspect the simulation's folder, which holds "
            "output/snapdir_NNN."
        )
        return report
    report.notes.append("Usable as one galaxy: `simulations: {name: {path: ...}}`.")
    report.notes.append(_NO_LABELS)
    return report


_NO_LABELS = "Without a merger tree labels are unknown: it can be predicted on, not trained on."


def inspect_folder(path: Path) -> Report:
    """Report on a simulation's folder."""
    root, snapshots, groups = simulation_root(path)
    if snapshots or groups:
        return _inspect_snapshots(path, root, snapshots, groups)
    found = open_simulation(path, on_missing="skip")
    downloaded = isinstance(found, RetrievedSimulation)
    kind = "downloaded simulation" if downloaded else "simulation of cutouts"
    report = Report(str(path), kind)
    rows, n_flagged = [], 0
    for number in found.snapshots():
        table = found.subhalos(number)
        n_flagged += int((table["flag"] & ~int(Flag.NOT_COSMOLOGICAL) != 0).sum())
        rows.append(
            [
                str(number),
                _redshift(found.header(number).redshift),
                f"{len(table):,}",
                f"{table['n_stars'].sum():,}",
                f"{table['stellar_mass'].min():.2g} to {table['stellar_mass'].max():.2g}",
            ]
        )
    columns = ["snapshot", "redshift", "galaxies", "stars", "stellar mass [Msun]"]
    report.tables.append(Table("snapshots", columns, rows))
    report.facts["galaxies"] = str(sum(int(row[2].replace(",", "")) for row in rows))
    if n_flagged:
        are = "galaxy is" if n_flagged == 1 else "galaxies are"
        report.notes.append(f"{n_flagged} {are} flagged: not all of their files are whole.")
    if isinstance(found, CutoutSimulation):
        report.notes.append(
            "A subhalo's cutout holds the galaxy alone: companions are not in the picture."
        )
    tree = found.tree()
    _tell_labels(report, len(tree.files) if tree else 0, found.merger_history() is not None)
    if tree is not None:
        report.notes.append(_known_mergers(found, tree))
    return report


def _known_mergers(found: Simulation, tree: MergerTree) -> str:
    """Return how many galaxies the trees tell mergers of; main branches alone tell none."""
    galaxies = pd.concat(
        [found.subhalos(number).assign(snapshot=number) for number in found.snapshots()]
    )
    try:
        known = int(tree.histories(galaxies, MINOR)["complete"].sum())
    except Sim2SkyError as error:
        return f"The trees can't be used: {_sentence(error)}."
    hint = "" if known else "; take sublink/full.hdf5, not the main branch (mpb)"
    return f"The trees tell the mergers of {known} of {len(galaxies)} galaxies{hint}."


def _inspect_snapshots(
    path: Path, root: Path, snapshots: dict[int, Path], groups: dict[int, Path]
) -> Report:
    report = Report(str(path), "simulation")
    rows = []
    for number in sorted(snapshots.keys() | groups.keys()):
        stars, redshift, problem = _snapshot_facts(snapshots.get(number))
        galaxies, other_redshift, other_problem = _group_facts(groups.get(number))
        offsets = (root / f"postprocessing/offsets/offsets_{number:03d}.hdf5").is_file()
        rows.append(
            [str(number), redshift or other_redshift, stars, galaxies, "yes" if offsets else "no"]
        )
        for text in filter(None, (problem, other_problem)):
            report.notes.append(f"Snapshot {number}: {text}.")
    shown = rows if len(rows) <= _SHOWN else [*rows[:3], ["..."] * 5, *rows[-_SHOWN + 4 :]]
    columns = ["snapshot", "redshift", "stars", "subhaloes", "offsets"]
    report.tables.append(Table("snapshots", columns, shown))
    report.facts["snapshots"] = f"{len(snapshots)} of particles, {len(groups)} of groups"
    first = next(filter(None, (_first_file(folder) for folder in snapshots.values())), None)
    if first is not None:
        with open_hdf5(first) as file:
            report.facts |= {k: v for k, v in _star_facts(file).items() if k != "stars"}
    if not snapshots:
        report.notes.append(
            "No pictures without particles: download snapdir_NNN of the same number."
        )
    elif not snapshots.keys() & groups.keys():
        report.notes.append(
            "No group catalogue: galaxies are found as groups of stars (linking_length_kpc)."
        )
    trees = tree_files(root)
    _tell_labels(report, len(trees), bool(merger_history_files(root)))
    known = read_redshifts(root / "redshifts.txt")
    if trees and len(snapshots.keys() | groups.keys() | known.keys()) < 2:
        report.notes.append("The tree needs the redshift of every snapshot, in redshifts.txt.")
    if len(report.notes) > _SHOWN:
        rest = len(report.notes) - _SHOWN
        report.notes = [*report.notes[:_SHOWN], f"And {rest} more such notes."]
    return report


def _tell_labels(report: Report, n_trees: int, catalogue: bool) -> None:
    """Say where labels can come from."""
    plural = "" if n_trees == 1 else "s"
    report.facts["SubLink trees"] = f"{n_trees} file{plural}" if n_trees else "none"
    report.facts["merger_history"] = "yes" if catalogue else "none"
    if n_trees and catalogue:
        report.notes.append("Labels from SubLink, checked against merger_history.")
    elif n_trees or catalogue:
        report.notes.append(f"Labels from {'SubLink' if n_trees else 'merger_history'}.")
    else:
        report.notes.append(_NO_LABELS)


def _first_file(folder: Path | None) -> Path | None:
    """Return a folder's first HDF5 file that holds stars, else any, else None."""
    paths = sorted(folder.glob("*.hdf5")) if folder is not None else []
    for path in paths:
        try:
            with open_hdf5(path) as file:
                if actual_star_count(file):
                    return path
        except Sim2SkyError:
            continue
    return None


def _snapshot_facts(folder: Path | None) -> tuple[str, str, str]:
    """Return star count, redshift and what is wrong, as texts."""
    return _folder_facts(folder, "NumFilesPerSnapshot", actual_star_count, "snapshot files")


def _group_facts(folder: Path | None) -> tuple[str, str, str]:
    """Return subhalo count, redshift and what is wrong, as texts."""

    def count(file: h5py.File) -> int:
        return int(attribute(file["Header"].attrs, "Nsubgroups_ThisFile") or 0)

    return _folder_facts(folder, "NumFiles", count, "group files")


def _folder_facts(folder: Path | None, of: str, count: object, what: str) -> tuple[str, str, str]:
    if folder is None:
        return "-", "", ""
    total, expected, redshift, bad = 0, 1, "", []
    paths = sorted(folder.glob("*.hdf5"))
    for path in paths:
        try:
            with open_hdf5(path) as file:
                header = read_header(file)
                redshift = _redshift(header.redshift)
                expected = int(attribute(file["Header"].attrs, of) or 1)
                total += count(file)
        except Sim2SkyError:
            bad.append(path.name)
    problems = []
    if len(paths) < expected:
        problems.append(f"{len(paths)} of {expected} {what} are here")
    if bad:
        problems.append(f"unreadable: {', '.join(bad[:3])}")
    return f"{total:,}", redshift, "; ".join(problems)


def _star_facts(file: h5py.File) -> dict[str, str]:
    attributes = file["Header"].attrs
    label = attributes.get("SimulationName", attributes.get("RunLabel"))
    label = np.ravel(label)[0] if label is not None else None
    facts = {} if label is None else {"run": label.decode() if isinstance(label, bytes) else label}
    facts = {key: str(value) for key, value in facts.items()}
    facts["stars"] = f"{actual_star_count(file):,}"
    if STARS in file:
        facts["fields of the stars"] = ", ".join(file[STARS])
    return facts


def _inspect_tree(file: h5py.File, path: Path) -> Report:
    report = Report(str(path), "SubLink tree")
    n = len(file["SnapNum"])
    report.facts["subhaloes"] = f"{n:,}"
    if n:
        numbers = file["SnapNum"][: 2**20]
        report.facts["snapshots"] = f"{numbers.min()} to {numbers.max()}"
    if n and n == len(np.unique(file["SnapNum"][:])) and "NextProgenitorID" in file:
        report.notes.append(
            "One main branch: it does not tell mergers. Take sublink/full.hdf5 for labels."
        )
    else:
        report.notes.append("Put it beside its cutouts, or into trees/SubLink/.")
    return report


def _inspect_merger_history(file: h5py.File, path: Path) -> Report:
    report = Report(str(path), "merger_history catalogue")
    columns = [name for name in file if name.startswith("SnapNum")]
    report.facts["subhaloes"] = f"{len(file[columns[0]]):,}"
    report.facts["columns"] = ", ".join(columns)
    report.notes.append("Put it into postprocessing/MergerHistory/ of its simulation.")
    return report


def _inspect_groups(file: h5py.File, path: Path) -> Report:
    report = Report(str(path), "group catalogue file")
    attributes = file["Header"].attrs
    for name, key in (("groups", "Ngroups"), ("subhaloes", "Nsubgroups")):
        here, total = (
            int(attribute(attributes, f"{key}_{x}") or 0) for x in ("ThisFile", "Total")
        )
        report.facts[name] = f"{here:,} of {total:,}"
    report.facts["files in all"] = str(int(attribute(attributes, "NumFiles") or 1))
    report.facts["redshift"] = _redshift(read_header(file).redshift)
    report.notes.append("Inspect the simulation's folder, which holds output/groups_NNN.")
    return report


def _redshift(value: float) -> str:
    """Return a redshift as text; a snapshot at the end of a run may be off zero by rounding."""
    return f"{round(value, 6):.4g}"


def _sentence(error: Sim2SkyError) -> str:
    """Return an error without the path, which stands above it."""
    got = f" ({error.got})" if error.got is not None else ""
    return f"{error.what}{got}"
