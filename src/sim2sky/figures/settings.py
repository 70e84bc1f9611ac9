"""Settings of the gallery page."""

from pathlib import Path

from pydantic import Field

from sim2sky.settings import Settings


class FiguresSettings(Settings):
    """What the gallery page says and where it finds it."""

    title: str = Field("From simulated galaxies to the sky", description="title of the page")
    captions: Path = Field(
        Path("workflow/report"), description="folder of captions, <kind of figure>.rst"
    )
    benchmarks: Path = Field(
        Path("results/benchmarks"),
        description="folder of Snakemake's benchmark files, <rule>/**/*.tsv",
    )
