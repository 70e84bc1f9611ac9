"""Settings of a survey and of how a sample is observed with it."""

from pathlib import Path, PurePath
from typing import Literal

from pydantic import Field, model_validator

from sim2sky.settings import Settings


class PsfSettings(Settings):
    """Point spread function before pixelation: a model, or one measured by the user."""

    kind: Literal["gaussian", "moffat", "kolmogorov", "airy", "image", "psfex"] = Field(
        "gaussian",
        description="Radial profile; image: a FITS image of the PSF; psfex: a .psf file of PSFEx.",
    )
    fwhm_arcsec: float | None = Field(
        None, gt=0, description="Full width at half maximum of a profile; files have their own."
    )
    beta: float | None = Field(None, gt=1, description="Exponent of a Moffat profile.")
    path: Path | None = Field(None, description="File of an image or of PSFEx.")
    hdu: int | str | None = Field(
        None, description="HDU of the image; null: the first that holds one."
    )
    plane: int | None = Field(
        None, ge=0, description="Which plane of an image of several, counted from 0."
    )
    pixel_scale_arcsec: float | None = Field(
        None, gt=0, description="Side of a pixel of the image, or of that in which PSFEx was run."
    )
    held_pixel_arcsec: float | None = Field(
        None,
        ge=0,
        description="Side of the detector's pixel that a PSF from a file holds already, since it "
        "was seen with it; 0: none. Null: pixel_scale_arcsec.",
    )
    position_px: tuple[float, float] = Field(
        (1.0, 1.0), description="Where in its image PSFEx's model is taken, x and y from 1."
    )

    @model_validator(mode="after")
    def _each_kind_has_its_values(self) -> "PsfSettings":
        if (self.beta is not None) != (self.kind == "moffat"):
            raise ValueError("beta is needed by a moffat PSF and by no other")
        from_file = self.kind in ("image", "psfex")
        if from_file != (self.path is not None):
            raise ValueError("path is needed by an image or psfex PSF and by no other")
        if from_file == (self.fwhm_arcsec is not None):
            raise ValueError("fwhm_arcsec is needed by a profile; an image or psfex has its own")
        if from_file and self.pixel_scale_arcsec is None:
            raise ValueError("an image or psfex PSF needs pixel_scale_arcsec")
        return self


class BandSettings(Settings):
    """One filter of a survey: everything that makes its PSF and noise."""

    zero_point_mag_ab: float = Field(description="AB magnitude that gives 1 electron per second.")
    psf: PsfSettings = Field(description="Point spread function.")
    sky_brightness_mag_arcsec2: float = Field(description="AB sky brightness.")
    exposure_s: float = Field(gt=0, description="Length of one exposure.")
    n_exposures: int = Field(1, ge=1, description="Exposures that are added up.")
    read_noise_electrons: float = Field(
        ge=0, description="Read noise of one exposure per detector pixel."
    )
    dark_electrons_s: float = Field(0.0, ge=0, description="Dark current per detector pixel.")
    wavelength_um: float | None = Field(
        None, gt=0, description="Effective wavelength, for the colours of foreground objects."
    )
    detector_pixel_arcsec: float = Field(
        gt=0, description="Side of a detector pixel; images may have other pixels."
    )
    depth_5sigma_mag_ab: float = Field(
        description="Published 5 sigma depth for a point source's total light; checked, not used."
    )
    depth_aperture_arcsec: float | None = Field(
        None, gt=0, description="Diameter in which the depth was measured; null: PSF photometry."
    )
    references: dict[str, str] = Field(description="Source of each value above, by its name.")

    @model_validator(mode="after")
    def _every_value_has_a_reference(self) -> "BandSettings":
        missing = sorted(self.model_fields_set - {"references"} - set(self.references))
        if missing:
            raise ValueError(f"no reference for {', '.join(missing)}")
        return self


