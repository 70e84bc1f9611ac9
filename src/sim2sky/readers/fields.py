"""Headers and star particles of one HDF5 file, in physical units.

Names and units are those of Illustris/TNG (Nelson+2019, sec. 3): ckpc/h, 1e10 Msun/h,
sqrt(a) km/s. Other codes name the fields differently and say in attributes how each
converts to cgs with powers of a and h; those attributes are believed where present.
"""

from functools import cache

import h5py
import numpy as np
from astropy.cosmology import FlatLambdaCDM

from sim2sky.errors import Sim2SkyError
from sim2sky.files import hdf5_dataset
from sim2sky.readers.interface import Header, Stars, periodic_offset

STARS = "PartType4"
ROWS_AT_ONCE = 2**18  # of about 100 bytes: what a field costs beside its own stars

# The conversions that Gadget, Illustris and TNG write into their own headers.
_CM_PER_KPC = 3.085678e21
_GRAM_PER_MSUN = 1.989e33
_CM_PER_KM = 1e5

# Our name -> the names in Illustris/TNG, EAGLE-like and SWIFT-like files.
_NAMES = {
    "position_kpc": ("Coordinates",),
    "mass": ("Masses", "Mass"),
    "initial_mass": ("GFM_InitialMass", "InitialMass", "InitialMasses"),
    "metallicity": ("GFM_Metallicity", "SmoothedMetallicity", "Metallicity", "MetalMassFractions"),
    "formation": ("GFM_StellarFormationTime", "StellarFormationTime", "BirthScaleFactors"),
    "velocity_kms": ("Velocities", "Velocity"),
}
_WIDTH = {"position_kpc": 3, "velocity_kms": 3}
# Our name -> (cgs value of our unit, cgs value of TNG's unit, its exponent of a, of h).
_UNITS = {
    "position_kpc": (_CM_PER_KPC, _CM_PER_KPC, 1.0, -1.0),
    "mass": (_GRAM_PER_MSUN, 1e10 * _GRAM_PER_MSUN, 0.0, -1.0),
    "initial_mass": (_GRAM_PER_MSUN, 1e10 * _GRAM_PER_MSUN, 0.0, -1.0),
    "velocity_kms": (_CM_PER_KM, _CM_PER_KM, 0.5, 0.0),
}
_UNIT_ATTRIBUTES = (
    ("to_cgs", "a_scaling", "h_scaling"),
    ("CGSConversionFactor", "aexp-scale-exponent", "h-scale-exponent"),
    (
        "Conversion factor to CGS (not including cosmological corrections)",
        "a-scale exponent",
        "h-scale exponent",
    ),
)


def attribute(attributes: h5py.AttributeManager, *names: str) -> float | None:
    """Return the first of the named attributes as a number, or None.

    Some codes store scalars as arrays of one element, and the box as three equal sides.
    """
    for name in names:
        if name in attributes:
            return float(np.ravel(attributes[name])[0])
    return None


def read_header(file: h5py.File) -> Header:
    """Return the header of a snapshot, group catalogue or cutout.

    Parameters
    ----------
    file : h5py.File
        An open file with a ``Header`` group.

    Returns
    -------
    Header
        In physical units.

    Raises
    ------
    Sim2SkyError
        If the header is missing or lacks an epoch or a cosmology.
    """
    if "Header" not in file:
        raise Sim2SkyError(
            "not a simulation file: it has no 'Header' group",
            where=file.filename,
            got=", ".join(file) or "nothing",
        )
    attributes = file["Header"].attrs
    redshift = attribute(attributes, "Redshift")
    hubble = attribute(attributes, "HubbleParam")
    omega_m = attribute(attributes, "Omega0", "Omega_m")
    if redshift is None or not hubble or not omega_m:
        raise Sim2SkyError(
            "the header has no cosmology, so neither ages nor sizes can be told",
            where=f"{file.filename}:/Header",
            got=f"Redshift {redshift}, HubbleParam {hubble}, Omega0 {omega_m}",
            expected="a cosmological snapshot",
        )
    scale_factor = 1 / (1 + redshift)
    box = attribute(attributes, "BoxSize") or np.inf
    return Header(
        redshift=redshift,
        scale_factor=scale_factor,
        hubble=hubble,
        omega_m=omega_m,
        box_size_kpc=box * scale_factor / hubble,
        cosmology=_cosmology(hubble, omega_m),
    )


@cache
def _cosmology(hubble: float, omega_m: float) -> FlatLambdaCDM:
    # making one takes longer than reading the header
    return FlatLambdaCDM(H0=100 * hubble, Om0=omega_m)


def claimed_star_count(file: h5py.File) -> int | None:
    """Return how many stars the header says that this file holds, or None if it doesn't say."""
    for name in ("NumPart_ThisFile", "NumPart_This"):
        if name in file["Header"].attrs:
            return int(file["Header"].attrs[name][4])
    return None


def actual_star_count(file: h5py.File) -> int:
    """Return how many stars this file holds."""
    return len(file[STARS]["Coordinates"]) if "Coordinates" in file.get(STARS, ()) else 0


