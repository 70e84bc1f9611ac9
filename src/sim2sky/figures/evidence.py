"""What the experiments of a configuration have measured, as the claims ask for it."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sim2sky.baseline.settings import NETWORK as BASELINE_NETWORK
from sim2sky.errors import Sim2SkyError
from sim2sky.figures.collect import Gallery
from sim2sky.figures.summary import Estimate, estimate
from sim2sky.files import read_parquet
from sim2sky.plot.inputs import read_table, rows_of

LONG_TABLES = ("attribution", "separation", "ladder", "attack", "reliability")
LONG_COLUMNS = ["method", "network", "seed", "domain", "quantity", "value", "low", "high"]
NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Evidence:
    """What one experiment measured.

    Parameters
    ----------
    name : str
        Its name in the configuration.
    described : dict
        Its part of the configuration.
    table : pandas.DataFrame or None
        Its result table.
    long : dict of pandas.DataFrame
        Further tables with `LONG_COLUMNS`, by stage.
    """

    name: str
    described: dict
    table: pd.DataFrame | None
    long: dict[str, pd.DataFrame]

    @property
    def network(self) -> str:
        """The first network, the one that claims are judged by."""
        known = [] if self.table is None else self.table["network"]
        trained = (name for name in known if name != BASELINE_NETWORK)
        return next(iter(self.described.get("networks", trained)), BASELINE_NETWORK)

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order of the configuration."""
        return self.described.get("methods", [])

    def score(self, method: str, domain: str, metric: str, network: str | None = None) -> Estimate:
        """Return a number of the result table.

        Parameters
        ----------
        method, domain, metric : str
            Row and column.
        network : str, optional
            Without, the first one.

        Returns
        -------
        Estimate
            Undefined where it is not there.
        """
        if self.table is None:
            return NOTHING
        where = {"method": method, "network": network or self.network, "domain": domain}
        rows = rows_of(self.table, **where)
        return NOTHING if rows.empty else estimate(rows.iloc[0], metric)

    def measured(self, stage: str, quantity: str, **where: str | int | float) -> Estimate:
        """Return a number of a long table.

        Parameters
        ----------
        stage : str
            One of `LONG_TABLES`.
        quantity : str
            Its name in the table.
        **where
            Further columns and their values, e.g. ``method="mmd"``, ``domain="target"``.

        Returns
        -------
        Estimate
            Of the first row that matches, averages over seeds (seed -1) first; undefined
            where there is none.
        """
        table = self.long.get(stage)
        if table is None or not set(where) <= set(table):
            return NOTHING
        rows = rows_of(table, quantity=quantity, **where).sort_values("seed", kind="stable")
        if rows.empty:
            return NOTHING
        return Estimate(*(float(rows.iloc[0][name]) for name in ("value", "low", "high")))


@dataclass(frozen=True)
class Study:
    """All experiments of a configuration.

    Parameters
    ----------
    experiments : list of Evidence
        In the order of the configuration.
    configuration : dict
        The workflow's, whole.
    """

    experiments: list[Evidence]
    configuration: dict

    def domain(self, evidence: Evidence, side: str) -> dict:
        """Return the configuration of an experiment's domain.

        Parameters
        ----------
        evidence : Evidence
            The experiment.
        side : {"source", "target"}
            Which one.

        Returns
        -------
        dict
            Empty where the configuration does not tell.
        """
        return self.configuration.get("domains", {}).get(evidence.described.get(side), {})

    def method(self, name: str) -> dict:
        """Return the configuration of a method.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        dict
            Empty where the configuration does not tell.
        """
        return self.configuration.get("methods", {}).get(name, {})

    def with_losses(self, evidence: Evidence, *losses: str) -> str | None:
        """Return the method of an experiment that has just these adaptation losses.

        Parameters
        ----------
        evidence : Evidence
            The experiment.
        *losses : str
            Names of losses.

        Returns
        -------
        str or None
            The first one that starts from no other model.
        """
        for name in evidence.methods:
            method = self.method(name)
            if set(method.get("losses", {})) == set(losses) and not method.get("init_from"):
                return name
        return None


def read_study(gallery: Gallery, configuration: dict) -> Study:
    """Read the tables of all experiments.

    Parameters
    ----------
    gallery : Gallery
        The files.
    configuration : dict
        The workflow's.

    Returns
    -------
    Study
        What claims are judged by.

    Raises
    ------
    Sim2SkyError
        If a table lacks a column.
    """
    described = configuration.get("experiments", {})
    experiments = []
    # in the order of the files, which is that of the configuration; its text has its keys sorted
    for name, section in gallery.experiments.items():
        by_name = {path.name: path for path in section.tables.values()}
        table = by_name.get("table.parquet")
        experiments.append(
            Evidence(
                name,
                described.get(name, {}),
                None if table is None else read_table(table),
                {
                    stage: _read_long(by_name[f"{stage}.parquet"])
                    for stage in LONG_TABLES
                    if f"{stage}.parquet" in by_name
                },
            )
        )
    return Study(experiments, configuration)


def _read_long(path: Path) -> pd.DataFrame:
    """Read a long table; an empty one is no table."""
    table = read_parquet(path, LONG_COLUMNS)
    if table.empty:
        raise Sim2SkyError("the table holds no rows", where=path)
    return table
