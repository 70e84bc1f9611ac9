import importlib.util
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from sim2sky.build.dataset import Dataset, write_dataset
from sim2sky.build.normalisation import Normalisation


@pytest.fixture(scope="session")
def factory():
    """The module that writes simulations."""
    path = Path(__file__).parents[1] / "readers/factory.py"
    spec = importlib.util.spec_from_file_location("simulation_factory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(factory, tmp_path):
    """A simulation directory of two snapshots."""
    path = tmp_path / "sim"
    factory.write_simulation(path, snapshots=2)
    return path


@pytest.fixture
def dataset(tmp_path):
    """A function that writes a dataset."""

    def write(name="dataset.h5", *, bands=("F814W", "F160W"), size=16, scale=0.06, system=None):
        n = 12
        random = np.random.default_rng(0)
        images = random.normal(size=(n, len(bands), size, size)).astype("f4")
        given = Dataset(
            images=images,
            label=np.arange(n) % 2,
            galaxy_id=np.array([f"g{i}" for i in range(n)]),
            system_id=np.arange(n) if system is None else system,
            view=np.zeros(n, dtype=int),
            stage=np.full(n, "unknown"),
            redshift=np.full(n, 2.0),
            flag=np.eye(1, n, dtype=int)[0],
            bands=list(bands),
            classes=["non-merger", "merger"],
            pixel_scale_arcsec=scale,
            units="nJy",
            normalisation=Normalisation.fit(images, "asinh", np.ones(len(bands))),
            domain="noisy",
        )
        split = np.repeat([0, 1, 2], [6, 2, 4])
        attributes = {"survey": "hst", "psf_fwhm_arcsec": [0.1] * len(bands)}
        write_dataset(tmp_path / name, given, split, attributes=attributes)
        return tmp_path / name

    return write


@pytest.fixture
def model(tmp_path):
    """A function that writes a model."""
    from sim2sky.train.model_file import Model, save_model
    from sim2sky.train.networks import build_network

    def write(*, bands=("F814W", "F160W"), size=64, units="nJy", scale=0.06):
        n = len(bands)
        one = Normalisation("asinh", np.ones(n), np.zeros(n), np.ones(n))
        save_model(
            Model(
                network=build_network("deepmerge", n_bands=n, n_classes=2, image_size=size),
                network_name="deepmerge",
                classes=["non-merger", "merger"],
                bands=list(bands),
                image_size=size,
                pixel_scale_arcsec=scale,
                units=units,
                normalisation={"source": one, "target": one},
                method="mmd",
                seed=3,
                provenance={"settings": "{}", "commit": "0123456789abcdef"},
            ),
            tmp_path / "model.pt",
        )
        return tmp_path / "model.pt"

    return write


@pytest.fixture
def survey_image(tmp_path):
    """A function that writes a FITS image with a WCS."""

    def write(name="image.fits", *, shape=(2, 80, 90), scale=0.06, unit="nJy", folder=None):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cdelt = [-scale / 3600, scale / 3600]
        wcs.wcs.crval = [150.0, 2.0]
        header = wcs.to_header()
        header["MAGZERO"] = 25.9
        if unit is not None:
            header["BUNIT"] = unit
        pixels = np.random.default_rng(0).normal(size=shape).astype("f4")
        pixels[..., :4, :4] = np.nan
        path = (folder or tmp_path) / name
        mask = fits.ImageHDU(np.zeros(shape[-2:], dtype="i2"), name="MASK")
        fits.HDUList([fits.PrimaryHDU(pixels, header), mask]).writeto(path)
        return path

    return write


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(5):
        size = (30, 30) if number else (20, 20)
        Image.new("RGB", size, (number, 0, 0)).save(folder / f"{number}.png")
    (folder / "bad.png").write_bytes(b"no")
    (folder / "labels.csv").write_text("id,label\n0,1\n")
    return folder


@pytest.fixture
def hdf5(tmp_path):
    """A function that writes an HDF5 file of named arrays."""

    def write(name, arrays, **attributes):
        with h5py.File(tmp_path / name, "w") as file:
            for key, values in arrays.items():
                file[key] = values
            file.attrs.update(attributes)
        return tmp_path / name

    return write
