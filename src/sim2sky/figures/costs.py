"""Time of each rule, from Snakemake's benchmark files."""

from pathlib import Path

import pandas as pd

from sim2sky.errors import Sim2SkyError


def rule_costs(folder: Path) -> pd.DataFrame:
    """Return what each rule cost.

    Parameters
    ----------
    folder : Path
        With ``<rule>/**/*.tsv`` or ``<rule>.tsv``, as Snakemake's ``benchmark:``
        directive writes them: column ``s`` (wall-clock seconds), among others. Those of
        memory miss the work of a preloaded process (`sim2sky.preload`), which the
        records of `sim2sky provenance` have.

    Returns
    -------
    pandas.DataFrame
        Columns ``rule``, ``jobs`` and ``seconds`` (sum over jobs), most expensive rule
        first; no rows if there are no files.

    Raises
    ------
    Sim2SkyError
        If a file is not a benchmark file.
    """
    jobs = []
    for path in sorted(folder.rglob("*.tsv")) if folder.is_dir() else []:
        try:
            job = pd.read_csv(path, sep="\t")
        except ValueError as error:
            raise Sim2SkyError("not a benchmark file", where=path, got=error) from error
        if "s" not in job:
            raise Sim2SkyError(
                "not a benchmark file", where=path, got=", ".join(job), expected="s"
            )
        jobs.append(job[["s"]].assign(rule=path.relative_to(folder).with_suffix("").parts[0]))
    if not jobs:
        return pd.DataFrame(columns=["rule", "jobs", "seconds"])
    costs = pd.concat(jobs).groupby("rule", as_index=False)
    costs = costs.agg(jobs=("s", "size"), seconds=("s", "sum"))
    return costs.sort_values(["seconds", "rule"], ascending=[False, True], ignore_index=True)


def duration_text(seconds: float) -> str:
    """Return a duration as a reader would say it.

    Parameters
    ----------
    seconds : float
        The duration.

    Returns
    -------
    str
        E.g. ``"42 s"``, ``"3 min 05 s"``, ``"2 h 10 min"``.
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
