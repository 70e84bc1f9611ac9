"""Every real simulation file: read, or refused with one sentence that says why."""

from pathlib import Path

import numpy as np
import pytest

from sim2sky.errors import Sim2SkyError
from sim2sky.readers import open_simulation

DATA = Path(__file__).parents[4] / "shared/data/simulations"
# whole simulations and single files; what is refused, and why
READ = {
    "tng100-1-subhalo-565261": 1,
    "tng100-1-subhalo-565261/stars_565261.hdf5": 1,
    "tng50-4-subbox0": 3,
    "tng50-4-subbox0/output/snapdir_2332": 3,
    "other-codes/SimSpin_example_IllustrisTNG.hdf5": 1,
    "other-codes/SimSpin_example_EAGLE.hdf5": 1,
    "other-codes/SimSpin_example_HorizonAGN.hdf5": 1,
    "other-codes/SimSpin_example_Colibre.hdf5": 1,
}
REFUSED = {
    "tng100-1-groups": "group catalogues without a snapshot",
    "tng100-1-subhalo-565261/sublink_mpb_565261.hdf5": "it has no 'Header' group",
    "other-codes/SimSpin_example_Magneticum.hdf5": "'Metallicity' has the wrong shape",
    "other-codes/SimSpin_example_HDF5.hdf5": "no cosmology, so neither ages nor sizes",
}


def path_of(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no real simulation file at {path}")
    return path


@pytest.mark.parametrize("name", READ)
def test_read(name):
    simulation = open_simulation(path_of(name), on_missing="skip")
    tables = {number: simulation.subhalos(number) for number in simulation.snapshots()}
    assert sum(map(len, tables.values())) == READ[name]
    for number, table in tables.items():
        for row in table.itertuples():
            stars = simulation.stars(number, row.subhalo_id, 50.0)
            assert len(stars) > 0
            assert np.isfinite(stars.position_kpc).all()
            assert (stars.initial_mass >= 0.5 * stars.mass).all()
            assert 0 <= stars.age_gyr.min() <= stars.age_gyr.max() < 14
            assert 0 <= stars.metallicity.min() <= stars.metallicity.max() < 0.3


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(Sim2SkyError, match=REFUSED[name]) as error:
        open_simulation(path_of(name))
    assert "\n" not in str(error.value)


def test_no_file_is_left_out():
    """Each of the others is a part of a snapshot, or no HDF5 and refused by its name."""
    if not DATA.is_dir():
        pytest.skip(f"no real simulation files at {DATA}")
    for path in DATA.rglob("*"):
        name = str(path.relative_to(DATA))
        if not path.is_file() or name in READ or name in REFUSED:
            continue
        if path.suffix == ".hdf5":
            assert path.parent.name in ("snapdir_2332", "groups_099")
            try:
                assert len(open_simulation(path).snapshots()) == 1
            except Sim2SkyError as error:
                reasons = ("no stars", "the stars lack", "claims another number", "only wind")
                assert any(reason in error.what for reason in reasons)  # noqa: PT017
        else:
            with pytest.raises(Sim2SkyError, match="not a simulation file; got a file named"):
                open_simulation(path)
