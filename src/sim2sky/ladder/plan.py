"""From the domains' settings and the user's to the rungs that are rendered.

A rung is a survey with factors on its PSF and exposure, and settings of `observe`. The
first is crude: the noise-free map at a point of each pixel, without PSF, noise and scene.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from sim2sky.ladder.settings import LadderSettings, ObserveLadderSettings, Rung, RungSettings
from sim2sky.observe.settings import ObserveSettings

# a scene in which there is nothing but the galaxy
BARE_SCENE = {
    "psf_scatter": 0.0,
    "stars_per_arcmin2": 0.0,
    "galaxies_per_arcmin2": 0.0,
    "density_scatter_dex": 0.0,
    "superposed_stars": 0.0,
    "satellites": 0.0,
    "neighbours": 0.0,
    "sky_residual_sigma": 0.0,
}
# and in which the picture is the survey's own
PLAIN_SCENE = BARE_SCENE | {"thumbnail_pixels": None, "jpeg_quality": None}
# what each rung takes over from the domain's scene, in this order
SCENE_RUNGS = {
    "sizes": ("size_arcsec", "surface_brightness"),
    "seeing": ("psf_scatter",),
    "sky_residual": ("sky_residual_sigma",),
    "stars": (
        *("stars_per_arcmin2", "density_scatter_dex", "superposed_stars"),
        *("superposed_flux", "star_temperature_k"),
    ),
    "neighbours": (
        *("galaxies_per_arcmin2", "satellites", "satellite_flux_max"),
        *("neighbours", "neighbour_distance_sizes", "galaxy_slope"),
    ),
    "dust": ("colour_slope",),
    "thumbnail": ("thumbnail_pixels", "jpeg_quality"),
}


@dataclass(frozen=True)
class Telescope:
    """A survey and how it observes a domain.

    Parameters
    ----------
    survey : str
        Name under config/surveys, or a YAML path.
    observe : ObserveSettings
        Of the domain.
    sky : bool
        Whether mocks are laid on patches of the survey's own sky.
    """

    survey: str
    observe: ObserveSettings
    sky: bool = False


def plan_ladder(
    settings: LadderSettings,
    source: Telescope,
    target: Telescope | None,
    survey_file: Callable[[str], str],
) -> ObserveLadderSettings:
    """Return the rungs of both ladders, that of realisms and that of exposures.

    Parameters
    ----------
    settings : LadderSettings
        The user's.
    source : Telescope
        Of the source domain.
    target : Telescope or None
        Of the target domain; None for real images, for which the source's settings
        are taken as the best that is known of the survey.
    survey_file : callable
        Returns the YAML file of a survey.

    Returns
    -------
    ObserveLadderSettings
        With every value of every rung.

    Raises
    ------
    ValueError
        If the settings of a rung are wrong or would give stamps that a network of
        the source's cannot take.
    """
    if settings.survey is not None:
        own = source.observe if target is None else target.observe
        source, target = Telescope(settings.survey, own, source.sky), None
    steps = settings.rungs or default_rungs(source, target)
    if settings.selection is not None:
        steps = [*steps, RungSettings(name="selection", select=settings.selection)]
    crude = {
        "psf_factor": 0.0,
        "pixel": False,
        "exposure_factor": 1.0,
        "sky": False,
        "select": None,
        "survey": source.survey,
        "observe": source.observe.model_dump() | {"noise": False, "scene": None},
    }
    rungs, state = [], crude
    for step in steps:
        state = _added(state if settings.cumulative else crude, step)
        rungs.append(_rung("realism", step.name, state, source.observe, survey_file))
        if rungs[-1].sky and not source.sky:
            raise ValueError(f"rung '{step.name}': the source domain has no 'sky_of'")
    # patches of sky have one depth, and whoever is selected is so at every depth
    last = state if settings.cumulative else _whole(state, source, target)
    last = last | {"sky": False, "select": None, "observe": last["observe"] | {"noise": True}}
    for factor in settings.exposure_factors:
        state = last | {"exposure_factor": factor * last["exposure_factor"]}
        name = f"exposure x {factor:.4g}"
        rungs.append(_rung("exposure", name, state, source.observe, survey_file))
    return ObserveLadderSettings(rungs=rungs, n_galaxies=settings.n_galaxies, seed=settings.seed)


def default_rungs(source: Telescope, target: Telescope | None) -> list[RungSettings]:
    """Return one rung for each realism that lies between a crude image and the target's.

    Parameters
    ----------
    source, target : Telescope
        Of the domains; the target is None for real images.

    Returns
    -------
    list of RungSettings
        ``simulation``, ``psf``, ``pixel``, ``noise``, the parts of a scene
        (`SCENE_RUNGS`), ``sky``, and the name of the target's survey where that is
        another than the source's.
    """
    elsewhere = target is not None and target.survey != source.survey
    first = source if target is None or elsewhere else target
    rungs = [
        RungSettings(name="simulation"),
        RungSettings(name="psf", psf_factor=1.0),
        RungSettings(name="pixel", pixel=True),
    ]
    whole = first.observe.model_dump()
    if whole["noise"]:
        without = {key: whole[key] for key in whole if key not in ("noise", "scene")}
        rungs.append(RungSettings(name="noise", observe={**without, "noise": True}))
    if whole["scene"] is not None:
        plain = PLAIN_SCENE | {"colour_slope": (0.0, 0.0)}
        for name, keys in SCENE_RUNGS.items():
            values = {key: whole["scene"][key] for key in keys}
            changes = any(plain[key] != values[key] for key in keys if key in plain)
            if changes or name == "sizes":
                rungs.append(RungSettings(name=name, observe={"scene": values}))
    if source.sky and first is source:
        rungs.append(RungSettings(name="sky", sky=True))
    if elsewhere:
        rungs.append(
            RungSettings(
                name=target.survey.rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".yml"),
                survey=target.survey,
                observe=target.observe.model_dump(),
                sky=False,
            )
        )
    return rungs


def _added(state: dict[str, Any], step: RungSettings) -> dict[str, Any]:
    """Return a state with what a rung changes."""
    changed = {
        key: value
        for key in ("psf_factor", "pixel", "exposure_factor", "survey", "sky", "select")
        if (value := getattr(step, key)) is not None
    }
    observe = dict(state["observe"])
    for key, value in step.observe.items():
        if key == "scene" and isinstance(value, dict):
            value = (observe["scene"] or BARE_SCENE) | value
        elif isinstance(value, dict) and isinstance(observe.get(key), dict):
            value = observe[key] | value
        observe[key] = value
    return state | changed | {"observe": observe}


def _whole(state: dict[str, Any], source: Telescope, target: Telescope | None) -> dict[str, Any]:
    """Return the state with every realism, for ladders that do not end in one."""
    end = target or source
    whole = {"psf_factor": 1.0, "pixel": True, "exposure_factor": 1.0, "survey": end.survey}
    return state | whole | {"observe": end.observe.model_dump()}


def _rung(
    axis: str,
    name: str,
    state: dict[str, Any],
    source: ObserveSettings,
    survey_file: Callable[[str], str],
) -> Rung:
    """Return a state as a checked rung."""
    try:
        observe = ObserveSettings.model_validate(state["observe"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(("observe", *map(str, first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"rung '{name}': {where}: {message}") from None
    for key in ("bands", "image_pixels"):
        got, expected = getattr(observe, key), getattr(source, key)
        if None not in (got, expected) and got != expected:
            raise ValueError(
                f"rung '{name}': a network of the source's images takes {key} {expected}, "
                f"not {got}"
            )
    if (observe.rgb is None) != (source.rgb is None):
        raise ValueError(f"rung '{name}': units must be those of the source: rgb or none")
    values = {key: value for key, value in state.items() if key not in ("observe", "survey")}
    survey = survey_file(state["survey"])
    return Rung(axis=axis, name=name, survey=survey, observe=observe, **values)
