"""The sample: galaxies that pass the cuts, with labels, systems and projections."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import Flag, Simulation
from sim2sky.readers.merger_history import MAJOR
from sim2sky.select.balance import balance_classes, cap_systems
from sim2sky.select.companions import find_companions
from sim2sky.select.histories import merger_histories
from sim2sky.select.labels import MERGER, NON_MERGER, UNKNOWN, label_galaxies
from sim2sky.select.projections import add_projections
from sim2sky.select.settings import SelectSettings

log = logging.getLogger("sim2sky")

COLUMNS = {
    "galaxy_id": object,
    "system_id": np.int64,
    "snapshot": np.int32,
    "subhalo_id": np.int64,
    "companion_subhalo_id": np.int64,
    "redshift": np.float64,
    "stellar_mass": np.float64,
    "sfr": np.float64,
    "label": np.int8,
    "stage": object,
    "morphology": object,
    "time_to_merger": np.float64,
    "mass_ratio": np.float64,
    "flag": np.int32,
}
"""Columns of galaxies.parquet and their types."""

# below this the luminosity distance is no measure of anything, and pictures are resolved to pc
_NEAREST_REDSHIFT = 1e-3


def select_galaxies(
    simulation: Simulation, settings: SelectSettings, where: Path
) -> tuple[pd.DataFrame, dict]:
    """Return the sample of a simulation.

    Parameters
    ----------
    simulation : Simulation
        Opened for reading.
    settings : SelectSettings
        Cuts, labels, projections, balance.
    where : Path
        Named in messages.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, sorted by snapshot and subhalo.
    dict
        Counts: after each cut, by label, by stage, of major and minor mergers, flagged,
        systems; and how the labels of tree and catalogue compare, where both are there.

    Raises
    ------
    Sim2SkyError
        If no galaxy is left, only one class is, or a snapshot does not exist.
    """
    galaxies, cuts = _massive_galaxies(simulation, settings, where)
    histories, comparison = merger_histories(simulation, galaxies, settings, where)
    table = pd.concat(
        [galaxies, label_galaxies(histories, galaxies["has_companion"], settings)], axis=1
    )
    table["system_id"] = _system_ids(table, histories["root_id"].to_numpy())
    if not settings.secondaries:
        awaits = _awaits_greater(galaxies, histories["partner_id"].to_numpy())
        table = table[~(awaits | table["is_lesser"])]
        cuts["not the lesser of a pair (secondaries)"] = len(table)
    table = table.reset_index(drop=True)
    _check_classes(table, settings, where, cuts)
    if not settings.keep_unclear:
        table = table[table["stage"] != "unclear"].reset_index(drop=True)
        cuts["clearly merging or not (keep_unclear)"] = len(table)

    table = cap_systems(table, settings.max_rows_per_system).reset_index(drop=True)
    n_single = int((table["label"] == NON_MERGER).sum())
    wanted = round(settings.chance_projections * n_single)
    table = add_projections(table, wanted, settings.projection_mass_ratio_min, settings.seed)
    if settings.projection_label == "merger":
        table.loc[table["stage"] == "projection", "label"] = MERGER
    if (n_made := int((table["stage"] == "projection").sum())) < wanted:
        log.warning(
            "%d chance projections instead of %d: too few systems share a snapshot", n_made, wanted
        )
    table = balance_classes(table, settings.max_class_ratio, settings.seed)
    table = table.sort_values(["snapshot", "subhalo_id", "companion_subhalo_id"])
    table = table[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)
    counts = {
        "cuts": cuts,
        "galaxies": len(table),
        "systems": int(table["system_id"].nunique()),
        "labels": {str(k): int(n) for k, n in table["label"].value_counts().sort_index().items()},
        "stages": {k: int(n) for k, n in table["stage"].value_counts().sort_index().items()},
        "kinds_of_mergers": _kinds(table),
        "flagged": int((table["flag"] != 0).sum()),
    } | comparison
    log.info(
        "select: %d galaxies of %d systems; %s",
        len(table),
        counts["systems"],
        ", ".join(f"{n} {stage}" for stage, n in counts["stages"].items()),
    )
    return table, counts


def _kinds(table: pd.DataFrame) -> dict[str, int]:
    """Return how many of the mergers are major (1:4 and more) and how many minor."""
    ratio = table.loc[table["stage"].isin(["pre", "post"]), "mass_ratio"]
    return {"major": int((ratio >= MAJOR).sum()), "minor": int((ratio < MAJOR).sum())}


def _massive_galaxies(
    simulation: Simulation, settings: SelectSettings, where: Path
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the galaxies above the cuts, and how many were left after each cut."""
    present = simulation.snapshots()
    numbers = present if settings.snapshots == "all" else sorted(set(settings.snapshots))
    absent = sorted(set(numbers) - set(present))
    if absent:
        raise Sim2SkyError(
            f"no snapshot {', '.join(map(str, absent))}",
            where=where,
            got=", ".join(map(str, present)),
            fix="correct 'snapshots'",
        )
    names = (
        "subhaloes in all",
        "of cosmological origin (SubhaloFlag)",
        f"min_stellar_mass_msun {settings.min_stellar_mass_msun:g}",
        f"min_star_particles {settings.min_star_particles}",
    )
    cuts = dict.fromkeys(names, 0)
    parts, heaviest, richest = [], 0.0, 0
    for number in numbers:
        table = simulation.subhalos(number)
        keeps = (
            np.ones(len(table), dtype=bool),
            (table["flag"].to_numpy(dtype=int) & int(Flag.NOT_COSMOLOGICAL)) == 0,
            (table["stellar_mass"] >= settings.min_stellar_mass_msun).to_numpy(),
            (table["n_stars"] >= settings.min_star_particles).to_numpy(),
        )
        heaviest = max(heaviest, table["stellar_mass"].to_numpy(dtype=float).max(initial=0))
        richest = max(richest, table["n_stars"].to_numpy(dtype=int).max(initial=0))
        keep = keeps[0]
        for name, passes in zip(names, keeps, strict=True):
            keep = keep & passes
            cuts[name] += int(keep.sum())
        header = simulation.header(number)
        # a companion may itself be below the cuts, by the mass ratio
        heavy = table["stellar_mass"] >= settings.mass_ratio_min * settings.min_stellar_mass_msun
        companions = find_companions(
            table[heavy],
            header.box_size_kpc,
            settings.companion_distance_kpc,
            settings.mass_ratio_min,
        )
        table = table[keep].assign(snapshot=number, redshift=header.redshift)
        parts.append(table.join(companions))
    galaxies = pd.concat(parts, ignore_index=True)
    if galaxies.empty:
        raise Sim2SkyError(
            "no galaxy is left",
            where=where,
            got="; ".join(f"{name}: {n}" for name, n in cuts.items()),
            fix=f"relax the first cut that leaves none (the most massive galaxy has "
            f"{heaviest:.3g} solar masses, the richest {richest} star particles)",
        )
    if settings.observe_at_redshift is not None:
        galaxies["redshift"] = settings.observe_at_redshift
    elif (galaxies["redshift"] < _NEAREST_REDSHIFT).any():
        log.warning(
            "snapshots at redshift %.2g cannot be observed from a distance: set "
            "'observe_at_redshift'",
            galaxies["redshift"].min(),
        )
    galaxies["galaxy_id"] = [
        f"{snapshot:03d}-{subhalo:06d}"
        for snapshot, subhalo in zip(galaxies["snapshot"], galaxies["subhalo_id"], strict=True)
    ]
    galaxies["companion_subhalo_id"] = -1
    return galaxies, cuts


