"""Commands of the stage: `observe` and `observe-images`."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.observe.settings import ObserveImagesSettings, ObserveSettings, SurveySettings
from sim2sky.settings import read_settings


def observe(
    settings: Annotated[str, typer.Option(help="JSON text or file of the observe settings.")],
    survey: Annotated[Path, typer.Option(help="Survey file, e.g. config/surveys/sdss.yaml.")],
    maps: Annotated[Path, typer.Option(help="Maps file written by `project`.")],
    output: Annotated[Path, typer.Option(help="Stamps file to write.")],
    sky: Annotated[
        Path | None,
        typer.Option(help="Patches of the survey's sky by `detect --sky`, to lay galaxies on."),
    ] = None,
) -> None:
    """Observe noise-free maps with a survey's PSF, pixels and noise.

    A galaxy whose map is bad is flagged and left empty; the noise of a stamp
    depends on its galaxy, view, band and survey alone. With patches of the
    survey's own sky no noise is drawn but that of the galaxy's own photons.
    """
    from sim2sky.observe.mock import observe_maps
    from sim2sky.observe.sky import read_sky
    from sim2sky.observe.stamps import write_stamps
    from sim2sky.provenance import stamp

    observe_settings = read_settings(ObserveSettings, settings)
    survey_settings = read_settings(SurveySettings, str(survey))
    patches = None if sky is None else read_sky(sky)
    stamps = observe_maps(maps, survey_settings, observe_settings, patches)
    content = {
        "observe": observe_settings.model_dump(mode="json"),
        "survey": survey_settings.model_dump(mode="json"),
    }
    write_stamps(output, stamps, stamp("observe", content))


def observe_images(
    settings: Annotated[str, typer.Option(help="JSON text or file of the settings.")],
    images: Annotated[Path, typer.Option(help="Folder of PNG, JPEG or FITS images.")],
    output: Annotated[Path, typer.Option(help="Stamps file to write.")],
    labels: Annotated[Path | None, typer.Option(help="CSV table for the label rules.")] = None,
) -> None:
    """Bring a folder of real images into the format of the mock stamps.

    Images are cropped and resized by averaging over area. An unreadable one is
    flagged; one that no label rule matches stays unlabelled.
    """
    from sim2sky.observe import images as real
    from sim2sky.observe.stamps import write_stamps
    from sim2sky.provenance import stamp

    image_settings = read_settings(ObserveImagesSettings, settings)
    stamps = real.observe_images(images, labels, image_settings)
    write_stamps(output, stamps, stamp("observe", image_settings))