class SurveySettings(Settings):
    """A survey: `config/surveys/<name>.yaml`."""

    name: str = Field(description="Short name.")
    description: str = Field(description="Telescope, camera and data release.")
    references: list[str] = Field(min_length=1, description="Papers and pages of the survey.")
    pixel_scale_arcsec: float = Field(gt=0, description="Side of a pixel of the survey's images.")
    bands: dict[str, BandSettings] = Field(min_length=1, description="Filters by name.")


class RgbSettings(Settings):
    """Asinh colour composite of three bands (Lupton et al. 2004, PASP 116, 133).

    The defaults give SDSS mocks the look of the gri thumbnails that Galaxy Zoo 2
    showed: the ratios of `scales` are those of Hogg's SDSS recipe (4.9 : 5.7 :
    7.8 for i, r, g), and the rest was found from 1000 thumbnails at 75 pixels:
    black level and slope from the median and rms of their corners (4.6, 4.4, 2.5
    and about 2.3 of 255), q from their centres (a median of 172).
    """

    minimum_njy_arcsec2: tuple[float, float, float] = Field(
        (-670.0, -570.0, -280.0),
        description="Surface brightness above the sky that is black in red, green and blue.",
    )
    stretch_njy_arcsec2: float = Field(
        33000.0,
        gt=0,
        description="Surface brightness at which the stretch leaves its linear part.",
    )
    q: float = Field(5.3, gt=0, description="Softening: how strongly bright parts are compressed.")
    scales: tuple[float, float, float] = Field(
        (0.86, 1.0, 1.37), description="Factors on red, green and blue before the stretch."
    )


class SceneSettings(Settings):
    """How galaxies and their surroundings look on a survey's sky.

    All of it is drawn without a look at the label. The numbers are to be
    matched to the survey's unlabelled images (apparent size, surface
    brightness, colours, objects around), never to its labels.
    """

    size_arcsec: tuple[float, float] = Field(
        (4.0, 12.0), description="Apparent R90 of a galaxy, drawn uniformly in its logarithm."
    )
    surface_brightness: tuple[float, float] = Field(
        (22.0, 0.5),
        description="Mean and scatter of the surface brightness within R90 in the middle band "
        "[AB mag/arcsec^2].",
    )
    colour_slope: tuple[float, float] = Field(
        (0.0, 0.0),
        description="Range of the exponent of wavelength by which a galaxy's colours are tilted: "
        "dust and ages that the simulation does not have.",
    )
    psf_scatter: float = Field(0.1, ge=0, description="Relative scatter of the PSF's width.")
    stars_per_arcmin2: float = Field(2.0, ge=0, description="Stars brighter than 22.5 mag.")
    galaxies_per_arcmin2: float = Field(4.0, ge=0, description="Galaxies brighter than 22.5 mag.")
    density_scatter_dex: float = Field(
        0.3, ge=0, description="Scatter of both densities from field to field."
    )
    superposed_stars: float = Field(
        0.3, ge=0, description="Mean number of further stars within 3 R90 of the galaxy."
    )
    superposed_flux: tuple[float, float] = Field(
        (0.02, 3.0),
        description="Range of their flux in units of the galaxy's, even in its logarithm.",
    )
    satellites: float = Field(
        0.5, ge=0, description="Mean number of satellites within 2 R90 of the galaxy."
    )
    satellite_flux_max: float = Field(
        0.08, gt=0, lt=1, description="Largest flux of a satellite in units of the galaxy's."
    )
    neighbours: float = Field(
        0.3, ge=0, description="Mean number of neighbours, up to 1.5 times as bright."
    )
    neighbour_distance_sizes: tuple[float, float] = Field(
        (2.0, 4.5), description="Distance of neighbours in R90 of the galaxy."
    )
    star_temperature_k: tuple[float, float] = Field(
        (3200.0, 9000.0),
        description="Range of stars' temperatures, even in the logarithm: black bodies, which "
        "follow the stellar locus.",
    )
    galaxy_slope: tuple[float, float] = Field(
        (0.5, 4.5), description="Range of the exponent of wavelength of galaxies' fluxes."
    )
    sky_residual_sigma: float = Field(
        0.0,
        ge=0,
        description="Scatter of the sky level that subtraction leaves, and of its rise across "
        "the stamp, in units of the noise of a square arcsecond.",
    )
    thumbnail_pixels: int | None = Field(
        None,
        ge=8,
        description="Side in pixels to which the survey's server resizes the field before the "
        "stamp is made of it; null: the stamp keeps the survey's pixels.",
    )
    jpeg_quality: int | None = Field(
        None, ge=1, le=100, description="Compression of the thumbnail; null: none. Needs rgb."
    )