def _system_ids(galaxies: pd.DataFrame, root_id: np.ndarray) -> np.ndarray:
    """Return one number for all galaxies with one root descendant or in one picture.

    Two galaxies of one friends-of-friends group are in each other's picture whether the
    tree has them merge or not, so they belong on the same side of a split. The number is
    the smallest root descendant's; a galaxy not in a tree has a number of its own.
    """
    ids = np.array(
        [
            root if root >= 0 else _own_id(galaxy)
            for root, galaxy in zip(root_id.tolist(), galaxies["galaxy_id"], strict=True)
        ],
        dtype=np.int64,
    )
    own = pd.factorize(ids)[0]
    group = galaxies.groupby(["snapshot", "group_id"]).ngroup().to_numpy() + own.max() + 1
    n = int(group.max()) + 1
    graph = coo_array((np.ones(len(own), dtype=bool), (own, group)), shape=(n, n))
    component = connected_components(graph, directed=False)[1][own]
    return pd.Series(ids).groupby(component).transform("min").to_numpy()


def _own_id(galaxy_id: str) -> int:
    """Return a stable 63-bit number, far from colliding with anything."""
    return int.from_bytes(hashlib.sha256(galaxy_id.encode()).digest()[:8], "big") >> 1


def _awaits_greater(galaxies: pd.DataFrame, partner_id: np.ndarray) -> np.ndarray:
    """Return where the next merger's other galaxy is in the sample and group, and larger."""
    columns = ["snapshot", "subhalo_id", "group_id", "stellar_mass"]
    own = galaxies[columns].assign(subhalo_id=partner_id)
    other = own.merge(
        galaxies[columns], how="left", on=["snapshot", "subhalo_id"], suffixes=("", "_other")
    )
    same_group = other["group_id"] == other["group_id_other"]
    larger = other["stellar_mass_other"] > other["stellar_mass"]
    # of two equal ones the first is the primary
    equal = other["stellar_mass_other"] == other["stellar_mass"]
    first = partner_id < galaxies["subhalo_id"].to_numpy()
    return (same_group & (larger | (equal & first))).to_numpy()


def _check_classes(
    table: pd.DataFrame, settings: SelectSettings, where: Path, cuts: dict[str, int]
) -> None:
    """Refuse a sample of one class where the labels are known."""
    stages = table["stage"].value_counts().sort_index()
    known = table[table["stage"] != "unknown"]
    present = set(known["label"]) - {UNKNOWN}
    if known.empty or not settings.require_both_classes or present == {MERGER, NON_MERGER}:
        return
    lacking = " and ".join(
        name
        for label, name in ((MERGER, "merger"), (NON_MERGER, "non-merger"))
        if label not in present
    )
    raise Sim2SkyError(
        f"the sample has no {lacking}",
        where=where,
        got=", ".join(f"{n} {stage}" for stage, n in stages.items()),
        expected="both classes",
        fix="widen the windows or lower mass_ratio_min for more mergers; shorten clear_gap_gyr or "
        "set 'assume_no_merger_after_end: true' for more non-mergers; take more snapshots; or set "
        "'require_both_classes: false'",
    )
