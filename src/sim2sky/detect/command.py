"""Command of the stage: `detect`."""

from pathlib import Path
from typing import Annotated

import typer

from sim2sky.detect.settings import DetectSettings
from sim2sky.settings import read_settings


def detect(
    settings: Annotated[str, typer.Option(help="JSON text or file.")],
    frames: Annotated[Path, typer.Option(help="Folder of FITS frames.")],
    output: Annotated[Path, typer.Option(help="Stamps file to write.")],
    objects: Annotated[Path, typer.Option(help="Table of all objects to write (.parquet).")],
    sky: Annotated[
        Path | None, typer.Option(help="Patches of sky to write (.h5), for `observe --sky`.")
    ] = None,
) -> None:
    """Find the galaxies of a survey's frames and cut stamps of them.

    The sky is subtracted, objects are detected in the sum of the bands and
    deblended; those that are bright and large enough become stamps in the format
    of the mocks. Objects at the edge, saturated, masked or blended are flagged.
    """
    from sim2sky.detect.run import detect_frames
    from sim2sky.errors import Sim2SkyError
    from sim2sky.files import write_parquet
    from sim2sky.observe.sky import write_sky
    from sim2sky.observe.stamps import write_stamps
    from sim2sky.provenance import stamp

    parsed = read_settings(DetectSettings, settings)
    if sky is None and parsed.sky_patches > 0:
        raise Sim2SkyError(
            "patches of sky need a file", where="--sky", got=f"sky_patches {parsed.sky_patches}"
        )
    stamps, table, patches = detect_frames(frames, parsed)
    provenance = stamp("detect", parsed)
    write_stamps(output, stamps, provenance)
    table.attrs |= provenance
    write_parquet(table, objects)
    if sky is not None:
        write_sky(patches, sky, provenance)
