"""Small files of the structure of the published datasets."""

import numpy as np
import pytest
from astropy.io import fits

SIDE, BANDS = 24, 3
N_MERGERS, N_OTHERS, CAMERAS = 8, 60, 4


def views(rng, n_galaxies, cameras):
    """Images (galaxies * cameras, C, H, W): blobs whose flux is the galaxy's in all views."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    images = []
    for _ in range(n_galaxies):
        flux = np.exp(rng.normal(5, 1)) * np.exp(rng.normal(0, 0.3, BANDS))
        for _ in range(cameras):
            image = np.zeros((SIDE, SIDE))
            for _ in range(3):
                cx, cy = rng.normal(0, 2.0, 2)
                width = rng.uniform(1.0, 2.0)
                image += rng.uniform(0.2, 1) * np.exp(
                    -((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2)
                )
            images.append(flux[:, None, None] * image / image.sum())
    return np.array(images, dtype=np.float32)


def noisy(rng, images, sigma=0.3):
    return (images + rng.normal(0, sigma, images.shape)).astype(np.float32)


@pytest.fixture(scope="session")
def galaxies():
    """Mergers (8 in 4 views), others (60 in one view); nothing turned yet."""
    rng = np.random.default_rng(1)
    return views(rng, N_MERGERS, CAMERAS), views(rng, N_OTHERS, 1)


@pytest.fixture(scope="session")
def stacked(galaxies):
    """Rows as in DeepMerge I: five blocks of mergers, each turned another way, then the others."""
    mergers, others = galaxies
    blocks = [
        mergers,
        mergers[:, :, ::-1],
        mergers[..., ::-1],
        np.rot90(mergers, 1, axes=(2, 3)),
        np.rot90(mergers, 2, axes=(2, 3)),
    ]
    images = np.concatenate([*blocks, others])
    label = np.r_[np.ones(5 * len(mergers)), np.zeros(len(others))].astype(int)
    galaxy = np.r_[
        np.tile(np.repeat(np.arange(N_MERGERS), CAMERAS), 5), N_MERGERS + np.arange(len(others))
    ]
    return images, label, galaxy


@pytest.fixture(scope="session")
def deepmerge(stacked, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mast")
    images, label, _ = stacked
    rng = np.random.default_rng(2)
    for side, pixels in (("pristine", images), ("noisy", noisy(rng, images))):
        name = "hlsp_deepmerge_hst-jwst_acs-wfc3-nircam_illustris-z2_{}_v1_sim-{}.fits"
        column = fits.Column(name="label", format="D", array=label.astype(float))
        for bands, text in ((3, "f814w-f160w-f356w"), (2, "f814w-f160w")):
            hdus = [fits.PrimaryHDU(pixels[:, :bands]), fits.BinTableHDU.from_columns([column])]
            fits.HDUList(hdus).writeto(folder / name.format(text, side))
    return folder


@pytest.fixture(scope="session")
def zenodo(stacked, tmp_path_factory):
    """DeepMerge II: both experiments."""
    folder = tmp_path_factory.mktemp("zenodo")
    images, label, _ = stacked
    rng = np.random.default_rng(3)
    order = rng.permutation(len(images))
    images, label = images[order], label[order]
    np.save(folder / "SimSim_SOURCE_X_Illustris2_pristine.npy", images)
    np.save(folder / "SimSim_TARGET_X_Illustris2_noisy.npy", noisy(rng, images))
    np.save(folder / "SimSim_SOURCE_y_Illustris2_pristine.npy", label)
    np.save(folder / "SimSim_TARGET_y_Illustris2_noisy.npy", label)
    np.save(folder / "SimReal_SOURCE_X_Illustris0.npy", images)
    np.save(folder / "SimReal_SOURCE_y_Illustris0.npy", label[:, None])
    np.save(folder / "SimReal_TARGET_X_postmergers_SDSS.npy", noisy(rng, views(rng, 40, 1)))
    np.save(folder / "SimReal_TARGET_y_postmergers_SDSS.npy", np.arange(40) % 2)
    return folder


@pytest.fixture(scope="session")
def deepadversaries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lsst")
    rng = np.random.default_rng(4)
    images, label = views(rng, 60, 1), np.arange(60) % 3
    parts = {"train": slice(0, 36), "valid": slice(36, 42), "test": slice(42, 60)}
    images[50] = images[5][:, ::-1]  # one test image is a flipped training image
    label[50] = label[5]
    for part, rows in parts.items():
        np.save(folder / f"images_Y10_{part}.npy", noisy(rng, images[rows], 0.01))
        np.save(folder / f"images_Y1_{part}.npy", noisy(rng, images[rows], 0.1))
        np.save(folder / f"labels_{part}.npy", np.eye(3)[label[rows]])
    copied = np.load(folder / "images_Y10_train.npy")[5][:, ::-1]
    test = np.load(folder / "images_Y10_test.npy")
    test[8] = copied
    np.save(folder / "images_Y10_test.npy", test)
    return folder