class ObserveSettings(Settings):
    """How the maps of a sample become stamps of a survey."""

    bands: list[str] | None = Field(
        None,
        min_length=1,
        description="Bands in the order of the channels; with `rgb` red, green, blue. "
        "null: all of the survey.",
    )
    image_pixels: int = Field(75, ge=8, description="Side of a stamp.")
    framing: Literal["relative", "physical"] = Field(
        "relative",
        description="relative: the map's field fills the stamp; physical: kpc become arcsec "
        "by the cosmology at the galaxy's redshift.",
    )
    pixel_scale_arcsec: float | None = Field(
        None, gt=0, description="Side of a stamp's pixel; null: the survey's."
    )
    noise: bool = Field(True, description="Add sky, dark, read and source noise.")
    poisson: bool = Field(True, description="Let the galaxy's own photons contribute noise.")
    magnitude_range: tuple[float, float] | None = Field(
        None,
        description="Draw the AB magnitude of the first band uniformly, colours kept; "
        "null: the physical one.",
    )
    rgb: RgbSettings | None = Field(None, description="8-bit colour composite; null: nJy.")
    scene: SceneSettings | None = Field(
        None,
        description="Stars, satellites and neighbours, and the galaxy's apparent size; null: the "
        "galaxy alone, on empty sky.",
    )
    seed: int = Field(0, ge=0, description="Seed of noise and magnitudes.")

    @model_validator(mode="after")
    def _consistent(self) -> "ObserveSettings":
        if self.rgb is not None and (self.bands is None or len(self.bands) != 3):
            raise ValueError("rgb needs three bands, in the order red, green, blue")
        if self.magnitude_range is not None and not (
            self.magnitude_range[0] <= self.magnitude_range[1]
        ):
            raise ValueError("magnitude_range must be [bright, faint]")
        if self.scene is not None:
            if self.framing != "relative" or self.magnitude_range is not None:
                raise ValueError(
                    "scene sets apparent sizes and brightness: it needs framing relative and no "
                    "magnitude_range"
                )
            if self.scene.jpeg_quality is not None and self.rgb is None:
                raise ValueError("scene.jpeg_quality needs rgb")
        return self


class LabelRule(Settings):
    """One class of a table of votes or measurements."""

    name: str = Field(description="Name of the class, for messages.")
    query: str = Field(description="pandas query that its rows fulfil.")


class LabelRules(Settings):
    """How a table of votes or measurements becomes classes."""

    id_column: str = Field(description="Column whose text is the image file's stem.")
    classes: list[LabelRule] = Field(
        min_length=1,
        description="Rule of each class, in the order of `build.classes`; an image that none "
        "matches stays unlabelled (-1).",
    )


