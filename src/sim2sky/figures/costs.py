"""Time and memory of each rule, from Snakemake's benchmark files."""

from pathlib import Path

import pandas as pd

from sim2sky.errors import Sim2SkyError


def rule_costs(folder: Path) -> pd.DataFrame:
    """Return what each rule cost.

    Parameters
    ----------
    folder : Path
        With ``<rule>/**/*.tsv`` or ``<rule>.tsv``, as Snakemake's ``benchmark:``
        directive writes them: columns ``s`` (wall-clock seconds) and ``max_rss``
        (MB), among others.

    Returns
    -------
    pandas.DataFrame
        Columns ``rule``, ``jobs``, ``seconds`` (sum over jobs) and
        ``peak_memory_mb`` (largest job; NaN if no job lasted long enough to be
        measured), most expensive rule first; no rows if there are no files.

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
        if not {"s", "max_rss"} <= set(job):
            raise Sim2SkyError(
                "not a benchmark file", where=path, got=", ".join(job), expected="s, max_rss"
            )
        # jobs of less than a few seconds have "NA" or "-" for their memory
        numbers = job[["s", "max_rss"]].apply(pd.to_numeric, errors="coerce")
        jobs.append(numbers.assign(rule=path.relative_to(folder).with_suffix("").parts[0]))
    if not jobs:
        return pd.DataFrame(columns=["rule", "jobs", "seconds", "peak_memory_mb"])
    costs = pd.concat(jobs).groupby("rule", as_index=False)
    costs = costs.agg(jobs=("s", "size"), seconds=("s", "sum"), peak_memory_mb=("max_rss", "max"))
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
