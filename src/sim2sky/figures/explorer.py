"""The part of the page in which a reader moves through the latent space of each model."""

import re
import shutil
from pathlib import Path

from sim2sky.evaluate.settings import EvaluateSettings
from sim2sky.figures.collect import Gallery, LatentMap
from sim2sky.plot.inputs import variant_labels
from sim2sky.plot.style import CLASS_COLOURS, ordered_methods

FOLDER = "explore"
LIGHTER = 0.35  # of the way to white, for a dark page


def latent_maps(gallery: Gallery) -> list[LatentMap]:
    """Return the models whose points can be looked at, in the order of the figures.

    Parameters
    ----------
    gallery : Gallery
        What the page holds.

    Returns
    -------
    list of LatentMap
        By experiment, then by method, network and seed.
    """
    found = []
    for section in gallery.experiments.values():
        order = ordered_methods(entry.method for entry in section.maps)
        found += sorted(
            section.maps, key=lambda entry: (order.index(entry.method), entry.network, entry.seed)
        )
    return found


def explorer_content(gallery: Gallery, configuration: dict) -> list[dict]:
    """Return what the template needs to offer the models.

    Parameters
    ----------
    gallery : Gallery
        What the page holds.
    configuration : dict
        The workflow's; says each experiment's survey fraction of mergers.

    Returns
    -------
    list of dict
        ``experiment``, ``label``, ``seed``, ``script`` (a path from the page) and
        ``prior``, the fraction of the last class among the survey's galaxies.
    """
    maps = latent_maps(gallery)
    labels = variant_labels([(entry.method, entry.network) for entry in maps])
    default = EvaluateSettings.model_fields["survey_positive_fraction"].default
    described = configuration.get("experiments", {})
    return [
        {
            "experiment": entry.experiment,
            "label": labels[entry.method, entry.network],
            "seed": entry.seed,
            "script": f"{FOLDER}/{entry.script}",
            "prior": described.get(entry.experiment, {})
            .get("evaluate", {})
            .get("survey_positive_fraction", default),
        }
        for entry in maps
    ]


def class_colours() -> list[tuple[str, str]]:
    """Return the colours of the classes on a light and on a dark page.

    Returns
    -------
    list of tuple
        Pairs of hexadecimal colours.
    """
    pairs = []
    for colour in CLASS_COLOURS:
        channels = [int(part, 16) for part in re.findall("[0-9A-F]{2}", colour)]
        lighter = (round(value + LIGHTER * (255 - value)) for value in channels)
        pairs.append((colour, "#" + "".join(f"{value:02X}" for value in lighter)))
    return pairs


def copy_maps(gallery: Gallery, folder: Path) -> None:
    """Copy points and pictures into the gallery; pictures of the same name are the same.

    Parameters
    ----------
    gallery : Gallery
        What the page holds.
    folder : Path
        The gallery's.
    """
    for entry in latent_maps(gallery):
        (folder / FOLDER).mkdir(exist_ok=True)
        shutil.copyfile(entry.folder / "points.js", folder / FOLDER / entry.script)
        for sheet in entry.folder.glob("*.webp"):
            shutil.copyfile(sheet, folder / FOLDER / sheet.name)