class FitsSettings(Settings):
    """How a survey's FITS images are read; of pictures only bands and pattern count."""

    bands: list[str] = Field(min_length=1, description="Names of the image's channels, in order.")
    pattern: str = Field("*", description="Which files of the folder, as a glob.")
    band_files: list[str] | None = Field(
        None,
        description="File names, without .fits, of each band's own file, with * for the name of "
        "the image: [*-g, *-r, *-i] or [frame-g-*, frame-r-*, frame-i-*]; null: all bands are in "
        "one file.",
    )
    image_hdu: int | str | None = Field(
        None, description="Number or name of the HDU of the image; null: the first that holds one."
    )
    mask_hdu: int | str | None = Field(
        None, description="HDU of the mask, in the image's file or in its own, if there is one."
    )
    mask_files: list[str] | None = Field(
        None,
        description="Name of the mask's own file, as in band_files; one for all bands or one "
        "each.",
    )
    mask_bits: int | None = Field(
        None, ge=1, description="Bits of the mask that make a pixel bad; null: any."
    )
    weight_hdu: int | str | None = Field(
        None,
        description="HDU of the weights, in the image's file or in their own, if there are any.",
    )
    weight_files: list[str] | None = Field(
        None,
        description="Name of the weights' own file, as in band_files; one for all bands or one "
        "each.",
    )
    weight_type: Literal["inverse_variance", "variance", "rms"] = Field(
        "inverse_variance",
        description="What the weights are; a pixel whose inverse variance is 0, or whose variance "
        "or rms is 0 or infinite, is bad.",
    )
    nano_jansky_per_unit: float | None = Field(
        None,
        gt=0,
        description="nJy in one unit of a FITS pixel; null: by the zero point, else by the unit "
        "in the header.",
    )
    zero_point_mag_ab: list[float] | None = Field(
        None, description="AB magnitude of one unit of a pixel, by band; null: see above."
    )
    zero_point_keyword: str | None = Field(
        None, description="Keyword of the header that holds it, such as MAGZERO."
    )

    @model_validator(mode="after")
    def _bands_have_their_files(self) -> "FitsSettings":
        for name in ("band_files", "zero_point_mag_ab"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.bands):
                raise ValueError(f"{name} needs one value for each of {len(self.bands)} bands")
        for name in ("mask_files", "weight_files"):
            values = getattr(self, name)
            if values is not None and len(values) not in (1, len(self.bands)):
                raise ValueError(
                    f"{name} needs one value, or one for each of {len(self.bands)} bands"
                )
        for name in ("band_files", "mask_files", "weight_files"):
            for value in getattr(self, name) or []:
                if value.count("*") != 1 or value == "*" or "/" in value:
                    raise ValueError(
                        f"{name} needs a * in each name, for that of the image, and no folder; "
                        f"not '{value}'"
                    )
        fluxes = (self.nano_jansky_per_unit, self.zero_point_mag_ab, self.zero_point_keyword)
        if sum(value is not None for value in fluxes) > 1:
            raise ValueError(
                "give one of nano_jansky_per_unit, zero_point_mag_ab and zero_point_keyword"
            )
        if PurePath(self.pattern).is_absolute():
            raise ValueError("pattern must be relative to the folder of images")
        return self


class ObserveImagesSettings(FitsSettings):
    """How a folder of real images becomes stamps."""

    image_pixels: int = Field(75, ge=8, description="Side of a stamp; images are resized to it.")
    crop_fraction: float = Field(
        1.0, gt=0, le=1, description="Central part of the image's side that is kept."
    )
    pixel_scale_arcsec: float | None = Field(
        None, gt=0, description="Side of a stamp's pixel, null where it differs by image."
    )
    max_bad_fraction: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Largest part of a FITS image that may be bad (NaN, masked, without weight) "
        "and is filled from its surroundings; an image with more is flagged.",
    )
    noise_sigma: list[float] | None = Field(
        None, description="Background rms per band in the stamps' units; null: measured."
    )
    survey: str = Field("unknown", description="Name of the survey.")
    psf_fwhm_arcsec: list[float] | None = Field(None, description="Per band; null: unknown.")
    labels: LabelRules | None = Field(None, description="Rules for labels; null: all unlabelled.")

    @model_validator(mode="after")
    def _one_value_per_band(self) -> "ObserveImagesSettings":
        for name in ("noise_sigma", "psf_fwhm_arcsec"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.bands):
                raise ValueError(f"{name} needs one value for each of {len(self.bands)} bands")
        return self