def read_field(
    file: h5py.File,
    rows: slice,
    header: Header,
    centre_kpc: np.ndarray | None = None,
    radius_kpc: float | None = None,
) -> Stars:
    """Return the stars among some rows of a file, or those of them within a sphere.

    With a radius only stars within it are kept in memory, and of a block of rows without any
    only the positions are read.

    Parameters
    ----------
    file : h5py.File
        An open file with stars.
    rows : slice
        First and one past the last of its star particles.
    header : Header
        Of the snapshot.
    centre_kpc : ndarray, shape (3,), optional
        Centre of the sphere.
    radius_kpc : float, optional
        Radius of the sphere, physical kpc, reaching through the periodic boundary.

    Returns
    -------
    Stars
        As of `read_stars`.
    """
    if radius_kpc is None:
        return read_stars(file, rows, header)
    data = hdf5_dataset(file, f"{STARS}/Coordinates")
    unit = conversion(data, "position_kpc", header)
    parts = [no_stars()]
    for start in range(rows.start, rows.stop, ROWS_AT_ONCE):
        block = data[start : min(start + ROWS_AT_ONCE, rows.stop)].astype(np.float64) * unit
        offset = periodic_offset(block - centre_kpc, header.box_size_kpc)
        near = np.flatnonzero(np.linalg.norm(offset, axis=1) <= radius_kpc)
        if len(near):
            within = slice(start + int(near[0]), start + int(near[-1]) + 1)
            parts.append(read_stars(file, within, header, near - near[0]))
    return Stars.join(parts[1:] or parts)


def no_stars() -> Stars:
    """Return an empty table of stars."""
    empty = np.zeros(0)
    return Stars(np.zeros((0, 3)), empty, empty, empty, empty, np.zeros((0, 3)))


def read_stars(
    file: h5py.File, rows: slice, header: Header, chosen: np.ndarray | None = None
) -> Stars:
    """Return some of a file's stars in physical units, without wind particles.

    Parameters
    ----------
    file : h5py.File
        An open file.
    rows : slice
        Which rows of its star particles; only these are read.
    header : Header
        Of the snapshot.
    chosen : ndarray of int, optional
        Which of the rows that are read to keep.

    Returns
    -------
    Stars
        Positions as in the file, neither centred nor unwrapped.

    Raises
    ------
    Sim2SkyError
        If a field is missing or has another shape.
    """
    group = file.get(STARS, {})
    names = {ours: _dataset_name(group, ours) for ours in _NAMES}
    missing = [" or ".join(_NAMES[k]) for k, v in names.items() if not v and k != "velocity_kms"]
    if missing:
        raise Sim2SkyError(
            f"the stars lack {', '.join(missing)}",
            where=f"{file.filename}:/{STARS}",
            got=", ".join(group) or "no star particles",
            fix="make the cutout again with these fields",
        )
    columns = {}
    for ours, name in names.items():
        if name is None:
            columns[ours] = None
            continue
        data = group[name]
        shape = (len(group[names["mass"]]), *([_WIDTH[ours]] if ours in _WIDTH else []))
        if data.shape != shape:
            raise Sim2SkyError(
                f"dataset '{name}' has the wrong shape",
                where=f"{file.filename}:/{STARS}",
                got=data.shape,
                expected=shape,
            )
        values = data[rows] if chosen is None else data[rows][chosen]
        columns[ours] = values.astype(np.float64) * conversion(data, ours, header)
    formation = columns.pop("formation")
    # a formation time of zero or less marks a wind particle: gas on its way, not a star
    star = formation > 0
    age = np.zeros(len(star))
    age[star] = _ages_gyr(formation[star], header)
    return Stars(**columns, age_gyr=age).take(star)


def conversion(data: h5py.Dataset | None, ours: str, header: Header) -> float:
    """Return the factor from a dataset's unit to physical kpc, Msun or km/s.

    Parameters
    ----------
    data : h5py.Dataset or None
        Its attributes are believed; without any the unit is TNG's.
    ours : str
        Name of the column in `Stars`.
    header : Header
        For the powers of a and h.

    Returns
    -------
    float
        1 for dimensionless columns.
    """
    if ours not in _UNITS:
        return 1.0
    unit, cgs, of_a, of_h = _UNITS[ours]
    for names in _UNIT_ATTRIBUTES if data is not None else ():
        found = [attribute(data.attrs, name) for name in names]
        if None not in found and found[0] > 0:
            cgs, of_a, of_h = found
    return cgs / unit * header.scale_factor**of_a * header.hubble**of_h


def _dataset_name(group: h5py.Group, ours: str) -> str | None:
    return next((name for name in _NAMES[ours] if name in group), None)


def _ages_gyr(formation: np.ndarray, header: Header) -> np.ndarray:
    """Return ages at the snapshot of stars born at a scale factor."""
    now = header.cosmology.age(header.redshift).value
    # single-precision times of just-born stars may lie a rounding error in the future
    return np.maximum(now - header.cosmology.age(1 / formation - 1).value, 0.0)
