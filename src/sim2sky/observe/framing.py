"""How large a map appears on the sky."""

import numpy as np
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.observe.instrument import Band
from sim2sky.observe.scene import Frame
from sim2sky.observe.settings import ObserveSettings
from sim2sky.seeding import generator

# IllustrisTNG's cosmology (Planck Collaboration 2016, A&A 594, A13), for framing by kpc.
COSMOLOGY = FlatLambdaCDM(H0=67.74, Om0=0.3089)


def map_frame(
    field_kpc: tuple[float, float],
    redshift: float,
    band: Band,
    settings: ObserveSettings,
    where: str,
    key: tuple[str | int, ...],
) -> Frame:
    """Return the angular size of a map.

    Parameters
    ----------
    field_kpc : tuple of float
        Side of the map and R90 of the galaxy [kpc].
    redshift : float
        Of the galaxy; counts for physical framing.
    band : Band
        Its pixels are those of the stamp.
    settings : ObserveSettings
        Framing, or a scene that draws the apparent size.
    where : str
        Named in messages.
    key : tuple
        galaxy_id and view; seeds the apparent size.

    Returns
    -------
    Frame
        Scale of the map.

    Raises
    ------
    Sim2SkyError
        If physical framing meets a redshift that is not positive.
    """
    fov_kpc, size_kpc = field_kpc
    if settings.scene is not None:
        draw = generator("observe size", *key, seed=settings.seed)
        size = np.exp(draw.uniform(*np.log(settings.scene.size_arcsec)))
        return Frame(size * fov_kpc / size_kpc, size / size_kpc, size)
    if settings.framing == "relative":
        scale = settings.image_pixels * band.pixel_scale_arcsec / fov_kpc
        return Frame(scale * fov_kpc, scale, scale * size_kpc)
    if not redshift > 0:
        raise Sim2SkyError(
            "physical framing needs a positive redshift",
            where=where,
            got=redshift,
            fix="use framing: relative",
        )
    scale = COSMOLOGY.arcsec_per_kpc_proper(redshift).value
    return Frame(fov_kpc * scale, scale, size_kpc * scale)
