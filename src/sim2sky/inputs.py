"""The files that a configuration names, looked at before anything is made of them.

Snakemake takes a result that is there for good when what it was made of cannot be found, so that
a wrong path would go unnoticed; and a band that is missing would stop a run after hours of
simulation.
"""

from functools import cache
from pathlib import Path

from sim2sky.config import Config, survey_file
from sim2sky.errors import Sim2SkyError
from sim2sky.observe.settings import SurveySettings
from sim2sky.settings import read_settings


def check_inputs(config: Config) -> None:
    """Refuse a configuration whose files are not there, or have not the bands asked for.

    Parameters
    ----------
    config : Config
        Valid in itself.

    Raises
    ------
    Sim2SkyError
        Names the key, and what was found instead.
    """
    for where, path in _paths(config):
        if not path.exists():
            raise Sim2SkyError(
                "no such file or directory",
                where=where,
                got=path,
                fix=f"correct the path, which is taken from {Path.cwd()}, or leave the part out",
            )
    for name in config.mock_domains:
        _check_mocks(config, name)


@cache
def read_survey(path: str) -> SurveySettings:
    """Return a survey's settings; several domains and rules ask for the same.

    Parameters
    ----------
    path : str
        YAML file.

    Returns
    -------
    SurveySettings
        Its content.

    Raises
    ------
    Sim2SkyError
        If it is missing or not valid.
    """
    return read_settings(SurveySettings, path)


def _paths(config: Config) -> list[tuple[str, Path]]:
    """Return the key and the path of whatever the user has to have."""
    found = [(f"simulations.{name}.path", e.path) for name, e in config.simulations.items()]
    for name, entry in config.domains.items():
        for kind in ("images", "frames", "published"):
            if (part := getattr(entry, kind)) is not None:
                found.append((f"domains.{name}.{kind}.path", part.path))
        if entry.images is not None:
            found.append((f"domains.{name}.images.labels", entry.images.labels))
        if entry.survey is not None:
            found.append((f"domains.{name}.survey", Path(survey_file(entry.survey))))
    for name, experiment in config.experiments.items():
        if experiment.realism is not None:
            found.append((f"experiments.{name}.realism.reference", experiment.realism.reference))
    return [(where, path) for where, path in found if path is not None]


def _check_mocks(config: Config, name: str) -> None:
    """Refuse a domain of mocks in bands that survey, maps or sky do not have."""
    entry = config.domains[name]
    path = survey_file(entry.survey)
    survey = read_survey(path)
    for band, settings in survey.bands.items():
        psf = settings.psf.path
        if psf is not None and not psf.is_file():
            where = f"{path}: bands.{band}.psf.path"
            raise Sim2SkyError("no such file", where=where, got=psf, fix="correct the path")
    bands = entry.observe.bands or list(survey.bands)
    have = {
        path: list(survey.bands),
        f"samples.{entry.sample}.project.bands": config.samples[entry.sample].project.bands,
    }
    if entry.sky_of is not None:
        frames = config.domains[entry.sky_of].frames.settings
        have[f"domains.{entry.sky_of}.frames.settings.bands"] = frames.bands
    for where, known in have.items():
        if missing := [band for band in bands if band not in known]:
            raise Sim2SkyError(
                f"a band is not in {where}",
                where=f"domains.{name}.observe.bands",
                got=", ".join(missing),
                expected=f"one of {', '.join(known)}",
                fix="correct either of them; without bands a domain takes all of its survey",
            )
